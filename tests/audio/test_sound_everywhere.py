"""Sound by every way in and out of a session: the same is accepted, the same is refused, and samples stay whole."""

from __future__ import annotations

import math
from array import array
from contextlib import aclosing
from itertools import pairwise
from typing import TYPE_CHECKING, TypeAlias

import pytest
import trio
import trio.testing

from livegen_trio import LocalProtocolError, ServerContent, get_live_generative_model
from livegen_trio.audio import AudioConversation, SpeechEnded, StreamSpeaker, VirtualSpeaker, stream_pcm
from livegen_trio.testing import Connection, Emit, HangUp, Pause, ScriptedServer
from support.peer import TURN_COMPLETE, conversation
from support.talking import RATE, SECOND, heard_audio, spoken, talk

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable

    from trio.testing import MockClock
    from typing_extensions import Buffer

    from livegen_trio import LiveSession
    from support.peer import Peer

    Send: TypeAlias = Callable[[LiveSession, Iterable[Buffer]], Awaitable[None]]

SAMPLES = array("h", range(-400, 400))
PCM = SAMPLES.tobytes()


async def source(chunks: Iterable[Buffer]) -> AsyncGenerator[Buffer]:
    for chunk in chunks:
        await trio.lowlevel.checkpoint()
        yield chunk


async def send_one_by_one(session: LiveSession, chunks: Iterable[Buffer]) -> None:
    for chunk in chunks:
        await session.send_audio_realtime(chunk)


async def send_a_stream(session: LiveSession, chunks: Iterable[Buffer]) -> None:
    async with aclosing(source(chunks)) as stream:
        await session.send_media_stream(stream)


async def converse(session: LiveSession, chunks: Iterable[Buffer]) -> None:
    async with AudioConversation(session, source=source(chunks), sink=VirtualSpeaker()):
        await trio.sleep(1)


every_way = pytest.mark.parametrize("send", [send_one_by_one, send_a_stream, converse])


async def heard_by(peer: Peer) -> bytes:
    """All sound that has arrived."""
    await trio.testing.wait_all_tasks_blocked()
    sound = b""
    while peer.unheard:
        message = await peer.hear()
        if "audio" in message["realtimeInput"]:
            sound += heard_audio(message)[1]
    return sound


def one_channel() -> list[Buffer]:
    chunks: list[Buffer] = [PCM, bytearray(PCM), memoryview(PCM), SAMPLES, memoryview(SAMPLES)]
    chunks.append(memoryview(PCM).cast("B").cast("h", (len(SAMPLES), 1)))
    return chunks


@every_way
async def test_every_buffer_of_16_bit_samples_is_sent(send: Send, autojump_clock: MockClock) -> None:
    for chunk in one_channel():
        async with conversation() as (session, peer):
            await send(session, [chunk, chunk])
            assert await heard_by(peer) == PCM * 2


@every_way
async def test_numpy_arrays_of_one_channel_are_sent(send: Send, autojump_clock: MockClock) -> None:
    numpy = pytest.importorskip("numpy")
    samples = numpy.frombuffer(PCM, numpy.int16)
    for chunk in (samples, samples.reshape(-1, 1), numpy.stack([samples, samples], axis=1)[:, 0]):
        async with conversation() as (session, peer):
            await send(session, [chunk, chunk])
            assert await heard_by(peer) == PCM * 2


@pytest.mark.parametrize(
    ("chunk", "message"),
    [
        (array("f", [0.5] * 640), "16-bit little-endian samples, not items of format 'f'"),
        (memoryview(PCM).cast("B").cast("h", (400, 2)), "one channel, and this has the shape"),
    ],
    ids=["floats", "stereo"],
)
@every_way
async def test_floats_and_stereo_are_refused_with_the_same_message(
    send: Send, chunk: Buffer, message: str, autojump_clock: MockClock
) -> None:
    async with conversation() as (session, peer):
        with pytest.raises(LocalProtocolError, match=message):
            await send(session, [PCM, chunk])
        assert await heard_by(peer) in {
            PCM,
            PCM[:1280],
        }  # what came before is not lost, a message at the most waits
    with pytest.raises(LocalProtocolError, match=message):
        await VirtualSpeaker().write(chunk, RATE)
    with pytest.raises(LocalProtocolError, match=message):
        stream_pcm(chunk, RATE)


