"""What may be sent when, and what the events add up to; by rule, and then all rules at once by random walks."""

from __future__ import annotations

import array
import base64
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from livegen_trio import types as t
from livegen_trio._errors import LocalProtocolError, RemoteProtocolError
from livegen_trio._protocol.codec import decode_client_message
from livegen_trio._protocol.session_rules import LiveProtocol
from livegen_trio._protocol.turn_rules import ends_turn
from support.recordings import DIRECTORY, as_written_here, load_recording

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from livegen_trio._protocol.codec import MediaKind

SETUP = t.Setup(model="models/test", generation_config=t.GenerationConfig())
MANUAL = t.Setup(
    model="models/test",
    realtime_input_config=t.RealtimeInputConfig(
        automatic_activity_detection=t.AutomaticActivityDetection(disabled=True)
    ),
)
HELLO = t.ClientContent(turns=[t.Content(role="user", parts=[t.Part(text="Hello")])], turn_complete=True)
BEGIN = t.RealtimeInput(activity_start=t.ActivityStart())
END = t.RealtimeInput(activity_end=t.ActivityEnd())
PCM = t.Blob(mime_type="audio/pcm;rate=16000", data=b"\0\1")


def frame(**message: object) -> str:
    return json.dumps(message)


def content(**fields: object) -> str:
    return frame(serverContent=fields)


def said(words: str, **more: object) -> str:
    return content(modelTurn={"parts": [{"text": words}]}, **more)


def calls(*ids: str | None, name: str = "look") -> str:
    return frame(toolCall={"functionCalls": [{"name": name, **({"id": one} if one else {})} for one in ids]})


def cancellation(*ids: str) -> str:
    return frame(toolCallCancellation={"ids": ids})


def answer(*ids: str | None, **more: Any) -> t.ToolResponse:
    responses = [t.FunctionResponse(id=one, name="look", response={"a": 1}, **more) for one in ids]
    return t.ToolResponse(function_responses=responses)


def opened(setup: t.Setup = SETUP, **accepted: object) -> LiveProtocol:
    protocol = LiveProtocol(setup)
    protocol.opening.start()
    protocol.receive(frame(setupComplete=accepted))
    return protocol


def decode_setup(data: bytes) -> t.Setup:
    setup = decode_client_message(data)
    assert isinstance(setup, t.Setup)
    return setup


def state_of(protocol: LiveProtocol) -> dict[str, object]:
    """All of it, for comparison; its parts by what they hold."""
    parts = ("opening", "outgoing", "exchanges", "calls")
    state = {name: value for name, value in vars(protocol).items() if name not in (*parts, "_unreadable")}
    for part in parts:
        held = vars(getattr(protocol, part)).items()
        state[part] = {name: repr(value) for name, value in held}
    return state


# The setup


def test_the_first_frame_is_the_setup() -> None:
    protocol = LiveProtocol(SETUP)
    assert json.loads(protocol.opening.start()) == {"setup": {"model": "models/test", "generationConfig": {}}}


@pytest.mark.parametrize("accept", [False, True])
def test_the_setup_is_sent_only_once(accept: bool) -> None:
    protocol = LiveProtocol(SETUP)
    protocol.opening.start()
    if accept:
        protocol.receive(frame(setupComplete={}))
    with pytest.raises(LocalProtocolError, match="once"):
        protocol.opening.start()


def test_nothing_may_be_sent_before_the_setup() -> None:
    protocol = LiveProtocol(SETUP)
    with pytest.raises(LocalProtocolError, match="nothing sent yet"):
        protocol.send(HELLO)
    with pytest.raises(LocalProtocolError, match="nothing sent yet"):
        protocol.send_media("audio", b"\0\0", "audio/pcm")


