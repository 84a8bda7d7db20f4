"""A simulated room: the loudspeaker's sound comes to the microphone late, quieter and with its reverberation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import soxr  # type: ignore[import-untyped] # it has no annotations

from livegen_trio.audio._devices.periods import MICROPHONE_RATE, PERIOD_SAMPLES, RATE
from livegen_trio.audio._devices.processing import VoiceProcessor

if TYPE_CHECKING:
    import numpy.typing as npt

    from livegen_trio.audio._devices.options import ProcessingOptions

    Sound = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Room:
    """How a room sounds.

    Attributes:
        delay: Seconds from the loudspeaker to the microphone, the devices' buffers included.
        gain: Of the loudspeaker at the microphone.
        reverberation: Seconds until an echo has faded by 60 dB.
        noise: The level of the background, of full scale.
    """

    delay: float = 0.06
    gain: float = 0.5
    reverberation: float = 0.3
    noise: float = 0.0003

    def echo(self, played: Sound) -> Sound:
        """Return what the microphone hears of *played*."""
        random = np.random.default_rng(1)
        length = round(RATE * self.reverberation)
        fading = 10 ** (-3 * np.arange(length) / length)
        response = 0.02 * random.standard_normal(length) * fading
        response[0] = 1.0
        late = np.concatenate((np.zeros(round(RATE * self.delay)), played))[: len(played)]
        size = len(late) + length
        spectrum = np.fft.rfft(late, size) * np.fft.rfft(response, size)
        reverberant: Sound = np.fft.irfft(spectrum, size)[: len(played)]
        return self.gain * reverberant + self.noise * random.standard_normal(len(played))


def device_sound(pcm: bytes, rate: int) -> Sound:
    """Return 16-bit PCM as samples at the devices' rate, from -1 to 1."""
    samples = np.frombuffer(pcm, dtype="<i2").astype(np.float64) / 32768
    resampled: Sound = soxr.resample(samples, rate, RATE)
    return resampled


def clean(near: Sound, far: Sound, options: ProcessingOptions) -> bytes:
    """Return what a microphone gives that hears *near* while *far* is played: PCM at 16 kHz."""
    processor = VoiceProcessor(options)
    near_pcm, far_pcm = _pcm(near), _pcm(far)
    size = 2 * PERIOD_SAMPLES
    starts = range(0, len(near_pcm) - size + 1, size)
    return b"".join(processor.process(near_pcm[at : at + size], far_pcm[at : at + size]) for at in starts)


def level(pcm: bytes, start: float, end: float) -> float:
    """Return the level of a part of PCM at 16 kHz, given in seconds, in dB below full scale."""
    part = np.frombuffer(pcm, dtype="<i2")[round(start * MICROPHONE_RATE) : round(end * MICROPHONE_RATE)]
    return float(10 * np.log10(np.mean((part / 32768.0) ** 2) + 1e-12))


def _pcm(sound: Sound) -> bytes:
    return np.clip(np.rint(sound * 32767), -32768, 32767).astype("<i2").tobytes()
