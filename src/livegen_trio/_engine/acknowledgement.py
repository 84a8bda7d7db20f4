"""When the server is asked how much it has read: mostly by a ping that goes out in one write with an input.

Such a ping costs next to nothing, and one that had to be timed, queued and sent by tasks of its own costs more than
the message. So there is a task only for what no later input asks about.
"""

from __future__ import annotations

import random
from typing import Final

INTERVAL: Final = 0.5
"""Seconds from one ping to the next, while media flow. As much is repeated, at the most, when a connection breaks and
the next one restores its session."""

SETUP: Final = 1
"""The frame before the inputs, which counts as well."""


class Asking:
    """Says whether an input is to take a ping along. Asks nothing until it has begun."""

    __slots__ = ("_again_at", "_is_on")

    def __init__(self) -> None:
        self._is_on = False
        self._again_at = 0.0

    def begin(self) -> None:
        """A connection is there, of which nothing is known yet."""
        self._is_on = True
        self._again_at = 0.0

    def stop(self) -> None:
        """There is none any more."""
        self._is_on = False

    def is_due(self, now: float, *, urgent: bool = False) -> bool:
        """Whether the server is to be asked, now or, if *urgent*, before its time."""
        return self._is_on and (urgent or now >= self._again_at)

    def has_asked(self, now: float) -> None:
        """It has been asked about all that was sent."""
        self._again_at = now + spread(INTERVAL)


def spread(seconds: float) -> float:
    """A little less, so that many sessions that began at once don't ask at once."""
    return seconds * random.uniform(0.8, 1)  # noqa: S311 - nothing is secret about it
