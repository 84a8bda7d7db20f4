"""The machinery behind a session: its parts, its tasks, and their beginning and end."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import trio

from .._session.closed import Ending, Undelivered
from ..types import ToolCall, ToolCallCancellation
from .exchange_timer import ExchangeTimer
from .operations import SessionOperations
from .resume_states import ResumeStates
from .shared import make_shared
from .statistics import session_statistics
from .supervisor import Supervisor
from .tool_runner import ToolRunner

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from .._protocol.session_rules import LiveProtocol
    from .._session.interface import Asked
    from .._session.session import LiveSession
    from .._session.statistics import SessionStatistics
    from ..backends.base import Backend
    from ..types import Content, FunctionCall, ServerEvent, Setup
    from .inbox import Inbox
    from .options import SessionOptions

P = ParamSpec("P")
T = TypeVar("T")


class Engine:
    """One session's machinery. It starts in a nursery, and `close` leaves nothing of it there.

    Attributes:
        protocol: What may be sent, and what the events have added up to.
        inbox: Events that wait for their consumer.
        operations: What the session's user calls.
        send_media: As in `SessionOperations`. It is called fifty times a second, so there is nothing in between.
        resume_state: As `ResumeStates.make`.
        next_change: As `ResumeStates.wait_for_change`.
    """

    def __init__(self, backend: Backend, setup: Setup, options: SessionOptions) -> None:
        self._shared = shared = make_shared(backend, setup, options)
        self._tools = options.tools
        self._states = states = ResumeStates(shared)
        self._supervisor = Supervisor(
            shared,
            options.reconnection,
            opening_began=options.opening_began,
            taken_over=options.taken_over,
            ended=self._end,
        )
        self.protocol: LiveProtocol = shared.protocol
        self.inbox: Inbox = shared.inbox
        self.operations: SessionOperations = SessionOperations(
            shared, self._supervisor, options.tools, states, self.close
        )
        self.send_media = self.operations.send_media
        self.resume_state = states.make
        self.next_change = states.wait_for_change
        self._exchange_timer = ExchangeTimer(shared.protocol.exchanges, self._note_expired)
        self._tool_runner = ToolRunner(
            options.tools,
            options.tool_execution,
            protocol=shared.protocol,
            answer=self.operations.answer,
            report=shared.report,
        )
        shared.observers.add(self._tool_runner.observe, ToolCall, ToolCallCancellation)

    @property
    def is_closed(self) -> bool:
        """Whether the session is over, on whichever side it was ended."""
        return self._shared.is_closed

    async def call(self, operation: Callable[P, Awaitable[T]], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call *operation* on Trio: directly, since this is Trio."""
        return await operation(*args, **kwargs)

    def call_sync(self, operation: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call *operation* on Trio: directly, since this is Trio."""
        return operation(*args, **kwargs)

    async def ask(self, content: Content) -> Asked:
        """Send content that is to be answered; return its exchange, and the number of events that came before it."""
        return await self.operations.ask(content)

    async def receive_or_raise(self) -> ServerEvent:
        """Receive the next event, in the middle of a turn, where a normal end is an error as well."""
        try:
            return await self.inbox.receive()
        except trio.EndOfChannel:
            assert self.inbox.ending is not None
            raise self.inbox.ending.error() from None

    def leaves_to_caller(self, call: FunctionCall) -> bool:
        """Return whether *call* is the caller's to answer; from any thread."""
        return self._tool_runner.leaves_to_caller(call)

    async def checkpoint(self) -> None:
        """Let other tasks run, and check for cancellation."""
        await trio.lowlevel.checkpoint()

    async def checkpoint_if_cancelled(self) -> None:
        """Check for cancellation."""
        await trio.lowlevel.checkpoint_if_cancelled()

    def statistics(self) -> SessionStatistics:
        """Return how full the buffers are now, and what became of what they held."""
        return session_statistics(self._shared, reconnections=self._supervisor.succession.count)

    # Beginning and end

    async def start(self, nursery: trio.Nursery, session: LiveSession) -> None:
        """Start everything in *nursery*; returns when the server has accepted the setup."""
        self._exchange_timer.start(nursery)
        await nursery.start(self._tool_runner.run, session)
        await nursery.start(self._tools.run, self.operations.send)
        nursery.start_soon(self._supervisor.tasks.run)
        await self._supervisor.open()  # the last, since from here on only `close` ends it
        self._tools.watch()

    @trio.lowlevel.enable_ki_protection  # all of it is closed, or nothing; Ctrl+C while it waits ends the wait
    async def close(self) -> None:
        """Send what was accepted, close the connection, and end everything, within the close timeout."""
        self._tool_runner.cancel()
        self._tools.cancel()
        self._exchange_timer.stop()
        self.inbox.close()
        self._shared.outbox.close()
        self._supervisor.close()
        self._states.note_change()
        finished = self._supervisor.tasks.finished
        try:
            with trio.move_on_after(self._shared.timing.close_timeout):
                await finished.wait()
        finally:
            self._supervisor.cancel()
        await finished.wait()

    def raise_unseen_ending(self) -> None:
        """Raise how the session broke, or what was not sent or was lost, unless a call has raised it before."""
        ending = self.inbox.ending
        ending_was_seen = self.inbox.ending_was_seen or self._shared.outbox.ending_was_seen
        if ending_was_seen and ending is not None and not ending.is_clean:
            return
        undelivered = self._undelivered()
        if undelivered.unsent or undelivered.lost:
            raise _closing_ending(undelivered, ending).error()
        if ending_was_seen:
            return
        if ending is not None and ending.phase == "open" and not ending.is_clean:
            raise ending.error()

    def _end(self, ending: Ending) -> None:
        if self._shared.outbox.is_closed:
            ending = replace(ending, phase="closing")
        ending = replace(ending, undelivered=self._undelivered())
        self.inbox.end(ending)
        self._shared.outbox.end(ending)
        self._tool_runner.cancel_calls()
        self._states.note_change()

    def _undelivered(self) -> Undelivered:
        ledger = self._shared.outbox.ledger
        unread = sum(report.given_up - report.uncovered for report in self.inbox.unread_reports)
        lost = ledger.unreported.given_up - ledger.unreported.uncovered + unread
        return Undelivered(ledger.backlog.count, ledger.sent.unacknowledged, lost)

    def _note_expired(self, event: ServerEvent | None) -> None:
        if event is not None:
            self._shared.report(event)
        self._supervisor.hand_over.look_again()


def _closing_ending(undelivered: Undelivered, ending: Ending | None) -> Ending:
    """Return the ending that is raised on leaving, for messages that may not have arrived."""
    if ending is None or ending.initiator == "local":
        ending = Ending(1006, "", "server")
    counts = {"not sent": undelivered.unsent, "lost with a connection": undelivered.lost}
    losses = [f"{_accepted(count)} {what}" for what, count in counts.items() if count]
    reason = "; ".join([ending.reason, *losses] if ending.reason else losses)
    return replace(ending, reason=reason, phase="closing", undelivered=undelivered)


def _accepted(count: int) -> str:
    return f"{count} accepted message{'s were' if count > 1 else ' was'}"
