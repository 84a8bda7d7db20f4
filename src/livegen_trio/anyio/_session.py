"""`LiveSession` for asyncio, and the task on Trio that holds the real one open."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import trio

from .._engine.connect import SESSION_FACTORY
from .._no_public_constructor import construct
from .._session.session import LiveSession
from ._engine import RemoteEngine
from ._portal import PortalEndedError
from ._trio_call import TrioCall

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager
    from contextvars import Context

    from .._engine.engine import Engine
    from ._bridge import Bridge


class AsyncioSession(LiveSession):
    """A `LiveSession` whose engine runs on Trio, in another thread, and whose tools run on this loop.

    Everything is as it is there, exceptions included. For tasks of the asyncio loop that it was opened on.
    """

    def __init__(self, engine: Engine, bridge: Bridge) -> None:
        self._remote = RemoteEngine(engine, bridge)
        super().__init__(self._remote)

    def begin(self) -> None:
        """Forward events from now on. On Trio only."""
        self._remote.inbox.forwarding.begin()


class SessionTask:
    """The task on Trio that holds a session open, from `open` to `close`, for a block on asyncio.

    Args:
        bridge: From the block's loop.
        connect: Opens the session on Trio.
    """

    def __init__(
        self, bridge: Bridge, connect: Callable[[], AbstractAsyncContextManager[LiveSession]]
    ) -> None:
        self._bridge = bridge
        self._connect = connect
        self._leaving = trio.Event()
        self._session: AsyncioSession | None = None
        self._call = TrioCall(bridge.portal, bridge.host, self._hold, _context_for(bridge))

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
            SessionClosedError: The session broke, and no call has raised that so far.
        """
        self._bridge.post(self._leaving.set)
        await self._call.wait()

    async def cancel(self) -> None:
        """Leave the session's block by cancelling it, and wait until nothing is left of it."""
        self._call.cancel()
        await self._call.wait_until(lambda: False)

    def abandon(self) -> None:
        """Cancel the session's block without waiting, from a task that cannot wait."""
        try:
            self._call.cancel()
        except PortalEndedError:
            return  # and the session with it

    async def _hold(self) -> None:
        async with self._connect() as session:
            assert isinstance(session, AsyncioSession)  # `_context_for` sees to it
            session.begin()
            self._bridge.host.post(partial(self._opened, session))
            await self._leaving.wait()

    def _opened(self, session: AsyncioSession) -> None:
        self._session = session
        self._call.notify()


def _context_for(bridge: Bridge) -> Context:
    """Copy the caller's context, with a factory that makes sessions for the caller's loop."""
    context = bridge.context()
    context.run(SESSION_FACTORY.set, lambda engine: construct(AsyncioSession, engine, bridge=bridge))
    return context
