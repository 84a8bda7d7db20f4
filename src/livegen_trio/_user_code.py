"""Where a user's own code runs: with the session, unless its user lives on another loop."""

from __future__ import annotations

from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING, Final, ParamSpec, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

P = ParamSpec("P")
T = TypeVar("T")


class Elsewhere(Protocol):
    """The loop that a session's user lives on, if that isn't the session's own."""

    def awaited(self, awaitable: Awaitable[T], /) -> Awaitable[T]:
        """*awaitable*, awaited there from beginning to end by one task, which is cancelled if this is."""
        ...

    def time(self) -> float:
        """What its clock says. From any thread."""
        ...


AWAITED_ELSEWHERE: Final[ContextVar[Elsewhere | None]] = ContextVar("AWAITED_ELSEWHERE", default=None)
"""Set around a session, this awaits for it what is its user's: tools, `approve`, MCP clients, functions for secrets."""


async def at_home(function: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
    """What the user's *function* comes to, called and awaited on the user's loop."""
    elsewhere = AWAITED_ELSEWHERE.get()
    if elsewhere is None:
        return await function(*args, **kwargs)
    return await elsewhere.awaited(_called(partial(function, *args, **kwargs)))


async def _called(function: Callable[[], Awaitable[T]]) -> T:
    return await function()
