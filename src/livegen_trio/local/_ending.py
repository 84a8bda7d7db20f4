"""The end of a conversation with a client: its close code, and the end of all its work."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import trio

from .._errors import RemoteProtocolError
from ..transports.base import ConnectionClosed

if TYPE_CHECKING:
    from collections.abc import Generator

_logger: Final = logging.getLogger("livegen_trio.local")

_INTERNAL_ERROR: Final = "Internal error encountered."
_GOING_AWAY: Final = (1001, "")


class Ending:
    """The end of one conversation. The first one counts.

    Attributes:
        scope: Around the conversation's work.
        is_client_gone: Whether there is nobody to send a Close to.
    """

    def __init__(self) -> None:
        self.scope: trio.CancelScope = trio.CancelScope()
        self.is_client_gone: bool = False
        self._close: tuple[int, str] | None = None

    @property
    def close(self) -> tuple[int, str]:
        """The close code and the reason; 1001 if the server was cancelled."""
        return self._close or _GOING_AWAY

    def end(self, code: int, reason: str) -> None:
        """End the conversation with a close code."""
        if self._close is None:
            self._close = (code, reason)
        self.scope.cancel(reason="the conversation is over")

    def fail(self, exc: Exception) -> None:
        """End the conversation since the server has failed."""
        _logger.error("a conversation failed and is closed", exc_info=exc)
        self.end(1011, _INTERNAL_ERROR)

    @contextmanager
    def contained(self) -> Generator[None]:
        """Turn errors of the block into the conversation's end."""
        try:
            yield
        except ConnectionClosed:
            self.is_client_gone = True
            self.end(1000, "")
        except RemoteProtocolError as exc:
            self.end(exc.code, str(exc))
        except Exception as exc:  # noqa: BLE001 - engines are other people's code
            self.fail(exc)