async def test_odd_rates_are_refused_with_the_same_message(autojump_clock: MockClock) -> None:
    message = "0 is no rate of sound"
    async with conversation() as (session, peer):
        with pytest.raises(LocalProtocolError, match=message):
            await session.send_audio_realtime(PCM, mime_type="audio/pcm;rate=0")
        async with aclosing(source([PCM])) as stream:
            with pytest.raises(LocalProtocolError, match=message):
                await session.send_media_stream(stream, mime_type="audio/pcm;rate=0")
        with pytest.raises(LocalProtocolError, match=message):
            AudioConversation(session, source=source([PCM]), sink=VirtualSpeaker(), source_rate=0)
        assert await heard_by(peer) == b""
    with pytest.raises(LocalProtocolError, match=message):
        await VirtualSpeaker().write(PCM, 0)


@pytest.mark.parametrize("size", [1, 3, 641])
@every_way
async def test_samples_stay_whole_when_chunks_end_within_them(
    send: Send, size: int, autojump_clock: MockClock
) -> None:
    async with conversation() as (session, peer):
        await send(session, [PCM[start : start + size] for start in range(0, len(PCM), size)])
        await trio.testing.wait_all_tasks_blocked()
        while peer.unheard > 1:
            assert len(heard_audio(await peer.hear())[1]) % 2 == 0


@every_way
async def test_nothing_is_lost_between_odd_chunks(send: Send, autojump_clock: MockClock) -> None:
    async with conversation() as (session, peer):
        await send(session, [PCM[:1], b"", PCM[1:642], PCM[642:643], PCM[643:]])
        assert await heard_by(peer) == PCM


async def test_half_a_sample_ends_with_its_stream() -> None:
    async with conversation() as (session, peer):
        await session.send_audio_realtime(b"\1\2\3")
        await session.end_audio()
        await session.send_audio_realtime(b"\4\5")
        assert await heard_by(peer) == b"\1\2\4\5"


async def test_half_a_sample_is_not_lost_by_a_send_that_was_cancelled_or_refused() -> None:
    async with conversation() as (session, peer):
        await session.send_audio_realtime(b"\1")
        with trio.CancelScope() as scope:
            scope.cancel()
            await session.send_audio_realtime(b"\7\7\7")
        with pytest.raises(LocalProtocolError):
            await session.send_audio_realtime(array("f", [1]))
        await session.send_audio_realtime(b"\2")
        assert await heard_by(peer) == b"\1\2"


async def test_pictures_between_odd_chunks_are_sent_as_they_are() -> None:
    async with conversation() as (session, peer):
        await session.send_audio_realtime(b"\1\2\3")
        await session.send_video_realtime(b"JPG")
        await session.send_audio_realtime(b"\4")
        sent = [(await peer.hear())["realtimeInput"] for _ in range(3)]
        assert [*map(list, sent)] == [["audio"], ["video"], ["audio"]]
        assert sent[1]["video"]["data"] == "SlBH"


async def test_compressed_sound_may_have_any_length() -> None:
    async with conversation() as (session, peer):
        await session.send_audio_realtime(b"ogg", mime_type="audio/opus")
        assert heard_audio(await peer.hear()) == ("audio/opus", b"ogg")


# Sources that never wait


