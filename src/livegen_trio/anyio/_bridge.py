"""The ways from an asyncio loop to Trio: an async call, a job that is not waited for, and a sync call."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import copy_context
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final, TypeVar

from .._user_code import USER_LOOP
from ._asyncio_call import AsyncioUserLoop
from ._host import Host
from ._portal import PortalEndedError, the_portal
from ._trio_call import TrioCall

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator
    from contextvars import Context

    from ._portal import Portal

T = TypeVar("T")

# Seconds until it is checked whether the thread has ended; an answer takes a fraction of a millisecond.
_CHECK_INTERVAL: Final = 1.0


class Bridge:
    """From the asyncio loop of this thread to Trio's thread. Made by `open_bridge`.

    Attributes:
        portal: Where Trio runs.
        host: The loop.
    """

    def __init__(self, portal: Portal, host: Host) -> None:
        self.portal: Portal = portal
        self.host: Host = host

    async def call(self, function: Callable[[], Awaitable[T]]) -> T:
        """TrioCall *function* on Trio, and wait for what comes of it; see `TrioCall.run`.

        Raises:
            RuntimeError: This is another loop.
            Exception: Whatever the function raises.
        """
        self.host.check_runs_here()
        return await TrioCall(self.portal, self.host, function, self.context()).run()

    def post(self, job: Callable[[], None]) -> None:
        """Run *job* on Trio, in order, without waiting for it; see `Portal.post`."""
        self.portal.post(job)

    def call_sync(self, function: Callable[[], T]) -> T:
        """Call *function* on Trio, and return its result. *Blocking*: only for what takes no time there.

        Raises:
            Exception: Whatever the function raises.
            PortalEndedError: There is no Trio any more.
            RuntimeError: This is another loop.
        """
        self.host.check_runs_here()
        answers: SimpleQueue[tuple[list[T], BaseException | None]] = SimpleQueue()

        def call() -> None:
            try:
                answers.put(([function()], None))
            except BaseException as exc:  # noqa: ASYNC103, BLE001 - it is raised in the calling thread
                answers.put(([], exc))

        self.portal.post(call)
        results, error = self._first_of(answers)
        if error is not None:
            raise error
        return results[0]

    def context(self) -> Context:
        """Copy the caller's context for a task on Trio, with user code sent back to this loop."""
        context = copy_context()
        context.run(USER_LOOP.set, AsyncioUserLoop(self.portal, self.host, copy_context()))
        return context

    def _first_of(self, answers: SimpleQueue[T]) -> T:
        while True:
            try:
                return answers.get(timeout=_CHECK_INTERVAL)
            except Empty:
                if self.portal.has_ended:
                    raise PortalEndedError("the session's thread has ended") from None


@contextmanager
def open_bridge() -> Generator[Bridge]:
    """Open a bridge from the loop that runs in this thread; leaving the block closes it.

    Raises:
        PortalEndedError: The process is ending.
    """
    portal = the_portal()
    host = Host.here(portal)
    with host.in_use():
        yield Bridge(portal, host)
