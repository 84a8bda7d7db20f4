"""One conversation with the embedded server, frame by frame: setup, content, turns, resumption, the end."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from livegen_trio.local import CallTool, Dialect, Engines, LocalServer, Say
from livegen_trio.local._conversation import SETUP_TIMEOUT
from livegen_trio.transports.memory import memory_transport_pair
from support.live_client import (
    NEW_MODEL,
    SPEECH_MODEL,
    TEXT_MODEL,
    WEATHER,
    Client,
    LoudnessDetector,
    ScriptedResponder,
    answered,
    audio,
    audio_of,
    connection,
    conversation,
    kinds_of,
    said,
    setup,
    sound,
    speech_engines,
    text_engines,
    text_of,
    transcript_of,
)
from support.recordings import recorded_frames

if TYPE_CHECKING:
    from livegen_trio.transports.base import Transport

VERTEX = Dialect(is_vertex=True, version="v1beta1")
VERTEX_MODEL = "projects/p/locations/us-central1/publishers/google/models/gemini-live-2.5-flash"

# Setup


async def test_the_first_frames_look_like_the_recorded_ones() -> None:
    async with connection() as client:
        await client.say(setup())
        frame = await client.transport.receive()
    assert frame in [recorded + b"\n" for recorded in recorded_frames("server")] + recorded_frames("server")


async def test_vertex_names_the_session() -> None:
    async with connection(dialect=VERTEX) as client:
        await client.say(setup(VERTEX_MODEL))
        assert len((await client.hear())["setupComplete"]["sessionId"]) == 36


async def refusal(*messages: dict[str, Any] | str, dialect: Dialect | None = None) -> tuple[int, str]:
    async with connection(dialect=dialect) as client:
        await client.say(*messages)
        closed = await client.hear_close()
        assert closed.initiator == "server"
        return closed.code, closed.reason


async def test_content_before_the_setup_is_refused() -> None:
    assert await refusal(said("hello")) == (1007, "setup must be the first message and only the first.")


async def test_a_second_setup_is_refused() -> None:
    code, reason = await refusal(setup(), setup())
    assert (code, reason) == (1007, "setup must be the first message and only the first.")


async def test_an_unknown_field_is_refused_in_the_services_words() -> None:
    code, reason = await refusal(setup(hologram=True))
    assert code == 1007
    assert reason == "Invalid JSON payload received. Unknown name \"hologram\" at 'setup': Cannot find field."


async def test_what_is_no_json_is_refused() -> None:
    code, reason = await refusal("{")
    assert code == 1007
    assert reason.startswith("Invalid JSON payload received.")


async def test_an_unknown_model_is_not_found() -> None:
    code, reason = await refusal(setup("models/eliza"))
    assert code == 1008
    assert reason.startswith("models/eliza is not found for API version v1beta")


async def test_a_client_that_sends_no_setup_is_sent_away(autojump_clock: trio.testing.MockClock) -> None:
    start = trio.current_time()
    code, reason = await refusal()
    assert (code, reason) == (1011, "Deadline expired before operation could complete.")
    assert trio.current_time() - start == SETUP_TIMEOUT


# Content


async def test_text_is_answered_in_two_pieces_or_more_and_the_turn_ends_with_its_usage() -> None:
    async with conversation() as client:
        await client.say(said("How do you do?"))
        turn = await client.hear_turn()
    assert text_of(turn) == "You said: How do you do?"
    assert kinds_of(turn) == ["modelTurn", "modelTurn", "generationComplete", "turnComplete"]
    assert turn[-1]["usageMetadata"] == {
        "promptTokenCount": 4,
        "responseTokenCount": 6,
        "totalTokenCount": 10,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 4}],
        "responseTokensDetails": [{"modality": "TEXT", "tokenCount": 6}],
    }


async def test_vertex_counts_candidates_and_names_the_role() -> None:
    async with conversation(message=setup(VERTEX_MODEL), dialect=VERTEX) as client:
        await client.say(said("Hi"))
        turn = await client.hear_turn()
    assert turn[0]["serverContent"]["modelTurn"]["role"] == "model"
    assert turn[-1]["usageMetadata"]["candidatesTokenCount"] == 3
    assert turn[-1]["usageMetadata"]["candidatesTokensDetails"] == [{"modality": "TEXT", "tokenCount": 3}]


async def test_content_waits_for_the_end_of_the_turn() -> None:
    engines = text_engines()
    async with conversation(engines) as client:
        await client.say(said("One.", turn_complete=False))
        assert await client.drain() == []
        await client.say({"client_content": {"turns": [], "turnComplete": False}})
        await client.say(said("Two."))
        assert text_of(await client.hear_turn()) == "You said: Two."
    assert isinstance(engines.responder, ScriptedResponder)
    assert [content.text for content in engines.responder.histories[0]] == ["One.", "Two."]


async def test_the_end_of_a_turn_alone_is_answered() -> None:
    async with conversation() as client:
        await client.say(said("One.", turn_complete=False), {"clientContent": {"turnComplete": True}})
        assert text_of(await client.hear_turn()) == "You said: One."


async def test_nothing_at_all_is_answered_with_nothing() -> None:
    async with conversation() as client:
        await client.say({"clientContent": {"turnComplete": True}})
        assert kinds_of(await client.hear_turn()) == ["generationComplete", "turnComplete"]


async def test_the_history_has_both_sides() -> None:
    engines = text_engines()
    async with conversation(engines) as client:
        await client.ask("One.")
        await client.ask("Two.")
    assert isinstance(engines.responder, ScriptedResponder)
    history = [(content.role, content.text) for content in engines.responder.histories[1]]
    assert history == [("user", "One."), ("model", "You said: One."), ("user", "Two.")]


async def test_initial_history_gets_no_answer() -> None:
    message = setup(historyConfig={"initialHistoryInClientContent": True})
    async with conversation(message=message) as client:
        await client.say(said("Hi", turn_complete=False), said("Hello!", role="model"))
        assert await client.drain() == []
        assert await client.ask("Who are you?") == "You said: Who are you?"


@pytest.mark.parametrize(
    ("part", "role"),
    [({"functionResponse": {"name": "f", "response": {}}}, "user"), ({"text": "be nice"}, "system")],
)
async def test_content_that_the_gemini_api_does_not_take_ends_the_session(
    part: dict[str, Any], role: str
) -> None:
    content = {"clientContent": {"turns": [{"role": role, "parts": [part]}], "turnComplete": True}}
    code, _ = await refusal(setup(), content)
    assert code == 1007


async def test_on_vertex_the_system_role_changes_the_instruction() -> None:
    engines = text_engines()
    message = setup(VERTEX_MODEL, systemInstruction={"parts": [{"text": "be nice"}]})
    async with conversation(engines, message, dialect=VERTEX) as client:
        await client.ask("Hi")
        await client.say(said("be rude", role="system", turn_complete=False))
        await client.ask("Hi")
    assert isinstance(engines.responder, ScriptedResponder)
    assert engines.responder.instructions == ["be nice", "be rude"]


async def test_new_content_interrupts_the_reply(autojump_clock: trio.testing.MockClock) -> None:
    async with conversation(speech_engines(), setup(SPEECH_MODEL)) as client:
        await client.say(said("One."))
        for _ in range(3):
            assert kinds_of([await client.hear()]) == ["modelTurn"]
        await client.say(said("Two."))
        rest = await client.hear_turn()
        assert kinds_of(rest)[-2:] == ["interrupted", "turnComplete"]
        assert len(audio_of(await client.hear_turn())) == 5


async def test_a_context_update_changes_instruction_and_tools() -> None:
    engines = text_engines()
    async with conversation(engines, setup(tools=[WEATHER])) as client:
        await client.ask("One")
        await client.say({"contextUpdate": {"systemInstruction": {"parts": [{"text": "be brief"}]}}})
        await client.ask("Two")
        await client.say({"contextUpdate": {"tools": {"tools": []}}})
        await client.ask("Three")
    assert isinstance(engines.responder, ScriptedResponder)
    assert engines.responder.functions == [["get_weather"], ["get_weather"], []]
    assert engines.responder.instructions == ["", "be brief", "be brief"]


# Speech out


async def test_speech_comes_in_chunks_with_its_transcript_and_the_turn_lasts_as_long_as_it_plays(
    autojump_clock: trio.testing.MockClock,
) -> None:
    engines = speech_engines(lambda _: Say("One sentence. And another."), seconds=0.9)
    message = setup(SPEECH_MODEL, "AUDIO", outputAudioTranscription={})
    async with conversation(engines, message) as client:
        start = trio.current_time()
        await client.say(said("Talk!"))
        turn = await client.hear_turn()
        assert trio.current_time() - start == pytest.approx(1.8)
    chunks = audio_of(turn)
    assert {mime_type for mime_type, _ in chunks} == {"audio/pcm;rate=24000"}
    assert [len(pcm) for _, pcm in chunks] == 2 * [9600, 9600, 9600, 9600, 4800]
    assert transcript_of(turn) == "One sentence. And another."
    assert kinds_of(turn)[0] == "outputTranscription"
    assert turn[-1]["usageMetadata"]["responseTokensDetails"] == [{"modality": "AUDIO", "tokenCount": 45}]


async def test_the_generation_is_complete_long_before_it_is_played(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with conversation(speech_engines(seconds=5), setup(SPEECH_MODEL)) as client:
        start = trio.current_time()
        await client.say(said("Talk!"))
        while "generationComplete" not in (await client.hear())["serverContent"]:
            pass
        assert trio.current_time() == start
        assert kinds_of([await client.hear()]) == ["turnComplete"]
        assert trio.current_time() == pytest.approx(start + 5)


async def test_vertex_says_no_sample_rate() -> None:
    engines = speech_engines(seconds=0.1)
    async with conversation(engines, setup(VERTEX_MODEL, "AUDIO"), dialect=VERTEX) as client:
        await client.say(said("Talk!"))
        assert audio_of(await client.hear_turn())[0][0] == "audio/pcm"


async def test_without_a_voice_speech_is_text_with_a_transcript_at_once(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with conversation(message=setup(SPEECH_MODEL, outputAudioTranscription={})) as client:
        start = trio.current_time()
        await client.say(said("Hi"))
        turn = await client.hear_turn()
        assert trio.current_time() == start
    assert text_of(turn) == transcript_of(turn) == "You said: Hi"


async def test_a_text_session_is_not_spoken_to() -> None:
    engines = speech_engines()
    async with conversation(engines, setup(TEXT_MODEL, "TEXT", outputAudioTranscription={})) as client:
        await client.say(said("Hi"))
        turn = await client.hear_turn()
    assert text_of(turn) == "You said: Hi"
    assert audio_of(turn) == []
    assert transcript_of(turn) == ""


async def test_a_client_that_reads_nothing_stops_only_its_own_reply(
    autojump_clock: trio.testing.MockClock,
) -> None:
    server = LocalServer(speech_engines(seconds=60))
    async with (
        conversation(server=server, message=setup(SPEECH_MODEL)) as deaf,
        conversation(server=server, message=setup(TEXT_MODEL, "TEXT")) as client,
    ):
        await deaf.say(said("Talk for a minute!"))
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert await client.ask("Hi") == "You said: Hi"
        # The deaf one is still listened to.
        await deaf.say(said("Stop!"))
        turn = await deaf.hear_turn()
        assert kinds_of(turn)[-2:] == ["interrupted", "turnComplete"]
        assert len(audio_of(turn)) < 100


async def test_a_client_that_only_talks_is_listened_to_again_when_it_reads() -> None:
    async with conversation() as client, trio.open_nursery() as nursery:
        sent: list[int] = []
        nursery.start_soon(_chatter, client, sent)
        await trio.testing.wait_all_tasks_blocked()
        assert 100 < len(sent) < 1000
        for _ in range(1000):
            await client.hear_turn()
    assert len(sent) == 1000


async def _chatter(client: Client, sent: list[int]) -> None:
    for number in range(1000):
        await client.say(said("Hi"))
        sent.append(number)


# Functions


def weather_or(text: str) -> Any:
    def decide(history: Any) -> Say | list[CallTool]:
        last = history[-1].parts[-1]
        if last.function_response is not None:
            return Say(f"It is {last.function_response.response['output']}.")
        if "weather" in (last.text or ""):
            return [CallTool("get_weather", {"city": "Paris"})]
        return Say(text)

    return decide


async def call_of(client: Client) -> dict[str, Any]:
    message = await client.hear()
    [call] = message["toolCall"]["functionCalls"]
    assert isinstance(call, dict)
    return call


async def test_a_blocking_function_is_waited_for() -> None:
    async with conversation(text_engines(weather_or("Hello.")), setup(tools=[WEATHER])) as client:
        await client.say(said("weather?"))
        call = await call_of(client)
        assert call["name"] == "get_weather"
        assert call["args"] == {"city": "Paris"}
        assert await client.drain() == []
        await client.say(answered(call["id"]))
        turn = await client.hear_turn()
    assert text_of(turn) == "It is sunny."
    assert kinds_of(turn)[-2:] == ["generationComplete", "turnComplete"]


async def test_vertex_completes_the_generation_with_the_call() -> None:
    message = setup(VERTEX_MODEL, tools=[WEATHER])
    async with conversation(text_engines(weather_or("")), message, dialect=VERTEX) as client:
        await client.say(said("weather?"))
        await call_of(client)
        assert kinds_of([await client.hear()]) == ["generationComplete"]


async def test_two_blocking_calls_are_both_waited_for() -> None:
    def decide(history: Any) -> Say | list[CallTool]:
        answers = [part.function_response for part in history[-1].parts if part.function_response]
        if answers:
            return Say(f"{len(answers)} answers")
        return [CallTool("get_weather", {"n": 1}), CallTool("get_weather", {"n": 2})]

    async with conversation(text_engines(decide), setup(tools=[WEATHER])) as client:
        await client.say(said("weather?"))
        first, second = (await client.hear())["toolCall"]["functionCalls"]
        await client.say(answered(second["id"]))
        assert await client.drain() == []
        await client.say(answered(first["id"]))
        assert text_of(await client.hear_turn()) == "2 answers"


async def test_answers_that_nobody_waits_for_are_ignored() -> None:
    async with conversation(text_engines(weather_or("Hello.")), setup(tools=[WEATHER])) as client:
        await client.say(answered("function-call-1"))
        await client.say(said("weather?"))
        call = await call_of(client)
        await client.say(answered(call["id"]), answered(call["id"]))
        assert text_of(await client.hear_turn()) == "It is sunny."
        assert await client.drain() == []


async def test_an_answer_without_an_id_is_matched_by_name() -> None:
    async with conversation(text_engines(weather_or("Hello.")), setup(tools=[WEATHER])) as client:
        await client.say(said("weather?"))
        await call_of(client)
        await client.say(
            {
                "tool_response": {
                    "function_responses": [{"name": "get_weather", "response": {"output": "wet"}}]
                }
            }
        )
        assert text_of(await client.hear_turn()) == "It is wet."


async def test_new_input_cancels_a_blocking_call() -> None:
    async with conversation(text_engines(weather_or("Never mind.")), setup(tools=[WEATHER])) as client:
        await client.say(said("weather?"))
        call = await call_of(client)
        await client.say(said("Forget it."))
        assert await client.hear() == {"toolCallCancellation": {"ids": [call["id"]]}}
        assert kinds_of(await client.hear_turn()) == ["interrupted", "turnComplete"]
        await client.say(answered(call["id"]))
        assert text_of(await client.hear_turn()) == "Never mind."
        assert await client.drain() == []


NOT_BLOCKING = [
    setup(NEW_MODEL, tools=[WEATHER]),
    setup(tools=[{"functionDeclarations": [{"name": "get_weather", "behavior": "NON_BLOCKING"}]}]),
]


@pytest.mark.parametrize("message", NOT_BLOCKING, ids=["by the model", "as declared"])
async def test_a_function_that_does_not_block_ends_the_turn_and_is_spoken_of_later(
    message: dict[str, Any],
) -> None:
    async with conversation(text_engines(weather_or("Hello.")), message) as client:
        await client.say(said("weather?"))
        call = await call_of(client)
        assert kinds_of([await client.hear()]) == ["turnComplete"]
        assert await client.ask("Hi") == "Hello."
        await client.say(answered(call["id"]))
        assert text_of(await client.hear_turn()) == "It is sunny."


async def test_a_new_model_waits_for_a_function_that_says_so() -> None:
    tools = [{"functionDeclarations": [{"name": "get_weather", "behavior": "BLOCKING"}]}]
    async with conversation(text_engines(weather_or("")), setup(NEW_MODEL, tools=tools)) as client:
        await client.say(said("weather?"))
        await call_of(client)
        assert await client.drain() == []


async def test_by_default_an_answer_waits_until_the_model_has_spoken(
    autojump_clock: trio.testing.MockClock,
) -> None:
    engines = speech_engines(weather_or("Blah."))
    async with conversation(
        engines, setup(NEW_MODEL, tools=[WEATHER], outputAudioTranscription={})
    ) as client:
        await client.say(said("weather?"))
        call = await call_of(client)
        await client.hear_turn()
        await client.say(said("Talk!"))
        await client.hear()
        await client.say(answered(call["id"]))
        assert "interrupted" not in "".join(kinds_of(await client.hear_turn()))
        assert transcript_of(await client.hear_turn()) == "It is sunny."


async def test_an_urgent_answer_interrupts_the_model(autojump_clock: trio.testing.MockClock) -> None:
    engines = speech_engines(weather_or("Blah."), seconds=30)
    async with conversation(
        engines, setup(NEW_MODEL, tools=[WEATHER], outputAudioTranscription={})
    ) as client:
        await client.say(said("weather?"))
        call = await call_of(client)
        await client.hear_turn()
        await client.say(said("Talk!"))
        await client.hear()
        await client.say(answered(call["id"], scheduling="INTERRUPT"))
        assert kinds_of(await client.hear_turn())[-2:] == ["interrupted", "turnComplete"]
        assert transcript_of(await client.hear_turn()) == "It is sunny."


async def test_a_silent_answer_is_only_remembered() -> None:
    engines = text_engines(weather_or("Hello."))
    async with conversation(engines, setup(NEW_MODEL, tools=[WEATHER])) as client:
        await client.say(said("weather?"))
        call = await call_of(client)
        await client.hear_turn()
        await client.say(answered(call["id"], scheduling="SILENT"))
        assert await client.drain() == []
        assert await client.ask("Hi") == "Hello."
    assert isinstance(engines.responder, ScriptedResponder)
    assert engines.responder.histories[-1][-2].parts[0].function_response is not None


async def test_a_function_may_answer_several_times() -> None:
    async with conversation(text_engines(weather_or("")), setup(NEW_MODEL, tools=[WEATHER])) as client:
        await client.say(said("weather?"))
        call = await call_of(client)
        await client.hear_turn()
        for more in (True, False):
            await client.say(answered(call["id"], willContinue=more))
            assert text_of(await client.hear_turn()) == "It is sunny."
        await client.say(answered(call["id"]))
        assert await client.drain() == []


async def test_a_responder_that_calls_nothing_says_nothing() -> None:
    async with conversation(text_engines(lambda _: [])) as client:
        await client.say(said("Hi"))
        assert kinds_of(await client.hear_turn()) == ["generationComplete", "turnComplete"]


# Resumption


async def handle_of(client: Client) -> str:
    update = (await client.hear())["sessionResumptionUpdate"]
    assert update["resumable"] is True
    return str(update["newHandle"])


def resumed(handle: str, model: str = TEXT_MODEL, **fields: Any) -> dict[str, Any]:
    return setup(model, sessionResumption={"handle": handle}, **fields)


async def test_a_session_is_taken_up_with_its_history() -> None:
    engines = text_engines()
    server = LocalServer(engines)
    async with conversation(server=server, message=setup(sessionResumption={})) as client:
        handle = await handle_of(client)
        await client.ask("One.")
        await client.transport.aclose()
    async with conversation(server=server, message=resumed(handle)) as client:
        assert await handle_of(client) != handle
        await client.ask("Two.")
    assert isinstance(engines.responder, ScriptedResponder)
    texts = [content.text for content in engines.responder.histories[-1]]
    assert texts == ["One.", "You said: One.", "Two."]


async def test_a_transparent_session_learns_what_was_consumed_the_setup_included() -> None:
    message = setup(VERTEX_MODEL, sessionResumption={"transparent": True})
    async with conversation(message=message, dialect=VERTEX) as client:
        handle = await handle_of(client)
        for _ in range(10):
            await client.say({"realtimeInput": {"audioStreamEnd": True}})
        update = (await client.hear())["sessionResumptionUpdate"]
        assert update["lastConsumedClientMessageIndex"] == 10
        assert update["newHandle"] != handle


async def test_no_handle_comes_unasked() -> None:
    async with conversation() as client:
        assert await client.drain() == []


async def test_an_unknown_handle_is_refused() -> None:
    code, reason = await refusal(resumed("nonsense"))
    assert code == 1007
    assert reason.startswith("Request contains an invalid argument.")


async def test_a_session_can_not_change_its_model() -> None:
    server = LocalServer(text_engines())
    async with conversation(server=server, message=setup(sessionResumption={})) as client:
        handle = await handle_of(client)
    async with connection(server) as client:
        await client.say(resumed(handle, NEW_MODEL))
        assert (await client.hear_close()).code == 1007


async def test_a_session_is_not_taken_up_while_its_old_connection_is_open() -> None:
    server = LocalServer(text_engines())
    async with conversation(server=server, message=setup(sessionResumption={})) as old:
        handle = await handle_of(old)
        async with connection(server) as client:
            await client.say(resumed(handle))
            closed = await client.hear_close()
        assert (closed.code, closed.reason) == (1011, "Internal error encountered.")


async def test_speech_that_was_cut_short_is_spoken_again_on_the_next_connection(
    autojump_clock: trio.testing.MockClock,
) -> None:
    server = LocalServer(speech_engines(seconds=30))
    async with conversation(server=server, message=setup(NEW_MODEL, sessionResumption={})) as client:
        handle = await handle_of(client)
        await client.say(said("Talk!"))
        await client.hear()
        await client.transport.abort()
    message = resumed(handle, NEW_MODEL, outputAudioTranscription={})
    async with conversation(server=server, message=message) as client:
        await handle_of(client)
        assert transcript_of(await client.hear_turn()) == "You said: Talk!"


async def test_speech_that_had_come_in_full_is_not_spoken_again(
    autojump_clock: trio.testing.MockClock,
) -> None:
    engines = speech_engines(seconds=1)
    server = LocalServer(engines)
    async with conversation(server=server, message=setup(NEW_MODEL, sessionResumption={})) as client:
        handle = await handle_of(client)
        await client.say(said("Talk!"))
        while "generationComplete" not in (await client.hear())["serverContent"]:
            pass
        await client.transport.abort()
    async with conversation(server=server, message=resumed(handle, NEW_MODEL)) as client:
        await handle_of(client)
        assert await client.drain() == []
        await client.ask("Go on!")
    assert isinstance(engines.responder, ScriptedResponder)
    assert [content.text for content in engines.responder.histories[-1]][1] == "You said: Talk!"


async def test_a_call_can_be_answered_on_the_next_connection() -> None:
    server = LocalServer(text_engines(weather_or("")))
    async with conversation(server=server, message=setup(tools=[WEATHER], sessionResumption={})) as client:
        handle = await handle_of(client)
        await client.say(said("weather?"))
        call = await call_of(client)
        await client.transport.aclose()
    async with conversation(server=server, message=resumed(handle, tools=[WEATHER])) as client:
        await handle_of(client)
        assert await client.drain() == []
        await client.say(answered(call["id"]))
        assert text_of(await client.hear_turn()) == "It is sunny."


# The end


async def test_a_client_may_leave(autojump_clock: trio.testing.MockClock) -> None:
    server = LocalServer(text_engines())
    ours, theirs = memory_transport_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.converse, theirs)
        await Client(ours).say(setup())
        await ours.aclose()


async def test_a_client_gets_a_go_away_and_is_closed_if_it_stays(
    autojump_clock: trio.testing.MockClock,
) -> None:
    server = LocalServer(text_engines(), connection_lifetime=600, go_away_lead=60)
    async with conversation(server=server) as client:
        start = trio.current_time()
        assert await client.hear() == {"goAway": {"timeLeft": "60s"}}
        assert trio.current_time() - start == 540
        closed = await client.hear_close()
        assert trio.current_time() - start == 600
    assert closed.code == 1008
    assert closed.reason.startswith("Connection aborted because the client failed to close the connection")


async def test_a_cancelled_server_says_that_it_goes_away() -> None:
    ours, theirs = memory_transport_pair()
    client = Client(ours)
    async with trio.open_nursery() as nursery:
        scope = await nursery.start(_serve_until_cancelled, LocalServer(text_engines()), theirs)
        await client.say(setup())
        await client.hear()
        scope.cancel()
        assert (await client.hear_close()).code == 1001


async def _serve_until_cancelled(
    server: LocalServer, transport: Transport, *, task_status: trio.TaskStatus[trio.CancelScope]
) -> None:
    with trio.CancelScope() as scope:
        task_status.started(scope)
        await server.converse(transport)


async def test_a_conversation_can_be_cancelled_at_any_step() -> None:
    for steps in range(60):
        ours, theirs = memory_transport_pair()
        client = Client(ours)
        async with trio.open_nursery() as nursery:
            scope = await nursery.start(_serve_until_cancelled, LocalServer(text_engines()), theirs)
            await client.say(setup(sessionResumption={}), said("Hi"), audio(sound(1)), said("Ho"))
            for _ in range(steps):
                await trio.lowlevel.checkpoint()
            scope.cancel()
            assert (await client.hear_close()).code == 1001


def test_a_turn_that_is_interrupted_in_the_moment_of_its_end_ends_once() -> None:
    async def converse() -> str:
        async with conversation(speech_engines(seconds=1), setup(SPEECH_MODEL)) as client:
            await client.say(said("One."))
            while "generationComplete" not in (await client.hear())["serverContent"]:
                pass
            await trio.sleep_until(1)
            await client.say(said("Two."))
            ending = "+".join(kinds_of(await client.hear_turn()))
            assert kinds_of(await client.hear_turn())[-2:] == ["generationComplete", "turnComplete"]
            assert await client.drain() == []
            return ending

    endings = {trio.run(converse, clock=trio.testing.MockClock(autojump_threshold=0)) for _ in range(40)}
    assert endings <= {"turnComplete", "interrupted+turnComplete"}


async def test_a_failing_engine_ends_its_own_session_and_no_other(caplog: pytest.LogCaptureFixture) -> None:
    def decide(history: Any) -> Say:
        if history[-1].text == "Fail!":
            raise RuntimeError("out of ideas")
        return Say("Fine.")

    server = LocalServer(text_engines(decide))
    async with conversation(server=server) as unlucky, conversation(server=server) as lucky:
        await unlucky.say(said("Fail!"))
        closed = await unlucky.hear_close()
        assert await lucky.ask("And you?") == "Fine."
    assert (closed.code, closed.reason) == (1011, "Internal error encountered.")
    [record] = caplog.records
    assert (record.name, record.levelno) == ("livegen_trio.local", logging.ERROR)


async def test_a_failing_detector_ends_the_session(caplog: pytest.LogCaptureFixture) -> None:
    def open_detector(rate: int) -> LoudnessDetector:
        raise RuntimeError("no ears")

    engines = Engines(responder=ScriptedResponder(), open_detector=open_detector)
    async with conversation(engines) as client:
        await client.say(audio(sound(0.1)))
        assert (await client.hear_close()).code == 1011
    assert "a conversation failed" in caplog.text


async def test_no_frame_ends_without_a_line_feed() -> None:
    async with conversation() as client:
        await client.say(said("Hi"))
        frame = await client.transport.receive()
    assert isinstance(frame, bytes)
    assert frame == json.dumps(json.loads(frame), indent=2).encode() + b"\n"
