"""A session as AnyIO's streams, and inside of AnyIO's scopes and task groups, on Trio."""

from __future__ import annotations

import base64
from array import array
from typing import TYPE_CHECKING, Any

import anyio
import anyio.abc
import anyio.lowlevel
import pytest
import trio
import trio.testing

from livegen_trio import (
    Blob,
    Buffering,
    Content,
    FunctionDeclaration,
    FunctionResponse,
    LocalProtocolError,
    Part,
    SessionClosedError,
)
from livegen_trio.anyio import event_stream, input_stream
from support.peer import TURN_COMPLETE, conversation, heard_text, text, words_of

if TYPE_CHECKING:
    from livegen_trio import LiveSession

F = FunctionDeclaration(name="f")


# Events


async def test_the_events_of_a_session_come_out_of_a_stream_until_the_server_ends_it() -> None:
    async with conversation() as (session, peer):
        await peer.say(text("one"), text("two"))
        await peer.close()
        assert [words_of(event) async for event in event_stream(session)] == ["one", "two"]


async def test_receiving_after_the_servers_normal_end_is_the_end_of_the_stream() -> None:
    async with conversation() as (session, peer):
        await peer.close()
        with pytest.raises(anyio.EndOfStream):
            await event_stream(session).receive()


async def test_a_session_that_breaks_is_a_broken_stream_whose_cause_says_how() -> None:
    async with conversation() as (session, peer):
        await peer.close(1011, "Internal error encountered.")
        with pytest.raises(anyio.BrokenResourceError, match="1011") as caught:
            await event_stream(session).receive()
    assert isinstance(caught.value.__cause__, SessionClosedError)
    assert caught.value.__cause__.code == 1011


async def test_receiving_from_a_session_that_was_closed_on_this_side_says_so() -> None:
    async with conversation() as (session, _):
        await session.aclose()
        with pytest.raises(anyio.ClosedResourceError):
            await event_stream(session).receive()


async def test_two_tasks_cant_receive_at_once() -> None:
    async with conversation() as (session, _), trio.open_nursery() as nursery:
        stream = event_stream(session)
        nursery.start_soon(stream.receive)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(anyio.BusyResourceError, match="receiving from"):
            await stream.receive()
        nursery.cancel_scope.cancel()


async def test_a_closed_stream_gives_no_events_and_leaves_the_session_open() -> None:
    async with conversation() as (session, peer):
        async with event_stream(session) as stream:
            pass
        with pytest.raises(anyio.ClosedResourceError):
            await stream.receive()
        await peer.say(text("still here"))
        assert words_of(await session.receive()) == "still here"


async def test_closing_a_stream_wakes_the_task_that_receives_from_it() -> None:
    async with conversation() as (session, _), trio.open_nursery() as nursery:
        stream = event_stream(session)

        async def receive() -> None:
            with pytest.raises(anyio.ClosedResourceError):
                await stream.receive()

        nursery.start_soon(receive)
        await trio.testing.wait_all_tasks_blocked()
        await stream.aclose()


async def test_a_cancelled_receive_loses_no_event() -> None:
    async with conversation() as (session, peer):
        stream = event_stream(session)
        with anyio.move_on_after(0):
            await stream.receive()
        await peer.say(text("kept"))
        assert words_of(await stream.receive()) == "kept"


# Input


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("Hello", ["Hello"]),
        (Part(text="Hello"), ["Hello"]),
        (["Hello", Part(text="there")], ["Hello", "there"]),
        (Content(parts=[Part(text="Hello")]), ["Hello"]),
    ],
)
async def test_content_is_the_users_and_to_be_answered(content: Any, words: list[str]) -> None:
    async with conversation() as (session, peer):
        await input_stream(session).send(content)
        message = (await peer.hear())["clientContent"]
        assert [part["text"] for part in message["turns"][0]["parts"]] == words
        assert message["turnComplete"]


@pytest.mark.parametrize(
    ("media", "field", "mime_type"),
    [
        (Blob(mime_type="audio/pcm;rate=8000", data=b"\1\2"), "audio", "audio/pcm;rate=8000"),
        (Blob(mime_type="Audio/PCM", data=b"\1\2"), "audio", "Audio/PCM"),
        (Blob(mime_type="image/png", data=b"\1\2"), "video", "image/png"),
        (b"\1\2", "audio", "audio/pcm;rate=16000"),
        (bytearray(b"\1\2"), "audio", "audio/pcm;rate=16000"),
        (memoryview(b"\1\2"), "audio", "audio/pcm;rate=16000"),
        (array("h", [0x0201]), "audio", "audio/pcm;rate=16000"),
    ],
)
async def test_media_are_sent_in_real_time_by_their_kind(media: Any, field: str, mime_type: str) -> None:
    async with conversation() as (session, peer):
        await input_stream(session).send(media)
        sent = {"mimeType": mime_type, "data": base64.b64encode(b"\1\2").decode()}
        assert await peer.hear() == {"realtimeInput": {field: sent}}


