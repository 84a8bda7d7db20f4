"""The voice detector without a model, which measures loudness."""

from __future__ import annotations

import math
import random
import sys
from array import array

import pytest
from hypothesis import given, strategies as st

from livegen_trio.local._detector import EnergyDetector
from livegen_trio.local._endpointing import Endpointer, SpeechEnded, SpeechStarted

RATE = 16000


def tone(seconds: float, *, level: float = 0.3, rate: int = RATE) -> bytes:
    return pcm(level * math.sin(2 * math.pi * 220 * i / rate) for i in range(round(seconds * rate)))


def noise(seconds: float, *, level: float) -> bytes:
    rng = random.Random(1)
    return pcm(rng.uniform(-level, level) for _ in range(round(seconds * RATE)))


def silence(seconds: float) -> bytes:
    return bytes(2 * round(seconds * RATE))


def pcm(samples: object) -> bytes:
    assert hasattr(samples, "__iter__")
    values = array("h", (round(32767 * sample) for sample in samples))
    if sys.byteorder == "big":
        values.byteswap()
    return values.tobytes()


def test_silence_is_no_speech() -> None:
    assert max(EnergyDetector(RATE).feed(silence(1))) < 0.01


def test_a_loud_sound_is_speech_from_the_first_frame() -> None:
    assert min(EnergyDetector(RATE).feed(tone(1))) > 0.9


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 24000, 44100, 48000])
def test_a_frame_lasts_as_long_as_it_says(rate: int) -> None:
    detector = EnergyDetector(rate)
    frames = detector.feed(bytes(2 * rate * 3))
    assert len(frames) * detector.frame_seconds == pytest.approx(3, abs=detector.frame_seconds)


def test_steady_noise_becomes_silence() -> None:
    probabilities = EnergyDetector(RATE).feed(noise(10, level=0.02))
    assert max(probabilities[-50:]) < 0.1


def test_speech_over_noise_is_heard() -> None:
    detector = EnergyDetector(RATE)
    detector.feed(noise(10, level=0.02))
    assert min(detector.feed(tone(1, level=0.5))) > 0.8


def test_after_noise_a_soft_voice_is_heard_again() -> None:
    detector = EnergyDetector(RATE)
    detector.feed(noise(20, level=0.5))
    detector.feed(silence(1))
    assert min(detector.feed(tone(1, level=0.05))) > 0.8


def test_speech_between_silences_is_found() -> None:
    detector = EnergyDetector(RATE)
    endpointer = Endpointer(detector.frame_seconds)
    started, ended = endpointer.feed(detector.feed(silence(1) + tone(1) + silence(1)))
    assert isinstance(started, SpeechStarted)
    assert isinstance(ended, SpeechEnded)
    assert (started.at, ended.at) == pytest.approx((1, 2), abs=0.03)


@given(st.binary(max_size=5000), st.integers(1, 999))
def test_the_size_of_the_pieces_makes_no_difference(data: bytes, size: int) -> None:
    pieces = EnergyDetector(8000)
    got = [one for begin in range(0, len(data), size) for one in pieces.feed(data[begin : begin + size])]
    assert got == list(EnergyDetector(8000).feed(data))


@given(st.binary(max_size=5000), st.integers(1, 48000))
def test_a_probability_is_between_zero_and_one(data: bytes, rate: int) -> None:
    assert all(0 <= one <= 1 for one in EnergyDetector(rate).feed(data))
