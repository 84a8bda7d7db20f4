"""Where a user's own code runs: with the session, unless its user lives on another loop."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable

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
"""Set around a session, this awaits for it what is its user's: tools, `approve`, MCP clients."""


async def awaited(awaitable: Awaitable[T]) -> T:
    """What *awaitable* comes to, where it belongs."""
    elsewhere = AWAITED_ELSEWHERE.get()
    return await (awaitable if elsewhere is None else elsewhere.awaited(awaitable))
