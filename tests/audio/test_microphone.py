"""A recording given in real time, by a clock that jumps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio

from livegen_trio.audio import stream_pcm

if TYPE_CHECKING:
    from trio.testing import MockClock

SECOND = bytes(range(256)) * 125  # of 16 kHz


async def test_chunks_come_when_a_microphone_would_have_heard_them(autojump_clock: MockClock) -> None:
    start = trio.current_time()
    times = [trio.current_time() - start async for _ in stream_pcm(SECOND, 16_000)]
    assert times == pytest.approx([0.02 * (number + 1) for number in range(50)])


async def test_nothing_is_lost_and_the_last_chunk_may_be_shorter(autojump_clock: MockClock) -> None:
    chunks = [chunk async for chunk in stream_pcm(SECOND, 16_000, chunk_seconds=0.3)]
    assert b"".join(chunks) == SECOND
    assert [len(chunk) for chunk in chunks] == [9600, 9600, 9600, 3200]


@pytest.mark.parametrize("rate", [11_025, 22_050, 44_100])
async def test_rates_that_chunks_do_not_divide_do_not_drift(autojump_clock: MockClock, rate: int) -> None:
    start = trio.current_time()
    async for _ in stream_pcm(bytes(2 * rate * 60), rate, chunk_seconds=0.0213):
        pass
    assert trio.current_time() - start == pytest.approx(60)


async def test_a_late_caller_catches_up_instead_of_adding_delays(autojump_clock: MockClock) -> None:
    stream = stream_pcm(SECOND, 16_000)
    start = trio.current_time()
    await stream.receive()
    await trio.sleep(0.5)
    for _ in range(49):
        await stream.receive()
    assert trio.current_time() - start == pytest.approx(1)


async def test_a_cancelled_call_takes_no_chunk(autojump_clock: MockClock) -> None:
    stream = stream_pcm(SECOND, 16_000)
    with trio.move_on_after(0.01):
        await stream.receive()
    assert b"".join([chunk async for chunk in stream]) == SECOND


async def test_a_closed_stream_gives_nothing_more(autojump_clock: MockClock) -> None:
    async with stream_pcm(SECOND, 16_000) as stream:
        await stream.receive()
    with pytest.raises(trio.ClosedResourceError):
        await stream.receive()


async def test_a_stream_that_is_over_stays_so() -> None:
    stream = stream_pcm(b"", 16_000)
    for _ in range(2):
        with pytest.raises(trio.EndOfChannel):
            await stream.receive()


@pytest.mark.parametrize(("rate", "chunk_seconds"), [(0, 0.02), (16_000, 0.0), (16_000, -1.0)])
def test_no_rate_and_no_length_are_refused(rate: int, chunk_seconds: float) -> None:
    with pytest.raises(ValueError, match="both have to be above zero"):
        stream_pcm(SECOND, rate, chunk_seconds)
