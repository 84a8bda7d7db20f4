"""A voice detector that needs no model: speech is what is clearly louder than the noise around it."""

from __future__ import annotations

import math
import sys
from array import array
from operator import mul
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_FRAME_SECONDS: Final = 0.02
_SAMPLE_BYTES: Final = 2
_FULL_SCALE: Final = 32768.0

# Levels are in dB below full scale.
_SILENCE: Final = -96.0
# Also where the noise is taken to be until some has been heard: speech may begin with the first frame.
_QUIETEST_FLOOR: Final = -60.0
_SPEECH_ABOVE_FLOOR: Final = 15.0  # where speech and noise are equally likely
_SOFTNESS: Final = 2.0
_FALL_PER_FRAME: Final = 0.3  # the share of the way by which the floor follows a quieter sound
# Speech must not become its own noise: the floor rises by only 5 dB in a second of it.
_RISE_PER_FRAME: Final = 5.0 * _FRAME_SECONDS


class EnergyDetector:
    """A `VoiceDetector` that measures loudness over an adaptive noise floor.

    Any sound that comes up out of the noise is speech to it: music and slamming doors, too.
    """

    def __init__(self, rate: int) -> None:
        """Make one for a stream of audio at *rate* Hz."""
        self._frame_bytes = _SAMPLE_BYTES * max(1, round(rate * _FRAME_SECONDS))
        self._frame_seconds = self._frame_bytes / _SAMPLE_BYTES / rate
        self._pending = bytearray()
        self._floor = _QUIETEST_FLOOR

    @property
    def frame_seconds(self) -> float:
        return self._frame_seconds

    def feed(self, pcm: bytes) -> Sequence[float]:
        self._pending += pcm
        whole = len(self._pending) - len(self._pending) % self._frame_bytes
        frames = bytes(self._pending[:whole])
        del self._pending[:whole]
        return [
            self._judge(_level(frames[begin : begin + self._frame_bytes]))
            for begin in range(0, whole, self._frame_bytes)
        ]

    def _judge(self, level: float) -> float:
        """The probability that a frame of this *level* is speech; moves the floor."""
        excess = level - self._floor - _SPEECH_ABOVE_FLOOR
        if level < self._floor:
            self._floor = max(self._floor + _FALL_PER_FRAME * (level - self._floor), _QUIETEST_FLOOR)
        else:
            self._floor = min(self._floor + _RISE_PER_FRAME, level)
        return 1 / (1 + math.exp(-excess / _SOFTNESS))


def _level(pcm: bytes) -> float:
    samples = array("h", pcm)
    if sys.byteorder == "big":  # PCM is little-endian everywhere
        samples.byteswap()
    power: int = sum(map(mul, samples, samples))
    if power == 0:
        return _SILENCE
    return 10 * math.log10(power / len(samples) / _FULL_SCALE**2)
