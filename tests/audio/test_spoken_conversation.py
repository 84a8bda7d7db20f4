"""Spoken conversations with the embedded server, from file to file: heard, answered, and cut in on."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
import trio

from livegen_trio import (
    AudioTranscriptionConfig,
    LiveGenerationConfig,
    LocalBackend,
    ServerContent,
    get_live_generative_model,
)
from livegen_trio.audio import (
    AudioConversation,
    Recording,
    SpeechEnded,
    VirtualSpeaker,
    read_wav,
    speech_end,
    stream_pcm,
    write_wav,
)
from livegen_trio.local import speech_available
from support.live_client import ScriptedRecognizer, sound, speech_engines
from support.voice import HUMAN_RATE, HUMAN_WORDS, human_voice

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from trio.testing import MockClock

    from livegen_trio import LiveSession

RATE = 16_000
CONFIG = LiveGenerationConfig(
    response_modalities=["AUDIO"],
    input_audio_transcription=AudioTranscriptionConfig(),
    output_audio_transcription=AudioTranscriptionConfig(),
)


def connect(backend: LocalBackend) -> AbstractAsyncContextManager[LiveSession]:
    """Without limits: a virtual clock runs ahead while a thread works, and there must be nothing to run into."""
    model = get_live_generative_model(
        "gemini-2.5-flash-native-audio-preview-12-2025", backend=backend, generation_config=CONFIG
    )
    return model.connect(connect_timeout=math.inf, keepalive_interval=math.inf, keepalive_timeout=math.inf)


async def heard_words(conversation: AudioConversation) -> tuple[str, str, SpeechEnded]:
    """What either side has said until the model falls silent, and how much of it was heard."""
    heard, said = "", ""
    async for event in conversation:
        match event:
            case ServerContent():
                heard += event.input_transcription.text if event.input_transcription else ""
                said += event.output_transcription.text if event.output_transcription else ""
            case SpeechEnded():
                return heard, said, event
            case _:
                pass
    raise AssertionError("the conversation ended before the model spoke")


async def test_who_speaks_is_answered_aloud(autojump_clock: MockClock) -> None:
    engines = speech_engines(words=["what time is it"], seconds=2)
    speaker = VirtualSpeaker()
    async with connect(LocalBackend(engines=engines)) as session:
        async with AudioConversation(
            session, source=stream_pcm(sound(1), RATE), sink=speaker
        ) as conversation:
            heard, said, ended = await heard_words(conversation)
    assert heard == "what time is it"
    assert said == "You said: what time is it"
    assert (ended.heard_seconds, ended.received_seconds, ended.interrupted) == (2, 2, False)
    assert speaker.recording == Recording(sound(2, rate=24_000), 24_000)
    assert isinstance(engines.recognizer, ScriptedRecognizer)
    assert engines.recognizer.heard[0][1] == RATE


async def test_who_cuts_in_is_heard_and_the_model_falls_silent_at_once(autojump_clock: MockClock) -> None:
    speaker = VirtualSpeaker()

    async def microphone() -> AsyncGenerator[bytes]:
        """Speaks, listens for two seconds, and cuts in."""
        for chunk in (sound(1), sound(1)):
            async for piece in stream_pcm(chunk, RATE):
                yield piece
            while speaker.recording.seconds < 2:
                await trio.sleep(0.02)
                yield sound(0.02, level=0)
        async for piece in stream_pcm(sound(60, level=0), RATE):
            yield piece

    async with connect(LocalBackend(engines=speech_engines(seconds=5))) as session:
        async with AudioConversation(session, source=microphone(), sink=speaker) as conversation:
            _, _, first = await heard_words(conversation)
            assert first.interrupted
            assert 2 < first.heard_seconds == speaker.recording.seconds < 2.5
            _, _, second = await heard_words(conversation)  # it answers to that as well
    assert (second.turn, second.heard_seconds, second.interrupted) == (2, 5, False)
    assert speaker.recording.seconds == pytest.approx(first.heard_seconds + 5)


@pytest.mark.skipif(not speech_available(), reason="needs the [local] extra")
async def test_a_spoken_file_is_heard_and_answered_into_a_file(mock_clock: MockClock, tmp_path: Path) -> None:
    mock_clock.rate = 4
    write_wav(tmp_path / "question.wav", Recording(human_voice(), HUMAN_RATE))
    question = read_wav(tmp_path / "question.wav")
    speaker = VirtualSpeaker()
    async with connect(LocalBackend()) as session:
        source = stream_pcm(question.pcm, question.rate)
        async with AudioConversation(session, source=source, sink=speaker) as conversation:
            heard, said, ended = await heard_words(conversation)
    write_wav(tmp_path / "answer.wav", speaker.recording)
    answer = read_wav(tmp_path / "answer.wav")
    assert heard.lower().replace(",", "").rstrip("?.!") == HUMAN_WORDS
    assert said
    assert not ended.interrupted
    assert answer.seconds == ended.heard_seconds
    assert (speech_end(answer) or 0) > answer.rate
