"""The user's voice on its way to the session: its messages, its end, and what becomes of its source."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from livegen_trio import (
    AutomaticActivityDetection,
    LiveGenerationConfig,
    RealtimeInputConfig,
    SessionClosedError,
)
from livegen_trio.audio import AudioConversation, VirtualSpeaker, stream_pcm
from support.peer import INTERRUPTED, Peer, conversation
from support.talking import SECOND, heard_audio, spoken, talk

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from trio.testing import MockClock

    from livegen_trio import LiveSession
    from livegen_trio.audio import SourceInput

END = {"realtimeInput": {"audioStreamEnd": True}}
MANUAL = LiveGenerationConfig(
    realtime_input_config=RealtimeInputConfig(
        automatic_activity_detection=AutomaticActivityDetection(disabled=True)
    )
)


def conversing(session: LiveSession, source: SourceInput, **options: Any) -> AudioConversation:
    return AudioConversation(session, source=source, sink=VirtualSpeaker(), **options)


async def heard_by(peer: Peer) -> list[dict[str, Any]]:
    """What the peer has heard and hears now, as long as nothing else happens."""
    messages: list[dict[str, Any]] = []

    async def hear_all() -> None:
        while True:
            messages.append(await peer.hear())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(hear_all)
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    return messages


async def test_a_source_that_knows_its_rate_is_sent_with_it_and_so_is_its_end(
    autojump_clock: MockClock,
) -> None:
    async with conversation() as (session, peer):
        async with conversing(session, stream_pcm(SECOND, 22_050)):
            await trio.sleep(2)
            *sound, end = await heard_by(peer)
        assert {heard_audio(message)[0] for message in sound} == {"audio/pcm;rate=22050"}
        assert b"".join(heard_audio(message)[1] for message in sound) == SECOND
        assert end == END
        assert await heard_by(peer) == []  # the end is sent once


@pytest.mark.parametrize(
    ("options", "mime_type"),
    [({}, "audio/pcm;rate=16000"), ({"source_rate": 8000}, "audio/pcm;rate=8000")],
)
async def test_a_source_that_does_not_say_its_rate_has_the_services_or_the_given_one(
    options: dict[str, Any], mime_type: str
) -> None:
    async with talk(**options) as talking:
        await talking.speak.send(bytes(640))
        assert heard_audio(await talking.peer.hear()) == (mime_type, bytes(640))


async def test_a_raw_stream_is_a_source(autojump_clock: MockClock) -> None:
    writer, reader = trio.testing.memory_stream_one_way_pair()
    async with conversation() as (session, peer), conversing(session, reader):
        await writer.send_all(SECOND)
        await writer.aclose()
        await trio.sleep(1)
        *sound, end = await heard_by(peer)
        assert b"".join(heard_audio(message)[1] for message in sound) == SECOND
        assert end == END


async def test_the_last_sound_goes_out_however_short_it_is(autojump_clock: MockClock) -> None:
    async with talk() as talking:
        await talking.speak.send(b"\1\2\3")
        await talking.speak.aclose()
        sound, end = await heard_by(talking.peer)
        assert heard_audio(sound)[1] == b"\1\2"
        assert end == END


async def test_a_microphone_that_was_never_on_is_not_turned_off(autojump_clock: MockClock) -> None:
    async with conversation() as (session, peer):
        async with conversing(session, stream_pcm(b"", 16_000)):
            await trio.sleep(1)
        assert await heard_by(peer) == []


async def test_leaving_sends_that_the_microphone_is_off(autojump_clock: MockClock) -> None:
    async with conversation() as (session, peer):
        async with conversing(session, stream_pcm(SECOND, 16_000)):
            await trio.sleep(0.5)
        assert (await heard_by(peer))[-1] == END
        await trio.sleep(1)
        assert await heard_by(peer) == []


async def test_so_does_a_cancellation(autojump_clock: MockClock) -> None:
    async with conversation() as (session, peer):
        with trio.move_on_after(0.5):
            async with conversing(session, stream_pcm(SECOND, 16_000)):
                await trio.sleep_forever()
        assert trio.current_time() == 0.5
        assert (await heard_by(peer))[-1] == END


async def test_activity_that_is_marked_by_hand_needs_no_end_of_audio(autojump_clock: MockClock) -> None:
    async with conversation(generation_config=MANUAL) as (session, peer):
        async with conversing(session, stream_pcm(SECOND, 16_000)), session.activity():
            await trio.sleep(2)
        messages = [message["realtimeInput"] for message in await heard_by(peer)]
        assert messages[0] == {"activityStart": {}}
        assert {*messages[1]} == {"audio"}
        assert messages[-1] == {"activityEnd": {}}
        assert {"audioStreamEnd": True} not in messages


async def test_a_server_that_takes_nothing_delays_leaving_by_a_second_at_most(
    autojump_clock: MockClock,
) -> None:
    async def chatter() -> AsyncGenerator[bytes]:
        while True:
            await trio.lowlevel.checkpoint()
            yield bytes(100_000)

    with pytest.raises(SessionClosedError, match="accepted messages were not sent"):
        async with conversation(connect={"close_timeout": 0}) as (session, peer):
            peer.freeze()
            with pytest.raises(ValueError, match="mine"):
                async with conversing(session, chatter()):
                    await trio.sleep(5)
                    raise ValueError("mine")
            assert trio.current_time() == 6


async def test_an_async_generator_is_closed_before_the_block_is_left(autojump_clock: MockClock) -> None:
    closed = []

    async def microphone(seconds: float) -> AsyncGenerator[bytes]:
        try:
            while True:
                await trio.sleep(seconds)
                yield bytes(640)
        finally:
            closed.append(trio.current_time())

    async with conversation() as (session, _):
        for seconds in (0.02, math.inf):
            async with conversing(session, microphone(seconds)):
                await trio.sleep(1)
    assert closed == pytest.approx([1, 2])


async def test_other_sources_stay_open_and_lose_nothing(autojump_clock: MockClock) -> None:
    speak, microphone = trio.open_memory_channel[bytes](math.inf)
    async with conversation() as (session, _):
        async with conversing(session, microphone):
            await trio.sleep(1)
        await speak.send(b"later")
        assert await microphone.receive() == b"later"


async def test_a_source_is_not_read_when_the_session_is_over(autojump_clock: MockClock) -> None:
    speak, microphone = trio.open_memory_channel[bytes](math.inf)
    async with conversation() as (session, peer), conversing(session, microphone):
        await peer.close()
        for _ in range(3):
            await speak.send(bytes(640))
            await trio.sleep(1)
        assert microphone.statistics().current_buffer_used == 2  # the first one was tried


async def test_sound_is_sent_whatever_the_model_says(autojump_clock: MockClock) -> None:
    async with talk() as talking:
        await talking.say(spoken(SECOND))
        await talking.speak.send(b"\1" * 640)
        assert heard_audio(await talking.peer.hear())[1] == b"\1" * 640


async def test_in_half_duplex_silence_is_sent_while_the_model_is_heard(autojump_clock: MockClock) -> None:
    async with talk(half_duplex=True) as talking:

        async def sent_now() -> bytes:
            await talking.speak.send(b"\1" * 640)
            return heard_audio(await talking.peer.hear())[1]

        assert await sent_now() == b"\1" * 640
        await talking.say(spoken(SECOND))
        assert await sent_now() == bytes(640)
        await trio.sleep(0.99)
        assert await sent_now() == bytes(640)
        await trio.sleep(0.01)
        assert await sent_now() == b"\1" * 640
        await talking.say(spoken(SECOND), INTERRUPTED)
        assert await sent_now() == b"\1" * 640
