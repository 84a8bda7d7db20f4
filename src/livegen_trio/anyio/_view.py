"""The base of both views of a session: closable by itself, and failing as AnyIO's streams do."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import anyio
import anyio.lowlevel
import trio

if TYPE_CHECKING:
    from collections.abc import Awaitable, Generator

    from .._session.session import LiveSession

T = TypeVar("T")


class View:
    """One side of a session. Closing it is not closing the session, which belongs to its `connect` block."""

    def __init__(self, session: LiveSession) -> None:
        self._session = session
        self._closed = False
        self._waiting: set[anyio.CancelScope] = set()

    async def aclose(self) -> None:
        """Close this view: tasks that wait in it, or use it from now on, get `ClosedResourceError`.

        The session goes on.
        """
        self._closed = True
        for scope in self._waiting:
            scope.cancel("the stream was closed")
        await anyio.lowlevel.checkpoint()

    async def _wait_for(self, operation: Awaitable[T], *, action: str) -> T:
        with anyio.CancelScope() as scope:
            self._waiting.add(scope)
            if self._closed:
                scope.cancel("the stream was closed")
            try:
                with _in_anyios_terms(action):
                    return await operation
            finally:
                self._waiting.discard(scope)
        raise anyio.ClosedResourceError("this stream has been closed")


@contextmanager
def _in_anyios_terms(action: str) -> Generator[None]:
    try:
        yield
    except trio.EndOfChannel:
        raise anyio.EndOfStream from None
    except trio.ClosedResourceError as exc:
        raise anyio.ClosedResourceError(*exc.args) from None
    except trio.BrokenResourceError as exc:
        raise anyio.BrokenResourceError(*exc.args) from exc
    except trio.BusyResourceError:
        raise anyio.BusyResourceError(action) from None
    except trio.WouldBlock:
        raise anyio.WouldBlock from None
