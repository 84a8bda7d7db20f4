"""The ending of a session, and the error that reports it: the same on sending, receiving and leaving."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import trio

from .._errors import LiveError, one_line
from .._protocol.close_hints import diagnose_close

if TYPE_CHECKING:
    from .._errors import Initiator, Phase


class SessionClosedError(LiveError, trio.BrokenResourceError):
    """The session has ended, and you did not close it.

    Attributes:
        code: WebSocket close code; 1006 if the connection broke without one.
        reason: The reason that came with the code; a server's is cut at 123 bytes.
        initiator: "server" if the server or the network ended it, "local" if this library did.
        phase: "open" while it was in use, "closing" if it broke while the block was being left.
        retryable: Whether a new session may fare better.
        hint: What to do, where the cause is a known one.
    """

    def __init__(
        self,
        code: int,
        reason: str = "",
        *,
        initiator: Initiator,
        phase: Phase = "open",
        resuming: bool = False,
    ) -> None:
        diagnosis = diagnose_close(code, reason, initiator=initiator, resuming=resuming)
        who = "the server" if initiator == "server" else "this side"
        words = f": {reason}" if reason else ""
        hint = f" ({diagnosis.hint})" if diagnosis.hint else ""
        super().__init__(one_line(f"{who} ended the session with close code {code}{words}{hint}"))
        self.code: int = code
        self.reason: str = reason
        self.initiator: Initiator = initiator
        self.phase: Phase = phase
        self.retryable: bool = diagnosis.retryable
        self.hint: str | None = diagnosis.hint


@dataclass(frozen=True, slots=True)
class Ending:
    """The ending of a session. Each caller gets an error of its own, so that tracebacks don't grow into each other."""

    code: int
    reason: str
    initiator: Initiator
    phase: Phase = "open"
    cause: Exception | None = None
    resuming: bool = False

    @property
    def is_clean(self) -> bool:
        """Whether the server ended the session normally; receiving then ends without an error."""
        return self.code == 1000 and self.initiator == "server"

    def error(self) -> SessionClosedError:
        """Return a new error to raise."""
        error = SessionClosedError(
            self.code, self.reason, initiator=self.initiator, phase=self.phase, resuming=self.resuming
        )
        error.__cause__ = self.cause
        return error
