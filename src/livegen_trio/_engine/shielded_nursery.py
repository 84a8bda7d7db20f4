"""A nursery for tasks that end in order, not by the user's cancellation."""

from __future__ import annotations

import trio

from .._single_exception import single_exception


class ShieldedNursery:
    """A nursery in a task of its own, which only `cancel` cancels.

    Start `run` with `start_soon`, never with `nursery.start`: a cancelled `start` waits for the task that it has
    started, which would be for ever if that task shields itself. Tasks that are started *into* this nursery can be
    cancelled until they report "started", and are shielded from then on.

    Call `release` or `cancel` on every way out of the code that has started it; nothing else ends it.

    Attributes:
        finished: Set when all its tasks have ended.
    """

    def __init__(self) -> None:
        self._scope = trio.CancelScope(shield=True)
        self._is_open = trio.Event()
        self._is_released = trio.Event()
        self._nursery: trio.Nursery
        self.finished: trio.Event = trio.Event()

    @trio.lowlevel.enable_ki_protection
    async def run(self) -> None:
        """Hold the nursery open until `release` or `cancel`, and until its tasks have ended."""
        try:
            with self._scope, single_exception():
                async with trio.open_nursery() as self._nursery:
                    self._is_open.set()
                    await self._is_released.wait()
        finally:
            self.finished.set()

    async def wait_open(self) -> trio.Nursery:
        """Wait until tasks can be started, and return the nursery."""
        await self._is_open.wait()
        return self._nursery

    def release(self) -> None:
        """Let it end when its tasks have ended."""
        self._is_released.set()

    def cancel(self, reason: str) -> None:
        """Cancel all its tasks, also before it is open."""
        self._scope.cancel(reason=reason)
