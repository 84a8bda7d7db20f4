"""Transcripts: what both sides say, put together from what services send."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio

from livegen_trio import (
    LiveGenerationConfig,
    LocalBackend,
    Reconnected,
    Transcript,
    get_live_generative_model,
    profile_of,
)
from livegen_trio.local import text_engines
from support.peer import TURN_COMPLETE, conversation

if TYPE_CHECKING:
    from trio.testing import MockClock


def heard(text: str, **more: Any) -> dict[str, Any]:
    return {"serverContent": {"inputTranscription": {"text": text, **more}}}


def guessed(text: str) -> dict[str, Any]:
    return {"serverContent": {"interimInputTranscription": {"text": text}}}


def said(text: str, **more: Any) -> dict[str, Any]:
    return {"serverContent": {"outputTranscription": {"text": text, **more}}}


def user(text: str, *, is_final: bool = False, language_code: str | None = None) -> Transcript:
    return Transcript(role="user", text=text, is_final=is_final, language_code=language_code)


def model(text: str, *, is_final: bool = False) -> Transcript:
    return Transcript(role="model", text=text, is_final=is_final)


async def test_pieces_are_put_together_until_the_turn_ends() -> None:
    async with conversation() as (session, peer):
        await peer.say(heard(" What is"), said(" It"), heard(" it?"), heard(""), said(" is."), TURN_COMPLETE)
        await peer.say(heard("Thanks."), TURN_COMPLETE, TURN_COMPLETE)
        await peer.close()
        transcripts = [one async for one in session.transcripts()]
    assert transcripts == [
        user("What is"),
        model("It"),
        user("What is it?"),
        model("It is."),
        user("What is it?", is_final=True),
        model("It is.", is_final=True),
        user("Thanks."),
        user("Thanks.", is_final=True),
    ]


async def test_a_finished_transcription_is_final_at_once() -> None:
    async with conversation() as (session, peer):
        await peer.say(heard("Hal"), heard("lo", finished=True, languageCode="de"), heard("", finished=True))
        await peer.close()
        transcripts = [one async for one in session.transcripts()]
    assert transcripts == [user("Hal"), user("Hallo", is_final=True, language_code="de")]


async def test_a_live_transcription_replaces_its_guesses() -> None:
    async with conversation(profile=profile_of("gemini-3.5-transcribe-live")) as (session, peer):
        await peer.say(guessed("I"), guessed("eye sea"), heard("I see."), guessed(""), guessed("You"))
        transcripts = session.transcripts()
        received = [await anext(transcripts) for _ in range(4)]
    assert received == [user("I"), user("eye sea"), user("I see.", is_final=True), user("You")]


async def test_what_was_being_said_is_final_when_the_session_ends() -> None:
    async with conversation() as (session, peer):
        await peer.say(heard("Good"), said("bye"))
        await peer.close()
        transcripts = session.transcripts()
        received = [one async for one in transcripts]
        with pytest.raises(StopAsyncIteration):
            await anext(transcripts)
    assert received[2:] == [user("Good", is_final=True), model("bye", is_final=True)]


async def test_waiting_for_a_transcript_can_be_cancelled_and_loses_nothing(autojump_clock: MockClock) -> None:
    async with conversation() as (session, peer):
        transcripts = session.transcripts()
        with trio.move_on_after(1):
            await anext(transcripts)
        await peer.say({"goAway": {"timeLeft": "9s"}}, heard("Hello"))
        assert await anext(transcripts) == user("Hello")


async def test_a_live_transcription_goes_on_for_an_hour_without_losing_a_word(
    autojump_clock: MockClock,
) -> None:
    model = get_live_generative_model(
        "gemini-3.5-transcribe-live",  # whose connections end after ten minutes
        backend=LocalBackend(engines=text_engines()),
        generation_config=LiveGenerationConfig(response_modalities=["TEXT"]),
    )
    spoken = [f"word {number}" for number in range(600)]
    heard: list[str] = []

    async with model.connect() as session, trio.open_nursery() as nursery:

        async def speak() -> None:
            for words in spoken:
                await session.send_text_realtime(words)
                await trio.sleep(6)
            nursery.cancel_scope.cancel()

        nursery.start_soon(speak)
        async for transcript in session.transcripts():
            if transcript.is_final:
                heard.append(transcript.text)  # noqa: PERF401 - the loop is cancelled
    assert heard == spoken


async def test_the_connections_of_a_live_transcription_end_after_ten_minutes(
    autojump_clock: MockClock,
) -> None:
    model = get_live_generative_model(
        "gemini-3.5-transcribe-live",
        backend=LocalBackend(engines=text_engines()),
        generation_config=LiveGenerationConfig(response_modalities=["TEXT"]),
    )
    async with model.connect() as session:
        with trio.move_on_after(3601):
            reconnections = 0
            async for event in session:
                reconnections += isinstance(event, Reconnected)
    assert reconnections in (6, 7)
