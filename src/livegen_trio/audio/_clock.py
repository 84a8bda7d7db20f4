"""Playing in real time, by Trio's clock: the sample that is being heard."""

from __future__ import annotations

import math
from collections import deque
from typing import Final, NamedTuple

import trio

from .._needs_trio import needs_trio

_TOLERANCE: Final = 1e-3  # samples; differences of Trio's times are exact to a fraction of that


class _Stretch(NamedTuple):
    """Sound that plays from *start* on."""

    start: float
    samples: int
    rate: int

    @property
    def end(self) -> float:
        return self.start + self.samples / self.rate

    def played(self, now: float) -> int:
        return min(self.samples, int((now - self.start) * self.rate + _TOLERANCE))


class PlaybackClock:
    """The position in sound that plays in real time.

    What is added plays right after what was added before, or at once if that is over.
    """

    def __init__(self) -> None:
        self._stretches: deque[_Stretch] = deque()
        self._over = 0  # samples of stretches that are over
        self._waiting = trio.CancelScope()

    @property
    def end(self) -> float:
        """The time at which all that was added will have been heard, by Trio's clock."""
        return self._stretches[-1].end if self._stretches else -math.inf

    @property
    def played_samples(self) -> int:
        """Number of samples that have been heard."""
        now = trio.current_time()
        while self._stretches and self._stretches[0].played(now) == self._stretches[0].samples:
            self._over += self._stretches.popleft().samples
        return self._over + (self._stretches[0].played(now) if self._stretches else 0)

    def add(self, samples: int, rate: int) -> None:
        """Add *samples* to be played."""
        needs_trio(
            "a speaker without hardware", on_asyncio="write the sound between calls of asyncio.sleep()"
        )
        start = max(self.end, trio.current_time())
        self._stretches.append(_Stretch(start, samples, rate))

    def cut(self) -> None:
        """Stop here: what was not heard is not played, and `wait_until_left` returns."""
        self._over = self.played_samples
        self._stretches.clear()
        self._waiting.cancel(reason="the playing was cut")

    async def wait_until_left(self, seconds: float) -> None:
        """Wait until no more than *seconds* of sound are left, or none by a `cut`."""
        with trio.CancelScope(deadline=self.end - seconds) as self._waiting:
            await trio.sleep_forever()