def test_nothing_may_be_sent_until_the_server_has_accepted_the_setup() -> None:
    protocol = LiveProtocol(SETUP)
    protocol.opening.start()
    assert not protocol.opening.is_open
    with pytest.raises(LocalProtocolError, match="setup sent"):
        protocol.send(HELLO)
    assert protocol.receive(frame(setupComplete={})) == []
    assert protocol.opening.is_open
    assert json.loads(protocol.send(HELLO)) == {
        "clientContent": {"turns": [{"role": "user", "parts": [{"text": "Hello"}]}], "turnComplete": True}
    }


def test_the_session_id_is_known_where_the_server_gives_one() -> None:
    assert opened(sessionId="f162").opening.session_id == "f162"
    assert opened().opening.session_id is None


def test_what_comes_beside_the_setups_completion_is_passed_on_and_counted() -> None:
    protocol = LiveProtocol(SETUP)
    protocol.opening.start()
    events = protocol.receive(
        frame(setupComplete={}, sessionResumptionUpdate={"newHandle": "h", "resumable": True})
    )
    assert events == [t.SessionResumptionUpdate(new_handle="h", resumable=True)]
    assert protocol.resumption_handle == "h"


def test_something_unknown_beside_the_setups_completion_does_not_hide_it() -> None:
    protocol = LiveProtocol(SETUP)
    protocol.opening.start()
    assert protocol.receive(frame(hologram={"x": 1}, setupComplete={})) == [
        t.UnknownEvent(raw={"hologram": {"x": 1}})
    ]
    assert protocol.opening.is_open


def test_an_empty_message_before_the_setups_completion_says_nothing() -> None:
    protocol = LiveProtocol(SETUP)
    assert protocol.receive("{}") == []
    protocol.opening.start()
    assert protocol.receive("{}") == []
    assert not protocol.opening.is_open


def test_a_second_completion_of_the_setup_is_an_event_like_any_other() -> None:
    protocol = opened(sessionId="first")
    assert protocol.receive(frame(setupComplete={"sessionId": "second"})) == [
        t.SetupComplete(session_id="second")
    ]
    assert protocol.opening.session_id == "first"


def test_a_server_that_speaks_before_the_setup_is_no_live_server() -> None:
    protocol = LiveProtocol(SETUP)
    with pytest.raises(RemoteProtocolError, match="before the setup"):
        protocol.receive(frame(setupComplete={}))
    assert not protocol.opening.is_open


@pytest.mark.parametrize(
    ("first", "words"),
    [
        (said("hi"), "was ServerContent, not"),
        (frame(hologram=1), "was UnknownEvent, not"),
        (frame(hologram=1, goAway={}), "was UnknownEvent and GoAway, not"),
        (frame(error={"code": 400, "message": "No such model"}), "with an error: No such model$"),
        (frame(error={"code": 400, "status": "INVALID_ARGUMENT"}), "with an error: INVALID_ARGUMENT$"),
        (frame(error={"code": 400}), "with an error: 400$"),
        (frame(hologram=1, error={"message": "No"}), "with an error: No$"),
        ("[]", "can't be read"),
    ],
)
def test_any_other_first_message_is_the_servers_fault(first: str, words: str) -> None:
    protocol = LiveProtocol(SETUP)
    protocol.opening.start()
    with pytest.raises(RemoteProtocolError, match=words):
        protocol.receive(first)
    assert not protocol.opening.is_open


@pytest.mark.parametrize("unreadable", ["no JSON", b"no JSON", b"", "[]", '{"x": "\ud800"', b"\xff" * 2000])
def test_a_frame_that_cannot_be_read_is_an_event_and_changes_nothing(unreadable: bytes | str) -> None:
    protocol = opened()
    before = state_of(protocol)
    [event] = protocol.receive(unreadable)
    assert isinstance(event, t.UnreadableFrame)
    assert event.reason.startswith("the server's message can't be read: ")
    data = unreadable if isinstance(unreadable, bytes) else unreadable.encode(errors="surrogatepass")
    assert (event.data, event.size) == (data[:1024], len(data))
    assert f"<{len(event.data)} bytes>" in repr(event) or not event.data
    assert state_of(protocol) == before


