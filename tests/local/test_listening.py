"""Realtime input to the embedded server: speech, marked and detected; text; pictures; and what is none of these."""

from __future__ import annotations

import base64
import threading
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from livegen_trio.local import CallTool, Engines, Say
from livegen_trio.local._hearing import LONGEST_UTTERANCE, Ears
from livegen_trio.local._typing import TEXT_GRACE
from support.live_client import (
    NEW_MODEL,
    SPEECH_MODEL,
    TEXT_MODEL,
    WEATHER,
    LoudnessDetector,
    ScriptedRecognizer,
    ScriptedResponder,
    ScriptedSynthesizer,
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

if TYPE_CHECKING:
    from support.live_client import Client

MANUAL = {"automaticActivityDetection": {"disabled": True}}
UNINTERRUPTED = {"activityHandling": "NO_INTERRUPTION"}

PAUSE = sound(0.6, level=0)
START: dict[str, Any] = {"realtimeInput": {"activityStart": {}}}
END: dict[str, Any] = {"realtimeInput": {"activityEnd": {}}}
STREAM_END: dict[str, Any] = {"realtimeInput": {"audioStreamEnd": True}}


def written(text: str) -> dict[str, Any]:
    return {"realtimeInput": {"text": text}}


def hearing(engines: Engines) -> ScriptedRecognizer:
    assert isinstance(engines.recognizer, ScriptedRecognizer)
    return engines.recognizer


def last_words(engines: Engines) -> list[str]:
    """What the responder was asked last."""
    assert isinstance(engines.responder, ScriptedResponder)
    return [content.text for content in engines.responder.histories[-1]]


def text_setup(**fields: Any) -> dict[str, Any]:
    return setup(TEXT_MODEL, "TEXT", **fields)


# Speech that is detected


async def test_speech_is_heard_transcribed_and_answered() -> None:
    engines = speech_engines(words=["Good morning."])
    async with conversation(engines, text_setup(inputAudioTranscription={})) as client:
        await client.say(audio(sound(1, level=0)), audio(sound(1)), audio(PAUSE))
        turn = await client.hear_turn()
    assert transcript_of(turn, "inputTranscription") == "Good morning."
    assert text_of(turn) == "You said: Good morning."
    assert turn[-1]["usageMetadata"]["promptTokensDetails"] == [{"modality": "AUDIO", "tokenCount": 35}]
    # The speech and a fifth of a second before and after it.
    assert hearing(engines).heard == [(1.4, 16000)]


async def test_no_transcript_comes_unasked() -> None:
    async with conversation(speech_engines(), text_setup()) as client:
        await client.say(audio(sound(1)), audio(PAUSE))
        assert transcript_of(await client.hear_turn(), "inputTranscription") == ""


@pytest.mark.parametrize(
    ("mime_type", "rate"),
    [
        ("audio/pcm", 16000),
        ("audio/pcm;rate=8000", 8000),
        ("audio/pcm; rate=44100", 44100),
        ("AUDIO/PCM;channels=1;rate=48000", 48000),
    ],
)
async def test_audio_comes_at_any_rate(mime_type: str, rate: int) -> None:
    engines = speech_engines()
    async with conversation(engines, text_setup()) as client:
        await client.say(audio(sound(1, rate=rate) + sound(1, level=0, rate=rate), mime_type))
        await client.hear_turn()
    assert hearing(engines).heard == [(1.2, rate)]


async def test_another_rate_begins_another_utterance() -> None:
    engines = speech_engines(words=["One", "two"])
    async with conversation(engines, text_setup(inputAudioTranscription={})) as client:
        await client.say(audio(sound(1)), audio(sound(1, rate=8000), "audio/pcm;rate=8000"), STREAM_END)
        turn = await client.hear_turn()
    assert transcript_of(turn, "inputTranscription") == "One two"
    assert text_of(turn) == "You said: One two"
    assert hearing(engines).heard == [(1.0, 16000), (1.0, 8000)]


async def test_the_end_of_the_stream_is_the_end_of_speech() -> None:
    async with conversation(speech_engines(), text_setup()) as client:
        await client.say(STREAM_END, audio(sound(1)))
        assert await client.drain() == []
        await client.say(STREAM_END)
        assert text_of(await client.hear_turn()) == "You said: hello there"


async def test_the_clients_own_idea_of_a_pause_is_honoured() -> None:
    config = {"automatic_activity_detection": {"silence_duration_ms": 2000}}
    async with conversation(speech_engines(), text_setup(realtimeInputConfig=config)) as client:
        await client.say(audio(sound(1)), audio(PAUSE), audio(PAUSE), audio(PAUSE))
        assert await client.drain() == []
        await client.say(audio(PAUSE))
        assert text_of(await client.hear_turn()) == "You said: hello there"


async def test_activity_is_signalled_to_those_who_asked() -> None:
    async with conversation(speech_engines(), text_setup(explicitVadSignal=True)) as client:
        await client.say(audio(sound(1, level=0)), audio(sound(1)), audio(PAUSE))
        assert await client.hear() == {"voiceActivity": {"type": "ACTIVITY_START", "audioOffset": "1s"}}
        assert await client.hear() == {"voiceActivity": {"type": "ACTIVITY_END", "audioOffset": "2s"}}


async def test_endless_speech_is_cut() -> None:
    engines = speech_engines(words=["one", "two"])
    async with conversation(engines, text_setup()) as client:
        for _ in range(round(LONGEST_UTTERANCE) + 5):
            await client.say(audio(sound(1)))
        await client.say(audio(PAUSE))
        turns = await client.hear_turn()
        while "two" not in text_of(turns):
            turns += await client.hear_turn()
    assert [seconds for seconds, _ in hearing(engines).heard] == pytest.approx([60, 6], abs=1)


async def test_a_noise_without_words_is_not_answered() -> None:
    async with conversation(speech_engines(words=[" "]), text_setup()) as client:
        await client.say(audio(sound(0.3)), audio(PAUSE))
        await client.say(said("Hi"))
        assert text_of(await client.hear_turn()) == "You said: Hi"


async def test_speech_that_comes_faster_than_it_is_understood_is_dropped(
    caplog: pytest.LogCaptureFixture,
) -> None:
    engines = speech_engines()
    gate = hearing(engines).gate = threading.Event()
    async with conversation(engines, text_setup()) as client:
        for _ in range(20):
            await client.say(audio(sound(0.2)), audio(PAUSE))
        await trio.testing.wait_all_tasks_blocked()
        gate.set()
        turn = await client.hear_turn()
    assert text_of(turn).startswith("You said: hello there hello there")
    assert "0.6 s of speech were dropped" in caplog.text


# Barge-in


async def talking(client: Client) -> None:
    """Have the model begin to talk."""
    await client.say(said("Talk!"))
    assert kinds_of([await client.hear()]) == ["modelTurn"]


async def test_whoever_speaks_interrupts_the_model(autojump_clock: trio.testing.MockClock) -> None:
    engines = speech_engines(words=["Stop it."], seconds=30)
    async with conversation(engines, setup(SPEECH_MODEL)) as client:
        await talking(client)
        await client.say(audio(sound(0.5)))
        turn = await client.hear_turn()
        assert kinds_of(turn)[-2:] == ["interrupted", "turnComplete"]
        assert "generationComplete" not in kinds_of(turn)
        await client.say(audio(PAUSE))
        assert kinds_of([await client.hear()]) == ["modelTurn"]
    assert last_words(engines) == ["Talk!", "You said: Talk!", "Stop it."]


async def test_whoever_speaks_while_it_plays_interrupts_the_model() -> None:
    async with conversation(speech_engines(seconds=30), setup(SPEECH_MODEL)) as client:
        await talking(client)
        while "generationComplete" not in (await client.hear())["serverContent"]:
            pass
        await client.say(audio(sound(0.5)))
        assert kinds_of(await client.hear_turn()) == ["interrupted", "turnComplete"]


async def test_a_model_that_can_not_be_interrupted_answers_afterwards(
    autojump_clock: trio.testing.MockClock,
) -> None:
    engines = speech_engines(words=["One.", "Two."], seconds=30)
    message = setup(SPEECH_MODEL, realtimeInputConfig=UNINTERRUPTED, outputAudioTranscription={})
    async with conversation(engines, message) as client:
        await client.say(said("Talk!"))
        await client.hear()
        for count in (1, 2):
            await client.say(audio(sound(0.5)), audio(PAUSE))
            while len(hearing(engines).heard) < count:  # in a thread, during which the clock must not jump
                await trio.testing.wait_all_tasks_blocked(0.01)
        turn = await client.hear_turn()
        assert kinds_of(turn)[-2:] == ["generationComplete", "turnComplete"]
        assert transcript_of(await client.hear_turn()) == "You said: One. Two."


async def test_speech_goes_on_where_it_was_not_answered_yet() -> None:
    engines = speech_engines(words=["What is the weather", "in Paris?"])
    assert isinstance(engines.synthesizer, ScriptedSynthesizer)
    gate = engines.synthesizer.gate = threading.Event()
    async with conversation(engines, setup(SPEECH_MODEL, inputAudioTranscription={})) as client:
        await client.say(audio(sound(0.5)), audio(PAUSE))
        first = await client.hear()
        await client.say(audio(sound(0.5)), audio(PAUSE))
        turn = await client.hear_turn()
        gate.set()
        second = await client.hear()
        assert kinds_of([await client.hear()]) == ["modelTurn"]
    assert transcript_of([first, second], "inputTranscription") == "What is the weather in Paris?"
    assert kinds_of(turn) == ["interrupted", "turnComplete"]
    assert last_words(engines) == ["What is the weather in Paris?"]


async def test_a_noise_does_not_leave_the_user_without_an_answer() -> None:
    engines = speech_engines(words=["What time is it?", ""])
    assert isinstance(engines.synthesizer, ScriptedSynthesizer)
    gate = engines.synthesizer.gate = threading.Event()
    async with conversation(engines, setup(SPEECH_MODEL, inputAudioTranscription={})) as client:
        await client.say(audio(sound(0.5)), audio(PAUSE))
        await client.hear()
        await client.say(audio(sound(0.1)))
        assert kinds_of(await client.hear_turn()) == ["interrupted", "turnComplete"]
        await client.say(audio(PAUSE))
        gate.set()
        assert kinds_of([await client.hear()]) == ["modelTurn"]
    assert last_words(engines) == ["What time is it?"]


def weather(history: Any) -> Say | list[CallTool]:
    return [CallTool("get_weather", {})] if "weather" in history[-1].text else Say("It rains.")


async def test_whoever_speaks_cancels_the_functions_that_the_model_waits_for() -> None:
    engines = speech_engines(weather, words=["weather?", "never mind"])
    async with conversation(engines, text_setup(tools=[WEATHER])) as client:
        await client.say(audio(sound(0.5)), audio(PAUSE))
        call = (await client.hear())["toolCall"]["functionCalls"][0]
        await client.say(audio(sound(0.5)))
        assert await client.hear() == {"toolCallCancellation": {"ids": [call["id"]]}}
        assert kinds_of(await client.hear_turn()) == ["interrupted", "turnComplete"]


async def test_the_answer_of_a_function_waits_until_the_user_has_spoken() -> None:
    engines = speech_engines(weather, words=["weather?", ""])
    async with conversation(
        engines, setup(NEW_MODEL, tools=[WEATHER], outputAudioTranscription={})
    ) as client:
        await client.say(audio(sound(0.5)), audio(PAUSE))
        assert transcript_of([await client.hear()], "inputTranscription") == "weather?"  # transcribed unasked
        call = (await client.hear())["toolCall"]["functionCalls"][0]
        await client.hear_turn()
        await client.say(audio(sound(0.5)), answered(call["id"], scheduling="INTERRUPT"))
        assert await client.drain() == []
        await client.say(audio(PAUSE))
        assert transcript_of([await client.hear()]) == "It rains."


# Speech that is marked


async def test_marked_speech_is_answered_and_all_else_is_discarded() -> None:
    engines = speech_engines()
    async with conversation(engines, text_setup(realtimeInputConfig=MANUAL)) as client:
        await client.say(audio(sound(9)), START, audio(sound(1)), audio(sound(1)), END, audio(sound(9)))
        assert text_of(await client.hear_turn()) == "You said: hello there"
    assert hearing(engines).heard == [(2.0, 16000)]


async def test_marks_that_are_out_of_place_do_nothing() -> None:
    engines = speech_engines()
    async with conversation(engines, text_setup(realtimeInputConfig=MANUAL)) as client:
        await client.say(END, START, audio(sound(1)), STREAM_END, START, audio(sound(1)), END)
        assert text_of(await client.hear_turn()) == "You said: hello there"
    assert hearing(engines).heard == [(2.0, 16000)]


async def test_marks_are_refused_where_activity_is_detected() -> None:
    for mark in (START, END):
        async with conversation() as client:
            await client.say(mark)
            closed = await client.hear_close()
        assert closed.code == 1007
        assert closed.reason.startswith("Explicit activity control is not supported")


async def test_marked_speech_without_words_is_answered_all_the_same() -> None:
    for sounds in ([], [audio(sound(1))]):
        async with conversation(speech_engines(words=[""]), text_setup(realtimeInputConfig=MANUAL)) as client:
            await client.say(START, *sounds, END)
            assert text_of(await client.hear_turn()) == "I could not hear any words."


async def test_text_belongs_to_the_turn_that_is_marked() -> None:
    async with conversation(speech_engines(), text_setup(realtimeInputConfig=MANUAL)) as client:
        await client.say(START, audio(sound(1)), written("my friend"), END)
        assert text_of(await client.hear_turn()) == "You said: hello there my friend"


async def test_a_transcript_has_only_what_was_spoken() -> None:
    message = text_setup(realtimeInputConfig=MANUAL, inputAudioTranscription={})
    async with conversation(speech_engines(), message) as client:
        await client.say(START, audio(sound(1)), written("my friend"), END)
        assert transcript_of(await client.hear_turn(), "inputTranscription") == "hello there"


async def test_long_marked_speech_is_understood_in_parts_and_answered_at_its_end() -> None:
    engines = speech_engines(words=["one", "two", "three"])
    async with conversation(engines, text_setup(realtimeInputConfig=MANUAL)) as client:
        await client.say(START)
        for _ in range(round(LONGEST_UTTERANCE) + 5):
            await client.say(audio(sound(1)))
        await client.say(audio(sound(1, rate=8000), "audio/pcm;rate=8000"))
        assert await client.drain() == []
        await client.say(END)
        assert text_of(await client.hear_turn()) == "You said: one two three"


async def test_the_beginning_of_marked_speech_interrupts_the_model() -> None:
    async with conversation(
        speech_engines(seconds=30), setup(SPEECH_MODEL, realtimeInputConfig=MANUAL)
    ) as client:
        await talking(client)
        await client.say(START)
        assert kinds_of(await client.hear_turn())[-2:] == ["interrupted", "turnComplete"]


# Without ears


async def test_without_ears_audio_is_counted_and_echoed(autojump_clock: trio.testing.MockClock) -> None:
    async with conversation(message=setup(SPEECH_MODEL, realtimeInputConfig=MANUAL)) as client:
        start = trio.current_time()
        await client.say(START, audio(sound(1.2, rate=8000), "audio/pcm;rate=8000"), END)
        turn = await client.hear_turn()
        assert trio.current_time() - start == pytest.approx(1.2)
    assert text_of(turn) == "I received 1.2 seconds of audio."
    chunks = audio_of(turn)
    assert {mime_type for mime_type, _ in chunks} == {"audio/pcm;rate=8000"}
    assert b"".join(pcm for _, pcm in chunks) == sound(1.2, rate=8000)


async def test_without_ears_a_text_session_gets_no_echo() -> None:
    async with conversation(message=text_setup(realtimeInputConfig=MANUAL)) as client:
        await client.say(START, audio(sound(0.5)), END)
        turn = await client.hear_turn()
    assert text_of(turn) == "I received 0.5 seconds of audio."
    assert audio_of(turn) == []


# Text


async def test_text_in_fragments_is_one_turn(autojump_clock: trio.testing.MockClock) -> None:
    async with conversation() as client:
        start = trio.current_time()
        await client.say(written("Hello, "), written("are you "), written("there?"))
        assert text_of(await client.hear_turn()) == "You said: Hello, are you there?"
        assert trio.current_time() - start == pytest.approx(TEXT_GRACE)


async def test_endless_text_is_answered_in_the_end(autojump_clock: trio.testing.MockClock) -> None:
    async with conversation() as client:
        for _ in range(30):
            await client.say(written("la "))
            await trio.sleep(0.09)
        assert text_of(await client.hear_turn()).count("la") < 30


async def test_a_blank_has_unanswered_content_answered(autojump_clock: trio.testing.MockClock) -> None:
    async with conversation() as client:
        await client.say(said("Hi", turn_complete=False), written(" "))
        assert text_of(await client.hear_turn()) == "You said: Hi"


async def test_a_blank_alone_means_nothing(autojump_clock: trio.testing.MockClock) -> None:
    async with conversation() as client:
        await client.say(written(" "))
        await trio.sleep(1)
        assert await client.drain() == []


async def test_a_blank_does_not_interrupt_the_model(autojump_clock: trio.testing.MockClock) -> None:
    async with conversation(speech_engines(), setup(SPEECH_MODEL)) as client:
        await talking(client)
        await client.say(written(" "))
        assert kinds_of(await client.hear_turn())[-2:] == ["generationComplete", "turnComplete"]


async def test_text_interrupts_the_model(autojump_clock: trio.testing.MockClock) -> None:
    async with conversation(speech_engines(), setup(NEW_MODEL, outputAudioTranscription={})) as client:
        await client.say(said("Talk!"))
        await client.hear()
        await client.say(written("Stop!"))
        assert kinds_of(await client.hear_turn())[-2:] == ["interrupted", "turnComplete"]
        assert transcript_of(await client.hear_turn()) == "You said: Stop!"


async def test_a_model_that_can_not_be_interrupted_forgets_the_oldest_of_too_much_text(
    autojump_clock: trio.testing.MockClock,
) -> None:
    engines = speech_engines(seconds=600)
    async with conversation(engines, setup(SPEECH_MODEL, realtimeInputConfig=UNINTERRUPTED)) as client:
        await client.say(said("Talk!"))
        await client.hear()
        for number in range(70):
            await client.say(written(f"{number}."))
            await trio.sleep(1)
        await client.hear_turn()
        await client.hear()
    assert last_words(engines)[-1].split() == [f"{number}." for number in range(6, 70)]


# Pictures, and what can't be taken


def blob(mime_type: str, data: bytes = b"1234") -> dict[str, Any]:
    return {"mimeType": mime_type, "data": base64.b64encode(data).decode()}


async def test_pictures_are_counted() -> None:
    async with conversation() as client:
        await client.say(
            {"realtimeInput": {"video": blob("image/jpeg")}},
            {"realtime_input": {"media_chunks": [blob("image/png"), blob("audio/nonsense")]}},
            said("What do you see?"),
        )
        turn = await client.hear_turn()
    counts = turn[-1]["usageMetadata"]["promptTokensDetails"]
    assert {"modality": "VIDEO", "tokenCount": 516} in counts


async def test_the_first_media_chunk_is_heard() -> None:
    chunk = blob("audio/pcm;rate=16000", sound(1) + PAUSE)
    async with conversation(speech_engines(), text_setup()) as client:
        await client.say({"realtimeInput": {"mediaChunks": [chunk, chunk]}})
        assert text_of(await client.hear_turn()) == "You said: hello there"


@pytest.mark.parametrize(
    "realtime",
    [
        {"audio": blob("audio/mp3")},
        {"audio": blob("image/jpeg")},
        {"audio": blob("")},
        {"audio": blob("audio/pcm;rate=16000", b"123")},
        {"audio": blob("audio/pcm;rate=fast")},
        {"audio": blob("audio/pcm;rate=1")},
        {"audio": blob("audio/pcm;rate=99999999999999999999")},
        {"video": blob("audio/pcm")},
        {"video": blob("video/mp4")},
        {"mediaChunks": [blob("application/pdf")]},
    ],
)
async def test_media_that_can_not_be_taken_end_the_session(realtime: dict[str, Any]) -> None:
    async with connection() as client:
        await client.say(setup(), {"realtimeInput": realtime})
        closed = await client.hear_close()
    assert closed.code == 1007
    assert closed.reason.startswith("Request contains an invalid argument.")


async def test_empty_realtime_input_means_nothing() -> None:
    async with conversation() as client:
        await client.say({"realtimeInput": {}}, {"realtimeInput": {"audio": blob("audio/pcm", b"")}})
        assert await client.drain() == []


def test_the_audio_of_earlier_connections_counts_into_offsets() -> None:
    ears = Ears(LoudnessDetector, None, audio_seconds=10)
    [began] = ears.feed(sound(1), 16000)
    assert began.offset == 10


def test_engines_need_not_have_ears() -> None:
    assert text_engines().recognizer is None
