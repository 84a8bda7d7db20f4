"""A short conversation of each kind with the real service."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
import trio

from livegen_trio import SetupRejectedError
from livegen_trio.audio import stream_pcm
from support.live_service import conversation, resumed
from support.voice import HUMAN_RATE, HUMAN_WORDS, human_voice

if TYPE_CHECKING:
    from livegen_trio import LiveSession
    from livegen_trio.testing import RecordingBackend


async def test_a_question_in_text_is_answered_aloud(backend: RecordingBackend) -> None:
    async with conversation(backend) as session:
        answer = await session.ask("Please say: Paris is the capital of France.")
        assert "paris" in answer.output_transcript.lower()
        assert len(answer.audio) > answer.audio_rate // 10
        assert session.usage.total_token_count


async def test_a_question_by_voice_is_heard_and_answered_aloud(backend: RecordingBackend) -> None:
    async with conversation(backend) as session:
        pcm = stream_pcm(human_voice(), HUMAN_RATE, 0.1)
        await session.send_media_stream(pcm, mime_type=f"audio/pcm;rate={HUMAN_RATE}")
        await session.end_audio()
        turn = await anext(session.turns())
        answer = await turn.collect()
    heard = re.findall(r"[a-z]+", answer.input_transcript.lower())
    assert set(heard) & set(HUMAN_WORDS.split())
    assert answer.output_transcript
    assert len(answer.audio) > answer.audio_rate // 10


async def test_a_function_is_called_and_its_result_is_told(backend: RecordingBackend) -> None:
    asked: list[str] = []

    async def get_temperature(city: str) -> dict[str, object]:
        """The current temperature in a city."""
        await trio.lowlevel.checkpoint()
        asked.append(city)
        return {"degrees_celsius": 31}

    async with conversation(
        backend, tools=[get_temperature], system_instruction="Use the tools that you have. Be brief."
    ) as session:
        answer = await session.ask("What is the temperature in Lisbon?")
    assert [city.partition(",")[0] for city in asked] == ["Lisbon"]
    assert [call.name for call in answer.tool_calls] == ["get_temperature"]
    assert re.search(r"31|thirty[ -]one", answer.output_transcript.lower())


async def test_a_resumed_session_remembers_what_was_said(backend: RecordingBackend) -> None:
    async with conversation(backend) as session:
        await session.ask("My name is Matilda.")
        handle = await newest_handle(session)
    async with resumed(backend, handle) as session:
        answer = await session.ask("What is my name?")
    assert "matilda" in answer.output_transcript.lower()


async def newest_handle(session: LiveSession) -> str:
    while session.resumption_handle is None:
        await session.receive()
    return session.resumption_handle


async def test_a_setup_that_does_not_fit_is_refused_with_the_reason_and_a_hint(
    backend: RecordingBackend,
) -> None:
    with pytest.raises(SetupRejectedError) as caught:
        async with conversation(backend, name="gemini-that-never-was"):
            pass
    assert caught.value.code in (1007, 1008)
    assert caught.value.reason
    assert caught.value.hint
    assert not caught.value.retryable