def test_eight_unreadable_frames_in_a_row_are_too_many() -> None:
    protocol = opened()
    for _ in range(2):
        for _ in range(7):
            assert len(protocol.receive("no JSON")) == 1
        protocol.receive(said("hi"))
    for _ in range(7):
        protocol.receive("no JSON")
    with pytest.raises(
        RemoteProtocolError, match=r"^8 frames in a row: the server's message can't be read: JSON is"
    ):
        protocol.receive("no JSON")


def test_a_value_that_cannot_be_read_costs_no_more_than_itself() -> None:
    protocol = opened()
    [event] = protocol.receive('{"serverContent": {"interrupted": "maybe", "turnComplete": true}}')
    assert event == t.ServerContent(turn_complete=True, unknown_fields={"serverContent.interrupted": "maybe"})
    assert protocol.audio_epoch == 0


# Content


def test_the_end_of_a_turn_alone_may_be_sent() -> None:
    assert json.loads(opened().send(t.ClientContent(turn_complete=True))) == {
        "clientContent": {"turnComplete": True}
    }


@pytest.mark.parametrize("turns", [[], [t.Content(role="user")]])
def test_content_with_nothing_in_it_is_refused(turns: list[t.Content]) -> None:
    with pytest.raises(LocalProtocolError, match="nothing to send"):
        opened().send(t.ClientContent(turns=turns))


def test_answers_of_functions_do_not_go_into_content() -> None:
    parts = [t.Part(text="so"), t.Part(function_response=t.FunctionResponse(id="1", name="look"))]
    with pytest.raises(LocalProtocolError, match="send_function_responses"):
        opened().send(t.ClientContent(turns=[t.Content(parts=parts)], turn_complete=True))


def test_content_that_is_to_be_continued_is_no_question() -> None:
    protocol = opened()
    protocol.send(t.ClientContent(turns=[t.Content(role="user", parts=[t.Part(text="First")])]))
    assert protocol.is_idle
    protocol.send(HELLO)
    assert not protocol.is_idle


def test_the_context_can_be_updated_but_not_with_nothing() -> None:
    protocol = opened()
    cleared = protocol.send(t.ContextUpdate(tools=t.ToolsUpdate()))
    assert json.loads(cleared) == {"contextUpdate": {"tools": {"tools": []}}}
    instruction = t.Content(parts=[t.Part(text="Be kind.")])
    assert b"Be kind." in protocol.send(t.ContextUpdate(system_instruction=instruction))
    with pytest.raises(LocalProtocolError, match="nothing to update"):
        protocol.send(t.ContextUpdate())


# Realtime input


@pytest.mark.parametrize(
    "message",
    [
        t.RealtimeInput(audio=PCM),
        t.RealtimeInput(video=t.Blob(mime_type="image/jpeg", data=b"\xff")),
        t.RealtimeInput(text=" "),
        t.RealtimeInput(audio_stream_end=True),
        t.RealtimeInput(media_chunks=[PCM]),
    ],
)
def test_realtime_input_is_one_thing_a_message(message: t.RealtimeInput) -> None:
    assert len(json.loads(opened().send(message))["realtimeInput"]) == 1


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (t.RealtimeInput(), "this has nothing"),
        (t.RealtimeInput(text=""), "this has nothing"),
        (t.RealtimeInput(text="so", audio=PCM), "this has 2"),
        (t.RealtimeInput(activity_start=t.ActivityStart(), activity_end=t.ActivityEnd()), "this has 2"),
    ],
)
def test_realtime_input_of_no_thing_or_of_several_is_refused(message: t.RealtimeInput, words: str) -> None:
    protocol = opened(MANUAL)
    before = state_of(protocol)
    with pytest.raises(LocalProtocolError, match=f"one thing a message; {words}"):
        protocol.send(message)
    assert state_of(protocol) == before


@pytest.mark.parametrize("nothing", [b"", bytearray(), array.array("h")])
def test_of_nothing_there_is_no_frame(nothing: bytes | bytearray | array.array[int]) -> None:
    assert opened().send_media("audio", nothing, "audio/pcm") is None


