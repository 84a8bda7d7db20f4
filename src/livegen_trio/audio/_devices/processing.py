"""What is done to a microphone's sound: the echo cancelled, noise suppressed, gain; and the service's rate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from .packages import require
from .periods import MICROPHONE_RATE, RATE

if TYPE_CHECKING:
    from .options import ProcessingOptions
    from .packages import Samples, StreamResampler

_FRAME: Final = MICROPHONE_RATE // 100  # samples; the canceller works by 10 ms
_SILENCE_DB: Final = -96.0


class _AudioProcessor(Protocol):
    """The part of `pywebrtc_audio.AudioProcessor` that is used."""

    def process(self, near: Samples, far: Samples | None = None) -> Samples: ...


class VoiceProcessor:
    """Turns what a microphone hears, and what is played meanwhile, into the user's voice at 16 kHz.

    For one thread.

    Raises:
        DeviceError: A package is missing.
    """

    def __init__(self, options: ProcessingOptions) -> None:
        self._near = _Downsampler()
        self._far = _Downsampler()
        self._cancels_echo = options.echo_cancellation
        self._processor: _AudioProcessor | None = None
        if options.processes:
            self._processor = require("pywebrtc_audio").AudioProcessor(
                sample_rate=MICROPHONE_RATE,
                echo_cancellation=options.echo_cancellation,
                noise_suppression=options.noise_suppression,
                auto_gain_control=options.automatic_gain,
                stream_delay_ms=round(1000 * options.echo_delay),
            )

    def process(self, near: bytes, far: bytes) -> bytes:
        """Return the voice in the next period, as 16-bit PCM at 16 kHz. It lags by some milliseconds.

        Args:
            near: What the microphone heard, at the device's rate.
            far: What the loudspeaker was given in the same period.
        """
        heard = self._near.feed(near)
        if self._processor is None:
            return heard.tobytes()
        played = self._far.feed(far) if self._cancels_echo else None
        # Both resamplers have had the same number of samples, so they give the same number of frames.
        return self._processor.process(heard, played).tobytes() if len(heard) else b""


class _Downsampler:
    """Resamples a device's sound to 16 kHz, in frames of 10 ms."""

    def __init__(self) -> None:
        self._resampler: StreamResampler = require("soxr").ResampleStream(
            RATE, MICROPHONE_RATE, 1, dtype="int16", quality="LQ"
        )
        self._rest: Samples = np.zeros(0, dtype=np.int16)

    def feed(self, period: bytes) -> Samples:
        """Take the next period; return the frames that are complete by now."""
        samples = self._resampler.resample_chunk(np.frombuffer(period, dtype=np.int16))
        joined = np.concatenate((self._rest, samples))
        whole = len(joined) // _FRAME * _FRAME
        self._rest = joined[whole:]
        return joined[:whole]


def level_of(pcm: bytes) -> float:
    """Return the level of 16-bit PCM in dB below full scale: 0 is the loudest, -96 is silence."""
    if not pcm:
        return _SILENCE_DB
    samples = np.frombuffer(pcm, dtype=np.int16).astype(np.float32)
    power = float(np.mean(samples * samples))
    return max(_SILENCE_DB, 10 * float(np.log10(power / 32768.0**2))) if power else _SILENCE_DB
