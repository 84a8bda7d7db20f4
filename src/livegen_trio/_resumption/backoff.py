"""The pace of re-dialling: when the next dial may be made, and when the session stops trying. Pure.

Opening a connection proves nothing: a server in trouble accepts connections and drops them. So what counts is whether
a connection was useful. `docs/resuming.md` states the bounds that follow.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from .reconnection import Reconnection

# Seconds. A server that drops each connection after a word of use is dialled no more often than this.
UNDELAYED_INTERVAL: Final = 1.0

# Seconds. The floor for `Reconnection.delays`, so that even delays of zero bound the number of dials.
SHORTEST_DELAY: Final = 0.1


class Backoff:
    """The pauses between dials, and the end of the session's patience.

    Patience runs from the end of the last useful connection. The first connection after it is dialled without a delay,
    the following ones after growing delays.

    Args:
        policy: The delays, and how long to go on trying.
        chance: Draws a number between 0 and 1, to spread a fleet.

    Attributes:
        attempt: Number of dials since the last useful connection ended.
        due: Time from which the next dial may be made.
        deadline: Time at which to stop trying.
    """

    def __init__(self, policy: Reconnection, chance: Callable[[], float]) -> None:
        self._policy = policy
        self._chance = chance
        self._last_undelayed = -math.inf
        self._was_renewed = False
        self.attempt: int = 0
        self.due: float = -math.inf
        self.deadline: float = math.inf

    def note_dial(self, now: float) -> None:
        """Count a dial that is made now."""
        if not self.attempt:
            self._last_undelayed = now
        self.attempt += 1

    def note_refusal(self, now: float) -> None:
        """Wait longer: the dial has failed."""
        self.due = now + self._delay()

    def note_connection_end(self, now: float, *, useful: bool) -> None:
        """Dial soon after a *useful* connection, and later after one that was of no use.

        The first connection of a session gets the benefit of the doubt.
        """
        if useful or not self.attempt:
            self._restart(now)
            self._was_renewed = False
        else:
            self.due = now + self._delay()

    def start_over(self, now: float) -> None:
        """Begin with a whole patience and no delay, as the user has asked for a connection."""
        self._last_undelayed = -math.inf
        self._restart(now)

    def renew_once(self, now: float) -> None:
        """Give a new session, which takes the place of a forgotten one, a patience of its own.

        It does so once between two useful connections: a server may forget every session.
        """
        if self._was_renewed:
            self.note_refusal(now)
            return
        self._was_renewed = True
        self._restart(now)
        self.due = now

    def may_leave_at(self, opened_at: float, *, useful: bool) -> float:
        """Return when a connection may be left for another one although it still works.

        One that has been of no use yet is kept for `min_uptime`: the next one might be no better.
        """
        if self.attempt and not useful:
            return opened_at + self._policy.min_uptime
        return self._undelayed_due

    def is_exhausted(self, now: float) -> bool:
        """Return whether the patience has ended. The first dial after a useful connection is always made."""
        return self.attempt > 0 and now >= self.deadline

    def time_left(self, now: float) -> float:
        """Return how long a dial that begins now may take; without any patience, one attempt has all the time."""
        return self.deadline - now if self._policy.give_up_after else math.inf

    @property
    def _undelayed_due(self) -> float:
        return self._last_undelayed + UNDELAYED_INTERVAL

    def _restart(self, now: float) -> None:
        self.attempt = 0
        self.due = max(now, self._undelayed_due)
        self.deadline = now + self._policy.give_up_after

    def _delay(self) -> float:
        delays = self._policy.delays
        delay = max(delays[min(self.attempt, len(delays)) - 1], SHORTEST_DELAY)
        return delay * (0.75 + self._chance() / 2)