@pytest.mark.parametrize(
    ("kind", "mime_type"),
    [("audio", "audio/pcm"), ("audio", "Audio/PCM"), ("video", "image/png"), ("video", "video/mp4")],
)
def test_media_are_sent_with_their_type(kind: MediaKind, mime_type: str) -> None:
    frame = opened().send_media(kind, array.array("h", [1, -1]), mime_type)
    assert frame is not None
    sent = json.loads(frame)
    data = base64.b64encode(b"\1\0\xff\xff").decode()
    assert sent == {"realtimeInput": {kind: {"mimeType": mime_type, "data": data}}}


@pytest.mark.parametrize(
    ("kind", "mime_type"), [("audio", "image/png"), ("video", "audio/pcm"), ("audio", "")]
)
def test_media_of_another_kind_are_refused(kind: MediaKind, mime_type: str) -> None:
    protocol = opened()
    with pytest.raises(LocalProtocolError, match=f"is no {kind}"):
        protocol.send_media(kind, b"\0\0", mime_type)
    blob = t.Blob(mime_type=mime_type, data=b"\0\0")
    message = t.RealtimeInput(audio=blob) if kind == "audio" else t.RealtimeInput(video=blob)
    with pytest.raises(LocalProtocolError, match=f"is no {kind}"):
        protocol.send(message)


# Activity


def test_activities_begin_and_end_in_turn() -> None:
    protocol = opened(MANUAL)
    for _ in range(2):
        assert json.loads(protocol.send(BEGIN)) == {"realtimeInput": {"activityStart": {}}}
        assert json.loads(protocol.send(END)) == {"realtimeInput": {"activityEnd": {}}}


def test_an_activity_does_not_begin_twice() -> None:
    protocol = opened(MANUAL)
    protocol.send(BEGIN)
    with pytest.raises(LocalProtocolError, match="already begun"):
        protocol.send(BEGIN)
    protocol.send(END)


def test_an_activity_that_has_not_begun_does_not_end() -> None:
    protocol = opened(MANUAL)
    with pytest.raises(LocalProtocolError, match="no activity"):
        protocol.send(END)
    protocol.send(BEGIN)


def test_what_is_sent_inside_of_an_activity_does_not_end_it() -> None:
    protocol = opened(MANUAL)
    protocol.send(BEGIN)
    protocol.send_media("audio", b"\0\0", "audio/pcm")
    protocol.send(t.RealtimeInput(text="so"))
    protocol.send(END)


@pytest.mark.parametrize(
    "detection",
    [
        None,
        t.RealtimeInputConfig(),
        t.RealtimeInputConfig(automatic_activity_detection=t.AutomaticActivityDetection()),
        t.RealtimeInputConfig(automatic_activity_detection=t.AutomaticActivityDetection(disabled=False)),
    ],
)
@pytest.mark.parametrize("mark", [BEGIN, END])
def test_activity_is_marked_only_where_the_server_does_not_detect_it(
    detection: t.RealtimeInputConfig | None, mark: t.RealtimeInput
) -> None:
    protocol = opened(t.Setup(model="models/test", realtime_input_config=detection))
    with pytest.raises(LocalProtocolError, match=r"AutomaticActivityDetection\(disabled=True\)"):
        protocol.send(mark)


def test_the_end_of_audio_is_said_only_where_the_server_detects_activity() -> None:
    with pytest.raises(LocalProtocolError, match="without automatic"):
        opened(MANUAL).send(t.RealtimeInput(audio_stream_end=True))


# Turns and interruptions


def test_a_turn_is_under_way_from_its_first_event_to_its_last() -> None:
    protocol = opened()
    seen = []
    for one in (said("Good"), content(generationComplete=True), content(turnComplete=True), said("Bye")):
        protocol.receive(one)
        seen.append(protocol.in_turn)
    assert seen == [True, True, False, True]


