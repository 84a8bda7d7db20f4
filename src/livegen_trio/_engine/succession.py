"""Inputs and reports that one connection of a session leaves to the next."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import msgspec
import trio

from .._protocol.close_hints import diagnose_close
from .._protocol.codec import encode_client_message
from .._protocol.turn_rules import has_answer
from .._resumption.inputs import Kind
from ..types import ActivityEnd, ActivityStart, RealtimeInput, Reconnected, ServerContent, ToolCall

if TYPE_CHECKING:
    from .._resumption.reconnection import Reconnection
    from .._session.closed import Ending
    from ..types import ResumeState, ServerEvent
    from .shared import Shared

_START: Final = encode_client_message(RealtimeInput(activity_start=ActivityStart()))
_END: Final = encode_client_message(RealtimeInput(activity_end=ActivityEnd()))
_ACTIVITY_MARKS: Final = frozenset({_START, _END})

# What is not sent again when no, one, or two connections have ended in protest at what was sent again.
_SUSPECTS: Final = (frozenset[Kind](), frozenset({Kind.MEDIA}), frozenset(Kind))


class Succession:
    """Takes stock of a connection that has ended, and has the next one begin with what is left.

    Args:
        shared: The parts of the session.
        policy: Whether and how often inputs that may have been lost are sent again.
        taken_over: Where another process has left the session, if one has.

    Attributes:
        count: How often the connection has changed.
    """

    def __init__(self, shared: Shared, policy: Reconnection, taken_over: ResumeState | None) -> None:
        self._shared = shared
        self._policy = policy
        self._taken_over = taken_over
        self._report = None if taken_over is None else _inherited(taken_over)
        if taken_over is not None:
            shared.outbox.ledger.give_up(unacknowledged=taken_over.unacknowledged)
        self._suspicion = 0
        self._is_proven = True
        self._model_was_heard = False
        self.count: int = 0

    @property
    def was_useful(self) -> bool:
        """True if the model was heard on the present connection, or an input of the user acknowledged."""
        return self._model_was_heard or self._shared.outbox.ledger.sent.acknowledged_inputs > 0

    def take_stock(self) -> None:
        """Note what the connection leaves behind, and have it sent again."""
        outbox, policy = self._shared.outbox, self._policy
        outbox.transmission.lose_connection(replay=policy.replay == "recent", max_replays=policy.max_replays)
        if (coverage := self._shared.coverage) is not None:
            coverage.begin()
        outbox.ledger.quarantine(_SUSPECTS[self._suspicion])
        self._is_proven = not outbox.ledger.replays
        self._report = Reconnected(
            turn_cut=self._shared.protocol.exchanges.cuts_turn,
            calls=self._shared.protocol.calls.pending,
        )

    def may_follow(self, ending: Ending, *, was_announced: bool) -> bool:
        """Return whether the session goes on with another connection after this *ending* of one."""
        outbox = self._shared.outbox
        if outbox.is_closed and not outbox.ledger.backlog.count:
            return False
        if not self._shared.setup.is_possible:
            return False
        if was_announced:
            return True
        if ending.is_clean:
            return False
        diagnosis = diagnose_close(ending.code, ending.reason, initiator=ending.initiator)
        return diagnosis.retryable or self._suspect_replay()

    def _suspect_replay(self) -> bool:
        """Return whether what was sent again may be what the server has protested at. The next time less of it is."""
        if self._is_proven or self._suspicion + 1 == len(_SUSPECTS):
            return False
        self._suspicion += 1
        return True

    def forget(self) -> None:
        """Give up what the server has forgotten; the next connection begins a new session, which knows of no calls."""
        self._shared.setup.begin_fresh()
        self._shared.late_answers.forget()
        self._shared.outbox.ledger.discard_answers()
        self._shared.outbox.ledger.discard_read()  # the history has it, as far as it is text
        if self._report is not None:
            self._report = msgspec.structs.replace(self._report, restored=False, calls=())
        cancellation = self._shared.protocol.forget()
        if cancellation is not None and self._taken_over is None:  # else nobody here knows of these calls
            self._shared.observers.notify([cancellation])
            self._shared.report(cancellation)

    def begin(self, gap_seconds: float) -> None:
        """Have a connection that has just been opened begin with what is left, and report it to the user."""
        self._watch_for_model()
        if self._report is not None:  # else it is the first connection of all
            self._report_start(self._report, gap_seconds)
        self._shared.setup.note_opened()

    def _report_start(self, report: Reconnected, gap_seconds: float) -> None:
        self._shared.late_answers.carry_over()
        self._restart_activity()
        if self._shared.setup.is_fresh:
            self._send_history()
        if self._taken_over is not None:  # two processes share no other clock
            gap_seconds = max(0.0, time.time() - self._taken_over.taken_at)
        ledger = self._shared.outbox.ledger
        loss = ledger.take_loss()
        report = msgspec.structs.replace(
            report,
            replayed=loss.replayed,
            unacknowledged=loss.unacknowledged,
            uncovered=loss.uncovered,
            quarantined=loss.quarantined,
            dropped=ledger.take_dropped(),
            gap_seconds=gap_seconds,
        )
        self._shared.inbox.report(report, *self._calls_taken_over())
        self._count_connection()

    def _calls_taken_over(self) -> list[ServerEvent]:
        calls = self._shared.protocol.calls.pending
        if self._taken_over is None or not calls:
            return []
        event = ToolCall(function_calls=calls)
        self._shared.observers.notify([event])
        return [event]

    def _count_connection(self) -> None:
        if self._taken_over is None:
            self.count += 1
        self._taken_over = None

    def _watch_for_model(self) -> None:
        self._model_was_heard = False
        self._shared.observers.remove(self._notice_model)
        self._shared.observers.add(self._notice_model, ServerContent, ToolCall)

    def _notice_model(self, event: ServerEvent) -> None:
        """Note that what was sent again has done no harm: the model has answered."""
        if isinstance(event, ServerContent) and not has_answer(event):
            return
        self._model_was_heard = True
        self._is_proven = True
        self._suspicion = 0
        self._shared.observers.remove(self._notice_model)  # nobody looks at the events that follow

    def _restart_activity(self) -> None:
        """Mark the start of an activity again, which the server has heard of on another connection only."""
        ledger = self._shared.outbox.ledger
        first = ledger.backlog.first_of(_ACTIVITY_MARKS)
        if first == _END or (first is None and self._shared.protocol.outgoing.in_activity):
            ledger.precede(_START, Kind.MARK, trio.current_time())

    def _send_history(self) -> None:
        history, ledger = self._shared.history, self._shared.outbox.ledger
        assert history is not None
        contents = history.contents(without=ledger.backlog.numbers)
        if contents:
            frame = self._shared.protocol.history(contents)
            ledger.precede(frame, Kind.CONTROL, trio.current_time())


def _inherited(state: ResumeState) -> Reconnected:
    """Return what is cut with the process that had the session."""
    return Reconnected(turn_cut=state.in_turn, calls=state.pending_calls)
