"""A store in this process, for tests and for programs of one process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio.lowlevel

if TYPE_CHECKING:
    from ..types import ResumeState


class MemoryResumeStore:
    """Keeps states as long as the process lives. It never forgets one by itself: delete what is over."""

    def __init__(self) -> None:
        self._states: dict[str, ResumeState] = {}

    async def save(self, key: str, state: ResumeState) -> None:
        """Keep *state* in place of what was kept for *key*."""
        await anyio.lowlevel.checkpoint()
        self._states[key] = state

    async def load(self, key: str) -> ResumeState | None:
        """What is kept for *key*, or None."""
        await anyio.lowlevel.checkpoint()
        return self._states.get(key)

    async def delete(self, key: str) -> None:
        """Keep nothing for *key* any more."""
        await anyio.lowlevel.checkpoint()
        self._states.pop(key, None)