def test_a_turn_that_is_one_event_is_over_with_it() -> None:
    protocol = opened()
    protocol.receive(said("Hello", turnComplete=True))
    assert not protocol.in_turn


def test_a_call_is_part_of_a_turn() -> None:
    protocol = opened()
    protocol.receive(calls("1"))
    assert protocol.in_turn


@pytest.mark.parametrize("mark", ["generationComplete", "interrupted"])
def test_a_stray_mark_opens_no_turn(mark: str) -> None:
    protocol = opened()
    protocol.receive(content(**{mark: True}))
    assert not protocol.in_turn


class Notes(list[str]):
    """A watcher that writes down what it is notified of."""

    def note_turn(self) -> None:
        self.append("turn")

    def note_calls(self) -> None:
        self.append("calls")

    def note_interruption(self) -> None:
        self.append("interruption")


def test_changes_of_an_exchange_are_noted_by_its_watcher() -> None:
    protocol = opened()
    protocol.watcher = notes = Notes()
    protocol.receive(said("Hello"))
    protocol.receive(said("there"))
    assert notes == ["turn"]
    protocol.receive(calls("1", "2"))
    protocol.send(answer("1"))
    protocol.receive(cancellation("2"))
    assert notes == ["turn", "calls", "calls"]
    protocol.receive(content(interrupted=True, turnComplete=True))
    protocol.receive(content(turnComplete=True))
    assert notes[3:] == ["interruption", "turn", "turn"]


def test_each_interruption_begins_an_epoch() -> None:
    protocol = opened()
    epochs = []
    for one in (said("one"), content(interrupted=True), said("two"), content(interrupted=True)):
        protocol.receive(one)
        epochs.append(protocol.audio_epoch)
    assert epochs == [0, 1, 1, 2]


def test_content_knows_the_epoch_that_it_came_in() -> None:
    protocol = opened()
    events = [protocol.receive(one)[0] for one in (said("a"), said("b", interrupted=True), said("c"))]
    assert [event.audio_epoch for event in events if isinstance(event, t.ServerContent)] == [0, 1, 1]


# Resumption and usage


def test_the_newest_handle_is_kept_and_empty_ones_are_not() -> None:
    protocol = opened()
    assert protocol.resumption_handle is None
    for update in ({"newHandle": "a", "resumable": True}, {"newHandle": "b"}, {"resumable": False}):
        protocol.receive(frame(sessionResumptionUpdate=update))
    assert protocol.resumption_handle == "b"


def test_usage_is_added_up() -> None:
    protocol = opened()
    assert protocol.usage == t.UsageMetadata()
    for tokens in (5, 7):
        protocol.receive(
            frame(usageMetadata={"totalTokenCount": tokens}, serverContent={"turnComplete": True})
        )
    assert protocol.usage.total_token_count == 12


@pytest.mark.parametrize(
    "other", [{"goAway": {"timeLeft": "10s"}}, {"voiceActivity": {}}, {"error": {"code": 3}}, {"hologram": 1}]
)
def test_other_events_pass_without_a_trace(other: dict[str, object]) -> None:
    protocol = opened()
    before = state_of(protocol)
    assert len(protocol.receive(frame(**other))) == 1
    assert state_of(protocol) == before


# Tool calls


def test_calls_wait_for_their_answers_oldest_first() -> None:
    protocol = opened()
    protocol.receive(calls("1", "2"))
    protocol.receive(calls("3"))
    protocol.send(answer("2"))
    assert [call.id for call in protocol.calls.pending] == ["1", "3"]


def test_an_answer_goes_out_as_it_is() -> None:
    protocol = opened()
    protocol.receive(calls("1"))
    assert json.loads(protocol.send(answer("1"))) == {
        "toolResponse": {"functionResponses": [{"id": "1", "name": "look", "response": {"a": 1}}]}
    }


def test_a_tool_response_without_responses_is_refused() -> None:
    with pytest.raises(LocalProtocolError, match="at least one"):
        opened().send(t.ToolResponse())


