"""Waking tasks of an event loop, Trio's or asyncio's, from other threads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from .._wake_up import WakeUp

if TYPE_CHECKING:
    from collections.abc import Callable


class Signal:
    """Wakes all tasks that wait for it. Made in a task, for tasks of its loop."""

    def __init__(self) -> None:
        self._waiting = WakeUp()
        self._post = _poster()

    def notify(self) -> None:
        """Wake them. From any thread; without effect when the loop has ended."""
        self._post(self._waiting.wake_all)

    def wake(self) -> None:
        """Wake them. On the loop."""
        self._waiting.wake_all()

    async def wait(self) -> None:
        """Wait for the next time."""
        await self._waiting.wait()


def _poster() -> Callable[[Callable[[], None]], None]:
    """Return a function that runs others on the loop of this task, from any thread."""
    if trio.lowlevel.in_trio_task():
        token = trio.lowlevel.current_trio_token()

        def post_to_trio(job: Callable[[], None]) -> None:
            try:
                token.run_sync_soon(job, idempotent=True)
            except trio.RunFinishedError:
                return

        return post_to_trio
    import asyncio  # noqa: PLC0415 - Trio programs have no use for it

    loop = asyncio.get_running_loop()

    def post_to_asyncio(job: Callable[[], None]) -> None:
        try:
            loop.call_soon_threadsafe(job)
        except RuntimeError:  # it is closed
            return

    return post_to_asyncio
