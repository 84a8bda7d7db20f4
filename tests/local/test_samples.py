"""PCM as samples, and samples at other rates."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st

from livegen_trio.local.speech._samples import ResampledStream, resample, to_pcm, to_samples


def sine(seconds: float, rate: int) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return np.sin(2 * np.pi * 200 * np.arange(round(seconds * rate)) / rate, dtype=np.float32)


@given(st.binary(max_size=100).map(lambda data: data[: len(data) // 2 * 2]))
def test_pcm_survives_the_way_to_samples_and_back(pcm: bytes) -> None:
    assert to_pcm(to_samples(pcm)) == pcm


def test_half_a_sample_is_none() -> None:
    assert to_samples(b"\x00\x40\x01").tolist() == [0.5]


def test_what_is_too_loud_is_clipped() -> None:
    assert to_pcm(np.array([2, -2], dtype=np.float32)) == b"\xff\x7f\x00\x80"


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 48000])
def test_a_resampled_tone_is_the_same_tone(rate: int) -> None:
    resampled = resample(sine(1, rate), rate, 16000)
    assert np.allclose(resampled[1000:-1000], sine(1, 16000)[1000:-1000], atol=0.01)


def test_nothing_is_resampled_to_nothing() -> None:
    assert len(resample(to_samples(b""), 8000, 16000)) == 0


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 44100, 48000])
def test_a_resampled_stream_lags_behind_by_little(rate: int) -> None:
    stream = ResampledStream(rate, 16000)
    samples = sum(len(stream.feed(piece)) for piece in np.array_split(sine(2, rate), 100))
    assert 32000 - samples <= 0.03 * 16000
