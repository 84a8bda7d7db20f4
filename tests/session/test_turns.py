"""Turns, their pieces, and asking for one."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from livegen_trio import (
    Duration,
    FunctionDeclaration,
    GoAway,
    ServerContent,
    SessionClosedError,
    ToolError,
    TurnResult,
)
from livegen_trio._session import turns as turns_module
from support.peer import INTERRUPTED, TURN_COMPLETE, conversation, next_content, text, words_of

if TYPE_CHECKING:
    from trio.testing import MockClock


def audio(pcm: bytes, rate: int | None = 24000, **more: Any) -> dict[str, Any]:
    mime_type = "audio/pcm" if rate is None else f"audio/pcm;rate={rate}"
    blob = {"mimeType": mime_type, "data": base64.b64encode(pcm).decode()}
    return {"serverContent": {"modelTurn": {"parts": [{"inlineData": blob}]}, **more}}


def said(words: str) -> dict[str, Any]:
    return {"serverContent": {"outputTranscription": {"text": words}}}


def heard(words: str) -> dict[str, Any]:
    return {"serverContent": {"inputTranscription": {"text": words}}}


def calls(*ids: str, name: str = "f") -> dict[str, Any]:
    return {"toolCall": {"functionCalls": [{"id": one, "name": name, "args": {}} for one in ids]}}


async def test_each_turn_gives_its_events_and_ends() -> None:
    async with conversation() as (session, peer):
        await peer.say(text("one"), TURN_COMPLETE, text("two"), TURN_COMPLETE)
        await peer.close()
        turns = [[words_of(event) async for event in turn] async for turn in session.turns()]
    assert turns == [["one", ""], ["two", ""]]


async def test_collect_gives_all_of_a_turn() -> None:
    usage = {"totalTokenCount": 5, "responseTokenCount": 3}
    reason = {"turnComplete": True, "turnCompleteReason": "NEED_MORE_INPUT"}
    async with conversation() as (session, peer):
        await peer.say(
            heard(" What is"),
            heard(" it?"),
            audio(b"\1\2"),
            said(" It is"),
            audio(b"\3\4"),
            said(" this."),
            text("It is this."),
            calls("1"),
            {"serverContent": {"generationComplete": True}},
            {"serverContent": reason, "usageMetadata": usage},
        )
        result = await (await anext(session.turns())).collect()
    assert result == TurnResult(
        text="It is this.",
        audio=b"\1\2\3\4",
        audio_rate=24000,
        input_transcript="What is it?",
        output_transcript="It is this.",
        tool_calls=result.tool_calls,
        interrupted=False,
        reason="NEED_MORE_INPUT",
        usage=result.usage,
    )
    assert [call.id for call in result.tool_calls] == ["1"]
    assert result.usage is not None
    assert result.usage.total_token_count == 5
    assert "\\x01" not in repr(result)


@pytest.mark.parametrize(("rate", "expected"), [(None, 24000), (16000, 16000)])
async def test_the_rate_of_the_audio_is_the_servers(rate: int | None, expected: int) -> None:
    async with conversation() as (session, peer):
        await peer.say(audio(b"\1\2", rate), TURN_COMPLETE)
        result = await (await anext(session.turns())).collect()
    assert result.audio_rate == expected


async def test_usage_of_several_reports_is_added() -> None:
    async with conversation() as (session, peer):
        await peer.say(text("a"), {"usageMetadata": {"totalTokenCount": 1}})
        await peer.say({**TURN_COMPLETE, "usageMetadata": {"totalTokenCount": 2}})
        result = await (await anext(session.turns())).collect()
    assert result.usage is not None
    assert result.usage.total_token_count == session.usage.total_token_count == 3


async def test_the_pieces_of_a_turn_come_one_by_one() -> None:
    async with conversation() as (session, peer):
        for turn_content in ([text("a"), text("b")], [said("c"), said("d")], [audio(b"ef"), audio(b"gh")]):
            await peer.say(*turn_content, TURN_COMPLETE)
        turns = session.turns()
        assert [piece async for piece in (await anext(turns)).text()] == ["a", "b"]
        assert [piece async for piece in (await anext(turns)).transcript()] == ["c", "d"]
        assert [piece async for piece in (await anext(turns)).audio()] == [b"ef", b"gh"]


async def test_the_text_of_a_turn_that_is_spoken_is_its_transcript() -> None:
    async with conversation() as (session, peer):
        for turn_content in (
            [said(" It is"), audio(b"ef"), said(" this.")],
            [text("a"), said("a"), text("b"), said("b")],
        ):
            await peer.say(*turn_content, TURN_COMPLETE)
            await peer.say(*turn_content, TURN_COMPLETE)
        turns = session.turns()
        assert [piece async for piece in (await anext(turns)).text()] == [" It is", " this."]
        assert (await (await anext(turns)).collect()).text == "It is this."
        assert await (await anext(turns)).text() == "ab"
        assert (await (await anext(turns)).collect()).text == "ab"


async def test_an_answer_without_a_text_names_the_setting_once(caplog: pytest.LogCaptureFixture) -> None:
    turns_module._warn_of_empty_text.cache_clear()
    async with conversation() as (session, peer):
        for _ in range(3):
            await peer.say(audio(b"ef"), TURN_COMPLETE)
        turns = session.turns()
        assert await (await anext(turns)).text() == ""
        assert (await (await anext(turns)).collect()).text == ""
        assert (await (await anext(turns)).collect()).text == ""
    assert len(caplog.messages) == 1
    assert "output_audio_transcription=AudioTranscriptionConfig()" in caplog.text


async def test_the_pieces_of_a_turn_can_be_awaited_all_at_once() -> None:
    async with conversation() as (session, peer):
        await peer.say(text("a"), text("b"), TURN_COMPLETE, audio(b"cd"), audio(b"ef"), TURN_COMPLETE)
        turns = session.turns()
        assert await (await anext(turns)).text() == "ab"
        assert await (await anext(turns)).audio() == b"cdef"


async def test_collect_knows_what_was_read_before() -> None:
    async with conversation() as (session, peer):
        await peer.say(audio(b"ab"), text("words"), TURN_COMPLETE)
        turn = await anext(session.turns())
        async for chunk in turn.audio():
            assert chunk == b"ab"
        assert turn.is_complete
        result = await turn.collect()
    assert (result.text, result.audio) == ("words", b"ab")


async def test_speech_from_before_an_interruption_is_not_given_out_to_be_played() -> None:
    async with conversation() as (session, peer):
        await peer.say(audio(b"o1"), audio(b"o2"))
        turn = await anext(session.turns())
        chunks = turn.audio()
        assert await anext(chunks) == b"o1"
        await peer.say(audio(b"new!", interrupted=True), TURN_COMPLETE)
        await trio.testing.wait_all_tasks_blocked()
        assert [chunk async for chunk in chunks] == [b"new!"]
        result = await turn.collect()
    assert result.interrupted
    assert result.audio == b"o1o2new!"


async def test_what_comes_between_turns_belongs_to_the_next_one() -> None:
    async with conversation() as (session, peer):
        await peer.say(text("one"), TURN_COMPLETE, {"goAway": {"timeLeft": "9s"}}, INTERRUPTED)
        await peer.say({"serverContent": {"generationComplete": True}}, text("two"), TURN_COMPLETE)
        turns = session.turns()
        await anext(turns)
        events = [event async for event in await anext(turns)]
    assert events[0] == GoAway(time_left=Duration(9))
    assert [type(event) for event in events[1:]] == [ServerContent] * 4


async def test_asking_for_a_turn_can_be_cancelled_and_loses_nothing(autojump_clock: MockClock) -> None:
    async with conversation() as (session, peer):
        await peer.say({"goAway": {"timeLeft": "9s"}})
        with trio.move_on_after(1):
            await anext(session.turns())
        await peer.say(text("one"), TURN_COMPLETE)
        turn = await anext(session.turns())
        with trio.CancelScope() as scope:
            scope.cancel()
            await turn.collect()
        events = [type(event) async for event in turn]
    assert events == [GoAway, ServerContent, ServerContent]


async def test_an_empty_turn_is_visible() -> None:
    async with conversation() as (session, peer):
        await peer.say(TURN_COMPLETE)
        result = await (await anext(session.turns())).collect()
    assert result == TurnResult()


async def test_the_rest_of_a_turn_is_skipped_when_the_next_one_is_asked_for() -> None:
    async with conversation() as (session, peer):
        await peer.say(text("one"), text("more"), TURN_COMPLETE, text("two"), TURN_COMPLETE)
        turns = session.turns()
        async for event in await anext(turns):
            assert words_of(event) == "one"
            break
        assert await (await anext(turns)).text() == "two"


async def test_a_finished_turn_gives_nothing_more() -> None:
    async with conversation() as (session, peer):
        await peer.say(text("one"), TURN_COMPLETE, text("two"))
        turn = await anext(session.turns())
        await turn.collect()
        with pytest.raises(StopAsyncIteration):
            await anext(turn)
        assert (await next_content(session)).text == "two"


async def test_a_session_that_ends_within_a_turn_says_so_even_if_it_ends_normally() -> None:
    for code in (1000, 1011):
        async with conversation() as (session, peer):
            await peer.say(text("one"))
            turn = await anext(session.turns())
            await peer.close(code)
            with pytest.raises(SessionClosedError) as caught:
                await turn.collect()
            assert caught.value.code == code


# Asking


async def test_asking_gives_the_answer() -> None:
    async with conversation() as (session, peer), trio.open_nursery() as nursery:

        async def answer() -> None:
            question = await peer.hear()
            words = question["clientContent"]["turns"][0]["parts"][0]["text"]
            await peer.say(text(f"You said {words}"), TURN_COMPLETE)

        nursery.start_soon(answer)
        assert (await session.ask("Hello")).text == "You said Hello"


async def test_asking_skips_what_is_left_of_earlier_turns() -> None:
    async with conversation() as (session, peer), trio.open_nursery() as nursery:
        await peer.say(text("an old"), TURN_COMPLETE, text("a long"))
        await trio.testing.wait_all_tasks_blocked()

        async def answer() -> None:
            await peer.hear()
            await peer.say(text(" story"), INTERRUPTED, TURN_COMPLETE, text("the answer"), TURN_COMPLETE)

        nursery.start_soon(answer)
        result = await session.ask("Stop!")
    assert result.text == "the answer"
    assert not result.interrupted


async def test_asking_goes_on_over_the_utterances_of_a_thinking_model() -> None:
    async with conversation() as (session, peer), trio.open_nursery() as nursery:

        async def answer() -> None:
            await peer.hear()
            await peer.say(text("Hm. ", turnComplete=True, interactionStatus="IN_PROGRESS"))
            await peer.say(text("Yes.", turnComplete=True, interactionStatus="IDLE"))

        nursery.start_soon(answer)
        assert (await session.ask("Well?")).text == "Hm. Yes."


@pytest.mark.parametrize("waits", [True, False])
@pytest.mark.parametrize("tool_seconds", [0, 5])
async def test_asking_goes_on_over_tool_calls(
    waits: bool, tool_seconds: float, autojump_clock: MockClock
) -> None:
    """Models that wait for their tools stay in the turn; others end it, perhaps after the answer has been sent."""

    async def f() -> str:
        await trio.sleep(tool_seconds)
        return "42"

    async with conversation(tools=[f]) as (session, peer), trio.open_nursery() as nursery:

        async def answer() -> None:
            await peer.hear()
            await peer.say(calls("1"))
            if not waits:
                await trio.sleep(1)
                await peer.say(TURN_COMPLETE)
            assert (await peer.hear())["toolResponse"]["functionResponses"][0]["response"] == {"output": "42"}
            await trio.sleep(1)
            await peer.say(text("It is 42."), {"serverContent": {"generationComplete": True}}, TURN_COMPLETE)

        nursery.start_soon(answer)
        result = await session.ask("What is it?")
    assert result.text == "It is 42."
    assert [call.name for call in result.tool_calls] == ["f"]


async def test_asking_can_not_wait_for_a_tool_that_nobody_carries_out() -> None:
    async with conversation(tools=[FunctionDeclaration(name="g")]) as (session, peer):
        async with trio.open_nursery() as nursery:

            async def answer() -> None:
                await peer.hear()
                await peer.say(calls("1", name="g"))

            nursery.start_soon(answer)
            with pytest.raises(ToolError, match="'g'"):
                await session.ask("What is it?")


async def test_a_session_that_ends_instead_of_answering_says_so() -> None:
    async with conversation() as (session, peer), trio.open_nursery() as nursery:

        async def leave() -> None:
            await peer.hear()
            await peer.close(1000)

        nursery.start_soon(leave)
        with pytest.raises(SessionClosedError):
            await session.ask("Are you there?")
