"""Inputs that a handle covers: a session that is resumed has each input once, or the input is counted."""

from __future__ import annotations

import json
from collections import Counter, deque
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from livegen_trio import types as t
from livegen_trio._protocol.model_profiles import profile_of
from livegen_trio._protocol.session_rules import LiveProtocol
from livegen_trio._resumption.coverage import Coverage
from livegen_trio._resumption.inputs import Kind
from livegen_trio._resumption.ledger import Ledger, Loss
from support.resuming_service import Resumes, ResumingService, Sort

if TYPE_CHECKING:
    from livegen_trio._protocol.model_profiles import HandleCovers

SETUP = t.Setup(model="models/test", session_resumption=t.SessionResumptionConfig())
FINISHED: HandleCovers = "finished_exchanges"


class Session:
    """The pure parts of a session, wired as the engine wires them, and what was sent and not read."""

    def __init__(self, covers: HandleCovers | None, *, is_transparent: bool = False) -> None:
        self.protocol = LiveProtocol(SETUP, profile_of("gemini-2.5-flash-native-audio-latest"))
        self.ledger = Ledger()
        self.coverage = None if is_transparent else Coverage(self.protocol, self.ledger, covers)
        self._open()

    def hear(self, frame: str | int) -> None:
        """Receive a frame, or a pong for so many inputs."""
        if isinstance(frame, int):
            if self.coverage is not None:
                self.ledger.acknowledge(frame, 0.0)
            return
        for event in self.protocol.receive(frame):
            if isinstance(event, t.SessionResumptionUpdate):
                self._note_update(event)

    def _note_update(self, event: t.SessionResumptionUpdate) -> None:
        if self.coverage is not None:
            self.coverage.note_update(event)
        elif event.last_consumed_client_message_index is not None:
            self.ledger.acknowledge(event.last_consumed_client_message_index - 1, 0.0)

    def hear_all(self, *frames: str | int) -> None:
        for frame in frames:
            self.hear(frame)

    def put(self, kind: Kind, frame: bytes = b"x") -> None:
        """Accept an input and send it."""
        self.ledger.accept(frame, kind, 0.0)
        self.send()

    def send(self) -> int:
        entry = self.ledger.backlog.take()
        assert entry is not None
        self.ledger.note_written()
        return entry.number

    def lose(self) -> Loss:
        self.ledger.lose_connection(0.0, max_replays=1_000)
        loss = self.ledger.take_loss()
        self.protocol.resume(SETUP)
        self._open()
        if self.coverage is not None:
            self.coverage.begin()
        return loss

    def replayed(self) -> list[int]:
        return [entry.number for entry in self.ledger.backlog.replay]

    def _open(self) -> None:
        self.protocol.opening.start()
        self.protocol.receive('{"setupComplete": {}}')


BEGIN = '{"serverContent": {"modelTurn": {"parts": [{"text": "Well"}]}}}'
END = '{"serverContent": {"turnComplete": true}}'
INTERRUPTED = '{"serverContent": {"interrupted": true}}'
HANDLE = '{"sessionResumptionUpdate": {"newHandle": "h", "resumable": true}}'
WITHHELD = '{"sessionResumptionUpdate": {"resumable": false}}'
CALL = '{"toolCall": {"functionCalls": [{"id": "1", "name": "look"}]}}'
TAKEN_BACK = '{"toolCallCancellation": {"ids": ["1"]}}'


def answer(scheduling: str | None = None) -> t.ToolResponse:
    response = t.FunctionResponse(id="1", name="look", response={}, scheduling=scheduling)
    return t.ToolResponse(function_responses=[response])


# Inputs of a session with a server that withholds handles: kinds are put, strings received, numbers are pongs.
Q, TEXT, MEDIA, MARK, ANSWER = Kind.QUESTION, Kind.TEXT, Kind.MEDIA, Kind.MARK, Kind.ANSWER


