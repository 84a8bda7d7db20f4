"""Shares the event loop among clients: those that cause much work wait in a queue, and the others don't notice."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import trio

if TYPE_CHECKING:
    from collections.abc import Generator

_BURST: Final = 0.005  # seconds of work that a client may cause at once
_TOGETHER: Final = (
    0.5  # seconds of work a second that all clients may cause, each an equal part, without waiting
)
_DEEPEST_DEBT: Final = 2.0  # seconds of work: after a flood, a client is served like others some time later
_PAUSE: Final = 3.0  # seconds that the queue rests for a second of work, while there are other clients
_LONGEST_PAUSE: Final = 0.5


class WorkQueue:
    """A queue for clients that have caused more than their share of work: they are let through one by one.

    Between two of them it rests for longer than the work took, and the others have the event loop for themselves.
    """

    def __init__(self) -> None:
        self._turn = trio.StrictFIFOLock()
        self._rests_until = 0.0
        self.clients: int = 0

    async def wait_turn(self) -> None:
        """Wait until the clients before are through, and the queue has rested."""
        async with self._turn:
            rest = min(self._rests_until - time.perf_counter(), _LONGEST_PAUSE)
            if rest > 0:
                await trio.sleep(rest)
            else:
                await trio.lowlevel.checkpoint()

    def rest_after(self, seconds: float) -> None:
        """Rest after so many seconds of work."""
        if self.clients > 1:
            self._rests_until = max(self._rests_until, time.perf_counter()) + _PAUSE * seconds


class WorkShare:
    """One client's share of the event loop, for as long as its block lasts.

    Work is measured in seconds of real time, since that is what other clients have to wait.
    """

    def __init__(self, queue: WorkQueue) -> None:
        self._queue = queue
        self._allowance = _BURST
        self._counted_at = time.perf_counter()

    @contextmanager
    def held(self) -> Generator[None]:
        """Count the client among those that share."""
        self._queue.clients += 1
        try:
            yield
        finally:
            self._queue.clients -= 1

    async def wait_turn(self, *, is_costly: bool = False) -> None:
        """Let other tasks run, and wait in the queue if this client has had more than its share. A checkpoint.

        Args:
            is_costly: The work that comes next is much by itself. It waits in the queue even if this client has had
                nothing yet, or a client that connects again for each such work would never wait.
        """
        self._earn()
        if self._allowance < 0 or is_costly:
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
        if self._allowance < 0:
            self._queue.rest_after(seconds)

    def _earn(self) -> None:
        now = time.perf_counter()
        rate = _TOGETHER / max(1, self._queue.clients)
        self._allowance = min(self._allowance + (now - self._counted_at) * rate, _BURST)
        self._counted_at = now


class Unlimited(WorkShare):
    """The share of a client in this process, which may do as it likes, and whose order of events is always the same."""

    async def wait_turn(self, *, is_costly: bool = False) -> None:  # noqa: ARG002 - nothing is
        """Let other tasks run. A checkpoint."""
        await trio.lowlevel.checkpoint()

    def charge(self, seconds: float) -> None:
        """Count nothing."""
