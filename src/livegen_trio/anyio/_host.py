"""An asyncio loop as Trio's thread sees it: jobs cross to it in batches, and its end is noticed."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

import trio

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from ._portal import Portal


class Dependent(Protocol):
    """A task on Trio that serves the loop, and has to end with it."""

    def host_ended(self) -> None:
        """Clean up: the loop has ended. Called on Trio."""
        ...


class Waiting(Protocol):
    """A task on the loop that waits for Trio."""

    def portal_ended(self) -> None:
        """Stop waiting: Trio has ended. Called on the loop."""
        ...


class Host:
    """An asyncio loop with all that it has open on Trio. An `AttachedLoop`.

    Attributes:
        loop: The loop.
        dependents: What to end when the loop does; Trio's to change.
        waiting: What to wake when Trio ends; the loop's to change.
    """

    def __init__(self, portal: Portal, loop: asyncio.AbstractEventLoop) -> None:
        self._portal = portal
        self._thread = threading.current_thread()
        self._jobs: deque[Callable[[], None]] = deque()
        self._is_woken = False
        self._users = 0
        self.loop: asyncio.AbstractEventLoop = loop
        self.dependents: set[Dependent] = set()
        self.waiting: set[Waiting] = set()

    @classmethod
    def here(cls, portal: Portal) -> Host:
        """Return the host of the loop that runs in this thread."""
        loop = asyncio.get_running_loop()
        known = portal.loops.get(loop)
        return known if isinstance(known, Host) else cls(portal, loop)

    @contextmanager
    def in_use(self) -> Generator[None]:
        """Have the portal watch the loop, while something is open."""
        self._users += 1
        self._portal.loops[self.loop] = self
        try:
            self._portal.watch_loops()
            yield
        finally:
            self._users -= 1
            if not self._users:
                self._portal.loops.pop(self.loop, None)

    def check_runs_here(self) -> None:
        """Check that the caller runs on this loop.

        Raises:
            RuntimeError: It doesn't.
        """
        if _running_loop() is not self.loop and not self._has_stopped_here():
            raise RuntimeError(
                "this session is for the asyncio loop that it was opened on:"
                " elsewhere use asyncio.run_coroutine_threadsafe(), or open one there"
            )

    def portal_ended(self) -> None:
        """Wake what waits for Trio. Called by Trio's thread, at the very end."""
        self.post(self._end_waiting)

    def post(self, job: Callable[[], None]) -> None:
        """Run *job* on the loop, after those posted before; one wake-up runs all that are waiting. On Trio only.

        If the loop has ended, the job is not run, and the loop's dependents are ended.
        """
        self._jobs.append(job)
        if self._is_woken:
            return
        self._is_woken = True
        try:
            self.loop.call_soon_threadsafe(self._work)
        except RuntimeError:  # it is closed
            self._end_dependents()

    def check_alive(self) -> None:
        """End the dependents if the loop has ended, of which asyncio gives no notice. On Trio only."""
        if self.loop.is_closed() or not self._thread.is_alive():
            self._portal.loops.pop(self.loop, None)
            self._end_dependents()

    def stop_waiting(self) -> None:
        """End the dependents of a loop that doesn't run: the process is ending, so it never will. On Trio only."""
        if not self.loop.is_running():
            self._end_dependents()

    def _has_stopped_here(self) -> bool:
        """Whether no loop runs in the host's thread any more: tasks left on it may then be collected as garbage."""
        is_here = threading.current_thread() is self._thread
        return is_here and _running_loop() is None and not trio.lowlevel.in_trio_task()

    def _work(self) -> None:
        self._is_woken = False  # first, so that a job that is posted from here on wakes the loop again
        while self._jobs:
            self._jobs.popleft()()

    def _end_dependents(self) -> None:
        for dependent in tuple(self.dependents):
            dependent.host_ended()

    def _end_waiting(self) -> None:
        for waiting in tuple(self.waiting):
            waiting.portal_ended()


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
