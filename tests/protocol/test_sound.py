"""A chunk of sound: one answer for sending, capture and playback."""

from __future__ import annotations

import ctypes
from array import array
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, strategies as st

from livegen_trio import LocalProtocolError
from livegen_trio._protocol.sound import (
    SampleCutter,
    check_rate,
    check_sound_type,
    is_playable,
    pcm_bytes,
)

if TYPE_CHECKING:
    from typing_extensions import Buffer

SAMPLES = array("h", [0, 1, -1, 32767, -32768, 7])
PCM = SAMPLES.tobytes()


@pytest.mark.parametrize(
    "chunk",
    [
        PCM,
        bytearray(PCM),
        memoryview(PCM),
        memoryview(PCM).cast("B", (6, 2)),
        memoryview(PCM).cast("b"),
        SAMPLES,
        memoryview(SAMPLES),
        memoryview(PCM).cast("B").cast("h", (6, 1)),
        (ctypes.c_int16 * 6)(*SAMPLES),
    ],
)
def test_bytes_and_16_bit_integers_are_sound(chunk: Buffer) -> None:
    assert bytes(pcm_bytes(chunk)) == PCM


def test_a_numpy_array_of_one_channel_is_sound_in_any_shape() -> None:
    numpy = pytest.importorskip("numpy")
    samples = numpy.frombuffer(PCM, numpy.int16)
    stereo = numpy.stack([samples, -samples], axis=1)
    for chunk in (samples, samples.reshape(-1, 1), samples.reshape(1, -1), stereo[:, 0], stereo[:, :1]):
        assert bytes(pcm_bytes(chunk)) == PCM
    assert pcm_bytes(stereo[:0]) == b""
    assert bytes(pcm_bytes(samples[1])) == PCM[2:4]


def test_other_numbers_would_be_heard_as_noise_and_are_refused() -> None:
    for chunk in (array("f", [0.5]), array("d", [0.5]), array("i", [1]), array("H", [1])):
        with pytest.raises(LocalProtocolError, match="16-bit little-endian samples, not items of format"):
            pcm_bytes(chunk)


def test_several_channels_are_refused() -> None:
    stereo = memoryview(PCM).cast("B").cast("h", (3, 2))
    with pytest.raises(LocalProtocolError, match=r"one channel, and this has the shape \(3, 2\); mix"):
        pcm_bytes(stereo)


def test_bytes_with_gaps_are_refused() -> None:
    with pytest.raises(LocalProtocolError, match="contiguous"):
        pcm_bytes(memoryview(PCM)[::2])


@pytest.mark.parametrize("chunk", ["AAAA", None, [1, 2]])
def test_an_object_without_a_buffer_is_a_type_error_that_names_its_type(chunk: object) -> None:
    with pytest.raises(TypeError, match=f"not a {type(chunk).__name__}"):
        pcm_bytes(chunk)  # type: ignore[arg-type]  # the point of the test


@given(sizes=st.lists(st.integers(0, 9)))
def test_samples_stay_whole_however_the_stream_is_cut(sizes: list[int]) -> None:
    cutter, start = SampleCutter(), 0
    stream = bytes(number % 251 for number in range(sum(sizes)))
    pieces: list[bytes] = []
    for size in sizes:
        pieces.append(bytes(cutter.cut(stream[start : start + size])))
        start += size
    assert all(len(piece) % 2 == 0 for piece in pieces)
    assert b"".join(pieces) + cutter.half == stream
    cutter.clear()
    assert cutter.half == b""


def test_a_refused_chunk_leaves_the_carried_half_where_it_is() -> None:
    cutter = SampleCutter()
    assert cutter.cut(b"abc") == b"ab"
    with pytest.raises(LocalProtocolError):
        cutter.cut(array("f", [1]))
    assert cutter.cut(b"d") == b"cd"


@pytest.mark.parametrize("rate", [8_000, 11_025, 44_100.0, 96_000])
def test_a_rate_is_a_whole_number_of_samples_a_second(rate: float) -> None:
    assert check_rate(rate) == rate
    assert type(check_rate(rate)) is int


@pytest.mark.parametrize("rate", [0, -16_000, True, 7_999, 96_001, 44_100.5, float("nan"), "16000", None])
def test_odd_rates_are_refused(rate: object) -> None:
    with pytest.raises(LocalProtocolError, match="is no rate of sound; give a whole number"):
        check_rate(rate)


@pytest.mark.parametrize(
    ("mime_type", "playable"),
    [
        ("audio/pcm", True),
        ("audio/pcm;rate=24000", True),
        ("Audio/PCM ; Rate = 16000 ; channels=1", True),
        ("audio/pcm;rate=0", False),
        ("audio/pcm;rate=fast", False),
        ("audio/pcm;rate=24000;channels=2", False),
        ("audio/opus;rate=1", False),
        ("", False),
    ],
)
def test_raw_samples_of_one_channel_and_a_rate_of_sound_can_be_played(mime_type: str, playable: bool) -> None:
    assert is_playable(mime_type) is playable


@pytest.mark.parametrize("mime_type", ["audio/pcm;rate=0", "audio/pcm;rate=1.5", "audio/l16;channels=2"])
def test_a_type_with_an_odd_rate_or_several_channels_is_refused(mime_type: str) -> None:
    with pytest.raises(LocalProtocolError, match=r"rate of sound|one channel"):
        check_sound_type(mime_type)


def test_the_parameters_of_other_sound_are_the_services_to_judge() -> None:
    check_sound_type("audio/opus;rate=1;channels=2")
