"""The events of a conversation: kept for a reader who keeps nobody waiting, and without the sound."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from livegen_trio import Blob, Content, GoAway, Part, ServerContent, SessionClosedError, Transcription
from livegen_trio.audio import SpeechStarted
from livegen_trio.audio._events import EventQueue, without_sound

if TYPE_CHECKING:
    from trio.testing import MockClock

SOUND = Part(inline_data=Blob(mime_type="audio/pcm;rate=24000", data=bytes(100)))


def broken() -> SessionClosedError:
    return SessionClosedError(1011, "Internal error encountered.", initiator="server")


# The queue


async def test_events_come_in_order() -> None:
    queue = EventQueue()
    for turn in range(5):
        queue.put(SpeechStarted(turn=turn))
    assert queue.unread == 5
    assert [await queue.receive() for _ in range(5)] == [SpeechStarted(turn=turn) for turn in range(5)]


async def test_a_reader_waits_for_an_event_or_the_end(autojump_clock: MockClock) -> None:
    queue = EventQueue()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(queue.receive)
        await trio.sleep(1)
        queue.put(GoAway())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.testing.wait_all_tasks_blocked)
        await trio.sleep(1)
        queue.end()
    with pytest.raises(trio.EndOfChannel):
        await queue.receive()


async def test_there_is_one_reader() -> None:
    queue = EventQueue()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(queue.receive)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(trio.BusyResourceError):
            await queue.receive()
        queue.put(GoAway())


async def test_a_cancelled_reader_takes_nothing() -> None:
    queue = EventQueue()
    queue.put(GoAway())
    with trio.CancelScope() as scope:
        scope.cancel()
        await queue.receive()
    assert await queue.receive() == GoAway()


async def test_without_a_reader_the_oldest_are_dropped_and_counted() -> None:
    queue = EventQueue(max_bytes=10 * 1024)
    for turn in range(25):
        queue.put(SpeechStarted(turn=turn))
    assert (queue.unread, queue.dropped) == (10, 15)
    assert await queue.receive() == SpeechStarted(turn=15)
    queue.put(SpeechStarted(turn=25))
    assert queue.dropped == 15


async def test_media_counts_by_its_size() -> None:
    queue = EventQueue(max_bytes=10 * 1024)
    frame = Part(inline_data=Blob(mime_type="video/mp4", data=bytes(4000)))
    for _ in range(5):
        queue.put(ServerContent(model_turn=Content(parts=[frame, Part(text="and")])))
    assert (queue.unread, queue.dropped) == (2, 3)


async def test_what_came_before_the_end_is_received_before_it() -> None:
    queue = EventQueue()
    queue.put(GoAway())
    queue.end(broken())
    queue.put(SpeechStarted(turn=1))  # speech goes on to be heard when the session is over
    queue.end()
    assert await queue.receive() == GoAway()
    assert await queue.receive() == SpeechStarted(turn=1)
    assert queue.unseen_ending is not None
    for _ in range(2):
        with pytest.raises(SessionClosedError, match="Internal error"):
            await queue.receive()
    assert queue.unseen_ending is None


# Without sound


def test_what_has_no_sound_is_left_as_it_is() -> None:
    content = ServerContent(model_turn=Content(parts=[Part(text="hm")]), turn_complete=True)
    assert without_sound(content) is content


def test_what_is_only_sound_is_nothing() -> None:
    assert without_sound(ServerContent(model_turn=Content(role="model", parts=[SOUND, SOUND]))) is None
    assert without_sound(ServerContent(model_turn=Content(parts=[SOUND]), audio_epoch=3)) is None


def test_what_is_beside_sound_is_kept() -> None:
    picture = Part(inline_data=Blob(mime_type="image/png", data=b"png"))
    other = Part(inline_data=Blob(mime_type="audio/mpeg", data=b"mp3"))
    signed = Part(inline_data=SOUND.inline_data, thought_signature=b"signed")
    content = ServerContent(
        model_turn=Content(role="model", parts=[SOUND, Part(text="hm"), picture, other, signed]),
        turn_complete=True,
        audio_epoch=2,
    )
    assert without_sound(content) == ServerContent(
        model_turn=Content(
            role="model", parts=[Part(text="hm"), picture, other, Part(thought_signature=b"signed")]
        ),
        turn_complete=True,
        audio_epoch=2,
    )


@pytest.mark.parametrize(
    "mark",
    [
        {"interrupted": True},
        {"turn_complete": True},
        {"generation_complete": True},
        {"output_transcription": Transcription(text="hm")},
    ],
)
def test_every_other_field_is_reason_to_keep_an_event(mark: dict[str, object]) -> None:
    content = ServerContent(model_turn=Content(parts=[SOUND]), **mark)  # type: ignore[arg-type] # one of them
    assert without_sound(content) == ServerContent(**mark)  # type: ignore[arg-type] # one of them
