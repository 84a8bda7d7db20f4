"""The embedded server plays the service's behaviour with each model, by the model's name."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any
from unittest.mock import ANY

import pytest
import trio

from livegen_trio._protocol.service_behavior import PLAIN, behavior_with
from livegen_trio.local import CallTool, Dialect, LocalServer, Say
from support.live_client import (
    WEATHER,
    Client,
    answered,
    audio,
    connection,
    conversation,
    kinds_of,
    parts_of,
    said,
    setup,
    sound,
    speech_engines,
    text_engines,
    text_of,
    transcript_of,
)

if TYPE_CHECKING:
    from trio.testing import MockClock

NATIVE_AUDIO = "models/gemini-2.5-flash-native-audio-preview-12-2025"
NATIVE_AUDIO_LATE = "models/gemini-2.5-flash-native-audio-preview-09-2025"
FLASH_2_5 = "models/gemini-live-2.5-flash"
FLASH_LIVE_3_1 = "models/gemini-3.1-flash-live-preview"
LIVE_3_8 = "models/gemini-3.8-live"
THINKING = "models/gemini-3.8-live-extended-thinking"
ROBOTICS = "models/gemini-robotics-er-2-streaming-preview"
TRANSCRIBE = "models/gemini-3.5-transcribe-live"
TRANSLATE = "models/gemini-3.5-live-translate-preview"
VERTEX_NAME = "projects/p/locations/{}/publishers/google/models/gemini-live-2.5-flash-native-audio"
PAUSE = sound(1, level=0)


def weather(history: Any) -> Say | list[CallTool]:
    last = history[-1].parts[-1]
    if last.function_response is not None:
        return Say("It rains.")
    return [CallTool("get_weather", {})] if "weather" in (last.text or "") else Say(f"You said: {last.text}")


async def refusal(*messages: dict[str, Any], dialect: Dialect | None = None) -> tuple[int, str]:
    async with connection(dialect=dialect) as client:
        await client.say(*messages)
        closed = await client.hear_close()
        return closed.code, closed.reason


async def call_id(client: Client) -> str:
    while True:
        message = await client.hear()
        if "toolCall" in message:
            return str(message["toolCall"]["functionCalls"][0]["id"])


async def handles_of(client: Client) -> list[str | None]:
    """The handles that have come, None for each that was withheld."""
    updates = [
        one["sessionResumptionUpdate"] for one in await client.drain() if "sessionResumptionUpdate" in one
    ]
    return [update.get("newHandle") if update.get("resumable") else None for update in updates]


# Turns


async def test_gemini_live_2_5_flash_completes_two_turns_around_a_call() -> None:
    async with conversation(text_engines(weather), setup(FLASH_2_5, "TEXT", tools=[WEATHER])) as client:
        await client.say(said("weather?"))
        call = await call_id(client)
        assert kinds_of([await client.hear()]) == ["turnComplete"]
        await client.say(answered(call))
        turn = await client.hear_turn()
        assert text_of(turn) == "It rains."
        assert kinds_of(turn)[-1] == "turnComplete"


async def test_other_models_complete_one_turn_around_a_call() -> None:
    async with conversation(text_engines(weather), setup(tools=[WEATHER])) as client:
        await client.say(said("weather?"))
        call = await call_id(client)
        assert await client.drain() == []
        await client.say(answered(call))
        assert text_of(await client.hear_turn()) == "It rains."


async def test_the_end_of_a_calling_turn_may_come_after_the_answer_to_a_quick_tool(
    autojump_clock: MockClock,
) -> None:
    engines = speech_engines(weather, seconds=1)
    async with conversation(engines, setup(NATIVE_AUDIO_LATE, tools=[WEATHER])) as client:
        await client.say(said("weather?"))
        await client.say(answered(await call_id(client)))
        first = kinds_of(await client.hear_turn())
        second = kinds_of(await client.hear_turn())
    assert first[-2:] == ["generationComplete", "turnComplete"] or first[-1:] == ["turnComplete"]
    assert second[-1] == "turnComplete"


async def test_the_last_words_may_be_transcribed_after_the_turn(autojump_clock: MockClock) -> None:
    engines = speech_engines(words=["what is new"], seconds=1)
    async with conversation(engines, setup(NATIVE_AUDIO_LATE, inputAudioTranscription={})) as client:
        await client.say(audio(sound(0.5)), audio(PAUSE))
        turn = await client.hear_turn()
        late = await client.hear()
    assert transcript_of(turn, "inputTranscription") == "what is"
    assert transcript_of([late], "inputTranscription") == " new"


async def test_text_interrupts_3_8_and_waits_for_the_end_of_2_5(autojump_clock: MockClock) -> None:
    for model, is_interrupted in ((LIVE_3_8, True), (NATIVE_AUDIO, False)):
        engines = speech_engines(seconds=5)
        async with conversation(engines, setup(model, outputAudioTranscription={})) as client:
            await client.say(said("Talk!"))
            await client.hear()
            await client.say({"realtimeInput": {"text": "And you?"}})
            assert ("interrupted" in kinds_of(await client.hear_turn())) is is_interrupted
            assert transcript_of(await client.hear_turn()) == "You said: And you?"


# Handles


async def test_2_5_withholds_handles_during_a_turn_and_issues_one_after_it(autojump_clock: MockClock) -> None:
    engines = speech_engines(seconds=1)
    async with conversation(engines, setup(NATIVE_AUDIO, sessionResumption={})) as client:
        [first] = await handles_of(client)
        await client.say(said("Talk!"))
        assert await handles_of(client) == [None]
        await client.hear_turn()
        [second] = await handles_of(client)
    assert first != second


async def test_2_5_forgets_what_came_after_the_handle() -> None:
    engines = text_engines()
    server = LocalServer(engines)
    async with conversation(server=server, message=setup(NATIVE_AUDIO, sessionResumption={})) as client:
        [handle] = await handles_of(client)
        await client.say(said("One."))
        await client.hear_turn()
    message = setup(NATIVE_AUDIO, sessionResumption={"handle": handle})
    async with conversation(server=server, message=message) as client:
        await client.say(said("Two."))
        await client.hear_turn()
    assert [content.text for content in engines.responder.histories[-1]] == ["Two."]  # type: ignore[attr-defined]


async def test_3_8_issues_a_single_handle_that_leads_to_everything() -> None:
    engines = text_engines()
    server = LocalServer(engines)
    async with conversation(server=server, message=setup(LIVE_3_8, sessionResumption={})) as client:
        [handle] = await handles_of(client)
        await client.say(said("One."))
        await client.hear_turn()
        assert await handles_of(client) == []
    message = setup(LIVE_3_8, sessionResumption={"handle": handle})
    async with conversation(server=server, message=message) as client:
        await client.say(said("Two."))
        await client.hear_turn()
    texts = [content.text for content in engines.responder.histories[-1]]  # type: ignore[attr-defined]
    assert texts == ["One.", "You said: One.", "Two."]


# Calls that run over a reconnection


async def unanswered(server: LocalServer, model: str) -> tuple[str, str]:
    """A handle, and the id of a call without an answer."""
    message = setup(model, sessionResumption={}, tools=[WEATHER])
    async with conversation(server=server, message=message) as client:
        [handle] = await handles_of(client)
        await client.say(said("weather?"))
        call = await call_id(client)
        await client.drain()
        await client.transport.aclose()
    assert handle is not None
    return handle, call


async def test_2_5_ignores_an_answer_that_comes_after_a_reconnection() -> None:
    server = LocalServer(text_engines(weather))
    handle, call = await unanswered(server, NATIVE_AUDIO)
    message = setup(NATIVE_AUDIO, sessionResumption={"handle": handle}, tools=[WEATHER])
    async with conversation(server=server, message=message) as client:
        await handles_of(client)
        await client.say(answered(call))
        assert await client.drain() == []
        await client.say(said("Hi"))
        assert text_of(await client.hear_turn()) == "You said: Hi"


async def test_3_8_closes_the_old_exchange_by_an_empty_turn_when_its_calls_are_answered() -> None:
    server = LocalServer(text_engines(weather))
    handle, call = await unanswered(server, LIVE_3_8)
    message = setup(LIVE_3_8, sessionResumption={"handle": handle}, tools=[WEATHER])
    async with conversation(server=server, message=message) as client:
        await handles_of(client)
        await client.say(answered(call))
        assert kinds_of(await client.hear_turn()) == ["turnComplete"]
        await client.say(said("Hi"))
        assert text_of(await client.hear_turn()) == "You said: Hi"


async def test_3_8_leaves_the_next_input_unanswered_if_the_calls_were_not_answered() -> None:
    server = LocalServer(text_engines(weather))
    handle, _ = await unanswered(server, LIVE_3_8)
    message = setup(LIVE_3_8, sessionResumption={"handle": handle}, tools=[WEATHER])
    async with conversation(server=server, message=message) as client:
        await handles_of(client)
        await client.say(said("Hi"))
        assert kinds_of(await client.hear_turn()) == ["turnComplete"]
        await client.say(said("Are you there?"))
        assert text_of(await client.hear_turn()) == "You said: Are you there?"


# Refused setups and messages


@pytest.mark.parametrize(
    ("message", "code", "reason"),
    [
        (setup(THINKING), 1007, "Thinking level must be specified"),
        (setup(THINKING, generationConfig={"thinkingConfig": {}}), 1007, "Thinking level must be specified"),
        (setup(FLASH_2_5, generationConfig={"thinkingConfig": {"thinkingBudget": 1}}), 1007, "Thinking"),
        (setup(LIVE_3_8, generationConfig={"thinkingConfig": {"thinkingLevel": "LOW"}}), 1007, "Thinking"),
        (setup(ROBOTICS, "AUDIO"), 1007, "response modalities (AUDIO)"),
        (setup(TRANSCRIBE, "AUDIO"), 1007, "response modalities (AUDIO)"),
        (setup(LIVE_3_8, "TEXT"), 1007, "response modalities (TEXT)"),
        (setup(NATIVE_AUDIO, "TEXT"), 1007, "response modalities (TEXT)"),
        (setup(FLASH_LIVE_3_1, generationConfig={"enableAffectiveDialog": True}), 1007, "Affective dialog"),
        (setup(NATIVE_AUDIO, tools=[{"codeExecution": {}}]), 1007, "code_execution"),
        (
            setup(
                THINKING,
                generationConfig={"thinkingConfig": {"thinkingLevel": "LOW"}},
                tools=[{"functionDeclarations": [{"name": "f", "behavior": "BLOCKING"}]}],
            ),
            1007,
            "Blocking functions",
        ),
        (setup(NATIVE_AUDIO, proactivity={"proactiveAudio": True}), 1007, 'Unknown name "proactivity"'),
    ],
)
async def test_a_setup_that_the_model_refuses_is_closed(
    message: dict[str, Any], code: int, reason: str
) -> None:
    refused = await refusal(message)
    assert refused[0] == code
    assert reason in refused[1]


@pytest.mark.parametrize(
    "message",
    [
        setup(FLASH_2_5, "TEXT"),
        setup(FLASH_2_5, "AUDIO"),
        setup(ROBOTICS, "TEXT"),
        setup(TRANSLATE, "AUDIO"),
        setup(THINKING, generationConfig={"thinkingConfig": {"thinkingLevel": "LOW"}}),
        setup(FLASH_LIVE_3_1, tools=[{"codeExecution": {}}]),
        setup(NATIVE_AUDIO, generationConfig={"enableAffectiveDialog": True}),
    ],
)
async def test_a_setup_that_the_model_takes_is_accepted(message: dict[str, Any]) -> None:
    async with connection() as client:
        await client.say(message)
        assert "setupComplete" in await client.hear()


async def test_proactivity_is_served_on_v1alpha() -> None:
    async with connection(dialect=Dialect(version="v1alpha")) as client:
        await client.say(setup(NATIVE_AUDIO, proactivity={"proactiveAudio": True}))
        assert "setupComplete" in await client.hear()


async def test_3_8_takes_affective_dialog_and_closes_on_the_first_message() -> None:
    message = setup(LIVE_3_8, generationConfig={"enableAffectiveDialog": True})
    async with connection() as client:
        await client.say(message)
        assert "setupComplete" in await client.hear()
        await client.say(said("Hi"))
        assert (await client.hear_close()).code == 1007


async def test_native_audio_is_not_served_at_every_location() -> None:
    vertex = Dialect(is_vertex=True)
    code, reason = await refusal(setup(VERTEX_NAME.format("global")), dialect=vertex)
    assert code == 1008
    assert "was not found" in reason
    async with connection(dialect=vertex) as client:
        await client.say(setup(VERTEX_NAME.format("us-central1")))
        assert "setupComplete" in await client.hear()


HISTORY = {"historyConfig": {"initialHistoryInClientContent": True}}


def seed(*parts: dict[str, Any], role: str = "user") -> dict[str, Any]:
    return {"clientContent": {"turns": [{"role": role, "parts": list(parts)}], "turnComplete": True}}


@pytest.mark.parametrize(
    ("model", "message", "code"),
    [
        (NATIVE_AUDIO, seed({"functionCall": {"name": "f"}}), 1007),
        (NATIVE_AUDIO, seed({"functionResponse": {"name": "f"}}), 1007),
        (NATIVE_AUDIO, seed({"inlineData": {"mimeType": "audio/pcm;rate=16000", "data": ""}}), 1007),
        (NATIVE_AUDIO, seed({"text": "Hi"}, role="model"), 1007),
        (LIVE_3_8, seed({"inlineData": {"mimeType": "audio/pcm;rate=24000", "data": ""}}), 1008),
    ],
)
async def test_a_history_that_the_model_refuses_is_closed(
    model: str, message: dict[str, Any], code: int
) -> None:
    assert (await refusal(setup(model, **HISTORY), message))[0] == code


async def test_a_history_makes_the_model_say_nothing_until_something_new_comes() -> None:
    async with conversation(message=setup(LIVE_3_8, **HISTORY)) as client:
        await client.say(seed({"functionCall": {"name": "f"}}, {"text": "Hi"}))
        assert await client.drain() == []
        await client.say(said("Go on."))
        assert text_of(await client.hear_turn())


@pytest.mark.parametrize(("mime_type", "is_refused"), [("application/pdf", True), ("image/png", False)])
async def test_media_in_an_answer_are_refused_unless_the_model_reads_them(
    mime_type: str, *, is_refused: bool
) -> None:
    media = [{"inlineData": {"mimeType": mime_type, "data": ""}}]
    async with conversation(text_engines(weather), setup(LIVE_3_8, tools=[WEATHER])) as client:
        await client.say(said("weather?"))
        await client.say(answered(await call_id(client), parts=media))
        if is_refused:
            assert (await client.hear_close()).code == 1007
        else:
            await client.hear_turn()


async def test_extended_thinking_closes_on_scheduling() -> None:
    message = setup(THINKING, generationConfig={"thinkingConfig": {"thinkingLevel": "LOW"}}, tools=[WEATHER])
    async with conversation(text_engines(weather), message) as client:
        await client.say(said("weather?"))
        await client.say(answered(await call_id(client), scheduling="WHEN_IDLE"))
        assert (await client.hear_close()).code == 1007


async def test_3_1_waits_for_a_function_that_is_declared_not_to_block() -> None:
    tools: list[dict[str, Any]] = [
        {"functionDeclarations": [{"name": "get_weather", "behavior": "NON_BLOCKING"}]}
    ]
    engines = text_engines(weather)
    async with conversation(engines, setup(FLASH_LIVE_3_1, tools=tools)) as client:
        await client.say({"realtimeInput": {"text": "weather?"}})
        call = await call_id(client)
        assert await client.drain() == []
        await client.say(answered(call))
        assert text_of(await client.hear_turn()) == "It rains."


async def test_the_third_generation_transcribes_the_user_unasked(autojump_clock: MockClock) -> None:
    for model, is_transcribed in ((LIVE_3_8, True), (NATIVE_AUDIO, False)):
        async with conversation(speech_engines(words=["hello"], seconds=1), setup(model)) as client:
            await client.say(audio(sound(0.5)), audio(PAUSE))
            assert (
                transcript_of(await client.hear_turn(), "inputTranscription") == "hello"
            ) is is_transcribed


# Transcription


async def test_live_transcription_sends_whole_hypotheses_and_no_answer() -> None:
    engines = speech_engines(words=["one two three four"])
    async with conversation(engines, setup(TRANSCRIBE, "TEXT")) as client:
        await client.say(audio(sound(0.5)), audio(PAUSE))
        interim, final = await client.hear(), await client.hear()
        assert interim == {"serverContent": {"interimInputTranscription": {"text": "one two"}}}
        assert transcript_of([final], "inputTranscription") == "one two three four"
        assert await client.drain() == []


@pytest.mark.parametrize("model", [TRANSCRIBE, LIVE_3_8])
async def test_what_was_read_and_not_answered_is_answered_on_the_next_connection(model: str) -> None:
    server = LocalServer(text_engines())
    modality = "TEXT" if model == TRANSCRIBE else "AUDIO"
    async with connection(server) as client:
        await client.say(setup(model, modality, sessionResumption={}))
        await client.hear()
        [handle] = await handles_of(client)
        await client.say({"realtimeInput": {"text": "word"}})
        await client.drain()  # it was read, and more of it is awaited
    async with connection(server) as client:
        await client.say(setup(model, modality, sessionResumption={"handle": handle}))
        await client.hear()
        with trio.fail_after(5):
            while "word" not in str(await client.hear()):
                pass


async def test_live_transcription_ends_after_ten_minutes(autojump_clock: MockClock) -> None:
    async with conversation(message=setup(TRANSCRIBE, "TEXT")) as client:
        start = trio.current_time()
        assert "goAway" in await client.hear()
        assert (await client.hear_close()).code == 1008
        assert trio.current_time() - start == 600


# Pictures and video


def frame(data: bytes = b"\xff\xd8\xff") -> dict[str, Any]:
    video = {"mimeType": "image/jpeg", "data": base64.b64encode(data).decode()}
    return {"realtimeInput": {"video": video}}


def seen(history: Any) -> Say:
    pictures = [part for part in history[-1].parts if part.inline_data is not None]
    return Say(f"{len(pictures)} seen")


@pytest.mark.parametrize("model", [NATIVE_AUDIO, FLASH_2_5, LIVE_3_8, ROBOTICS])
async def test_a_typed_turn_sees_no_video_frame_before_it(model: str) -> None:
    modality = "TEXT" if model == ROBOTICS else "AUDIO"
    async with conversation(text_engines(seen), setup(model, modality)) as client:
        await client.say(frame())
        assert "0 seen" in await asked(client, modality, said("what do you see?"))


async def test_a_typed_turn_of_an_unknown_model_sees_the_last_video_frame() -> None:
    async with conversation(text_engines(seen), setup("models/gemini-9-live", "TEXT")) as client:
        await client.say(frame(), frame())
        assert await client.ask("what do you see?") == "1 seen"
        assert await client.ask("and now?") == "0 seen"


async def test_a_spoken_turn_sees_the_last_video_frame(autojump_clock: MockClock) -> None:
    async with conversation(
        speech_engines(seen), setup(LIVE_3_8, "AUDIO", outputAudioTranscription={})
    ) as client:
        await client.say(frame(), audio(sound(1)), audio(PAUSE))
        assert transcript_of(await client.hear_turn()) == "1 seen"


async def test_a_typed_turn_sees_the_picture_that_is_in_it() -> None:
    async with conversation(text_engines(seen), setup(ROBOTICS, "TEXT")) as client:
        message = said("what do you see?")
        blob = {"mimeType": "image/jpeg", "data": "/9j/"}
        message["clientContent"]["turns"][0]["parts"].insert(0, {"inlineData": blob})
        await client.say(message)
        assert text_of(await client.hear_turn()) == "1 seen"


async def test_a_frame_that_is_too_large_to_be_kept_is_not_seen() -> None:
    async with conversation(text_engines(seen), setup("models/gemini-9-live", "TEXT")) as client:
        await client.say(frame(), frame(bytes(2**20 + 1)))
        assert await client.ask("what do you see?") == "0 seen"


async def asked(client: Client, modality: str, message: dict[str, Any]) -> str:
    await client.say(message)
    messages = await client.hear_turn()
    return text_of(messages) if modality == "TEXT" else text_of(messages) + transcript_of(messages)


# Native tools


async def test_native_audio_announces_a_search_by_a_lone_result() -> None:
    tools: list[dict[str, Any]] = [{"googleSearch": {}}]
    async with conversation(text_engines(), setup(NATIVE_AUDIO, "AUDIO", tools=tools)) as client:
        await client.say(said("search for the weather"))
        first, *rest = parts_of(await client.hear_turn())
        assert first == {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": ANY}}
        assert not any("executableCode" in part for part in rest)
        await client.say(said("thank you"))
        assert not any("codeExecutionResult" in part for part in parts_of(await client.hear_turn()))


async def test_other_models_search_in_silence() -> None:
    tools: list[dict[str, Any]] = [{"googleSearch": {}}]
    async with conversation(text_engines(), setup(LIVE_3_8, "AUDIO", tools=tools)) as client:
        await client.say(said("search for the weather"))
        assert not any("codeExecutionResult" in part for part in parts_of(await client.hear_turn()))


async def test_2_5_takes_url_context_and_opens_no_page() -> None:
    tools: list[dict[str, Any]] = [{"urlContext": {}}]
    async with conversation(text_engines(), setup(NATIVE_AUDIO, "AUDIO", tools=tools)) as client:
        await client.say(said("what is on https://example.org?"))
        assert "unable to access" in text_of(await client.hear_turn())


# What comes with a function's answer


async def test_content_beside_a_functions_answer_has_no_part_in_the_reply_to_it() -> None:
    async with conversation(text_engines(weather), setup(FLASH_2_5, "TEXT", tools=[WEATHER])) as client:
        await client.say(said("weather?"))
        call = await call_id(client)
        await client.hear_turn()
        await client.say(said("answer in French", turn_complete=False), answered(call))
        assert text_of(await client.hear_turn()) == "It rains."


async def test_a_typed_turn_beside_a_functions_answer_makes_the_model_speak_once_more() -> None:
    async with conversation(text_engines(weather), setup(FLASH_2_5, "TEXT", tools=[WEATHER])) as client:
        await client.say(said("weather?"))
        call = await call_id(client)
        await client.hear_turn()
        await client.say(answered(call), said("and in French"))
        turns = [await client.hear_turn(), await client.hear_turn()]
        assert text_of(turns[1]) == "You said: and in French"


# Translation


async def test_live_translation_says_what_the_user_says() -> None:
    engines = speech_engines(words=["good morning"], seconds=0.1)
    config = {
        "outputAudioTranscription": {},
        "generationConfig": {
            "responseModalities": ["AUDIO"],
            "translationConfig": {"targetLanguageCode": "de"},
        },
    }
    async with conversation(engines, setup(TRANSLATE, **config)) as client:
        await client.say(audio(sound(1)), audio(PAUSE))
        assert transcript_of(await client.hear_turn()) == "good morning"


def test_every_fact_has_a_source() -> None:
    for model in (NATIVE_AUDIO, NATIVE_AUDIO_LATE, FLASH_2_5, FLASH_LIVE_3_1, LIVE_3_8, THINKING, TRANSCRIBE):
        behavior = behavior_with(model)
        names = [name for name in behavior.__slots__ if name != "sources"]
        facts = {name for name in names if getattr(behavior, name) != getattr(PLAIN, name)}
        assert facts
        assert facts == set(behavior.sources)
    assert behavior_with("models/unheard-of") == PLAIN
