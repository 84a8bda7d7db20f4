"""Sound cut into messages, whatever the chunks are that a source yields."""

from __future__ import annotations

from array import array

import pytest
from hypothesis import given, strategies as st

from livegen_trio.audio import AudioSource, stream_pcm
from livegen_trio.audio._source import Recutter

RATE = 16_000
LEAST, MOST = 640, 1280  # bytes of 20 and 40 ms


@given(chunks=st.lists(st.integers(0, 5000)))
def test_nothing_is_lost_and_no_message_is_too_short_or_too_long(chunks: list[int]) -> None:
    sound = array("h", [number % 30_000 for number in range(sum(chunks))]).tobytes()[: sum(chunks)]
    recutter, start = Recutter(RATE), 0
    cut: list[bytes] = []
    for size in chunks:
        cut += recutter.cut(sound[start : start + size])
        start += size
    rest = recutter.rest()
    assert all(LEAST <= len(chunk) <= MOST and len(chunk) % 2 == 0 for chunk in cut)
    assert all(len(chunk) < LEAST for chunk in rest)
    assert b"".join(cut + rest) == sound[: len(sound) // 2 * 2]


@pytest.mark.parametrize(
    ("given", "sizes"),
    [(638, []), (640, [640]), (960, [960]), (1280, [1280]), (1282, [640, 642]), (3200, [1066, 1066, 1068])],
)
def test_what_is_enough_goes_out_whole_and_in_equal_parts(given: int, sizes: list[int]) -> None:
    assert [len(chunk) for chunk in Recutter(RATE).cut(bytes(given))] == sizes


@pytest.mark.parametrize("sound", [array("h", [1, 2] * 320), bytearray(1280), memoryview(bytes(1280))])
def test_any_buffer_is_sound(sound: array[int] | bytearray | memoryview) -> None:
    assert Recutter(RATE).cut(sound) == [bytes(sound)]


def test_half_a_sample_waits_for_its_other_half() -> None:
    recutter = Recutter(RATE)
    [chunk] = recutter.cut(b"ab" * 320 + b"a")
    assert chunk == b"ab" * 320
    assert recutter.cut(b"b") == []
    assert recutter.rest() == [b"ab"]
    assert recutter.rest() == []


def test_half_a_sample_at_the_end_is_none() -> None:
    recutter = Recutter(RATE)
    recutter.cut(b"abc")
    assert recutter.rest() == [b"ab"]


def test_a_paced_recording_is_a_source_that_knows_its_rate() -> None:
    source = stream_pcm(b"", 22_050)
    assert isinstance(source, AudioSource)
    assert source.rate == 22_050
