"""The ways from an asyncio loop to Trio: a call that is waited for, a job that isn't, and a question."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import copy_context
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final, TypeVar

from .._user_code import AWAITED_ELSEWHERE
from ._call import Call
from ._errand import Errands
from ._host import Host
from ._portal import PortalEndedError, the_portal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator
    from contextvars import Context

    from ._portal import Portal

T = TypeVar("T")

_LOOK_EVERY: Final = 1.0
"""Seconds; an answer takes a fraction of a millisecond, unless the thread has ended."""


class Link:
    """From the asyncio loop of this thread to Trio's thread. Made by `linked`.

    Attributes:
        portal: Where Trio runs.
        host: The loop.
    """

    def __init__(self, portal: Portal, host: Host) -> None:
        self.portal: Portal = portal
        self.host: Host = host

    async def call(self, function: Callable[[], Awaitable[T]]) -> T:
        """Call *function* on Trio, and wait for what comes of it; see `Call.run`.

        Raises:
            RuntimeError: This is another loop.
            Exception: Whatever the function raises.
        """
        self.host.check_runs_here()
        return await Call(self.portal, self.host, function, self.context()).run()

    def post(self, job: Callable[[], None]) -> None:
        """Have *job* done on Trio, in order; see `Portal.post`."""
        self.portal.post(job)

    def ask(self, question: Callable[[], T]) -> T:
        """What *question* gives on Trio. The loop waits for it, which is for what takes no time there.

        Raises:
            Exception: Whatever it raises.
            PortalEndedError: There is no Trio any more.
            RuntimeError: This is another loop.
        """
        self.host.check_runs_here()
        answers: SimpleQueue[tuple[list[T], BaseException | None]] = SimpleQueue()

        def answer() -> None:
            try:
                answers.put(([question()], None))
            except BaseException as exc:  # noqa: ASYNC103, BLE001 - it is raised where the question was asked
                answers.put(([], exc))

        self.portal.post(answer)
        results, error = self._first_of(answers)
        if error is not None:
            raise error
        return results[0]

    def context(self) -> Context:
        """The caller's context, for Trio; what is the user's is awaited on this loop from there."""
        context = copy_context()
        context.run(AWAITED_ELSEWHERE.set, Errands(self.portal, self.host, copy_context()))
        return context

    def _first_of(self, answers: SimpleQueue[T]) -> T:
        while True:
            try:
                return answers.get(timeout=_LOOK_EVERY)
            except Empty:
                if self.portal.has_ended:
                    raise PortalEndedError("the session's thread has ended") from None


@contextmanager
def linked() -> Generator[Link]:
    """A link from the loop that runs here, for as long as something is open over it.

    Raises:
        PortalEndedError: The process is ending.
    """
    portal = the_portal()
    host = Host.here(portal)
    with host.in_use():
        yield Link(portal, host)
