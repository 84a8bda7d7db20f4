"""`LiveSession` for asyncio, and the task on Trio that holds the real one open."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import trio

from .._engine.connect import FACE
from .._session.session import LiveSession
from ._call import Call
from ._engine import RemoteEngine
from ._portal import PortalEndedError

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager
    from contextvars import Context

    from .._engine.engine import Engine
    from ._link import Link


class AsyncioSession(LiveSession):
    """A `LiveSession` whose engine runs on Trio, in another thread, and whose tools run on this loop.

    Everything is as it is there, exceptions included. For tasks of the asyncio loop that it was opened on.
    """

    def __init__(self, engine: Engine, link: Link) -> None:
        self._remote = RemoteEngine(engine, link)
        super().__init__(self._remote)

    def begin(self) -> None:
        """Have events come from now on. On Trio only."""
        self._remote.inbox.forwarding.begin()


class Held:
    """A session that is held open by one task on Trio, from `open` to `close`, for a block on asyncio.

    Args:
        link: From the block's loop.
        connect: Opens it there.
    """

    def __init__(self, link: Link, connect: Callable[[], AbstractAsyncContextManager[LiveSession]]) -> None:
        self._link = link
        self._connect = connect
        self._leaving = trio.Event()
        self._session: AsyncioSession | None = None
        self._call = Call(link.portal, link.host, self._hold, _context_for(link))

    async def open(self) -> LiveSession:
        """Open the session; if that fails or is cancelled, nothing is left of it.

        Raises:
            Exception: Whatever connecting raises.
        """
        await self._call.start()
        await self._call.wait_until(lambda: self._session is not None)
        if self._session is None:
            self._call.result()
        assert self._session is not None
        return self._session

    async def close(self) -> None:
        """Leave the session's block, and wait until nothing is left of it.

        Raises:
            SessionClosedError: The session broke, and nobody has been told so far.
        """
        self._link.post(self._leaving.set)
        await self._call.wait()

    async def cancel(self) -> None:
        """Leave the session's block by cancelling it, and wait until nothing is left of it."""
        self._call.cancel()
        await self._call.wait_until(lambda: False)

    def abandon(self) -> None:
        """Leave the session's block when nothing can be waited for."""
        try:
            self._call.cancel()
        except PortalEndedError:
            return  # and the session with it

    async def _hold(self) -> None:
        async with self._connect() as session:
            assert isinstance(session, AsyncioSession)  # `_context_for` sees to it
            session.begin()
            self._link.host.post(partial(self._opened, session))
            await self._leaving.wait()

    def _opened(self, session: AsyncioSession) -> None:
        self._session = session
        self._call.stir()


def _context_for(link: Link) -> Context:
    """The caller's context, in which a session is made for the caller's loop."""
    context = link.context()
    context.run(FACE.set, partial(AsyncioSession, link=link))
    return context
