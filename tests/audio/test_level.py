"""Where speech ends in a recording."""

from __future__ import annotations

from array import array

import pytest

from livegen_trio.audio import Recording, speech_end
from support.voice import HUMAN_RATE, human_voice

RATE = 16_000


def tone(seconds: float, level: int) -> bytes:
    return array("h", [level, -level] * round(seconds * RATE / 2)).tobytes()


def test_speech_ends_with_its_last_sound() -> None:
    assert speech_end(Recording(bytes(6400) + tone(1, 8000) + bytes(32_000), RATE)) == 1.2 * RATE


def test_speech_may_end_with_the_recording() -> None:
    assert speech_end(Recording(tone(1.01, 8000), RATE)) == 1.01 * RATE


def test_background_noise_is_no_speech() -> None:
    assert speech_end(Recording(tone(1, 300) + tone(1, 8000) + tone(1, 300), RATE)) == 2 * RATE


def test_a_pause_is_not_the_end() -> None:
    assert speech_end(Recording(tone(1, 8000) + tone(1, 0) + tone(1, 4000) + tone(1, 0), RATE)) == 3 * RATE


@pytest.mark.parametrize("pcm", [b"", bytes(32_000), tone(1, 99)])
def test_a_silent_recording_has_no_speech(pcm: bytes) -> None:
    assert speech_end(Recording(pcm, RATE)) is None


def test_a_human_voice_ends_before_the_room_falls_silent() -> None:
    end = speech_end(Recording(human_voice(), HUMAN_RATE))
    assert end is not None
    assert 2.1 < end / HUMAN_RATE < 2.2  # of 3.0 s, by looking at the waveform
