"""Shares the event loop among clients: one that causes much work waits in a queue, and the others don't notice."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import trio

if TYPE_CHECKING:
    from collections.abc import Generator

_BURST: Final = 0.03  # seconds of work that a client may cause at once
_RATE: Final = 0.05  # seconds of work a second that it may cause in the long run without waiting for others
_DEEPEST_DEBT: Final = 2.0  # seconds of work: after a flood, a client is served like others some time later


class WorkQueue:
    """Where clients wait that have caused more than their share of work: one of them is let through each round."""

    def __init__(self) -> None:
        self._turn = trio.StrictFIFOLock()

    async def wait_turn(self) -> None:
        """Wait until the clients before are through; then it is this one's turn, in this round of the loop."""
        async with self._turn:
            await trio.lowlevel.checkpoint()


class WorkShare:
    """One client's share of the event loop.

    Work is measured in seconds of real time, since that is what other clients have to wait.
    """

    def __init__(self, queue: WorkQueue) -> None:
        self._queue = queue
        self._allowance = _BURST
        self._counted_at = time.perf_counter()

    async def wait_turn(self) -> None:
        """Let other tasks run, and wait in the queue if this client has had more than its share. A checkpoint."""
        self._earn()
        if self._allowance < 0:
            await self._queue.wait_turn()
        else:
            await trio.lowlevel.checkpoint()

    @contextmanager
    def working(self) -> Generator[None]:
        """Count the block as this client's work; it must not wait for anything."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.charge(time.perf_counter() - start)

    def charge(self, seconds: float) -> None:
        """Count work that was done in another way."""
        self._allowance = max(self._allowance - seconds, -_DEEPEST_DEBT)

    def _earn(self) -> None:
        now = time.perf_counter()
        self._allowance = min(self._allowance + (now - self._counted_at) * _RATE, _BURST)
        self._counted_at = now
