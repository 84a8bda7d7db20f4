"""`connect()`: the nursery around a session, and the order in which things begin and end."""

from __future__ import annotations

from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

import trio

from .._no_public_constructor import construct
from .._session.session import LiveSession
from .._single_exception import single_exception
from .engine import Engine

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from ..backends.base import Backend
    from ..types import Setup
    from .options import SessionOptions

SESSION_FACTORY: Final[ContextVar[Callable[[Engine], LiveSession]]] = ContextVar(
    "SESSION_FACTORY", default=lambda engine: construct(LiveSession, engine)
)
"""Factory for the session object of the user and the user's tools; the asyncio bridge overrides it."""


@asynccontextmanager
@trio.lowlevel.enable_ki_protection  # but not the caller's block
async def open_session(
    backend: Backend, setup: Setup, options: SessionOptions
) -> AsyncGenerator[LiveSession]:
    """Open a session; leaving the block closes it.

    The nursery is an implementation detail: the caller's own exception leaves the block bare, and so does the one
    exception that the engine may raise.
    """
    with single_exception():
        async with trio.open_nursery() as nursery:
            engine = Engine(backend, setup, options)
            session = SESSION_FACTORY.get()(engine)
            await engine.start(nursery, session)
            try:
                yield session
            finally:
                # Bounded by the session's close_timeout; a cancelled caller still closes the connection in order.
                with trio.CancelScope(shield=True):
                    await engine.close()
            engine.raise_unseen_ending()