@pytest.mark.parametrize("empty", [b"", array("h"), b"\1"])
@pytest.mark.parametrize("way", ["conversation", "stream"])
async def test_a_source_that_yields_nothing_and_never_waits_lets_others_run(
    way: str, empty: Buffer, autojump_clock: MockClock
) -> None:
    async def polled() -> AsyncGenerator[Buffer]:
        for _ in range(1_000):
            yield empty[:0] if isinstance(empty, array) else empty

    others = 0

    async def run_beside() -> None:
        nonlocal others
        while True:
            others += 1
            await trio.lowlevel.checkpoint()

    async with conversation() as (session, _), trio.open_nursery() as nursery:
        nursery.start_soon(run_beside)
        if way == "stream":
            await session.send_media_stream(polled())
        else:
            async with AudioConversation(session, source=polled(), sink=VirtualSpeaker()):
                for _ in range(900):
                    await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()
    assert others > 100


# Playback


@pytest.mark.parametrize("cuts", [(1,), (1001, 2500), (1, 2, 3, 4, 4801)])
async def test_speech_that_is_cut_within_a_sample_is_played_whole(
    cuts: tuple[int, ...], autojump_clock: MockClock
) -> None:
    bounds = [0, *cuts, 9600]
    async with talk() as talking:
        for start, end in pairwise(bounds):
            await talking.say(spoken(SECOND[start:end]))
        await talking.say(TURN_COMPLETE)
        await talking.conversation.wait_played()
        assert talking.speaker.recording.pcm == SECOND[:9600]


async def test_half_a_sample_of_a_turn_is_not_joined_to_the_next(autojump_clock: MockClock) -> None:
    async with talk() as talking:
        await talking.say(spoken(SECOND[:961]), TURN_COMPLETE, spoken(SECOND[:960]), TURN_COMPLETE)
        await talking.conversation.wait_played()
        assert talking.speaker.recording.pcm == SECOND[:960] * 2


async def test_speech_of_an_odd_rate_is_left_to_the_user_and_ends_nothing(autojump_clock: MockClock) -> None:
    async with talk() as talking:
        await talking.say(spoken(SECOND, mime_type="audio/pcm;rate=0"))
        [event] = await talking.unread()
        assert isinstance(event, ServerContent)
        assert event.audio[0].data == SECOND
        await talking.say(spoken(SECOND), TURN_COMPLETE)
        await talking.conversation.wait_played()
        assert talking.speaker.recording.pcm == SECOND


async def test_speakers_take_the_same_buffers_and_keep_samples_whole(autojump_clock: MockClock) -> None:
    stream, reader = trio.testing.memory_stream_one_way_pair()
    speaker, sender = VirtualSpeaker(buffer_seconds=math.inf), StreamSpeaker(stream)
    for chunk in (PCM[:3], PCM[3:], SAMPLES, memoryview(SAMPLES)):
        await speaker.write(chunk, RATE)
        await sender.write(chunk, RATE)
    await trio.sleep(1)
    assert speaker.recording.pcm == PCM * 3
    assert await reader.receive_some() == PCM * 3


async def test_a_recording_is_paced_from_any_buffer(autojump_clock: MockClock) -> None:
    assert b"".join([chunk async for chunk in stream_pcm(SAMPLES, RATE)]) == PCM


async def test_a_turn_that_a_lost_connection_cuts_ends_when_it_was_heard(autojump_clock: MockClock) -> None:
    handle = {"sessionResumptionUpdate": {"newHandle": "h1", "resumable": True}}
    server = ScriptedServer(
        Connection(Emit(handle, spoken(SECOND)), Pause(0.3), HangUp()),
        Connection(Pause(3), Emit(spoken(SECOND * 2), TURN_COMPLETE)),
        ignored=[{"realtimeInput": {}}],
    )
    model = get_live_generative_model("m", backend=server.backend)
    silence = stream_pcm(bytes(320_000), 16_000)
    async with server.playing(), model.connect() as session:
        async with AudioConversation(session, source=silence, sink=VirtualSpeaker()) as talking:
            await trio.sleep(2)
            assert talking.speech is None
            await trio.sleep(6)
        events = [event async for event in talking]
    ends = [event for event in events if isinstance(event, SpeechEnded)]
    assert [(end.heard_seconds, end.received_seconds, end.interrupted) for end in ends] == [
        (1, 1, True),
        (2, 2, False),
    ]
