"""The thread in which Trio runs for all asyncio loops of this process, and which is gone when the process ends."""

from __future__ import annotations

import atexit
import os
import threading
from collections import deque
from typing import TYPE_CHECKING, Final

import trio

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable
    from contextvars import Context

    from ._host import Host

_LAST_GOODBYE: Final = 10.0
"""Seconds that the end of the process waits for sessions to close; each has a `close_timeout` of its own."""

_LOOK_EVERY: Final = 1.0
"""Seconds between two looks at whether a loop has been closed."""


class PortalEndedError(RuntimeError):
    """There is no Trio to reach any more: the process is ending."""


class Portal:
    """A thread with Trio in it. It starts at once, and takes jobs from any thread even before it is ready.

    Attributes:
        hosts: The asyncio loops with something open here; each adds and removes itself.
    """

    def __init__(self) -> None:
        self._jobs: deque[Callable[[], None]] = deque()
        self._is_woken = True  # until Trio runs, nobody has to wake it
        self._stopping = trio.CancelScope()
        self._hosts_came = trio.lowlevel.ParkingLot()
        self._token: trio.lowlevel.TrioToken
        self._nursery: trio.Nursery
        self.hosts: dict[asyncio.AbstractEventLoop, Host] = {}
        # A daemon, since the interpreter waits for other threads before it has told anybody that it ends.
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
        """Have *job* done on Trio, after those posted before: one wake-up does all that have come. It must not raise.

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

    def watch_hosts(self) -> None:
        """See to it that `hosts` are looked at from time to time.

        Raises:
            PortalEndedError: There is no Trio any more.
        """
        self.post(self._look_at_hosts)

    def stop(self) -> None:
        """Cancel everything, so that sessions say goodbye, and wait for the thread's end."""
        try:
            self.post(self._stop)
        except PortalEndedError:
            return
        self._thread.join(_LAST_GOODBYE)

    def _run(self) -> None:
        try:
            trio.run(self._main)
        finally:
            for host in self.hosts.copy().values():
                host.portal_ended()

    async def _main(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        with self._stopping:
            async with trio.open_nursery() as self._nursery:
                self._work()
                await self._watch()

    async def _watch(self) -> None:
        while True:
            if not self.hosts:
                await self._hosts_came.park()
            await trio.sleep(_LOOK_EVERY)
            for host in self.hosts.copy().values():
                host.look()

    def _work(self) -> None:
        self._is_woken = False  # first, so that a job which comes from here on wakes anew
        while self._jobs:
            self._jobs.popleft()()

    def _look_at_hosts(self) -> None:
        self._hosts_came.unpark_all()

    def _stop(self) -> None:
        for host in self.hosts.copy().values():
            host.stop_waiting()
        self._stopping.cancel(reason="the process is ending")


_starting: Final = threading.Lock()
_portals: Final[list[Portal]] = []
"""The newest last; a second one only in the place of one that has failed."""


def the_portal() -> Portal:
    """The process's portal, started if need be.

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


def _begin_anew() -> None:
    """A child process has none of its parent's threads; it starts one of its own, if it needs one."""
    _portals.clear()
    _starting.release()


if hasattr(os, "register_at_fork"):
    # Held meanwhile, so that no other thread holds it when it is copied.
    os.register_at_fork(
        before=_starting.acquire, after_in_parent=_starting.release, after_in_child=_begin_anew
    )
