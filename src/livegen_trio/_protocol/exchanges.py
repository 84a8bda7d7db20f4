"""The exchanges of a session: which question the model answers with what it says. Pure.

The Live API has no ids for turns: which question an event answers has to be inferred. An exchange is a question, any
number of turns with tool calls in them, and one last turn. The rules, and what they rest on, are in docs/turns.md.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Final

from ..types import ExchangeEnded
from .turn_rules import ends_exchange, has_answer, has_parts, has_words, is_in_progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ..types import FunctionCall, ServerContent, ServerEvent, ToolCall

# Seconds to wait for another turn after the end of one that may have been the last. The next one begins within one or
# two as a rule.
REPLY_GRACE: Final = 3.0

# Seconds to wait where another turn is likely.
LIKELY_GRACE: Final = 5.0

# Seconds to wait where another turn is due, and yet may never come: the reply to an answer that was sent in the turn of
# its call, or an answer that a connection may have taken with it. A model that speaks a cut turn again has been seen to
# begin within one.
DUE_GRACE: Final = 10.0

# Seconds to wait, after the end of a turn, for the answers to older questions that no reader waits for. They may have
# been answered together with others.
FORGETTING_GRACE: Final = 60.0

# Questions that nobody has answered are remembered up to this number; the oldest are forgotten.
_MOST_EXPECTED: Final = 64


class Mark(Enum):
    """What an event means for the reader of an answer."""

    AHEAD = "a transcription, which may be ahead of the turn that it belongs to"
    BEGIN = "the answer begins here, or with the last transcription ahead of it; what came before is older"
    REPEAT = "the model begins to speak a cut turn of the answer again"
    PAUSE = "a turn of another answer begins"
    RESUME = "another turn of the answer begins"


@dataclass(eq=False, slots=True)
class Exchange:
    """A question and its answer, or what the model says without a question.

    Its reader takes all that has come since the question for the answer, except where there are marks.

    Attributes:
        is_asked: Whether a reader waits for its end.
        has_begun: Whether a turn of its answer has begun.
        marks: Events that are to come, and what they mean, in order. The reader takes them out.
        ends_with: The last event, as soon as it is known.
        tool_calls: The calls of its turns.
    """

    is_asked: bool = False
    has_begun: bool = False
    marks: deque[tuple[ServerEvent, Mark]] = field(default_factory=deque[tuple["ServerEvent", Mark]])
    ends_with: ServerEvent | None = None
    tool_calls: list[ToolCall] = field(default_factory=list["ToolCall"])

    # For `Exchanges`.
    is_behind: bool = False  # something older was to be answered when it was asked
    may_have_begun: bool = False  # a turn has begun since
    pending_calls: int = 0
    awaits_reply: bool = False  # an answer of ours was sent, and nothing has replied to it
    is_uncertain: bool = False  # the connection has changed since it was asked or last heard of
    was_cut: bool = False
    is_doubtful: bool = False  # its turns may as well answer a question that was asked later
    grace: float | None = None  # seconds after which it is over without another event

    def limit_repetition(self) -> None:
        """Wait no longer than `DUE_GRACE` for an answer that a connection may have taken with it."""
        if self.is_uncertain:
            self.grace = None if self.pending_calls else DUE_GRACE


@dataclass(eq=False, slots=True)
class _Turn:
    """The turn under way, and what matters of it."""

    exchange: Exchange
    has_cause: bool  # anything is known that may have made the model begin it
    has_content: bool = False
    is_cut: bool = False
    questions: list[Exchange] = field(default_factory=list[Exchange])  # asked while it was under way
    cut_by: tuple[Exchange, ...] = ()
    may_answer: bool = False  # something has come since the last question
    # About the calls in it: whether a model that makes them ends its turn, and what has come around our answer to them.
    call_ends_turn: bool | None = None
    is_generated: bool = False
    was_generated: bool = False
    has_tail: bool = False
    reply_grace: float | None = None


class Exchanges:
    """The account of the exchanges under way: one turn at most, and those that the model has yet to answer.

    Attributes:
        in_turn: Whether a turn is under way: content of it has come, its end has not.
        is_quiet: Whether it is, and of what comes next only marks and calls change anything.
        may_speak: Whether something may have the model begin a turn without a question, such as speech.
        newest: The exchange of the newest question.
        notify_change: Called after changes between turns; `grace` may be another. It must not block.
    """

    def __init__(self) -> None:
        self._turn: _Turn | None = None
        self._expected: deque[Exchange] = deque()  # what the model is to answer, in order
        self._by_call: dict[str, Exchange] = {}
        self._settled: list[Exchange] = []  # over, without an event that says so
        self._is_cut = False  # the model was interrupted since its last turn
        self._asked: Exchange | None = None
        self._is_connected = True
        self.in_turn: bool = False
        self.is_quiet: bool = False
        self.may_speak: bool = True  # a session may begin with a greeting
        self.newest: Exchange = Exchange()
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
    def awaits_reply(self) -> bool:
        """Whether a tool call waits for its answer, or an answer for the model's reply."""
        in_turn = self._turn is not None and self._turn.exchange.awaits_reply
        return bool(self._by_call) or in_turn or any(one.awaits_reply for one in self._expected)

    @property
    def grace(self) -> float | None:
        """Seconds from now until `expire` is to be called, unless something changes before; None for never."""
        if self._settled:
            return 0.0
        if self._turn is not None or not self._is_connected:
            return None
        return min((one.grace for one in self._expected if one.grace is not None), default=None)

    # What is sent

    def ask(self) -> Exchange:
        """Begin an exchange with a question."""
        turn = self._turn
        exchange = Exchange(is_behind=turn is not None or bool(self._expected))
        if turn is not None:
            turn.may_answer = self.is_quiet = False
            turn.questions.append(exchange)
        self._expected.append(exchange)
        if len(self._expected) > _MOST_EXPECTED:
            self._expected.popleft()
        self.newest = exchange
        self.notify_change()
        return exchange

    def answer(self, settled: Sequence[FunctionCall], ids: Iterable[str], *, is_silent: bool) -> None:
        """Note answers to tool calls.

        Args:
            settled: The calls that wait no more.
            ids: Of all calls that are answered, for good or for now.
            is_silent: Whether none of the answers asks for a reply.
        """
        exchanges = {id(one): one for one in map(self._by_call.get, ids) if one is not None}
        for call in settled:
            self._release(call.id or "")
        if not is_silent:
            for exchange in exchanges.values() or (Exchange(),):
                self._await_reply(exchange)
        for exchange in exchanges.values():
            if self._is_over(exchange):
                self._settled.append(exchange)
                self._doubt_behind()
            else:
                exchange.limit_repetition()
        self.notify_change()

    def await_answer(self) -> Exchange:
        """Have a reader wait for the answer to the newest question; return its exchange."""
        self._asked = self.newest
        self._asked.is_asked = True
        return self._asked

    # What is received

    def observe(self, content: ServerContent, first: ServerEvent) -> None:
        """Note content that may change something; *first* is the first event of its frame."""
        if content.interrupted:
            self._interrupt()
        if has_parts(content) or (self._turn is not None and has_answer(content)):
            self._note_content(self._turn_at(first), has_words=has_words(content))
        elif has_answer(
            content
        ):  # it opens no turn, since it may be late, and belongs to the next one if it isn't
            self._mark_asked(first, Mark.AHEAD)
        if content.generation_complete and self._turn is not None:
            self._note_generated(self._turn)
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
        if (
            self._expected and not turn.has_cause
        ):  # it began as the tail of an earlier one, and a tail calls nothing
            turn.exchange = self._expected.popleft()
            turn.exchange.has_begun = turn.has_cause = True
        exchange = turn.exchange
        exchange.awaits_reply = False  # this is the reply, if one was due
        exchange.tool_calls.append(event)
        for call in event.function_calls:
            self._release(call.id or "")  # a call may come in pieces
            self._by_call[call.id or ""] = exchange
            exchange.pending_calls += 1
        turn.call_ends_turn = ends_turn
        turn.reply_grace = None
        turn.may_answer = True
        self.is_quiet = turn.has_content

    def cancel(self, ids: Iterable[str], event: ServerEvent) -> None:
        """Note that calls were cancelled, by *event*."""
        for call_id in ids:
            exchange = self._by_call.get(call_id)
            self._release(call_id)
            if exchange is None:
                continue
            exchange.limit_repetition()
            if self._is_over(exchange):
                exchange.ends_with = event
                self._doubt_behind()
        self.notify_change()

    # When the connection changes

    def cut(self) -> None:
        """Note that the connection is gone, and with it the turn under way."""
        if not self._is_connected:
            return  # another dial has failed
        turn = self._turn
        if turn is not None and turn.is_cut and not turn.exchange.pending_calls:
            self._settled.append(turn.exchange)  # it was interrupted before, and is not spoken again
        elif turn is not None:
            turn.exchange.was_cut = True
            self._expected.appendleft(turn.exchange)
        self._turn = None
        self.in_turn = self.is_quiet = self._is_connected = False
        self.may_speak = True  # it may speak again what it has said
        for exchange in (*self._expected, *self._by_call.values()):
            exchange.is_uncertain = True
            exchange.limit_repetition()

    def forget_calls(self) -> None:
        """Note that the server has forgotten the session, and with it the calls that wait."""
        for exchange in set(self._by_call.values()):
            exchange.pending_calls = 0
            exchange.is_uncertain = True
            exchange.limit_repetition()
            if exchange not in self._expected:
                self._expected.append(exchange)
        self._by_call.clear()

    def take_over(self, calls: Iterable[FunctionCall]) -> None:
        """Continue with calls that another process has left."""
        exchange = Exchange(is_uncertain=True)
        for call in calls:
            self._by_call[call.id or ""] = exchange
            exchange.pending_calls += 1

    def connect(self) -> None:
        """Note that a connection is there."""
        self._is_connected = True
        self.notify_change()

    def expire(self) -> ExchangeEnded | None:
        """End the exchanges whose `grace` is over; return the event for their reader, if they have one."""
        grace = self.grace
        over, self._settled = self._settled, []
        if not over:
            over = [one for one in self._expected if one.grace == grace]
            self._expected = deque(one for one in self._expected if one.grace != grace)
        event = ExchangeEnded(cut=any(one.is_uncertain and one.grace is not None for one in over))
        for exchange in over:
            exchange.ends_with = event
        return event if any(one.is_asked for one in over) else None

    # Turns

    def _turn_at(self, first: ServerEvent) -> _Turn:
        turn = self._turn
        if turn is not None and turn.is_cut and self._expected:  # the answer to what has cut it
            turn.exchange.ends_with = first
            turn = None
        return turn or self._open_turn(first)

    def _open_turn(self, first: ServerEvent) -> _Turn:
        has_cause = bool(self._expected) or self.may_speak
        exchange = self._expected.popleft() if self._expected else Exchange()
        exchange.is_doubtful |= exchange.grace is not None or not has_cause
        self._mark_turn(exchange, first)
        for one in (exchange, *self._expected):
            one.grace = None
        exchange.has_begun = True
        self._turn = _Turn(exchange, has_cause)
        if (
            exchange.was_cut and exchange.awaits_reply
        ):  # the turn of the call is spoken again, or this is the reply
            self._turn.has_tail = True
            self._turn.reply_grace = DUE_GRACE
        else:
            exchange.awaits_reply = False
        exchange.was_cut = exchange.is_uncertain = False
        self.in_turn = True
        self.may_speak = self._is_cut = False
        self.notify_change()
        return self._turn

    def _mark_turn(self, exchange: Exchange, first: ServerEvent) -> None:
        """Mark the beginning of a turn for the reader of an answer, be it a turn of that one or not."""
        asked = self._asked
        if asked is None:
            return
        if asked.is_behind and not asked.has_begun:
            goes_on = (
                exchange is not asked
                and exchange.has_begun
                and exchange.grace is None
                and asked.may_have_begun
            )
            self._mark_asked(first, Mark.RESUME if goes_on else Mark.BEGIN)
            asked.may_have_begun = True
        elif asked is not exchange:
            self._mark_asked(first, Mark.PAUSE)
        else:
            self._mark_asked(first, Mark.REPEAT if asked.was_cut else Mark.RESUME)

    def _mark_asked(self, event: ServerEvent, mark: Mark) -> None:
        asked = self._asked
        if asked is None or not asked.is_asked or asked.ends_with is not None:
            self._asked = None
            return
        asked.marks.append((event, mark))

    def _note_content(self, turn: _Turn, *, has_words: bool) -> None:
        exchange = turn.exchange
        turn.has_content = turn.may_answer = True
        may_have_words = exchange.awaits_reply and turn.call_ends_turn is None and not turn.has_tail
        if exchange.awaits_reply:
            if turn.call_ends_turn is False or turn.was_generated or (may_have_words and has_words):
                exchange.awaits_reply = False
            else:  # the rest of what the model was saying, or the reply
                turn.reply_grace = LIKELY_GRACE if turn.call_ends_turn else REPLY_GRACE
        self.is_quiet = not (exchange.awaits_reply and may_have_words)

    def _note_generated(self, turn: _Turn) -> None:
        exchange = turn.exchange
        if exchange.awaits_reply and turn.reply_grace == DUE_GRACE and not turn.call_ends_turn:
            if turn.was_generated or turn.call_ends_turn is False:
                exchange.awaits_reply = False  # an empty reply
            else:
                turn.reply_grace = LIKELY_GRACE
        turn.is_generated = True

    def _interrupt(self) -> None:
        if self._turn is not None:
            self._turn.is_cut = True
            self._turn.cut_by = tuple(self._turn.questions)
            self._turn.reply_grace = None
            self._turn.exchange.awaits_reply = False
            return
        self._is_cut = True
        if self._expected and self._expected[0].awaits_reply:
            self._expected[0].grace = REPLY_GRACE
            self.notify_change()

    def _end_turn(self, event: ServerContent, first: ServerEvent, *, goes_on: bool) -> None:
        turn, self._turn = self._turn, None
        self.in_turn = self.is_quiet = False
        if turn is not None and turn.call_ends_turn is False:
            turn.exchange.awaits_reply = False  # it had this turn for its reply
        if turn is None:
            self._end_empty_turn(event, first, goes_on=goes_on)
        elif self._expected and not (turn.has_cause or turn.is_cut):
            # What began it was the tail of an earlier turn: nothing else can have begun it.
            self._end_turn_of(self._expected.popleft(), event, goes_on=goes_on)
        else:
            turn.exchange.grace = None if turn.exchange.pending_calls else turn.reply_grace
            self._end_turn_of(turn.exchange, event, goes_on=goes_on)
            if turn.may_answer:
                self._doubt_questions(turn)
        self._is_cut = False
        for exchange in self._expected:
            if exchange.grace is None and not exchange.is_asked:
                exchange.grace = FORGETTING_GRACE
        self.notify_change()

    def _end_empty_turn(self, event: ServerContent, first: ServerEvent, *, goes_on: bool) -> None:
        self.may_speak = False
        if not self._expected:
            return
        exchange = self._expected.popleft()
        self._mark_turn(exchange, first)
        exchange.has_begun = True
        exchange.awaits_reply = False
        self._end_turn_of(exchange, event, goes_on=goes_on)

    def _end_turn_of(self, exchange: Exchange, event: ServerEvent, *, goes_on: bool) -> None:
        exchange.has_begun = True
        if goes_on or exchange.awaits_reply:
            self._expected.appendleft(exchange)
        elif not exchange.pending_calls:
            exchange.ends_with = event

    def _doubt_questions(self, turn: _Turn) -> None:
        """Take the turn that has just ended for the answer to all questions, unless another one follows in time."""
        ended = turn.exchange
        if ended.ends_with is None and ended.grace is None:
            return  # this exchange goes on
        for exchange in self._expected:
            if exchange.has_begun or (exchange in turn.cut_by and not ended.is_doubtful):
                continue
            exchange.grace = DUE_GRACE if turn.is_cut else LIKELY_GRACE

    def _doubt_behind(self) -> None:
        """Take what an exchange that is over has answered for the answer to newer questions, unless another follows."""
        for exchange in self._expected:
            if exchange.is_behind and not exchange.has_begun:
                exchange.grace = LIKELY_GRACE

    # Calls

    def _await_reply(self, exchange: Exchange) -> None:
        exchange.awaits_reply = True
        turn = self._turn
        if turn is not None and turn.exchange is exchange:
            turn.has_tail = turn.has_content and not turn.is_generated
            turn.was_generated = turn.is_generated
            turn.reply_grace = None if turn.call_ends_turn else DUE_GRACE
            self.is_quiet = False
            return
        if exchange not in self._expected:
            self._expected.append(exchange)
        # Where its turns may have been those of another one, the reply may have come as well.
        exchange.grace = DUE_GRACE if exchange.is_doubtful or exchange.is_behind else None

    def _release(self, call_id: str) -> None:
        exchange = self._by_call.pop(call_id, None)
        if exchange is not None:
            exchange.pending_calls -= 1

    def _is_over(self, exchange: Exchange) -> bool:
        """Whether nothing more is to come of an exchange, between turns."""
        in_turn = self._turn is not None and self._turn.exchange is exchange
        return not (in_turn or exchange.pending_calls or exchange in self._expected)


def _ignore() -> None:
    pass
