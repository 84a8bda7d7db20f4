"""Waking tasks that wait for news, on Trio or on asyncio."""

from __future__ import annotations

import anyio


class WakeUp:
    """Wakes all tasks that wait for it."""

    def __init__(self) -> None:
        self._event: anyio.Event | None = None  # made by the first that waits: most news find nobody waiting

    def wake_all(self) -> None:
        """Wake them. On their loop."""
        event, self._event = self._event, None
        if event is not None:
            event.set()

    async def wait(self) -> None:
        """Wait for the next time."""
        if self._event is None:
            self._event = anyio.Event()
        await self._event.wait()
