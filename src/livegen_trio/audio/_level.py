"""The loudness of a recording, window by window."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .._protocol.sound import SAMPLE_WIDTH
from ._samples import to_samples

if TYPE_CHECKING:
    from array import array

    from ._wav import Recording

_WINDOW_SECONDS: Final = 0.02
_AUDIBLE: Final = 100  # of 32,768: -50 dB of full scale; a recorder's own hiss stays below it
_ABOVE_NOISE: Final = 3  # times the background's level, 10 dB
_SURELY_SILENT: Final = 1 / 30  # of the loudest window's level, -30 dB
# Of the loudest window's level, -14 dB: a noisy or tightly cut recording has speech above it all the same.
_SURELY_LOUD: Final = 1 / 5


def speech_end(recording: Recording) -> int | None:
    """Return the number of samples up to the last that is above silence; None if the recording is silent.

    Silence is the level of the recording's own background: a tenth of its windows are taken to hold nothing else.
    """
    samples = to_samples(recording.pcm)
    window = max(1, round(recording.rate * _WINDOW_SECONDS))
    levels = [_peak(samples[start : start + window]) for start in range(0, len(samples), window)]
    loudest = max(levels, default=0)
    if loudest < _AUDIBLE:
        return None
    background = sorted(levels)[len(levels) // 10]
    silence = max(loudest * _SURELY_SILENT, min(_ABOVE_NOISE * background, loudest * _SURELY_LOUD))
    last = max(index for index, level in enumerate(levels) if level > silence)
    return min((last + 1) * window, len(recording.pcm) // SAMPLE_WIDTH)


def _peak(samples: array[int]) -> int:
    highest, lowest = max(samples), min(samples)
    return max(highest, -lowest)
