"""The schedule of pings behind inputs, whose pongs acknowledge them.

A ping that goes out in one write with an input costs next to nothing. One that has to be timed, queued and sent by
tasks of its own costs more than the message; so there is a task (`keepalive.ping_after_idle`) only for the inputs that
no later input takes a ping along for.
"""

from __future__ import annotations

import random
from typing import Final

# Seconds from one ping to the next while media flow. As much media at most is sent again when a connection breaks and
# the next one restores its session.
PING_INTERVAL: Final = 0.5

# Frames before the inputs, which a transport counts as well: the setup.
SETUP_FRAMES: Final = 1


class PingSchedule:
    """Decides whether a ping follows an input. None does before `start`, nor after `stop`."""

    __slots__ = ("_due_at", "_is_on")

    def __init__(self) -> None:
        self._is_on = False
        self._due_at = 0.0

    def start(self) -> None:
        """Begin with a connection on which nothing was pinged for."""
        self._is_on = True
        self._due_at = 0.0

    def stop(self) -> None:
        """Schedule no more pings: the connection is gone."""
        self._is_on = False

    def is_due(self, now: float, urgent: bool = False) -> bool:  # noqa: FBT001, FBT002 - it is called with every input
        """Return whether to ping now; if *urgent*, without regard to the interval."""
        return self._is_on and (urgent or now >= self._due_at)

    def note_ping(self, now: float) -> None:
        """Schedule the next ping, after one behind all that was sent."""
        self._due_at = now + jittered(PING_INTERVAL)


def jittered(seconds: float) -> float:
    """Return up to a fifth less, so that many sessions that began at once don't ping at once."""
    return seconds * random.uniform(0.8, 1)  # noqa: S311 - nothing is secret about it
