"""Sinks of sound: what a conversation needs of a loudspeaker."""

from __future__ import annotations

from typing import Protocol, runtime_checkable


@runtime_checkable
class AudioSink(Protocol):
    """A loudspeaker: sound is written ahead of time, played without gaps, and can be taken back.

    Sound is PCM, signed 16-bit little-endian mono. One task writes; `flush` and `played_samples` are called by any,
    also while a write waits. While a conversation goes on, nothing else writes. The opener of a sink closes it.
    """

    async def write(self, pcm: bytes, rate: int) -> None:
        """Play *pcm*, whole samples in plain bytes, of *rate* samples a second, after what was written before.

        Returns when there is room for more: a sink should hold little, say a tenth of a second, since what it holds
        is all that keeps the playing smooth, and all that `flush` has to take back. It may raise whatever is wrong
        with the device.
        """
        ...

    def flush(self) -> None:
        """Fall silent at once: drop what was written and not heard yet. A write that waits returns without it."""
        ...

    @property
    def played_samples(self) -> int:
        """Number of the samples written so far that have been heard. What was flushed never counts."""
        ...
