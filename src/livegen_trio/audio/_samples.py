"""PCM as numbers. No numpy: most recordings here are seconds long."""

from __future__ import annotations

import sys
from array import array
from typing import Final

SAMPLE_WIDTH: Final = 2  # bytes


def to_samples(pcm: bytes) -> array[int]:
    """The samples of 16-bit little-endian PCM, whatever this machine's own order is."""
    samples = array("h", pcm)
    return _reordered(samples) if sys.byteorder == "big" else samples


def to_pcm(samples: array[int]) -> bytes:
    """The opposite of `to_samples`."""
    return (_reordered(samples) if sys.byteorder == "big" else samples).tobytes()


def _reordered(samples: array[int]) -> array[int]:
    copy = samples[:]
    copy.byteswap()
    return copy
