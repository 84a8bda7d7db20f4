"""Periods of sound between the sound system's thread and ours, in buffers that are made once.

Each buffer has one writer and one reader, which move an index each; nothing waits for a lock.
"""

from __future__ import annotations

import time
from collections import deque
from typing import Final, NamedTuple

RATE: Final = 48_000  # Hz; devices are opened with it, and miniaudio converts where one has another
MICROPHONE_RATE: Final = 16_000  # Hz, after resampling; what the service recognises best
PERIOD_SECONDS: Final = 0.01
PERIOD_SAMPLES: Final = 480
PERIOD_BYTES: Final = 2 * PERIOD_SAMPLES
SILENCE: Final = bytes(PERIOD_BYTES)

_PAUSE_PERIODS: Final = 20  # without sound, from which on it is a pause and no gap in speech


class PeriodRing:
    """Periods that one thread puts in and another takes out.

    Args:
        periods: How many it holds.
    """

    def __init__(self, periods: int) -> None:
        self._buffers = [bytearray(PERIOD_BYTES) for _ in range(periods)]
        self._put = 0
        self._taken = 0

    def __len__(self) -> int:
        return self._put - self._taken

    def put(self, period: bytes) -> bool:
        """Put one in; False if there is no room, and it is dropped."""
        if len(self) >= len(self._buffers):
            return False
        self._buffers[self._put % len(self._buffers)][:] = period
        self._put += 1
        return True

    def take(self) -> bytes:
        """Take the oldest out. There has to be one."""
        period = bytes(self._buffers[self._taken % len(self._buffers)])
        self._taken += 1
        return period


class _Position(NamedTuple):
    """How far the written sound had been given to the device.

    Attributes:
        at: When, by `time.perf_counter`.
        samples: How many of the written samples.
    """

    at: float
    samples: int


class PlaybackPeriods:
    """Periods for the loudspeaker, ahead of time, which a flush makes void at once.

    A worker puts them, the sound system takes them, and the event loop flushes them and asks what was heard.

    Args:
        periods: How many it holds.
        latency: Seconds from when a period is taken until it is heard.
    """

    def __init__(self, periods: int, latency: float) -> None:
        self._buffers = [bytearray(PERIOD_BYTES) for _ in range(periods)]
        self._epochs = [0] * periods
        self._counts = [0] * periods  # of written samples that end with a period
        self._put = 0
        self._taken = 0
        self._latency = latency
        self._flushed = 0  # samples, heard before the last flush
        self._heard = _history(0)
        self._dry = _PAUSE_PERIODS  # periods in a row without sound
        self.epoch: int = 0
        self.underruns: int = 0  # gaps in what was played

    @property
    def room(self) -> int:
        """How many more periods it can hold."""
        return len(self._buffers) - (self._put - self._taken)

    @property
    def given_samples(self) -> int:
        """Number of the written samples that the device has been given; what was flushed doesn't count."""
        return self._heard[-1].samples

    @property
    def played_samples(self) -> int:
        """Number of the written samples that have been heard; what was flushed doesn't count."""
        now = time.perf_counter() - self._latency
        heard = 0
        for position in tuple(self._heard):
            if now < position.at:
                break
            # A period that is being heard counts in part.
            part = min(1.0, (now - position.at) / PERIOD_SECONDS)
            heard += int(part * (position.samples - heard))
        return heard

    def put(self, period: bytes, epoch: int, samples: int) -> None:
        """Put one in, for which there has to be room.

        Args:
            period: Samples at the device's rate.
            epoch: The number of flushes before its sound was written.
            samples: How many samples of that epoch have been written up to its end.
        """
        index = self._put % len(self._buffers)
        self._buffers[index][:] = period
        self._epochs[index] = epoch
        self._counts[index] = samples
        self._put += 1

    def take(self) -> bytes | None:
        """Take the next that no flush has made void. None if there is none. The sound system's."""
        epoch = self.epoch
        while self._taken < self._put:
            index = self._taken % len(self._buffers)
            is_valid = self._epochs[index] == epoch
            period = bytes(self._buffers[index]) if is_valid else None
            samples = self._counts[index]
            self._taken += 1
            if period is not None:
                self._heard.append(_Position(time.perf_counter(), self._flushed + samples))
                self._note_gap()
                return period
        self._dry += 1
        return None

    def flush(self) -> None:
        """Make void all that was put so far. What the device has been given already is heard, and counts as heard."""
        given = self.given_samples
        self.epoch += 1
        self._flushed = given
        self._heard = _history(given)
        self._dry = _PAUSE_PERIODS

    def _note_gap(self) -> None:
        if 0 < self._dry < _PAUSE_PERIODS:
            self.underruns += 1
        self._dry = 0


def _history(samples: int) -> deque[_Position]:
    return deque([_Position(0.0, samples)], maxlen=64)
