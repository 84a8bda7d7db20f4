"""Inference of the inputs that a resumption handle covers. Pure.

That a server has read an input doesn't mean that a session resumed by the newest handle has it. There are three kinds:

* Vertex AI says by an index which inputs a handle covers ("transparent" resumption). There nothing is inferred.
* Some resume with everything that they had read (Gemini 3.8, which issues one handle a connection).
* Some withhold handles while an exchange is open, so that a handle covers the exchanges that were over when it was
  issued (Gemini 2.5).

An exchange is a question with the model's answer, tool calls and their answers included. There are no ids on the wire,
so an exchange is known by its events: it opens with a question that is sent, or with speech that the model answers, and
is over when the turn has ended and no call is pending. An input belongs to it if it was sent before the first event of
the answer came. An input that opens no exchange is covered by the next handle.

Two questions that were sent before the answer began (the first may have been speech) may be answered in one turn, or
one after the other. So a handle that follows the first turn may cover the second question or not: that one is neither
sent again nor taken for safe.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..types import SessionResumptionUpdate, VoiceActivity

if TYPE_CHECKING:
    from .._protocol.model_profiles import HandleCovers
    from .._protocol.session_rules import LiveProtocol
    from ..types import ServerEvent
    from .ledger import Ledger

# A server that withholds handles says something in each exchange; so one that is silent over two does not withhold any.
_SILENT_EXCHANGES: Final = 2


class Coverage:
    """Follows the exchanges of a session, and notes in the ledger what each handle covers.

    It watches a `LiveProtocol`, which knows whether a turn is under way and whether calls are pending.

    Args:
        covers: The kind of the server, as far as it is known. If not, reading covers until a handle is withheld after
            an input.
    """

    def __init__(self, protocol: LiveProtocol, ledger: Ledger, covers: HandleCovers | None) -> None:
        self._protocol = protocol
        self._ledger = ledger
        self._silent_exchanges = 0
        # Places in the log of the connection: the last input that was sent, and the last one that was read, before the
        # model began to answer; the same two for the last exchange that is over; the first question that may have been
        # answered with that one, or not; and the last input before the user was heard to speak.
        self._answer_began: int | None = None
        self._read_before_answer = 0
        self._finished = 0
        self._read_before_finished = 0
        self._doubtful_question: int | None = None
        self._was_in_turn = False
        self._turn_began = 0  # the last input that was sent before the newest turn
        self._heard = 0
        self._is_answer_new = False
        self._is_withheld = False
        ledger.sent.reading_covers = covers != "finished_exchanges"
        ledger.sent.keeps_read = covers != "everything_read"
        protocol.watcher = self

    @property
    def awaits_handle(self) -> bool:
        """Whether a session resumed now would lack an exchange, although the server has read it."""
        is_new = self._is_answer_new or self._first_open_place() is not None
        return is_new and not self._ledger.sent.reading_covers

    @property
    def forgets_open(self) -> bool:
        """Whether a resumed session lacks the exchanges that are open, and is asked their questions again."""
        return not self._ledger.sent.reading_covers

    def begin(self) -> None:
        """Begin with a connection on which nothing was sent yet."""
        self._answer_began = self._doubtful_question = None
        self._finished = self._read_before_finished = self._heard = self._turn_began = 0
        self._is_answer_new = self._is_withheld = self._was_in_turn = False

    # Exchanges

    def note_turn(self) -> None:
        """Note that a turn has begun or ended, or both in one frame."""
        if not self._was_in_turn:
            self._turn_began = self._ledger.sent.count
        self._was_in_turn = self._protocol.in_turn
        if self._answer_began is None:
            self._answer_began = self._ledger.sent.count
            self._read_before_answer = self._ledger.sent.acknowledged
        self.note_calls()

    def note_calls(self) -> None:
        """Note that tool calls were answered or cancelled, with which the exchange may be over."""
        if self._answer_began is None or self._protocol.in_turn or self._protocol.exchanges.goes_on:
            return
        self._finish_exchange(self._answer_began)

    def _finish_exchange(self, answer_began: int) -> None:
        self._doubtful_question = self._find_doubtful_question(answer_began)
        self._read_before_finished = self._read_before_answer
        self._finished, self._answer_began = answer_began, None
        self._is_answer_new = True
        self._silent_exchanges += 1
        if self._silent_exchanges >= _SILENT_EXCHANGES and not self._is_withheld:
            self._ledger.sent.reading_covers, self._ledger.sent.keeps_read = True, False

    def _find_doubtful_question(self, through: int) -> int | None:
        """Return the first question up to a place that the answer which is over may have left unanswered.

        That is the first of all, if the answer may have been one to speech, or to a question of the exchange before.
        """
        sent = self._ledger.sent
        if self._doubtful_question is not None:  # that one is answered at least
            return sent.questions(after=self._doubtful_question, through=through)[0]
        first, second = sent.questions(after=self._finished, through=through)
        if first is None:
            return None
        if sent.may_have_media(after=self._read_before_finished, before=first):
            return first
        sent.acknowledge(first)  # it was answered, so it was read
        return second

    def note_interruption(self) -> None:
        """Note that the user is speaking."""
        self._heard = self._ledger.sent.count

    def note_voice(self, event: ServerEvent) -> None:
        """Note a `VoiceActivity`."""
        if isinstance(event, VoiceActivity) and event.type == "ACTIVITY_START":
            self.note_interruption()

    # Handles

    def note_update(self, event: ServerEvent) -> None:
        """Note a `SessionResumptionUpdate`: a handle, or that the server withholds one."""
        if not isinstance(event, SessionResumptionUpdate):
            return
        self.note_calls()  # an exchange may be over since the time for a reply has passed
        self._silent_exchanges = 0
        if event.new_handle:
            is_over = self._is_withheld and not self._protocol.exchanges.cuts_turn
            if (
                is_over and self._turn_began > self._finished
            ):  # all that were open: else it would be withheld still
                in_doubt = self._doubtful_question if self._answer_began is None else None
                self._finish_exchange(self._turn_began)
                self._doubtful_question = in_doubt or self._doubtful_question
            self._is_withheld = False
            self._note_handle()
        elif self._ledger.sent.count:
            self._is_withheld = True
            self._ledger.sent.reading_covers, self._ledger.sent.keeps_read = False, True

    def _note_handle(self) -> None:
        self._is_answer_new = False
        sent, first_open = self._ledger.sent, self._first_open_place()
        through = sent.acknowledged if first_open is None else first_open - 1
        in_doubt = range(self._doubtful_question or self._finished + 1, self._finished + 1)
        answers = sent.answers() if self._answer_began is None else ()
        sent.cover(min(through, in_doubt.start - 1) if in_doubt else through, answers)
        sent.in_doubt = in_doubt

    def _first_open_place(self) -> int | None:
        """Return the place of the first input that belongs to no exchange that is over, if one is open."""
        question, _ = self._ledger.sent.questions(after=self._finished, through=self._ledger.sent.count)
        began, protocol = self._answer_began, self._protocol
        is_answer_to_speech = began is not None and (question is None or question > began)
        is_spoken = is_answer_to_speech or protocol.outgoing.in_activity or self._heard > self._finished
        if is_spoken or (began is None and protocol.exchanges.goes_on):
            return self._finished + 1  # it isn't known with which chunk the speech began
        return question