def test_a_cancelled_call_waits_no_more_and_takes_no_answer() -> None:
    protocol = opened()
    protocol.receive(calls("1", "2"))
    protocol.receive(cancellation("1"))
    assert [call.id for call in protocol.calls.pending] == ["2"]
    with pytest.raises(LocalProtocolError, match="'1' of 'look' was already cancelled by the server"):
        protocol.send(answer("2", "1"))
    assert [call.id for call in protocol.calls.pending] == ["2"]


def test_answers_to_cancelled_calls_can_be_left_out() -> None:
    protocol = opened()
    protocol.receive(calls("1", "2"))
    protocol.receive(cancellation("1"))
    responses = answer("1", "2", "3", None).function_responses
    assert [response.id for response in protocol.unanswered(responses)] == ["2", "3", None]


def test_an_answer_that_cannot_be_written_leaves_its_call_waiting() -> None:
    protocol = opened()
    protocol.receive(calls("1"))
    before = state_of(protocol)
    unwritable = t.FunctionResponse(id="1", name="look", response={"a": object()})
    with pytest.raises(LocalProtocolError, match="JSON"):
        protocol.send(t.ToolResponse(function_responses=[unwritable]))
    assert state_of(protocol) == before
    protocol.send(answer("1"))


# Recorded sessions


@pytest.mark.parametrize("path", sorted(DIRECTORY.glob("*.log")), ids=lambda path: path.name.split(".")[0])
def test_a_recorded_session_keeps_the_rules(path: Path) -> None:
    setup, *others = load_recording(path)
    protocol = LiveProtocol(decode_setup(setup.data))
    assert as_written_here(json.loads(protocol.opening.start())) == as_written_here(json.loads(setup.data))
    ended_turns = 0
    for sender, data in others:
        if sender == "server":
            ended_turns += any(ends_turn(event) for event in protocol.receive(data))
            continue
        message = decode_client_message(data)
        assert not isinstance(message, t.Setup)
        assert as_written_here(json.loads(protocol.send(message))) == as_written_here(json.loads(data))
    assert protocol.opening.is_open
    assert (protocol.opening.session_id is not None) == ("Vertex" in path.name)
    assert not protocol.calls.pending
    assert not (ended_turns and protocol.in_turn)  # most recordings are cut in the middle of a turn
    assert protocol.audio_epoch == 0
    assert (protocol.usage.total_token_count > 0) == (ended_turns > 0)


# Whether a reply to tools' answers is still to come


def test_a_call_makes_the_exchange_go_on_until_it_is_cancelled() -> None:
    protocol = opened()
    assert not protocol.exchanges.goes_on
    protocol.receive(calls("1"))
    assert protocol.exchanges.goes_on
    protocol.receive(cancellation("1"))
    assert not protocol.exchanges.goes_on


def test_an_answer_is_replied_to() -> None:
    protocol = opened()
    protocol.receive(calls("1"))
    protocol.receive(content(turnComplete=True))
    protocol.send(answer("1"))
    assert protocol.exchanges.goes_on


def test_a_silent_answer_is_not_replied_to() -> None:
    protocol = opened()
    protocol.receive(calls("1", "2"))
    protocol.send(answer("1", scheduling="SILENT"))
    protocol.send(answer("2", scheduling="SILENT"))
    assert not protocol.exchanges.goes_on


def test_a_silent_answer_does_not_silence_another_one() -> None:
    protocol = opened()
    protocol.receive(calls("1", "2"))
    protocol.send(answer("1"))
    protocol.send(answer("2", scheduling="SILENT"))
    assert protocol.exchanges.goes_on


def awaiting_reply() -> LiveProtocol:
    protocol = opened()
    protocol.receive(calls("1"))
    protocol.send(answer("1"))
    assert protocol.exchanges.goes_on
    return protocol