@pytest.mark.parametrize(
    ("story", "replayed", "uncovered"),
    [
        pytest.param([HANDLE, Q, 1], [1], 0, id="a question that was read and not answered"),
        pytest.param([HANDLE, Q, 1, WITHHELD, BEGIN], [1], 0, id="one whose answer is cut"),
        pytest.param([HANDLE, Q, 1, BEGIN, END], [1], 0, id="one that is answered, without a handle since"),
        pytest.param([Q, 1, BEGIN, END, HANDLE], [], 0, id="one that the handle covers"),
        pytest.param([Q, BEGIN, END, HANDLE], [], 0, id="an answer that is quicker than the pong"),
        pytest.param([TEXT, 1, BEGIN, END, HANDLE], [], 0, id="a question in real time"),
        pytest.param([Q, 1, HANDLE], [1], 0, id="a handle that was on its way"),
        pytest.param([Q, 1, BEGIN, END, Q, 2, HANDLE], [2], 0, id="one for the exchange before"),
        pytest.param([Q, 1, BEGIN, Q, 2, END, HANDLE], [2], 0, id="a question during an answer"),
        pytest.param([Q, 1, BEGIN, HANDLE, END], [1], 0, id="a handle in the middle of an answer"),
        pytest.param([Q, Q, 2, BEGIN, END, HANDLE], [], 1, id="two questions, perhaps answered together"),
        pytest.param([Q, Q, 2, BEGIN, END, HANDLE, BEGIN, END, HANDLE], [], 0, id="or one after the other"),
        pytest.param([Q, Q, 1, BEGIN, END, HANDLE], [2], 0, id="the second of which was not read"),
        pytest.param(
            [MEDIA, Q, 2, BEGIN, END, HANDLE], [], 1, id="a question, or the speech before it, is answered"
        ),
        pytest.param([MEDIA, MEDIA, 2], [1, 2], 0, id="speech, without a handle since"),
        pytest.param([MEDIA, MEDIA, 1, HANDLE], [2], 0, id="speech that opens no exchange"),
        pytest.param(
            [MEDIA, MEDIA, 2, BEGIN, MEDIA, 3, END, HANDLE], [], 0, id="speech, and silence after it"
        ),
        pytest.param([MEDIA, 1, BEGIN, MEDIA, 2, INTERRUPTED, END, HANDLE], [2], 0, id="speech that cuts in"),
        pytest.param([MARK, MEDIA, MARK, 3], [1, 2, 3], 0, id="an activity"),
        pytest.param(
            [Q, 1, BEGIN, CALL, answer(), ANSWER, 2, BEGIN, END, HANDLE], [], 0, id="a call and its answer"
        ),
        pytest.param([Q, 1, BEGIN, CALL, answer(), ANSWER, 2], [1], 1, id="an answer whose call is lost"),
        pytest.param(
            [Q, 1, CALL, Q, 2, answer(), ANSWER, 3, BEGIN, END, HANDLE], [2], 0, id="a question amid calls"
        ),
        pytest.param([Q, 1, CALL, END, HANDLE], [1], 0, id="a call that is pending after the turn"),
        pytest.param([Q, 1, CALL, END, TAKEN_BACK, HANDLE], [], 0, id="a call that is taken back after it"),
        pytest.param(
            [Q, 1, CALL, END, answer("SILENT"), ANSWER, 2, HANDLE], [], 0, id="a silent answer after it"
        ),
        pytest.param(
            [Q, 1, BEGIN, END, Q, 2, BEGIN, END],
            [],
            0,
            id="a server that says nothing of handles has no need to",
        ),
    ],
)
def test_inputs_that_the_newest_handle_does_not_cover_are_sent_again_or_counted(
    story: list[Kind | str | int | t.ToolResponse], replayed: list[int], uncovered: int
) -> None:
    session = Session(FINISHED)
    for step in story:
        if isinstance(step, Kind):
            session.put(step)
        elif isinstance(step, t.ToolResponse):
            session.protocol.send(step)
        else:
            session.hear(step)
    loss = session.lose()
    assert (session.replayed(), loss.uncovered, loss.unacknowledged) == (replayed, uncovered, 0)


def test_where_reading_covers_nothing_that_was_read_is_sent_again() -> None:
    session = Session("everything_read")
    session.put(Q)
    session.put(MEDIA)
    session.hear(1)
    session.lose()
    assert session.replayed() == [2]


def test_an_unknown_server_is_taken_to_resume_with_what_it_has_read_until_it_withholds_a_handle() -> None:
    session = Session(None)
    session.put(Q)
    session.hear(1)
    session.lose()
    assert session.replayed() == []
    session.put(Q)
    session.hear_all(1, WITHHELD)
    session.lose()
    assert session.replayed() == [2]


