"""What a question comes to, event by event."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from livegen_trio import (
    Content,
    FunctionCall,
    GoAway,
    Part,
    ServerContent,
    ServerEvent,
    ToolCall,
    Transcription,
)
from livegen_trio.cli._exchange import Exchange
from livegen_trio.cli._terminal import Screen

if TYPE_CHECKING:
    import pytest
    from trio.testing import MockClock

SECOND = bytes(48_000)
TURN_COMPLETE = ServerContent(turn_complete=True)
INTERRUPTED = ServerContent(interrupted=True)


def heard(words: str) -> ServerContent:
    return ServerContent(input_transcription=Transcription(text=words))


def said(words: str) -> ServerContent:
    return ServerContent(output_transcription=Transcription(text=words))


def exchange_after(*events: ServerEvent, speech_ended_at: float | None = None) -> Exchange:
    exchange = Exchange(Screen())
    exchange.speech_ended_at = speech_ended_at
    for event in events:
        exchange.add(event)
    return exchange


async def test_fragments_are_joined_and_shown_as_they_come(
    autojump_clock: MockClock, capsys: pytest.CaptureFixture[str]
) -> None:
    exchange = exchange_after(heard(" What is"), heard(" it?"), said("It"), said(" is\nlate."), TURN_COMPLETE)
    assert (exchange.heard, exchange.said) == ("What is it?", "It is late.")
    assert capsys.readouterr().out == "heard       What is it?\nsaid        It is late.\n"


async def test_answers_in_text_count_as_said(autojump_clock: MockClock) -> None:
    assert exchange_after(ServerContent(model_turn=Content(parts=[Part(text="Yes.")]))).said == "Yes."


async def test_tool_calls_are_kept_and_shown(
    autojump_clock: MockClock, capsys: pytest.CaptureFixture[str]
) -> None:
    call = FunctionCall(id="1", name="get_weather", args={"city": "Paris", "days": 2})
    exchange = exchange_after(ToolCall(function_calls=[call]), GoAway())
    assert exchange.tool_calls == [call]
    assert capsys.readouterr().out == 'tool call   get_weather(city="Paris", days=2)\n'


async def test_the_latency_counts_from_the_end_of_speech_to_the_first_sound(
    autojump_clock: MockClock,
) -> None:
    exchange = exchange_after(speech_ended_at=trio.current_time())
    assert exchange.first_audio_ms is None
    await trio.sleep(0.75)
    for _ in range(2):
        await exchange.speaker.write(SECOND, 24_000)
    assert exchange.first_audio_ms == 750


async def test_sound_before_the_end_of_speech_is_no_answer_to_it(autojump_clock: MockClock) -> None:
    exchange = exchange_after()
    await exchange.speaker.write(SECOND, 24_000)
    assert exchange.first_audio_ms is None


async def test_it_is_over_when_an_answer_is_complete(autojump_clock: MockClock) -> None:
    exchange = exchange_after(said("Yes."), speech_ended_at=0)
    assert not exchange.is_over
    exchange.add(TURN_COMPLETE)
    assert exchange.is_over


async def test_an_answer_before_the_end_of_the_question_is_not_the_last(autojump_clock: MockClock) -> None:
    assert not exchange_after(said("Yes."), TURN_COMPLETE).is_over


async def test_a_turn_that_only_calls_a_tool_is_no_answer(autojump_clock: MockClock) -> None:
    call = ToolCall(function_calls=[FunctionCall(name="f")])
    assert not exchange_after(call, TURN_COMPLETE, speech_ended_at=0).is_over


async def test_an_interrupted_answer_is_not_the_last(autojump_clock: MockClock) -> None:
    exchange = exchange_after(said("Yes, and"), INTERRUPTED, TURN_COMPLETE, speech_ended_at=0)
    assert not exchange.is_over
    exchange.add(said("No."))
    exchange.add(TURN_COMPLETE)
    assert exchange.is_over
    assert exchange.said == "Yes, and No."
