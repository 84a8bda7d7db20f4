"""Run a user's own code on the user's event loop: Trio's, unless the session was opened from asyncio."""

from __future__ import annotations

from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING, Final, ParamSpec, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

P = ParamSpec("P")
T = TypeVar("T")


class UserLoop(Protocol):
    """The event loop of a session's user, if it is not the session's own."""

    async def run(self, awaitable: Awaitable[T], /) -> T:
        """Await *awaitable* there, from beginning to end in one task, which is cancelled if this is."""
        ...

    def time(self) -> float:
        """The time by its clock. May be called from any thread."""
        ...


USER_LOOP: Final[ContextVar[UserLoop | None]] = ContextVar("USER_LOOP", default=None)
"""Runs user code on another event loop, if set: tools, `approve`, MCP clients, functions for secrets."""


async def run_user_code(function: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call and await the user's *function* on the user's loop, and return its result."""
    loop = USER_LOOP.get()
    if loop is None:
        return await function(*args, **kwargs)
    return await loop.run(_called(partial(function, *args, **kwargs)))


async def _called(function: Callable[[], Awaitable[T]]) -> T:
    return await function()
