"""Which question the model answers: the account of exchanges, fed with frames in the orders that services send them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from livegen_trio import types as t
from livegen_trio._protocol.exchange import DUE_GRACE, LIKELY_GRACE, REPLY_GRACE
from livegen_trio._protocol.model_profiles import ANY_MODEL, profile_of
from livegen_trio._protocol.session_rules import LiveProtocol
from livegen_trio._session.answers import Answer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from livegen_trio._protocol.exchange import Exchange
    from livegen_trio._protocol.model_profiles import ModelProfile

SETUP = t.Setup(model="models/test", generation_config=t.GenerationConfig())
ENDS_CALLING_TURN = profile_of("gemini-live-2.5-flash")
WAITS_FOR_TOOLS = profile_of("gemini-2.5-flash-native-audio-preview-12-2025")

Frame = dict[str, Any]


def content(**fields: object) -> Frame:
    return {"serverContent": fields}


def text(words: str, **more: object) -> Frame:
    return content(modelTurn={"parts": [{"text": words}]}, **more)


def call(*ids: str, name: str = "look") -> Frame:
    return {"toolCall": {"functionCalls": [{"id": one, "name": name, "args": {}} for one in ids]}}


def spoken(words: str) -> Frame:
    return content(outputTranscription={"text": words})


DONE = content(turnComplete=True)
GENERATED = content(generationComplete=True)
INTERRUPTED = content(interrupted=True)
CUT_OFF = content(interrupted=True, turnComplete=True)
LATE_WORDS = content(inputTranscription={"text": "what I said"})
EMPTY_SOUND = content(modelTurn={"parts": [{"inlineData": {"mimeType": "audio/pcm", "data": ""}}]})
SIGNATURE = content(modelTurn={"parts": [{"text": "", "thoughtSignature": "AA=="}]})
TAIL = content(modelTurn={"parts": [{"inlineData": {"mimeType": "audio/pcm", "data": "AAAA"}}]})


class Conversation:
    """A protocol, and what its answers would read as."""

    def __init__(self, profile: ModelProfile = ANY_MODEL, **setup: Any) -> None:
        self.protocol = LiveProtocol(t.Setup(model="models/test", **setup), profile)
        self.account = self.protocol.exchanges
        self.events: list[t.ServerEvent] = []
        self.asked_at: dict[int, int] = {}
        self.open()

    def open(self) -> None:
        self.protocol.opening.start()
        self.hear({"setupComplete": {}})

    def ask(self, words: str = "?") -> Exchange:
        parts = [t.Part(text=words)]
        self.protocol.send(t.ClientContent(turns=[t.Content(role="user", parts=parts)], turn_complete=True))
        self.account.await_answer()
        self.asked_at[id(self.account.newest)] = len(self.events)
        return self.account.newest

    def answer(self, *ids: str, **more: Any) -> None:
        responses = [t.FunctionResponse(id=one, name="look", response={"a": 1}, **more) for one in ids]
        self.protocol.send(t.ToolResponse(function_responses=responses))

    def hear(self, *frames: Frame) -> None:
        for frame in frames:
            self.events += self.protocol.receive(json.dumps(frame))

    def reconnect(self, *, forgets_open: bool = False) -> None:
        self.protocol.resume(SETUP, forgets_open=forgets_open)
        self.open()

    def wait(self) -> t.ExchangeEnded | None:
        """Let the grace pass."""
        assert self.account.grace is not None
        event = self.account.expire()
        if event is not None:
            self.events.append(event)
        return event

    def read(self, exchange: Exchange) -> str:
        """The text of an answer that is over, as `ask` collects it."""
        assert exchange.ends_with is not None
        answer = Answer(exchange)
        for event in self.events[self.asked_at[id(exchange)] :]:
            answer.add(event)
            if event is exchange.ends_with:
                result = answer.record.result()
                return result.output_transcript + result.text
        raise AssertionError("it ends with an event that nobody has received")


# What comes after the end of a turn


@pytest.mark.parametrize(
    "late", [LATE_WORDS, EMPTY_SOUND, SIGNATURE, GENERATED, INTERRUPTED, spoken(" so to say")]
)
def test_what_comes_after_the_end_of_a_turn_opens_none(late: Frame) -> None:
    talk = Conversation()
    first = talk.ask()
    talk.hear(text("one"), DONE, late)
    assert not talk.account.in_turn
    assert talk.account.is_idle
    second = talk.ask()
    talk.hear(text("two"), DONE)
    assert talk.read(first) == "one"
    assert talk.read(second).endswith("two")
    assert talk.account.is_idle


def test_sound_that_trails_behind_a_turn_is_not_waited_for_by_the_next_question() -> None:
    talk = Conversation()
    talk.ask()
    talk.hear(text("one"), DONE, TAIL)
    second = talk.ask()
    talk.hear(text("two"), DONE)
    assert talk.read(second) == "two"
    assert talk.account.is_idle


def test_a_transcription_before_its_speech_belongs_to_the_answer() -> None:
    talk = Conversation()
    first, second = talk.ask(), talk.ask()
    talk.hear(text("one"), DONE, spoken("two, "), text("aloud"), DONE)
    assert first.ends_with is not None
    assert talk.read(second) == "two,aloud"


# Questions on top of each other


def test_questions_are_answered_in_the_order_of_their_asking() -> None:
    talk = Conversation()
    exchanges = [talk.ask() for _ in range(3)]
    talk.hear(text("one"), DONE, text("two"), DONE, text("three"), DONE)
    assert [exchange.ends_with for exchange in exchanges] == talk.events[1::2]
    assert talk.read(exchanges[-1]) == "three"
    assert talk.account.grace is None


def test_a_question_that_interrupts_an_answer_is_answered_by_the_next_turn() -> None:
    talk = Conversation()
    talk.ask()
    talk.hear(text("a long"))
    second = talk.ask()
    talk.hear(text(" story"), INTERRUPTED, DONE)
    assert talk.account.grace is None
    talk.hear(text("two"), DONE)
    assert talk.read(second) == "two"


def test_a_question_may_be_answered_right_after_the_interruption_without_an_end_of_the_old_turn() -> None:
    talk = Conversation()
    talk.ask()
    talk.hear(text("a long"))
    second = talk.ask()
    talk.hear(INTERRUPTED, text("two"), DONE)
    assert talk.read(second) == "two"


def test_a_model_may_finish_before_it_answers_the_next_question() -> None:
    talk = Conversation()
    talk.ask()
    talk.hear(text("a long"))
    second = talk.ask()
    talk.hear(text(" story"), DONE)
    assert talk.account.grace == LIKELY_GRACE
    talk.hear(text("two"), DONE)
    assert talk.read(second) == "two"


def test_one_turn_may_answer_several_questions() -> None:
    talk = Conversation()
    talk.ask()
    second = talk.ask()
    talk.hear(text("both"), DONE)
    assert second.ends_with is None
    assert talk.wait() == t.ExchangeEnded()
    assert talk.read(second) == "both"
    assert talk.account.is_idle


def test_a_question_that_is_cut_before_its_answer_has_begun_ends_with_nothing() -> None:
    talk = Conversation()
    first, second = talk.ask(), talk.ask()
    talk.hear(INTERRUPTED, DONE, text("two"), DONE)
    assert (talk.read(first), talk.read(second)) == ("", "two")


def test_an_empty_turn_is_an_answer() -> None:
    talk = Conversation()
    first, second = talk.ask(), talk.ask()
    talk.hear(DONE, DONE)
    assert (talk.read(first), talk.read(second)) == ("", "")


def test_a_greeting_is_finished_before_the_first_question_is_answered() -> None:
    talk = Conversation()
    talk.hear(text("Hello"))
    exchange = talk.ask()
    talk.hear(text(" there"), INTERRUPTED, DONE, text("two"), DONE)
    assert talk.read(exchange) == "two"


def test_questions_without_an_answer_are_forgotten_in_the_end() -> None:
    talk = Conversation()
    for _ in range(100):
        talk.ask()
    talk.hear(text("all"), DONE)
    talk.wait()
    assert talk.account.is_idle


def test_a_thinking_model_says_when_its_last_turn_is_over() -> None:
    talk = Conversation()
    exchange = talk.ask()
    talk.hear(text("Hm. ", turnComplete=True, interactionStatus="IN_PROGRESS"))
    assert not talk.account.is_idle
    talk.hear(text("Yes."), content(interactionStatus="IDLE"))
    assert talk.read(exchange) == "Hm. Yes."
    assert talk.account.is_idle


def test_a_thinking_model_may_end_with_an_empty_turn() -> None:
    talk = Conversation()
    exchange = talk.ask()
    talk.hear(text("Hm.", turnComplete=True, interactionStatus="IN_PROGRESS"))
    talk.hear(content(turnComplete=True, interactionStatus="IDLE"))
    assert talk.read(exchange) == "Hm."


def test_the_end_of_a_history_asks_nothing() -> None:
    config = t.HistoryConfig(initial_history_in_client_content=True)
    talk = Conversation(history_config=config)
    turns = [t.Content(role="user", parts=[t.Part(text="before")])]
    talk.protocol.send(t.ClientContent(turns=turns, turn_complete=True))
    assert talk.account.is_idle
    talk.ask()
    assert not talk.account.is_idle


def test_text_in_real_time_is_a_question() -> None:
    talk = Conversation()
    talk.protocol.send(t.RealtimeInput(text="?"))
    assert not talk.account.is_idle
    talk.protocol.send(t.RealtimeInput(audio_stream_end=True))
    talk.hear(text("yes"), DONE)
    assert talk.account.is_idle


# Tool calls


@pytest.mark.parametrize("profile", [ANY_MODEL, WAITS_FOR_TOOLS, ENDS_CALLING_TURN])
def test_two_ends_of_turns_around_a_call_are_one_exchange(profile: ModelProfile) -> None:
    talk = Conversation(profile)
    exchange = talk.ask()
    talk.hear(text("Wait. "), call("1"), DONE)
    talk.answer("1")
    talk.hear(text("Here."), DONE)
    assert talk.read(exchange) == "Wait. Here."
    assert talk.account.is_idle


TAILS: list[Sequence[Frame]] = [[TAIL, GENERATED, DONE], [GENERATED, DONE], [TAIL, DONE]]


@pytest.mark.parametrize("tail", TAILS)
@pytest.mark.parametrize("profile", [ANY_MODEL, ENDS_CALLING_TURN])
def test_the_rest_of_a_turn_that_called_a_quick_tool_is_not_the_reply(
    profile: ModelProfile, tail: Sequence[Frame]
) -> None:
    talk = Conversation(profile)
    exchange = talk.ask()
    talk.hear(text("Wait. "), call("1"))
    talk.answer("1")
    talk.hear(*tail)
    assert exchange.ends_with is None
    talk.hear(text("Here."), DONE)
    assert talk.read(exchange) == "Wait. Here."


@pytest.mark.parametrize(
    ("profile", "grace"),
    [(ANY_MODEL, REPLY_GRACE), (ENDS_CALLING_TURN, DUE_GRACE), (WAITS_FOR_TOOLS, None)],
)
def test_the_reply_may_come_in_the_turn_that_called(profile: ModelProfile, grace: float | None) -> None:
    talk = Conversation(profile)
    exchange = talk.ask()
    talk.hear(text("Wait. "), call("1"))
    talk.answer("1")
    talk.hear(text("Here."), GENERATED, DONE)
    assert talk.account.grace == grace
    if grace is not None:
        talk.wait()
    assert talk.read(exchange) == "Wait. Here."
    assert talk.account.is_idle


def test_the_reply_in_a_turn_that_had_nothing_else_but_a_call_is_known_at_once() -> None:
    talk = Conversation()
    exchange = talk.ask()
    talk.hear(call("1"))
    talk.answer("1")
    talk.hear(text("Here."), GENERATED, DONE)
    assert talk.read(exchange) == "Here."


def test_what_comes_after_a_generation_that_was_complete_before_the_answer_is_the_reply() -> None:
    talk = Conversation()
    first = talk.ask()
    talk.hear(text("Wait. "), call("1"), GENERATED)
    talk.answer("1")
    talk.hear(text("Here."), DONE)
    assert talk.read(first) == "Wait. Here."
    second = talk.ask()
    talk.hear(call("2"), GENERATED)
    talk.answer("2")
    talk.hear(spoken(""), GENERATED, DONE)  # on Vertex AI a reply can be empty
    assert talk.read(second) == ""


def test_a_model_that_waits_for_its_tools_may_reply_with_nothing() -> None:
    talk = Conversation(WAITS_FOR_TOOLS)
    exchange = talk.ask()
    talk.hear(call("1"))
    talk.answer("1")
    talk.hear(GENERATED, DONE)
    assert exchange.ends_with is not None


def test_a_call_that_the_model_does_not_wait_for_ends_its_turn() -> None:
    declared = [t.FunctionDeclaration(name="look", behavior="NON_BLOCKING")]
    talk = Conversation(WAITS_FOR_TOOLS, tools=[t.Tool(function_declarations=declared)])
    exchange = talk.ask()
    talk.hear(text("Wait. "), call("1"))
    talk.answer("1")
    talk.hear(text("Still waiting. "), GENERATED, DONE)
    assert exchange.ends_with is None
    talk.hear(text("Here."), DONE)
    assert talk.read(exchange) == "Wait. Still waiting. Here."


def test_tools_that_replace_others_are_known() -> None:
    talk = Conversation(replace(WAITS_FOR_TOOLS, default_behavior=None))
    declared = [t.FunctionDeclaration(name="look", behavior="NON_BLOCKING")]
    tools = t.ToolsUpdate(tools=[t.Tool(function_declarations=declared)])
    talk.protocol.send(t.ContextUpdate(tools=tools))
    exchange = talk.ask()
    talk.hear(call("1"))
    talk.answer("1")
    talk.hear(GENERATED, DONE)
    assert exchange.ends_with is None


def test_a_silent_answer_after_the_end_of_the_turn_ends_the_exchange() -> None:
    talk = Conversation()
    exchange = talk.ask()
    talk.hear(call("1", "2"), text("Noted."), DONE)
    talk.answer("1", scheduling="SILENT")
    assert talk.account.grace is None
    talk.answer("2", scheduling="SILENT")
    assert talk.account.grace == 0
    talk.wait()
    assert talk.read(exchange) == "Noted."
    assert talk.account.is_idle


def test_a_silent_answer_ends_nothing_else() -> None:
    talk = Conversation()
    talk.ask()
    talk.hear(call("1"), DONE)
    first, second = talk.ask(), talk.ask()
    talk.hear(text("both"), DONE)
    talk.answer("1", scheduling="SILENT")
    talk.wait()
    assert first.ends_with is not None
    assert second.ends_with is None
    assert talk.account.grace == LIKELY_GRACE


@pytest.mark.parametrize("late", [False, True])
def test_a_cancellation_ends_the_exchange_whenever_it_comes(late: bool) -> None:
    talk = Conversation()
    exchange = talk.ask()
    cancellation = {"toolCallCancellation": {"ids": ["1"]}}
    talk.hear(call("1"), *((CUT_OFF, cancellation) if late else (cancellation, CUT_OFF)))
    assert exchange.ends_with is not None
    assert talk.account.is_idle


def test_a_call_that_nobody_answers_does_not_hold_up_the_next_question() -> None:
    talk = Conversation()
    talk.ask()
    talk.hear(call("1"))
    second = talk.ask()
    talk.hear(INTERRUPTED, DONE, text("two"), DONE)
    third = talk.ask()
    talk.hear(text("three"), DONE)
    assert (talk.read(second), talk.read(third)) == ("two", "three")
    assert not talk.account.is_idle


def test_the_reply_to_a_late_answer_comes_in_the_order_of_what_was_sent() -> None:
    talk = Conversation()
    first = talk.ask()
    talk.hear(call("1"), DONE)
    second = talk.ask()
    talk.answer("1")
    talk.hear(text("two"), DONE, text("one"), DONE)
    assert (talk.read(first), talk.read(second)) == ("twoone", "two")


def test_an_interruption_may_leave_an_answer_without_a_reply() -> None:
    talk = Conversation()
    exchange = talk.ask()
    talk.hear(call("1"), DONE)
    talk.answer("1")
    talk.hear(INTERRUPTED)
    assert talk.account.grace == REPLY_GRACE
    talk.wait()
    assert exchange.ends_with is not None


def test_an_answer_to_a_call_of_an_earlier_session_is_replied_to() -> None:
    talk = Conversation()
    talk.answer("9")
    assert not talk.account.is_idle
    talk.answer("8", scheduling="SILENT")
    talk.hear(text("Here."), DONE)
    assert talk.account.is_idle


def test_answers_one_by_one_are_replied_to_together() -> None:
    talk = Conversation()
    exchange = talk.ask()
    talk.hear(call("1", "2"), DONE)
    talk.answer("1")
    talk.answer("2")
    talk.hear(text("Here."), DONE)
    assert talk.read(exchange) == "Here."
    assert talk.account.is_idle


def test_a_call_that_comes_again_is_one_call() -> None:
    talk = Conversation()
    exchange = talk.ask()
    talk.hear(call("1"), call("1"), DONE)
    talk.answer("1")
    talk.hear(text("Here."), DONE)
    assert talk.read(exchange) == "Here."


# Other connections


def test_a_cut_answer_that_is_spoken_again_is_read_from_its_repetition() -> None:
    talk = Conversation()
    exchange = talk.ask()
    talk.hear(text("Once upon"))
    talk.reconnect()
    assert talk.account.grace == DUE_GRACE
    talk.hear(text("Once upon a time."), DONE)
    assert exchange.ends_with is talk.events[-1]
    assert talk.read(exchange) == "Once upon a time."
    assert talk.account.is_idle


def test_a_cut_answer_that_is_not_spoken_again_ends_after_a_grace() -> None:
    talk = Conversation()
    exchange = talk.ask()
    talk.hear(text("Once upon"))
    talk.protocol.resume(SETUP)
    assert talk.account.grace is None
    talk.protocol.resume(SETUP)  # the first dial has failed
    talk.open()
    assert talk.wait() == t.ExchangeEnded(cut=True)
    assert talk.read(exchange) == "Once upon"
    following = talk.ask()
    talk.hear(text("two"), DONE)
    assert talk.read(following) == "two"


def test_a_question_asked_between_two_connections_is_waited_for() -> None:
    talk = Conversation()
    talk.protocol.resume(SETUP)
    exchange = talk.ask()
    talk.protocol.resume(SETUP)
    talk.open()
    assert talk.account.grace is None
    talk.hear(text("two"), DONE)
    assert talk.read(exchange) == "two"


def test_an_answer_to_a_call_from_before_the_reconnection_may_be_ignored() -> None:
    talk = Conversation()
    exchange = talk.ask()
    talk.hear(call("1"))
    talk.reconnect()
    assert talk.account.grace is None  # the tool is still running
    talk.answer("1")
    assert talk.account.grace == DUE_GRACE
    talk.wait()
    assert exchange.ends_with is not None


def test_a_reply_that_was_due_may_be_lost_with_the_connection() -> None:
    talk = Conversation()
    exchange = talk.ask()
    talk.hear(call("1", "2"))
    talk.answer("1")
    talk.reconnect()
    assert talk.account.grace is None
    talk.answer("2")
    assert talk.account.grace == DUE_GRACE
    talk.wait()
    assert exchange.ends_with is not None


@pytest.mark.parametrize("has_reply", [False, True])
def test_calls_of_a_session_that_the_server_has_forgotten_end_their_exchange(has_reply: bool) -> None:
    talk = Conversation()
    exchange = talk.ask()
    talk.hear(call("1", "2"), DONE)
    if has_reply:
        talk.answer("1")
    talk.protocol.forget()
    talk.reconnect()
    talk.wait()
    assert exchange.ends_with is not None
    assert talk.account.is_idle


def test_calls_that_another_process_has_left_may_be_answered() -> None:
    protocol = LiveProtocol(SETUP)
    calls = (t.FunctionCall(id="1", name="look"), t.FunctionCall(id="2", name="look"))
    protocol.take_over(t.ResumeState(model="models/test", handle="h", taken_at=0, pending_calls=calls))
    protocol.opening.start()
    protocol.receive('{"setupComplete": {}}')
    assert protocol.exchanges.goes_on
    responses = [t.FunctionResponse(id=one, name="look", response={"a": 1}) for one in ("1", "2")]
    protocol.send(t.ToolResponse(function_responses=responses))
    assert protocol.exchanges.grace == DUE_GRACE


# What it costs


def test_the_middle_of_a_turn_changes_nothing() -> None:
    talk = Conversation()
    talk.ask()
    assert not talk.account.is_quiet
    talk.hear(TAIL)
    assert talk.account.is_quiet
    changes: list[Mapping[str, object]] = []
    talk.account.notify_change = lambda: changes.append({})
    talk.hear(*[TAIL] * 5)
    assert not changes


# Doubt


def test_the_repeated_turn_of_a_call_is_not_the_reply_to_its_answer() -> None:
    talk = Conversation()
    exchange = talk.ask()
    talk.hear(text("Wait. "), call("1"))
    talk.reconnect()
    talk.answer("1")
    talk.hear(text("Wait. "), DONE)
    assert exchange.ends_with is None
    talk.hear(text("Here."), DONE)
    assert talk.read(exchange) == "Wait. Here."


def test_the_end_of_a_cut_turn_of_a_call_is_not_the_reply_to_its_answer() -> None:
    talk = Conversation()
    exchange = talk.ask()
    talk.hear(call("1"))
    talk.reconnect()
    talk.answer("1")
    talk.hear(DONE)
    assert exchange.ends_with is None
    talk.hear(text("Here."), DONE)
    assert talk.read(exchange) == "Here."


def test_an_interrupted_turn_that_a_connection_has_cut_is_not_spoken_again() -> None:
    talk = Conversation()
    exchange = talk.ask()
    talk.hear(text("Once upon"), INTERRUPTED)
    talk.reconnect()
    assert talk.account.grace == 0
    assert talk.wait() == t.ExchangeEnded()
    assert talk.read(exchange) == "Once upon"


def test_a_turn_of_another_answer_is_left_out() -> None:
    talk = Conversation()
    talk.ask()
    talk.hear(call("1"), DONE)
    second = talk.ask()
    talk.hear(call("2"), DONE)
    talk.answer("1")
    talk.hear(text("one"), DONE)
    talk.answer("2")
    talk.hear(text("two"), DONE)
    assert talk.read(second) == "two"


def test_a_call_in_the_tail_of_a_turn_belongs_to_the_next_question() -> None:
    talk = Conversation()
    talk.ask()
    talk.hear(text("one"), DONE, TAIL)
    second = talk.ask()
    talk.hear(text("Wait. "), call("1"), DONE)
    talk.answer("1")
    talk.hear(text("two"), DONE)
    assert talk.read(second) == "Wait. two"


def test_a_cancellation_leaves_newer_questions_in_doubt() -> None:
    talk = Conversation()
    talk.ask()
    second, third = talk.ask(), talk.ask()
    talk.hear(text("all"), call("1"), CUT_OFF, {"toolCallCancellation": {"ids": ["1"]}})
    assert talk.account.grace == LIKELY_GRACE
    talk.wait()
    assert second.ends_with is third.ends_with is not None


def test_an_answer_that_is_over_gets_no_more_marks() -> None:
    talk = Conversation()
    exchange = talk.ask()
    talk.hear(text("one"), DONE, text("two"), DONE, spoken("three"))
    assert not exchange.marks or exchange.marks[-1][0] in talk.events[:2]


def test_two_turns_of_an_older_answer_may_be_the_newer_one_as_a_whole() -> None:
    talk = Conversation()
    talk.ask()
    second = talk.ask()
    talk.hear(text("Hm. ", turnComplete=True, interactionStatus="IN_PROGRESS"), text("Both."), DONE)
    talk.wait()
    assert talk.read(second) == "Hm. Both."


def test_a_cancellation_leaves_a_reply_that_is_due_alone() -> None:
    talk = Conversation()
    first = talk.ask()
    talk.hear(call("1"), DONE)
    second = talk.ask()
    talk.hear(call("2"), DONE)
    talk.answer("1")
    talk.hear({"toolCallCancellation": {"ids": ["2"]}})
    assert second.ends_with is talk.events[-1]
    assert first.ends_with is None


# Servers that have forgotten the exchange that was open


@pytest.mark.parametrize(
    "begun",
    [
        (),
        (text("on"),),
        (text("well"), content(turnComplete=True, interactionStatus="IN_PROGRESS")),
        (text("well"), content(turnComplete=True, interactionStatus="IN_PROGRESS"), text("on")),
        (text("well"), call("1")),
        (text("well"), call("1"), DONE),
        (call("1"), DONE),
    ],
)
def test_the_whole_answer_comes_again_from_a_server_that_has_forgotten_it(begun: Sequence[Frame]) -> None:
    talk = Conversation()
    exchange = talk.ask()
    talk.hear(*begun)
    talk.reconnect(forgets_open=True)
    talk.hear(text("one"), DONE)
    assert talk.read(exchange) == "one"


def test_a_tool_that_runs_on_for_a_forgotten_answer_has_no_part_in_the_new_one() -> None:
    talk = Conversation(ENDS_CALLING_TURN)
    exchange = talk.ask()
    talk.hear(text("well"), call("1"), DONE)
    talk.reconnect(forgets_open=True)
    talk.hear(text("well"), call("2"), DONE)
    talk.answer("1")
    talk.answer("2")
    talk.hear(text(", one"), DONE)
    assert talk.read(exchange) == "well, one"
    assert not talk.account.is_idle  # the server may have known the first call
    talk.wait()
    assert talk.account.is_idle


def test_a_forgotten_answer_that_does_not_come_again_is_not_waited_for() -> None:
    talk = Conversation()
    exchange = talk.ask()
    talk.hear(text("on"))
    talk.reconnect(forgets_open=True)
    assert talk.account.grace == DUE_GRACE
    event = talk.wait()
    assert event is not None
    assert event.cut
    assert exchange.ends_with is event


def test_calls_that_another_process_has_left_are_orphaned_where_the_server_has_forgotten_them() -> None:
    talk = Conversation()
    calls = (t.FunctionCall(id="1", name="look"),)
    talk.protocol.take_over(t.ResumeState(model="models/test", handle="h", taken_at=0, pending_calls=calls))
    talk.reconnect(forgets_open=True)
    talk.answer("1")
    assert talk.account.grace == DUE_GRACE
    talk.wait()
    assert talk.account.is_idle


def test_a_reply_that_another_turn_may_have_been_is_waited_for_with_a_bound() -> None:
    talk = Conversation(ENDS_CALLING_TURN)
    first = talk.ask()
    talk.hear(call("1"), DONE)
    second = talk.ask()
    talk.reconnect()
    talk.answer("1")
    talk.hear(text("one"), DONE)
    while talk.account.grace is not None:
        talk.wait()
    assert first.ends_with is not None
    assert second.ends_with is not None


# Sound of a turn that comes again


def test_a_repetition_begins_another_epoch() -> None:
    talk = Conversation()
    talk.ask()
    talk.hear(TAIL)
    talk.reconnect()
    talk.hear(TAIL, TAIL, DONE)
    epochs = [event.audio_epoch for event in talk.events if isinstance(event, t.ServerContent)]
    assert epochs == [0, 1, 1, 1]
    assert talk.protocol.audio_epoch == 1


def test_another_turn_after_a_reconnection_is_of_the_same_epoch() -> None:
    talk = Conversation()
    talk.ask()
    talk.hear(TAIL, DONE)
    talk.reconnect()
    talk.ask()
    talk.hear(TAIL, DONE)
    assert talk.protocol.audio_epoch == 0


def test_the_tail_of_a_turn_is_not_repeated() -> None:
    talk = Conversation()
    talk.ask()
    talk.hear(text("one"), DONE, TAIL)
    talk.reconnect()
    second = talk.ask()
    talk.hear(DONE)
    assert second.ends_with is not None
    assert talk.protocol.audio_epoch == 0


# Turns to which no end comes


def test_a_tail_that_is_taken_for_an_answer_ends_by_itself() -> None:
    talk = Conversation()
    talk.hear(text("one"), DONE)
    first = talk.ask()
    talk.ask()
    talk.reconnect()
    talk.hear(DONE, TAIL)
    assert first.ends_with is not None
    assert talk.account.grace == DUE_GRACE
    talk.hear(TAIL)
    assert talk.account.grace == DUE_GRACE
    assert talk.wait() is not None
    assert talk.account.is_idle


def test_a_turn_that_may_be_a_tail_and_calls_a_function_is_waited_for() -> None:
    talk = Conversation()
    talk.ask()
    talk.reconnect()
    talk.hear(TAIL, call("1"))
    assert talk.account.grace is None
    talk.answer("1")
    assert talk.account.grace == DUE_GRACE


def test_an_empty_turn_may_be_the_answer_to_several_questions() -> None:
    talk = Conversation()
    talk.ask()
    second = talk.ask()
    talk.hear(DONE)
    assert talk.account.grace == LIKELY_GRACE
    assert talk.wait() is not None
    assert second.ends_with is not None


def test_an_empty_turn_of_a_thinking_model_leaves_the_questions_behind_it_as_they_are() -> None:
    talk = Conversation()
    talk.ask()
    talk.ask()
    talk.hear(content(turnComplete=True, interactionStatus="IN_PROGRESS"))
    assert talk.account.grace is None