@pytest.mark.parametrize(
    "reply",
    [
        said("It is warm."),
        content(outputTranscription={"text": "It is warm."}),
        content(interrupted=True),
    ],
)
def test_the_reply_has_come(reply: str) -> None:
    protocol = awaiting_reply()
    protocol.receive(reply)
    assert not protocol.exchanges.goes_on


@pytest.mark.parametrize(
    "other",
    [
        content(outputTranscription={}),
        content(inputTranscription={"text": "and in Rome?"}),
        content(turnComplete=True),  # the turn of the call: some models end it while the function runs
        frame(usageMetadata={"totalTokenCount": 1}),
    ],
)
def test_the_reply_has_not_come_yet(other: str) -> None:
    protocol = awaiting_reply()
    protocol.receive(other)
    assert protocol.exchanges.goes_on


def test_an_empty_turn_is_a_reply_as_well() -> None:
    protocol = awaiting_reply()
    protocol.receive(content(turnComplete=True))
    protocol.receive(content(turnComplete=True))
    assert not protocol.exchanges.goes_on


def test_another_call_is_a_reply_as_well() -> None:
    protocol = awaiting_reply()
    protocol.receive(calls("2"))
    protocol.receive(cancellation("2"))
    assert not protocol.exchanges.goes_on


# All of it at once

IDS = st.sampled_from(["a", "b", "c", "d"])
CALL_IDS = st.lists(IDS, min_size=1, max_size=3, unique=True)