@pytest.mark.parametrize("several", [False, True])
async def test_function_responses_answer_calls(several: bool) -> None:
    async with conversation(tools=[F]) as (session, peer):
        await peer.say({"toolCall": {"functionCalls": [{"id": "1", "name": "f", "args": {}}]}})
        await session.receive()
        response = FunctionResponse(id="1", name="f", response={"a": 1})
        await input_stream(session).send([response] if several else response)
        (answer,) = (await peer.hear())["toolResponse"]["functionResponses"]
        assert (answer["id"], answer["response"]) == ("1", {"a": 1})


async def test_what_may_not_be_sent_fails_in_the_sessions_own_words() -> None:
    async with conversation() as (session, _):
        stream = input_stream(session)
        with pytest.raises(LocalProtocolError, match="nothing in this content"):
            await stream.send([])
        with pytest.raises(TypeError, match="content is text"):
            await stream.send(5)  # type: ignore[arg-type] # the bad input


async def test_sending_to_a_session_that_broke_is_a_broken_stream() -> None:
    async with conversation() as (session, peer):
        await peer.close(1011)
        with pytest.raises(anyio.BrokenResourceError) as caught:
            await input_stream(session).send("Hello")
    assert isinstance(caught.value.__cause__, SessionClosedError)


async def test_sending_to_a_closed_session_or_stream_says_so() -> None:
    async with conversation() as (session, peer):
        async with input_stream(session) as stream:
            pass
        with pytest.raises(anyio.ClosedResourceError, match="this stream"):
            await stream.send("Hello")
        await session.send("the session goes on")
        assert await heard_text(peer) == "the session goes on"
        await session.aclose()
        with pytest.raises(anyio.ClosedResourceError, match="this session"):
            await input_stream(session).send("Hello")


async def test_media_without_room_would_block_if_they_are_to_fail() -> None:
    async with conversation(connect={"buffering": Buffering(media="fail", media_bytes=1)}) as (session, peer):
        peer.freeze()
        stream = input_stream(session)
        await stream.send(bytes(2**20))
        with pytest.raises(anyio.WouldBlock):
            await stream.send(bytes(2**20))


# The session itself inside of AnyIO


async def test_a_session_works_unchanged_inside_a_task_group_of_anyio() -> None:
    heard: list[str] = []

    async def listen(session: LiveSession) -> None:
        heard.extend([words_of(event) async for event in session])

    async with conversation() as (session, peer):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(listen, session)
            await session.send("Hello")
            assert await heard_text(peer) == "Hello"
            await peer.say(text("Hi!"), TURN_COMPLETE)
            await peer.close()
    assert heard == ["Hi!", ""]


async def test_a_failing_task_group_of_anyio_cancels_a_session_and_its_connection_is_closed() -> None:
    with pytest.RaisesGroup(pytest.RaisesExc(ValueError, match="^sibling$")):
        async with anyio.create_task_group() as tasks:

            async def fail() -> None:
                await anyio.lowlevel.checkpoint()
                raise ValueError("sibling")

            async with conversation() as (session, peer):
                tasks.start_soon(fail)
                await session.receive()
    assert peer.closed is not None
    assert (peer.closed.code, peer.closed.initiator) == (1000, "server")


async def test_a_cancel_scope_of_anyio_ends_a_session(autojump_clock: trio.testing.MockClock) -> None:
    with anyio.move_on_after(5) as scope:
        async with conversation() as (session, peer):
            await session.receive()
    assert scope.cancelled_caught
    assert trio.current_time() == 5
    assert peer.closed is not None


async def test_a_timeout_of_anyio_ends_one_receive_and_the_session_goes_on(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with conversation() as (session, peer):
        with pytest.raises(TimeoutError):
            with anyio.fail_after(5):
                await session.receive()
        await peer.say(text("late"))
        assert words_of(await session.receive()) == "late"


async def test_a_shielded_scope_of_anyio_lets_an_answer_be_finished() -> None:
    async with conversation() as (session, peer):
        with anyio.CancelScope() as outer:
            outer.cancel()
            with anyio.CancelScope(shield=True):
                await peer.say(text("whole"), TURN_COMPLETE)
                turn = await anext(session.turns())
                assert await turn.text() == "whole"
