"""The number of events in a row that a consumer takes before other tasks run."""

from __future__ import annotations

import math
from typing import Final

import trio

from .checkpoints import CHECKPOINTS

# Events that wait from which on a consumer may take, before other tasks run again, as many as had come when they ran
# last; and seconds that this may take. Else a fast server would starve it: in each round all that has arrived is read.
_MANY_EVENTS: Final = 128
_LONGEST_BATCH: Final = 0.01

# Seconds after which a consumer counts as one that has stopped receiving.
_IDLE: Final = 1.0


class ReceivePace:
    """Gives a consumer that only receives the time to keep up with its server, and knows whether it receives at all."""

    __slots__ = ("_batch_left", "_others_ran_at", "_received_at")

    def __init__(self) -> None:
        self._batch_left = 0
        self._others_ran_at = self._received_at = -math.inf

    @property
    def has_stopped(self) -> bool:
        """Whether the consumer has received nothing of late."""
        return trio.current_time() - self._received_at > _IDLE

    def must_yield(self) -> bool:
        """Return whether other tasks have to run, at one of the checkpoints that are made for that."""
        now = self._received_at = trio.current_time()
        self._batch_left -= CHECKPOINTS
        return self._batch_left <= 0 or now - self._others_ran_at > _LONGEST_BATCH

    def note_yield(self, unread_events: int) -> None:
        """Note that other tasks have run, and how many events wait now."""
        self._others_ran_at = trio.current_time()
        self._batch_left = unread_events if unread_events > _MANY_EVENTS else 0

    def note_received(self) -> None:
        """Note that the consumer has received something."""
        self._received_at = trio.current_time()
