"""Checkpoints of calls that come with every message, which schedule only now and then."""

from __future__ import annotations

from typing import Final

# The checkpoint of so many in a row that lets other tasks run.
CHECKPOINTS: Final = 8


class EveryNthCheckpoint:
    """Counts checkpoints; every eighth in a row lets other tasks run, the others only check for cancellation.

    Switching tasks is most of what it costs to send a chunk that goes out at once, or to receive an event that has
    arrived. Seven such calls in a row take less time than one task switch of a busy program. Sending and receiving of
    a session share one counter: a task that has waited for an event has let the others run.
    """

    __slots__ = ("_left",)

    def __init__(self) -> None:
        self._left = CHECKPOINTS

    def is_due(self) -> bool:
        """Count a checkpoint; returns whether it has to let other tasks run."""
        self._left -= 1
        if self._left:
            return False
        self._left = CHECKPOINTS
        return True

    def reset(self) -> None:
        """Count from the beginning: other tasks have just run."""
        self._left = CHECKPOINTS
