"""Sound on its way to the loudspeaker: resampled to the device's rate, and cut into periods."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from .packages import require
from .periods import PERIOD_BYTES, RATE

if TYPE_CHECKING:
    from .packages import StreamResampler
    from .periods import PlaybackPeriods

_LAST_PERIODS: Final = (
    2  # ahead of the device, when the end of what was written is taken for the end of speech
)


class _Written(NamedTuple):
    """Sound as it was written.

    Attributes:
        epoch: The number of flushes before.
        pcm: 16-bit samples.
        rate: Samples a second.
    """

    epoch: int
    pcm: bytes
    rate: int


class Feeder:
    """Keeps the device's periods filled with what is written.

    `write` is the event loop's, and `fill` a worker's.
    """

    def __init__(self, periods: PlaybackPeriods, capacity: int) -> None:
        self._periods = periods
        self._capacity = capacity
        self._queue: deque[_Written] = deque()
        self._epoch = 0
        self._out = bytearray()  # at the device's rate, not put into a period so far
        self._stretch = _Stretch(RATE, 0)

    def write(self, pcm: bytes, rate: int) -> None:
        """Take sound, to be played after what was written before."""
        self._queue.append(_Written(self._periods.epoch, pcm, rate))

    def fill(self) -> None:
        """Put as many periods as there are, and as the device has room for."""
        if self._epoch != self._periods.epoch:
            self._epoch = self._periods.epoch
            self._out.clear()
            self._stretch = _Stretch(RATE, 0)
        while self._periods.room and self._make_period():
            period = bytes(self._out[:PERIOD_BYTES])
            del self._out[:PERIOD_BYTES]
            self._periods.put(
                period.ljust(PERIOD_BYTES, b"\0"), self._epoch, self._stretch.count_without(len(self._out))
            )

    def _make_period(self) -> bool:
        """Resample until there is a period. False if there is none, and more may be written yet."""
        while len(self._out) < PERIOD_BYTES:
            if self._queue:
                self._resample(self._queue.popleft())
            elif self._capacity - self._periods.room > _LAST_PERIODS:
                return False
            else:
                self._out += self._stretch.end()
                return bool(self._out)
        return True

    def _resample(self, written: _Written) -> None:
        if written.epoch != self._epoch:
            return
        if written.rate != self._stretch.rate:
            self._out += self._stretch.end()
            self._stretch = _Stretch(written.rate, self._stretch.total)
        self._out += self._stretch.feed(written.pcm)


class _Stretch:
    """Sound of one rate.

    Args:
        rate: Samples a second.
        before: How many samples were written before.

    Attributes:
        rate: Samples a second.
        total: How many samples were written up to here.
    """

    def __init__(self, rate: int, before: int) -> None:
        self.rate: int = rate
        self.total: int = before
        self._resampler: StreamResampler | None = None
        if rate != RATE:
            self._resampler = require("soxr").ResampleStream(rate, RATE, 1, dtype="int16", quality="MQ")
        self._is_begun = False

    def feed(self, pcm: bytes) -> bytes:
        """Take samples; return what is complete by now at the device's rate."""
        self.total += len(pcm) // 2
        if self._resampler is None:
            return pcm
        self._is_begun = True
        return self._resampler.resample_chunk(np.frombuffer(pcm, dtype=np.int16)).tobytes()

    def end(self) -> bytes:
        """Return what the resampler holds back; the next samples begin a stream of their own."""
        if self._resampler is None or not self._is_begun:
            return b""
        self._is_begun = False
        rest = self._resampler.resample_chunk(np.zeros(0, dtype=np.int16), last=True).tobytes()
        self._resampler.clear()
        return rest

    def count_without(self, held: int) -> int:
        """Return how many samples were written up to *held* bytes before the end of the output so far."""
        behind = held // 2
        if self._is_begun and self._resampler is not None:
            behind += self._held_back()
        return max(0, self.total - round(behind * self.rate / RATE))

    def _held_back(self) -> int:
        assert self._resampler is not None
        return round(self._resampler.delay())