def test_a_handle_that_is_withheld_before_any_input_says_nothing() -> None:
    session = Session(None)
    session.hear(WITHHELD)
    session.put(Q)
    session.hear(1)
    session.lose()
    assert session.replayed() == []


def test_a_handle_withheld_counts_more_than_the_profile() -> None:
    session = Session("everything_read")
    session.put(MEDIA)
    session.hear_all(1, BEGIN, WITHHELD)
    session.put(Q)
    session.hear(2)
    loss = session.lose()
    assert session.replayed() == [2]
    assert loss.uncovered == 0  # the first was given up when it was read


def test_an_activity_is_open_until_it_is_answered() -> None:
    setup = t.Setup(
        model="models/test",
        realtime_input_config=t.RealtimeInputConfig(
            automatic_activity_detection=t.AutomaticActivityDetection(disabled=True)
        ),
    )
    protocol, ledger = LiveProtocol(setup), Ledger()
    coverage = Coverage(protocol, ledger, FINISHED)
    protocol.opening.start()
    protocol.receive('{"setupComplete": {}}')
    assert not coverage.awaits_handle
    ledger.accept(protocol.send(t.RealtimeInput(activity_start=t.ActivityStart())), MARK, 0.0)
    ledger.backlog.take()
    ledger.note_written()
    ledger.acknowledge(1, 0.0)
    coverage.note_update(t.SessionResumptionUpdate(new_handle="h", resumable=True))
    assert coverage.awaits_handle
    ledger.lose_connection(0.0)
    assert ledger.take_loss() == Loss(replayed=1, unacknowledged=0)


def test_speech_that_the_server_hears_is_not_covered_by_a_handle_for_the_exchange_before() -> None:
    session = Session(FINISHED)
    assert session.coverage is not None
    session.put(Q)
    session.hear_all(1, BEGIN, END)
    session.put(MEDIA)
    session.hear(2)
    session.coverage.note_voice(t.VoiceActivity(type="ACTIVITY_END"))
    assert session.coverage._heard == 0
    session.coverage.note_voice(t.VoiceActivity(type="ACTIVITY_START"))
    session.hear(HANDLE)
    session.coverage.note_update(t.GoAway())  # is no update
    session.lose()
    assert session.replayed() == [2]


def test_each_of_several_questions_is_in_doubt_until_as_many_turns_have_ended() -> None:
    session = Session(FINISHED)
    for _ in range(3):
        session.put(Q)
    session.hear_all(3, WITHHELD, BEGIN, END, HANDLE, WITHHELD, BEGIN, END, HANDLE)
    assert session.lose() == Loss(uncovered=1)


def test_a_handle_after_a_withheld_one_ends_all_exchanges() -> None:
    session = Session(FINISHED)
    session.put(Q)
    session.hear_all(1, WITHHELD, BEGIN, CALL, END)
    session.protocol.send(
        t.ToolResponse(function_responses=[t.FunctionResponse(id="c", name="look", response={})])
    )
    session.put(ANSWER)
    session.hear_all(2, END)  # the end of the turn of the call, or the reply
    session.hear(HANDLE)
    assert session.lose() == Loss()


def test_a_hand_over_waits_for_a_handle_that_covers_the_exchange() -> None:
    session = Session(FINISHED)
    awaits = []
    assert session.coverage is not None
    for step in (HANDLE, Q, 1, BEGIN, END, HANDLE):
        if isinstance(step, Kind):
            session.put(step)
        else:
            session.hear(step)
        awaits.append(session.coverage.awaits_handle)
    assert awaits == [False, True, True, True, True, False]


def test_old_speech_that_was_read_is_counted_and_not_kept() -> None:
    session = Session(FINISHED)
    for _ in range(3):
        session.put(MEDIA)
    session.ledger.acknowledge(2, 11.0)
    assert len(session.ledger.sent.realtime.inputs) == 1
    session.ledger.lose_connection(11.0)
    assert session.ledger.take_loss() == Loss(replayed=0, unacknowledged=1, uncovered=2)


def test_what_is_sent_of_the_sessions_own_accord_is_not_counted() -> None:
    session = Session(FINISHED)
    session.ledger.precede(b"history", Kind.CONTROL, 0.0)
    session.send()
    session.put(MEDIA)
    session.hear(2)
    assert session.lose() == Loss(replayed=1, unacknowledged=0, uncovered=0)
    assert session.replayed() == [0, 1]
    session.ledger.discard_read()
    assert session.replayed() == []
    assert session.ledger.take_loss() == Loss(uncovered=1)


