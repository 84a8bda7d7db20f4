"""An asyncio loop, as Trio's thread sees it: jobs cross to it in batches, and its end is noticed."""

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
    """Something on Trio that makes no sense any more when the loop is gone."""

    def host_ended(self) -> None:
        """Nothing will ever come from the loop. Called on Trio."""
        ...


class Waiting(Protocol):
    """Something on the loop that waits for Trio."""

    def portal_ended(self) -> None:
        """Nothing will ever come from Trio. Called on the loop."""
        ...


class Host:
    """An asyncio loop with all that it has open on Trio.

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
        """The host for the loop that runs in this thread."""
        loop = asyncio.get_running_loop()
        return portal.hosts.get(loop) or cls(portal, loop)

    @contextmanager
    def in_use(self) -> Generator[None]:
        """Watch the loop, while something is open."""
        self._users += 1
        self._portal.hosts[self.loop] = self
        try:
            self._portal.watch_hosts()
            yield
        finally:
            self._users -= 1
            if not self._users:
                self._portal.hosts.pop(self.loop, None)

    @property
    def runs_here(self) -> bool:
        """Whether the caller runs on this loop."""
        return _running_loop() is self.loop

    def check_runs_here(self) -> None:
        """See that the caller runs on this loop.

        Raises:
            RuntimeError: It doesn't; with one line that says what to do.
        """
        if _running_loop() is not self.loop and not self._has_stopped_here():
            raise RuntimeError(
                "this session is for the asyncio loop that it was opened on:"
                " elsewhere use asyncio.run_coroutine_threadsafe(), or open one there"
            )

    def portal_ended(self) -> None:
        """There is no Trio any more; called by its thread, at the very end."""
        self.post(self._tell_waiting)

    def post(self, job: Callable[[], None]) -> None:
        """Have *job* done on the loop, after those posted before: one wake-up does all that have come.

        On Trio only. If the loop has ended, nothing happens, but that this is noticed.
        """
        self._jobs.append(job)
        if self._is_woken:
            return
        self._is_woken = True
        try:
            self.loop.call_soon_threadsafe(self._work)
        except RuntimeError:  # it is closed
            self._tell_dependents()

    def look(self) -> None:
        """Notice if the loop has ended: it doesn't tell, and leaves behind what was open on it. On Trio only."""
        if self.loop.is_closed() or not self._thread.is_alive():
            self._portal.hosts.pop(self.loop, None)
            self._tell_dependents()

    def stop_waiting(self) -> None:
        """The process is ending: a loop that doesn't run now never will. On Trio only."""
        if not self.loop.is_running():
            self._tell_dependents()

    def _has_stopped_here(self) -> bool:
        """Whether no loop runs here any more: what is left on this one may be thrown away."""
        is_here = threading.current_thread() is self._thread
        return is_here and _running_loop() is None and not trio.lowlevel.in_trio_task()

    def _work(self) -> None:
        self._is_woken = False  # first, so that a job which comes from here on wakes anew
        while self._jobs:
            self._jobs.popleft()()

    def _tell_dependents(self) -> None:
        for dependent in tuple(self.dependents):
            dependent.host_ended()

    def _tell_waiting(self) -> None:
        for waiting in tuple(self.waiting):
            waiting.portal_ended()


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
