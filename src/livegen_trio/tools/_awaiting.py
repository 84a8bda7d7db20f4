"""Where the coroutines of a user's functions run: with the session, unless its user lives on another loop."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Final, TypeAlias

Elsewhere: TypeAlias = Callable[[Awaitable[object]], Awaitable[object]]

AWAITED_ELSEWHERE: Final[ContextVar[Elsewhere | None]] = ContextVar("AWAITED_ELSEWHERE", default=None)
"""Set around a session, this awaits for it what its tools return."""


async def awaited(awaitable: Awaitable[object]) -> object:
    """What *awaitable* comes to, where it belongs."""
    elsewhere = AWAITED_ELSEWHERE.get()
    return await (awaitable if elsewhere is None else elsewhere(awaitable))
