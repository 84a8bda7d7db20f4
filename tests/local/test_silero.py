"""The voice detector with a model."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from livegen_trio.local._endpointing import Endpointer, EndpointRules, SpeechEnded, SpeechStarted
from livegen_trio.local.speech._samples import resample, to_pcm, to_samples
from livegen_trio.local.speech._silero import SileroDetector
from support.voice import HUMAN_RATE, human_voice

if TYPE_CHECKING:
    from livegen_trio.local.speech._silero import SileroModel


def at_rate(rate: int) -> bytes:
    return to_pcm(resample(to_samples(human_voice()), HUMAN_RATE, rate))


def test_silence_and_noise_are_no_speech(silero: SileroModel) -> None:
    for sound in (bytes(96000), random.Random(1).randbytes(96000)):
        assert max(silero.open_detector(16000).feed(sound)) < 0.3


@pytest.mark.parametrize("rate", [8000, 16000, 24000, 44100, 48000])
def test_a_human_voice_is_found_at_any_rate(silero: SileroModel, rate: int) -> None:
    detector = silero.open_detector(rate)
    started, ended = Endpointer(detector.frame_seconds).feed(detector.feed(at_rate(rate)))
    assert isinstance(started, SpeechStarted)
    assert isinstance(ended, SpeechEnded)
    assert (started.at, ended.at) == pytest.approx((1.4, 2.3), abs=0.1)


@pytest.mark.parametrize("size", [1, 333, 640])
def test_the_size_of_the_pieces_makes_no_difference(silero: SileroModel, size: int) -> None:
    voice = human_voice()[32000:64000]
    detector = silero.open_detector(16000)
    pieces = [
        one for begin in range(0, len(voice), size) for one in detector.feed(voice[begin : begin + size])
    ]
    assert pieces == pytest.approx(list(silero.open_detector(16000).feed(voice)))


def test_streams_do_not_hear_each_other(silero: SileroModel) -> None:
    voice = human_voice()
    one, other = silero.open_detector(16000), silero.open_detector(16000)
    together = [
        list(one.feed(voice[i : i + 1024])) for i in range(0, len(voice), 1024) if other.feed(bytes(1024))
    ]
    alone = silero.open_detector(16000).feed(voice[: 1024 * len(together)])
    assert [p for part in together for p in part] == pytest.approx(list(alone))


def test_a_frame_lasts_32_ms(silero: SileroModel) -> None:
    detector = SileroDetector(silero, 16000)
    assert detector.frame_seconds == 0.032
    assert len(detector.feed(bytes(2 * 512 * 3))) == 3


def test_speech_is_detected_before_it_is_over(silero: SileroModel) -> None:
    detector = silero.open_detector(16000)
    endpointer = Endpointer(detector.frame_seconds, EndpointRules())
    voice = human_voice()
    heard_at = next(
        endpointer.now
        for i in range(0, len(voice), 640)
        if endpointer.feed(detector.feed(voice[i : i + 640]))
    )
    assert heard_at < 1.6