class RandomWalk(RuleBasedStateMachine):
    """Sends and receives at random, beside a model of what ought to be."""

    def __init__(self) -> None:
        super().__init__()
        self.protocol = LiveProtocol(SETUP)
        self.stage = 0  # new, setup sent, open
        self.manual = False
        self.active = False
        self.interruptions = 0
        self.tokens = 0
        self.pending: list[str] = []
        self.cancelled: set[str] = set()
        self.answered: set[str] = set()
        self.responses_sent: list[tuple[str, frozenset[str]]] = []

    @initialize(manual=st.booleans())
    def choose_detection(self, manual: bool) -> None:
        self.manual = manual
        self.protocol = LiveProtocol(MANUAL if manual else SETUP)

    def send(self, message: t.ClientContent | t.RealtimeInput | t.ToolResponse, *, legal: bool) -> bool:
        """Send *message*; whether it was sent. If it is not legal it has to be refused and forgotten."""
        if legal and self.stage == 2:
            assert json.loads(self.protocol.send(message))
            return True
        before = state_of(self.protocol)
        with pytest.raises(LocalProtocolError):
            self.protocol.send(message)
        assert state_of(self.protocol) == before
        return False

    @rule()
    def start(self) -> None:
        if self.stage > 0:
            with pytest.raises(LocalProtocolError):
                self.protocol.opening.start()
            return
        self.protocol.opening.start()
        self.stage = 1

    @rule(beside=st.sampled_from([{}, {"goAway": {}}, {"hologram": 1}]))
    def complete_setup(self, beside: Mapping[str, object]) -> None:
        if self.stage == 0:
            with pytest.raises(RemoteProtocolError):
                self.protocol.receive(frame(setupComplete={}, **beside))
            return
        events = self.protocol.receive(frame(setupComplete={}, **beside))
        assert len(events) == len(beside) + (self.stage == 2)
        self.stage = 2

    @rule(text=st.text(max_size=2), turn_complete=st.booleans())
    def send_content(self, text: str, turn_complete: bool) -> None:
        turns = [t.Content(role="user", parts=[t.Part(text=text)])] if text else []
        legal = bool(text) or turn_complete
        self.send(t.ClientContent(turns=turns, turn_complete=turn_complete), legal=legal)

    @rule(mime_type=st.sampled_from(["audio/pcm", "image/jpeg", ""]))
    def send_audio(self, mime_type: str) -> None:
        message = t.RealtimeInput(audio=t.Blob(mime_type=mime_type, data=b"\0\0"))
        self.send(message, legal=mime_type == "audio/pcm")

    @rule()
    def begin_activity(self) -> None:
        if self.send(BEGIN, legal=self.manual and not self.active):
            self.active = True

    @rule()
    def end_activity(self) -> None:
        if self.send(END, legal=self.manual and self.active):
            self.active = False

    @rule()
    def end_audio(self) -> None:
        self.send(t.RealtimeInput(audio_stream_end=True), legal=not self.manual)

    @rule(ids=CALL_IDS, will_continue=st.booleans())
    def answer(self, ids: list[str], will_continue: bool) -> None:
        settled = self.cancelled | self.answered
        if self.send(answer(*ids, will_continue=will_continue), legal=not settled.intersection(ids)):
            self.responses_sent += [(one, frozenset(self.cancelled)) for one in ids]
            if not will_continue:
                self.answered.update(ids)
                self.pending = [one for one in self.pending if one not in ids]

    @rule()
    def answer_with_something_unwritable(self) -> None:
        response = t.FunctionResponse(id=self.pending[0] if self.pending else "x", response={"a": object()})
        self.send(t.ToolResponse(function_responses=[response]), legal=False)

    @precondition(lambda self: self.stage == 2)
    @rule(ids=CALL_IDS)
    def receive_calls(self, ids: list[str]) -> None:
        self.protocol.receive(calls(*ids))
        self.pending = [one for one in self.pending if one not in ids] + ids
        self.cancelled.difference_update(ids)
        self.answered.difference_update(ids)

    @precondition(lambda self: self.stage == 2)
    @rule(ids=CALL_IDS)
    def receive_cancellation(self, ids: list[str]) -> None:
        self.protocol.receive(cancellation(*ids))
        self.pending = [one for one in self.pending if one not in ids]
        self.cancelled.update(ids)

    @precondition(lambda self: self.stage == 2)
    @rule(interrupted=st.booleans(), turn_complete=st.booleans(), text=st.booleans())
    def receive_content(self, interrupted: bool, turn_complete: bool, text: bool) -> None:
        fields: dict[str, object] = {"interrupted": interrupted, "turnComplete": turn_complete}
        was_in_turn = self.protocol.in_turn
        [event] = self.protocol.receive(said("x", **fields) if text else content(**fields))
        self.interruptions += interrupted
        assert isinstance(event, t.ServerContent)
        assert event.audio_epoch == self.interruptions
        assert self.protocol.in_turn is (not turn_complete and (text or was_in_turn))

    @precondition(lambda self: self.stage == 2)
    @rule(tokens=st.integers(0, 9))
    def receive_usage(self, tokens: int) -> None:
        self.protocol.receive(frame(usageMetadata={"totalTokenCount": tokens}))
        self.tokens += tokens

    @precondition(lambda self: self.stage < 2)
    @rule(first=st.sampled_from([said("x"), frame(goAway={}), frame(error={}), "nonsense", b"\xff"]))
    def receive_something_else_first(self, first: str | bytes) -> None:
        before = state_of(self.protocol)
        with pytest.raises(RemoteProtocolError):
            self.protocol.receive(first)
        assert state_of(self.protocol) == before

    @invariant()
    def the_state_is_what_has_happened(self) -> None:
        assert self.protocol.opening.is_open is (self.stage == 2)
        assert self.protocol.audio_epoch == self.interruptions
        assert self.protocol.usage.total_token_count == self.tokens
        assert [call.id for call in self.protocol.calls.pending] == self.pending
        assert self.protocol.exchanges.goes_on or not self.pending

    @invariant()
    def answers_to_cancelled_calls_are_told_from_others(self) -> None:
        wanted = self.protocol.unanswered(answer("a", "b", "c", "d").function_responses)
        assert {response.id for response in wanted} == set("abcd") - self.cancelled

    @invariant()
    def no_answer_was_sent_to_a_cancelled_call(self) -> None:
        assert not any(one in cancelled for one, cancelled in self.responses_sent)


TestRandomWalk = RandomWalk.TestCase
TestRandomWalk.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
