"""The thread in which Trio runs for all asyncio loops of this process."""

from __future__ import annotations

import atexit
import os
import threading
from collections import deque
from typing import TYPE_CHECKING, Final, Protocol

import trio

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable
    from contextvars import Context

# Seconds that the end of the process waits for sessions to close; each has a `close_timeout` of its own.
_EXIT_TIMEOUT: Final = 10.0
_CHECK_INTERVAL: Final = 1.0  # seconds between two looks at whether a loop has been closed


class PortalEndedError(RuntimeError):
    """There is no Trio to reach any more: the process is ending."""


class AttachedLoop(Protocol):
    """An event loop that has something open on the portal."""

    def check_alive(self) -> None:
        """Clean up if the loop has ended. Called on Trio, once a second."""
        ...

    def stop_waiting(self) -> None:
        """Clean up if the loop doesn't run now, since the process is ending. Called on Trio."""
        ...

    def portal_ended(self) -> None:
        """Wake what waits for Trio, which has ended. Called by Trio's thread, at the very end."""
        ...


class Portal:
    """A thread with Trio in it. It starts at once, and takes jobs from any thread even before it is ready.

    Attributes:
        loops: The asyncio loops with something open here; each adds and removes itself.
    """

    def __init__(self) -> None:
        self._jobs: deque[Callable[[], None]] = deque()
        self._is_woken = True  # until Trio runs, nobody has to wake it
        self._stopping = trio.CancelScope()
        self._loops_came = trio.lowlevel.ParkingLot()
        self._token: trio.lowlevel.TrioToken
        self._nursery: trio.Nursery
        self.loops: dict[asyncio.AbstractEventLoop, AttachedLoop] = {}
        # A daemon, since the interpreter waits for other threads before it runs `atexit` hooks.
        self._thread = threading.Thread(target=self._run, name="livegen-trio", daemon=True)
        self._thread.start()

    @property
    def has_ended(self) -> bool:
        """Whether there is no Trio any more."""
        return not self._thread.is_alive()

    @property
    def has_failed(self) -> bool:
        """Whether it has ended without being stopped, which only a fault of ours can bring about."""
        return self.has_ended and not self._stopping.cancel_called

    def post(self, job: Callable[[], None]) -> None:
        """Run *job* on Trio, after those posted before; one wake-up runs all that are waiting. It must not raise.

        Raises:
            PortalEndedError: There is no Trio any more.
        """
        self._jobs.append(job)
        if self._is_woken:
            return
        self._is_woken = True
        try:
            self._token.run_sync_soon(self._work)
        except trio.RunFinishedError:
            self._is_woken = False
            raise PortalEndedError("the session's thread has ended") from None

    def spawn(self, context: Context, function: Callable[[], Awaitable[None]]) -> None:
        """Start a task in *context*, which must not raise. On Trio only.

        Raises:
            PortalEndedError: No more tasks are taken.
        """
        if self._stopping.cancel_called:
            raise PortalEndedError("the process is ending")
        context.run(self._nursery.start_soon, function)

    def watch_loops(self) -> None:
        """Have `loops` checked from time to time.

        Raises:
            PortalEndedError: There is no Trio any more.
        """
        self.post(self._wake_watch)

    def stop(self) -> None:
        """Cancel everything, so that sessions close their connections, and wait for the thread's end."""
        try:
            self.post(self._stop)
        except PortalEndedError:
            return
        self._thread.join(_EXIT_TIMEOUT)

    def _run(self) -> None:
        try:
            trio.run(self._main)
        finally:
            for loop in self.loops.copy().values():
                loop.portal_ended()

    async def _main(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        with self._stopping:
            async with trio.open_nursery() as self._nursery:
                self._work()
                await self._watch()

    async def _watch(self) -> None:
        while True:
            if not self.loops:
                await self._loops_came.park()
            await trio.sleep(_CHECK_INTERVAL)
            for loop in self.loops.copy().values():
                loop.check_alive()

    def _work(self) -> None:
        self._is_woken = False  # first, so that a job that is posted from here on wakes Trio again
        while self._jobs:
            self._jobs.popleft()()

    def _wake_watch(self) -> None:
        self._loops_came.unpark_all()

    def _stop(self) -> None:
        for loop in self.loops.copy().values():
            loop.stop_waiting()
        self._stopping.cancel(reason="the process is ending")


_starting: Final = threading.Lock()
_portals: Final[list[Portal]] = []  # one, or none before the first session


def the_portal() -> Portal:
    """Return the process's portal, started if need be.

    Raises:
        PortalEndedError: The process is ending.
    """
    with _starting:
        if not _portals:
            atexit.register(_stop_at_exit)
        if not _portals or _portals[-1].has_failed:
            _portals[:] = [Portal()]
        return _portals[-1]


def _stop_at_exit() -> None:
    for portal in _portals:
        portal.stop()


def _forget_portal() -> None:
    """Forget the parent's portal: a child process has none of its threads, and starts one of its own if it needs it."""
    _portals.clear()
    _starting.release()


if hasattr(os, "register_at_fork"):
    # SessionTask meanwhile, so that no other thread holds it when it is copied.
    os.register_at_fork(
        before=_starting.acquire, after_in_parent=_starting.release, after_in_child=_forget_portal
    )
