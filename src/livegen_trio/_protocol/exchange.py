"""One exchange, and one turn of it: what is known of them, and what each event adds. Pure.

`exchanges` has the account of all of them.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ..types import ServerEvent, ToolCall

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
        grace: Seconds after which it is over, unless something more comes; None if more is certain to come.
    """

    is_asked: bool = False
    has_begun: bool = False
    marks: deque[tuple[ServerEvent, Mark]] = field(default_factory=deque[tuple["ServerEvent", Mark]])
    ends_with: ServerEvent | None = None
    tool_calls: list[ToolCall] = field(default_factory=list["ToolCall"])
    grace: float | None = None

    # For the account.
    is_behind: bool = False  # something older was to be answered when it was asked
    may_have_begun: bool = False  # a turn has begun since
    is_doubtful: bool = False  # its turns may as well answer a question that was asked later
    pending_calls: int = 0
    awaits_reply: bool = False  # an answer of ours was sent, and nothing has replied to it
    is_uncertain: bool = False  # the connection has changed since it was asked or last heard of
    was_cut: bool = False  # with a turn that may be spoken again
    is_orphaned: bool = False  # has the calls of forgotten ones, to which a reply is unlikely
    is_forgotten: bool = False  # by the server, so that all of its answer may come again

    @property
    def may_be_over(self) -> bool:
        """Whether its last turn may have come."""
        return self.grace is not None and self.grace < FORGETTING_GRACE

    @property
    def goes_on(self) -> bool:
        """Whether another turn of it is due, if it is between two."""
        return self.awaits_reply or (self.has_begun and not self.was_cut)

    def forget(self) -> None:
        """Expect the whole answer again, from its first turn: the server has forgotten it, and is asked again."""
        self.was_cut = self.is_forgotten = True
        self.awaits_reply = False
        self.tool_calls.clear()

    def limit_repetition(self) -> None:
        """Wait no longer than `DUE_GRACE` for an answer that a connection may have taken with it."""
        if self.is_uncertain:
            self.grace = None if self.pending_calls else DUE_GRACE


@dataclass(eq=False, slots=True)
class Turn:
    """The turn under way, and what matters of it.

    Attributes:
        exchange: The exchange that it belongs to, by what is known.
        has_cause: Whether anything is known that may have made the model begin it.
        has_content: Whether there was anything but calls in it.
        is_cut: Whether it was interrupted.
        may_answer: Whether something of it has come since the newest question.
        questions: What was asked while it was under way.
        cut_by: Those of them that came before the interruption.
        call_ends_turn: Whether a model that makes such calls as in this turn ends its turn with them.
        reply_grace: Seconds to wait for the reply to an answer, if this turn may have had it.
    """

    exchange: Exchange
    has_cause: bool
    has_content: bool = False
    is_cut: bool = False
    may_answer: bool = False
    questions: list[Exchange] = field(default_factory=list[Exchange])
    cut_by: tuple[Exchange, ...] = ()
    call_ends_turn: bool | None = None
    reply_grace: float | None = None
    _is_generated: bool = False
    _was_generated: bool = False  # before our answer to its call
    _has_tail: bool = False  # more of what the model was saying may come after our answer

    @property
    def may_be_tail(self) -> bool:
        """Whether it may be no turn, but the end of an earlier one, so that nothing may end it."""
        return self.exchange.is_doubtful and not self.exchange.pending_calls

    def note_content(self, *, has_words: bool) -> bool:
        """Note that the model says something; return whether more of the same changes nothing."""
        self.has_content = self.may_answer = True
        exchange = self.exchange
        if not exchange.awaits_reply:
            return True
        waits_for_words = self.call_ends_turn is None and not self._has_tail  # which a tail of sound has not
        if self.call_ends_turn is False or self._was_generated or (waits_for_words and has_words):
            exchange.awaits_reply = False
            return True
        self.reply_grace = DUE_GRACE if self.call_ends_turn else REPLY_GRACE
        return not waits_for_words

    def note_generated(self) -> None:
        """Note that the model generates no more: of this turn, or of the reply."""
        exchange = self.exchange
        if exchange.awaits_reply and self.reply_grace == DUE_GRACE and not self.call_ends_turn:
            if self._was_generated or self.call_ends_turn is False:
                exchange.awaits_reply = False  # an empty reply
            else:
                self.reply_grace = LIKELY_GRACE
        self._is_generated = True

    def note_interruption(self) -> None:
        """Note that the model was interrupted, perhaps by the questions that were asked meanwhile."""
        self.is_cut = True
        self.cut_by = tuple(self.questions)
        self.reply_grace = None
        self.exchange.awaits_reply = False

    def note_answer(self) -> None:
        """Note that a call of this turn was answered while it goes on."""
        self._has_tail = self.has_content and not self._is_generated
        self._was_generated = self._is_generated
        self.reply_grace = None if self.call_ends_turn else DUE_GRACE

    def expect_repetition(self) -> None:
        """Note that it may be the cut turn of a call that was answered meanwhile, or the reply."""
        self._has_tail = True
        self.reply_grace = DUE_GRACE
