"""PCM as floating-point samples, at the rate that an engine wants. Needs the packages of the `[local]` extra."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from ._packages import require

if TYPE_CHECKING:
    from typing import TypeAlias

    import numpy.typing as npt

    Samples: TypeAlias = npt.NDArray[np.float32]
    """Mono, from -1 to 1."""

_FULL_SCALE: Final = 32768.0


class _StreamResampler(Protocol):
    """The part of `soxr.ResampleStream` that is used."""

    def resample_chunk(self, x: Samples, /) -> Samples: ...


def to_samples(pcm: bytes) -> Samples:
    """Samples of 16-bit PCM; half a sample at its end is no sample."""
    whole = len(pcm) // 2
    return np.frombuffer(pcm, dtype="<i2", count=whole).astype(np.float32) / np.float32(_FULL_SCALE)


def to_pcm(samples: Samples) -> bytes:
    """16-bit PCM; what is too loud is clipped."""
    scaled = np.rint(samples * np.float32(_FULL_SCALE))
    pcm: bytes = np.clip(scaled, -_FULL_SCALE, _FULL_SCALE - 1).astype("<i2").tobytes()
    return pcm


def resample(samples: Samples, rate: int, new_rate: int) -> Samples:
    """The same sound, whole, at *new_rate* Hz."""
    if rate == new_rate or not len(samples):
        return samples
    resampled: Samples = require("soxr").resample(samples, rate, new_rate)
    return resampled


class ResampledStream:
    """Resamples audio that comes in pieces. Quick rather than fine: its output lags behind by some 20 ms at most."""

    def __init__(self, rate: int, new_rate: int) -> None:
        """Make one for a stream at *rate* Hz."""
        self._resampler: _StreamResampler | None = None
        if rate != new_rate:
            # Upwards there is nothing to filter out, and the better filter would hold back 60 ms.
            quality = "QQ" if rate < new_rate else "LQ"
            self._resampler = require("soxr").ResampleStream(
                rate, new_rate, 1, dtype="float32", quality=quality
            )

    def feed(self, samples: Samples) -> Samples:
        """Take the next samples, any number of them; return the output that is complete by now."""
        return samples if self._resampler is None else self._resampler.resample_chunk(samples)
