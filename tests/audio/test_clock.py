"""Which sample is being heard, by a clock that jumps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing
from hypothesis import given, settings, strategies as st

from livegen_trio.audio._clock import PlaybackClock

if TYPE_CHECKING:
    from trio.testing import MockClock


async def test_samples_are_heard_in_real_time(mock_clock: MockClock) -> None:
    clock = PlaybackClock()
    assert clock.played_samples == 0
    clock.add(24_000, 24_000)
    clock.add(8_000, 8_000)
    for seconds, played in [(0.5, 12_000), (0.5, 24_000), (0.25, 26_000), (0.75, 32_000), (9, 32_000)]:
        mock_clock.jump(seconds)
        assert clock.played_samples == played


async def test_a_clock_that_ran_dry_begins_anew(mock_clock: MockClock) -> None:
    clock = PlaybackClock()
    clock.add(240, 24_000)
    mock_clock.jump(5)
    clock.add(24_000, 24_000)
    mock_clock.jump(0.5)
    assert clock.played_samples == 240 + 12_000


async def test_a_cut_stops_at_the_sample(mock_clock: MockClock) -> None:
    clock = PlaybackClock()
    clock.add(24_000, 24_000)
    mock_clock.jump(0.3)
    clock.cut()
    mock_clock.jump(1)
    assert clock.played_samples == 7_200
    clock.add(100, 24_000)
    mock_clock.jump(1)
    assert clock.played_samples == 7_300


async def test_waiting_ends_when_little_is_left(autojump_clock: MockClock) -> None:
    clock = PlaybackClock()
    clock.add(24_000, 24_000)
    await clock.wait_until_left(0.1)
    assert trio.current_time() == pytest.approx(0.9)
    await clock.wait_until_left(0.1)
    assert trio.current_time() == pytest.approx(0.9)


async def test_a_cut_ends_the_waiting(autojump_clock: MockClock) -> None:
    clock = PlaybackClock()
    clock.add(24_000, 24_000)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(clock.wait_until_left, 0)
        await trio.sleep(0.3)
        clock.cut()
    assert trio.current_time() == pytest.approx(0.3)


@settings(max_examples=50)
@given(
    start=st.floats(0, 1e6),
    chunks=st.lists(st.integers(0, 48_000), max_size=20),
    rate=st.integers(8_000, 48_000),
)
def test_at_the_end_of_what_was_added_all_of_it_was_heard(start: float, chunks: list[int], rate: int) -> None:
    """Whatever the clock shows: times of computers that are up for days have few digits behind the point."""

    async def main() -> int:
        clock = PlaybackClock()
        for chunk in chunks:
            clock.add(chunk, rate)
            await clock.wait_until_left(0)
        return clock.played_samples

    mock_clock = trio.testing.MockClock(autojump_threshold=0)
    mock_clock.jump(start)
    assert trio.run(main, clock=mock_clock) == sum(chunks)
