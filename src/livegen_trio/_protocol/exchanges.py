"""The account of a session's exchanges: which question the model answers with what it says. Pure.

The Live API has no ids for turns: which question an event answers has to be inferred. An exchange is a question, any
number of turns with tool calls in them, and one last turn. The rules, and what they rest on, are in docs/turns.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..types import ExchangeEnded
from .answer_marks import AnswerMarks
from .exchange import DUE_GRACE, REPLY_GRACE, Exchange, Turn
from .exchanges_by_call import ExchangesByCall
from .expected import Expected
from .turn_rules import ends_exchange, has_answer, has_parts, has_words, is_in_progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ..types import FunctionCall, ServerContent, ServerEvent, ToolCall


class Exchanges:
    """The account of the exchanges under way: one turn at most, and those that the model has yet to answer.

    Attributes:
        in_turn: Whether a turn is under way: content of it has come, its end has not.
        is_quiet: Whether it is, and of what comes next only marks and calls change anything.
        may_speak: Whether something may have the model begin a turn without a question, such as speech.
        newest: The exchange of the newest question.
        repetitions: How often the model has begun to speak again what a lost connection had cut.
        notify_change: Called after changes between turns; `grace` may be another. It must not block.
    """

    def __init__(self) -> None:
        self._turn: Turn | None = None
        self._expected = Expected()
        self._by_call = ExchangesByCall()
        self._settled: list[Exchange] = []  # over, without an event that says so
        self._marks = AnswerMarks()
        self._is_connected = True
        self.in_turn: bool = False
        self.is_quiet: bool = False
        self.may_speak: bool = True  # a session may begin with a greeting
        self.newest: Exchange = Exchange()
        self.repetitions: int = 0
        self.notify_change: Callable[[], None] = _ignore

    @property
    def is_idle(self) -> bool:
        """Whether the model has nothing to say, and no tool call waits."""
        return not (self.cuts_turn or self._expected or self._by_call)

    @property
    def cuts_turn(self) -> bool:
        """Whether a change of the connection now would cut a turn. The tail of an earlier one can be missed."""
        return self._turn is not None and self._turn.has_cause

    @property
    def goes_on(self) -> bool:
        """Whether more is to come of an exchange that has begun: a call's answer, a reply to one, or another turn."""
        in_turn = self._turn is not None and self._turn.exchange.awaits_reply
        return bool(self._by_call) or in_turn or any(one.goes_on for one in self._expected)

    @property
    def grace(self) -> float | None:
        """Seconds from now until `expire` is to be called, unless something changes before; None for never."""
        if self._settled:
            return 0.0
        if self._turn is not None:
            return DUE_GRACE if self._turn.may_be_tail else None
        return self._expected.grace if self._is_connected else None

    # What is sent

    def ask(self) -> Exchange:
        """Begin an exchange with a question."""
        turn = self._turn
        exchange = Exchange(is_behind=turn is not None or bool(self._expected))
        if turn is not None:
            turn.may_answer = self.is_quiet = False
            turn.questions.append(exchange)
        self._expected.append(exchange)
        self.newest = exchange
        self.notify_change()
        return exchange

    def await_answer(self) -> Exchange:
        """Have a reader wait for the answer to the newest question; return its exchange."""
        self._marks.follow(self.newest)
        return self.newest

    def answer(self, settled: Sequence[FunctionCall], ids: Iterable[str], *, is_silent: bool) -> None:
        """Note answers to tool calls.

        Args:
            settled: The calls that wait no more.
            ids: Of all calls that are answered, for good or for now.
            is_silent: Whether none of the answers asks for a reply.
        """
        exchanges = self._by_call.find(ids)
        self._by_call.release(call.id or "" for call in settled)
        if not is_silent:
            for exchange in exchanges or (Exchange(),):
                self._await_reply(exchange)
        for exchange in exchanges:
            if self._is_over(exchange):
                self._settled.append(exchange)
                self._expected.doubt_behind()
            else:
                exchange.limit_repetition()
        self.notify_change()

    # What is received

    def observe(self, content: ServerContent, first: ServerEvent) -> None:
        """Note content that may change something; *first* is the first event of its frame."""
        if content.interrupted:
            self._interrupt()
        if has_parts(content) or (self._turn is not None and has_answer(content)):
            turn = self._turn_at(first)
            self.is_quiet = turn.note_content(has_words=has_words(content)) and not turn.may_be_tail
            if turn.may_be_tail:
                self.notify_change()  # it has as long again
        elif has_answer(content):
            self._marks.note_transcription(first)
        if content.generation_complete and self._turn is not None:
            self._turn.note_generated()
        if content.turn_complete or ends_exchange(content):
            self._end_turn(content, first, goes_on=is_in_progress(content))

    def call(self, event: ToolCall, first: ServerEvent, *, ends_turn: bool | None) -> None:
        """Note tool calls.

        Args:
            event: The calls.
            first: The first event of their frame.
            ends_turn: Whether a model that makes them ends its turn, and replies to the answers in another one. None
                is not known.
        """
        turn = self._turn_at(first)
        if self._expected and not turn.has_cause:
            # It began as the tail of an earlier one, and a tail calls nothing.
            turn.exchange = self._expected.take()
            turn.exchange.has_begun = turn.has_cause = True
        turn.call_ends_turn = ends_turn
        turn.reply_grace = None
        turn.may_answer = True
        self.is_quiet = turn.has_content
        exchange = turn.exchange
        exchange.awaits_reply = False  # this is the reply, if one was due
        exchange.tool_calls.append(event)
        self._by_call.assign(event.function_calls, exchange)
        if exchange.is_doubtful:
            self.notify_change()  # while a call waits, it has no grace

    def cancel(self, ids: Iterable[str], event: ServerEvent) -> None:
        """Note that calls were cancelled, by *event*."""
        for exchange in self._by_call.release(ids):
            exchange.limit_repetition()
            if self._is_over(exchange):
                exchange.ends_with = event
                self._expected.doubt_behind()
        self.notify_change()

    # When the connection changes

    def cut(self, *, forgets_open: bool = False) -> None:
        """Note that the connection is gone, and with it the turn under way.

        Args:
            forgets_open: Whether the resumed session lacks the exchanges that are open, and is asked their questions
                again.
        """
        if not self._is_connected:
            return  # another dial has failed
        turn, self._turn = self._turn, None
        self.in_turn = self.is_quiet = self._is_connected = False
        self.may_speak = True  # it may speak again what it has said
        if turn is not None and turn.is_cut and not turn.exchange.pending_calls:
            self._settled.append(turn.exchange)  # what was interrupted is not spoken again
        elif turn is not None and turn.has_cause:  # else it was the tail of an earlier one
            turn.exchange.was_cut = True
            self._expected.put_back(turn.exchange)
        if forgets_open:
            self._forget_answers()
        for exchange in (*self._expected, *self._by_call):
            exchange.is_uncertain = True
            exchange.limit_repetition()

    def _forget_answers(self) -> None:
        """Expect the answers again that have begun. Their calls go on, but nothing that the server knows of."""
        for exchange in self._by_call.orphan():
            if exchange.has_begun and exchange not in self._expected:
                self._expected.put_back(exchange)
        for exchange in self._expected:
            if exchange.has_begun:
                exchange.forget()

    def forget_calls(self) -> None:
        """Note that the server has forgotten the session, and with it the calls that wait."""
        for exchange in self._by_call.clear():
            exchange.is_uncertain = True
            exchange.limit_repetition()
            self._expected.append(exchange)

    def take_over(self, calls: Iterable[FunctionCall]) -> None:
        """Continue with calls that another process has left."""
        self._by_call.assign(calls, Exchange(is_uncertain=True))

    def connect(self) -> None:
        """Note that a connection is there."""
        self._is_connected = True
        self.notify_change()

    def expire(self) -> ExchangeEnded | None:
        """End the exchanges whose `grace` is over; return the event for their reader, if they have one."""
        over, self._settled = self._settled, []
        if over:
            event = ExchangeEnded()
        elif self._turn is not None:
            over, event = [self._turn.exchange], ExchangeEnded()
            self._turn = None
            self.in_turn = self.is_quiet = False
            self._expected.doubt_behind()
        else:
            over = self._expected.take_expired()
            event = ExchangeEnded(cut=any(one.is_uncertain for one in over))
        for exchange in over:
            exchange.ends_with = event
        return event if any(one.is_asked for one in over) else None

    # Turns

    def _turn_at(self, first: ServerEvent) -> Turn:
        turn = self._turn
        if turn is not None and turn.is_cut and self._expected:  # the answer to what has cut it
            turn.exchange.ends_with = first
            turn = None
        return turn or self._open_turn(first)

    def _open_turn(self, first: ServerEvent) -> Turn:
        has_cause = bool(self._expected) or self.may_speak
        exchange = self._expected.take() if self._expected else Exchange()
        exchange.is_doubtful |= exchange.may_be_over or exchange.is_uncertain or not has_cause
        self._marks.note_turn(exchange, first)
        turn = self._turn = Turn(exchange, has_cause)
        if exchange.was_cut and exchange.awaits_reply:
            turn.expect_repetition()
        else:
            exchange.awaits_reply = False
        self.repetitions += exchange.was_cut
        exchange.was_cut = exchange.is_forgotten = exchange.is_uncertain = False
        exchange.has_begun = self.in_turn = True
        exchange.grace = None
        self._expected.wait_without_limit()
        self.may_speak = False
        self.notify_change()
        return turn

    def _interrupt(self) -> None:
        if self._turn is not None:
            self._turn.note_interruption()
            return
        for exchange in self._expected:
            if exchange.awaits_reply:  # which may not come any more
                exchange.grace = REPLY_GRACE
        self.notify_change()

    def _end_turn(self, event: ServerContent, first: ServerEvent, *, goes_on: bool) -> None:
        turn, self._turn = self._turn, None
        self.in_turn = self.is_quiet = False
        if turn is None:
            self._end_empty_turn(event, first, goes_on=goes_on)
        elif self._expected and not (turn.has_cause or turn.is_cut):
            # What began it was the tail of an earlier turn: nothing else can have begun it.
            self._end_turn_of(self._expected.take(), event, goes_on=goes_on)
        else:
            exchange = turn.exchange
            if turn.call_ends_turn is False:
                exchange.awaits_reply = False  # this was the turn for it
            exchange.grace = None if exchange.pending_calls else turn.reply_grace
            self._end_turn_of(exchange, event, goes_on=goes_on)
            self._expected.doubt_after(turn)
        self._expected.limit_unread()
        self.notify_change()

    def _end_empty_turn(self, event: ServerContent, first: ServerEvent, *, goes_on: bool) -> None:
        self.may_speak = False
        if not self._expected:
            return
        exchange = self._expected.take()
        if exchange.was_cut and exchange.awaits_reply:  # the end of the turn of the call
            exchange.was_cut = False
            self._expected.put_back(exchange)
            return
        self._marks.note_turn(exchange, first)
        exchange.awaits_reply = False
        self._end_turn_of(exchange, event, goes_on=goes_on)
        if not goes_on:
            self._expected.doubt_behind()  # it may have been the answer to all of them

    def _end_turn_of(self, exchange: Exchange, event: ServerEvent, *, goes_on: bool) -> None:
        exchange.has_begun = True
        if goes_on or exchange.awaits_reply:
            self._expected.put_back(exchange)
        elif not exchange.pending_calls:
            exchange.ends_with = event

    def _await_reply(self, exchange: Exchange) -> None:
        exchange.awaits_reply = True
        turn = self._turn
        if turn is not None and turn.exchange is exchange:
            turn.note_answer()
            self.is_quiet = False
            return
        self._expected.append(exchange)
        # Where its turns may have been those of another one, the reply may have come as well.
        exchange.grace = DUE_GRACE if exchange.is_doubtful or exchange.is_behind else None

    def _is_over(self, exchange: Exchange) -> bool:
        """Whether nothing more is to come of an exchange, between turns."""
        in_turn = self._turn is not None and self._turn.exchange is exchange
        return not (in_turn or exchange.pending_calls or exchange in self._expected)


def _ignore() -> None:
    pass
