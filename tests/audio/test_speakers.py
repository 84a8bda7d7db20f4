"""Speakers without hardware, by a clock that jumps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from livegen_trio.audio import AudioSink, Recording, StreamSpeaker, VirtualSpeaker
from support.talking import RATE, SECOND

if TYPE_CHECKING:
    from trio.testing import MockClock


async def test_a_virtual_speaker_takes_sound_in_real_time_a_little_ahead(autojump_clock: MockClock) -> None:
    speaker = VirtualSpeaker(buffer_seconds=0.2)
    await speaker.write(SECOND, RATE)
    assert trio.current_time() == pytest.approx(0.8)
    assert speaker.played_samples == 0.8 * RATE
    await speaker.write(SECOND, RATE)
    assert trio.current_time() == pytest.approx(1.8)


async def test_a_virtual_speaker_keeps_what_was_heard_and_no_more(autojump_clock: MockClock) -> None:
    speaker = VirtualSpeaker()
    await speaker.write(SECOND, RATE)
    assert speaker.recording == Recording(SECOND[: int(0.9 * 2 * RATE)], RATE)
    speaker.flush()
    await trio.sleep(1)
    assert speaker.recording.seconds == 0.9
    await speaker.write(SECOND[:100], RATE)
    await trio.sleep(1)
    assert speaker.recording.pcm == SECOND[: int(0.9 * 2 * RATE)] + SECOND[:100]


async def test_a_flush_releases_the_writer(autojump_clock: MockClock) -> None:
    speaker = VirtualSpeaker()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(speaker.write, SECOND, RATE)
        await trio.sleep(0.5)
        speaker.flush()
    assert trio.current_time() == pytest.approx(0.5)
    assert speaker.recording.pcm == SECOND[:RATE]


async def test_a_speaker_that_has_played_nothing_has_an_empty_recording() -> None:
    assert VirtualSpeaker().recording == Recording(b"", RATE)


async def test_a_recording_has_one_rate(autojump_clock: MockClock) -> None:
    speaker = VirtualSpeaker()
    await speaker.write(SECOND, 48_000)
    assert speaker.recording.rate == 48_000
    with pytest.raises(ValueError, match="plays 48000 samples a second, and was given 24000 Hz sound"):
        await speaker.write(SECOND, RATE)


async def test_a_stream_gets_raw_samples_in_real_time(autojump_clock: MockClock) -> None:
    stream, reader = trio.testing.memory_stream_one_way_pair()
    speaker = StreamSpeaker(stream)
    await speaker.write(SECOND, RATE)
    assert trio.current_time() == pytest.approx(0.9)
    assert speaker.played_samples == 0.9 * RATE
    assert await reader.receive_some() == SECOND


async def test_a_flush_releases_the_writer_of_a_stream(autojump_clock: MockClock) -> None:
    stream, _ = trio.testing.memory_stream_one_way_pair()
    speaker = StreamSpeaker(stream)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(speaker.write, SECOND, RATE)
        await trio.sleep(0.5)
        speaker.flush()
    assert trio.current_time() == pytest.approx(0.5)
    await trio.sleep(1)
    assert speaker.played_samples == RATE / 2


async def test_a_stream_that_takes_nothing_is_waited_for_and_what_was_flushed_meanwhile_does_not_count(
    autojump_clock: MockClock,
) -> None:
    stream, reader = trio.testing.lockstep_stream_one_way_pair()
    speaker = StreamSpeaker(stream)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(speaker.write, SECOND, RATE)
        await trio.sleep(0.5)
        speaker.flush()
        assert await reader.receive_some() == SECOND
    await trio.sleep(5)
    assert speaker.played_samples == RATE / 2


async def test_a_stream_has_one_rate() -> None:
    stream, _ = trio.testing.memory_stream_one_way_pair()
    with pytest.raises(ValueError, match="plays 16000 samples a second, and was given 24000 Hz sound"):
        await StreamSpeaker(stream, rate=16_000).write(SECOND, RATE)


async def test_a_stream_that_nobody_reads_is_an_error() -> None:
    stream, reader = trio.testing.memory_stream_one_way_pair()
    await reader.aclose()
    with pytest.raises(trio.BrokenResourceError):
        await StreamSpeaker(stream).write(SECOND, RATE)


async def test_speakers_are_sinks() -> None:
    stream, _ = trio.testing.memory_stream_one_way_pair()
    assert isinstance(VirtualSpeaker(), AudioSink)
    assert isinstance(StreamSpeaker(stream), AudioSink)
