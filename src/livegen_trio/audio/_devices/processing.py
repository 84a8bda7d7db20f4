"""What is done to a microphone's sound: the echo cancelled, noise suppressed, gain; and the service's rate."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from .packages import require
from .periods import MICROPHONE_RATE, RATE

if TYPE_CHECKING:
    from .options import ProcessingOptions
    from .packages import Samples, StreamResampler

_FRAME: Final = MICROPHONE_RATE // 100  # samples; the canceller works by 10 ms
_SILENCE_DB: Final = -96.0

_LEARNING_FRAMES: Final = 200  # with sound, in which the canceller learns the room
_ECHO_FRAMES: Final = 50  # after sound, in which its echo may be heard
_AUDIBLE_POWER: Final = 1e-6  # of full scale, -60 dB
_SMOOTHING: Final = 0.15  # a time constant of 60 ms
_MOST_TAKEN: Final = 0.25  # of the power, -6 dB


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
        self._rests = _EchoRests()
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
        heard, played = self._near.feed(near), self._far.feed(far)
        if self._processor is None or not len(heard):
            return heard.tobytes()
        if not self._cancels_echo:
            return self._processor.process(heard).tobytes()
        # Both resamplers have had the same number of samples, so they give the same number of frames.
        voice = self._processor.process(heard, played)
        return bytes(2 * len(voice)) if self._rests.is_echo(heard, voice, played) else voice.tobytes()


class _EchoRests:
    """Finds what is left of the echo while the canceller learns the room: in the first seconds of what is played.

    A voice detector takes even a faint rest for speech. It is one while the canceller takes most of the sound away;
    when a user speaks over it, most stays.
    """

    def __init__(self) -> None:
        self._learnt = 0  # frames
        self._recently_played = 0  # frames, for which an echo may still come
        self._heard = 0.0
        self._kept = 0.0

    def is_echo(self, heard: Samples, voice: Samples, played: Samples) -> bool:
        """Whether what the canceller has left in *voice* is echo."""
        if self._learnt >= _LEARNING_FRAMES:
            return False
        if _power(played) > _AUDIBLE_POWER:
            self._learnt += 1
            self._recently_played = _ECHO_FRAMES
        self._recently_played = max(0, self._recently_played - 1)
        self._heard += _SMOOTHING * (_power(heard) - self._heard)
        self._kept += _SMOOTHING * (_power(voice) - self._kept)
        return self._recently_played > 0 and self._kept < _MOST_TAKEN * self._heard


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
    power = _power(np.frombuffer(pcm, dtype=np.int16)) if pcm else 0.0
    return max(_SILENCE_DB, 10 * math.log10(power)) if power else _SILENCE_DB


def _power(samples: Samples) -> float:
    """Return the mean power of *samples*, of full scale."""
    floats = samples.astype(np.float32)
    return float(np.dot(floats, floats)) / len(floats) / 32768.0**2
