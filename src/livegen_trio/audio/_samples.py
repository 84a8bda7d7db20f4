"""PCM as numbers. Without numpy, since most recordings here are seconds long."""

from __future__ import annotations

import sys
from array import array


def to_samples(pcm: bytes) -> array[int]:
    """Return the samples of 16-bit little-endian PCM, on machines of either byte order."""
    samples = array("h", pcm)
    return _reordered(samples) if sys.byteorder == "big" else samples


def to_pcm(samples: array[int]) -> bytes:
    """Return samples as PCM: the opposite of `to_samples`."""
    return (_reordered(samples) if sys.byteorder == "big" else samples).tobytes()


def _reordered(samples: array[int]) -> array[int]:
    copy = samples[:]
    copy.byteswap()
    return copy