class Conversation(RuleBasedStateMachine):
    """Any conversation with a service that can be resumed, and any loss of its connections."""

    def __init__(self) -> None:
        super().__init__()
        self.sorts: dict[int, Sort] = {}
        self.wire: deque[int] = deque()
        self.reported = 0
        self.lost_frames = False
        self.was_mistaken = False  # a service of no known kind had not withheld a handle yet

    @initialize(
        resumes=st.sampled_from(["finished_exchanges", "everything_read", "counted"]),
        merges=st.booleans(),
        is_known=st.booleans(),
    )
    def begin(self, resumes: Resumes, merges: bool, is_known: bool) -> None:
        self.service = ResumingService(resumes, merges=merges)
        covers = None if resumes == "counted" or not is_known else resumes
        self.session = Session(covers, is_transparent=resumes == "counted")

    @rule(sort=st.sampled_from(["question", "speech", "silence", "context"]), kind=st.sampled_from([Q, TEXT]))
    def say(self, sort: Sort, kind: Kind) -> None:
        kinds = {"question": kind, "context": Kind.CONTROL}
        self._put(sort, kinds.get(sort, MEDIA))

    def _put(self, sort: Sort, kind: Kind) -> None:
        self.session.ledger.accept(sort.encode(), kind, 0.0)
        self.sorts[self.session.ledger.accepted] = sort

    @rule(count=st.integers(1, 3))
    def send(self, count: int) -> None:
        for _ in range(min(count, self.session.ledger.backlog.count)):
            self.wire.append(self.session.send())

    @rule(count=st.integers(1, 3))
    def read(self, count: int) -> None:
        for _ in range(min(count, len(self.wire))):
            number = self.wire.popleft()
            self.service.read(number, self.sorts[number])

    @precondition(lambda self: self.service.may_begin)
    @rule()
    def begin_to_answer(self) -> None:
        self.service.begin()

    @precondition(lambda self: self.service.may_call)
    @rule()
    def call(self) -> None:
        self.service.call_tool()

    @precondition(lambda self: self.session.protocol.calls.pending)
    @rule()
    def answer_call(self) -> None:
        call = self.session.protocol.calls.pending[0]
        response = t.FunctionResponse(id=call.id, name=call.name, response={})
        self.session.protocol.send(t.ToolResponse(function_responses=[response]))
        self._put("answer", ANSWER)

    @precondition(lambda self: self.service.answering and self.service.call is None)
    @rule(issue=st.booleans())
    def end_turn(self, issue: bool) -> None:
        self.service.speak()
        self.service.end(issue=issue)

    @precondition(lambda self: not (self.service.answering or self.service.may_begin))
    @rule()
    def issue_handle(self) -> None:
        self.service.issue_handle()

    @rule(count=st.integers(1, 5))
    def hear(self, count: int) -> None:
        for _ in range(min(count, len(self.service.frames))):
            self.session.hear(self.service.frames.popleft())

    @rule(lost_frames=st.booleans())
    def lose_connection(self, lost_frames: bool) -> None:
        if lost_frames and self.service.frames and self.session.protocol.resumption_handle:
            self.lost_frames = True
        else:
            self.session.hear_all(*self.service.frames)
        self.wire.clear()
        if self.service.resumes == "finished_exchanges" and self.session.ledger.sent.reading_covers:
            self.was_mistaken = True
        loss = self.session.lose()
        self.reported += loss.unacknowledged + loss.uncovered + loss.quarantined
        handle = self.session.protocol.resumption_handle
        assert handle is not None
        self.service.resume(handle)
        for call in self.session.protocol.calls.pending:
            self.session.hear(json.dumps({"toolCallCancellation": {"ids": [call.id]}}))

    def teardown(self) -> None:
        if not hasattr(self, "service"):
            return
        self.session.hear_all(*self.service.frames)
        self.service.frames.clear()
        self.lose_connection(lost_frames=False)
        self.send(1_000)
        self.read(1_000)
        known = Counter(self.service.known)
        missing = self.sorts.keys() - known.keys()
        assert len(missing) <= self.reported or self.was_mistaken
        if not self.lost_frames:
            twice = {self.sorts[number] for number, count in known.items() if count > 1}
            assert twice <= {"silence", "context"}


TestConversation = Conversation.TestCase
TestConversation.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
