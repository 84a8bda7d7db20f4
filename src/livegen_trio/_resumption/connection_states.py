"""The states of a session's connection: a state machine without I/O or a clock of its own.

The supervisor does what a state says, and reports what came of it; the table says which state is next.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final

from .backoff import Backoff

if TYPE_CHECKING:
    from collections.abc import Callable

    from .reconnection import Reconnection


class State(Enum):
    """Activity of the supervisor."""

    DIALLING = "opening a connection, up to the server's acceptance of the setup"
    LIVE = "conversing"
    HANDING_OVER = "conversing, and looking for a moment to leave before the server hangs up"
    LEAVING = "closing a connection that works, to open another"
    WAITING = "letting time pass before the next attempt"
    ENDED = "no connection, and none to come unless the user asks for one"


class Trigger(Enum):
    """Cause of a change from one state to another."""

    OPENED = "the server has accepted the setup"
    REFUSED = "the attempt failed, and another may succeed"
    REFUSED_FOR_GOOD = "the attempt failed, and so would another"
    FORGOTTEN = "the server doesn't know the session any more, and a new one is to take its place"
    GOING_AWAY = "the server has announced that it will hang up"
    HAND_OVER = "the connection is to be left: at a safe point, or at the deadline"
    LOST = "the connection has ended, and another may go on"
    LOST_FOR_GOOD = "the connection has ended, and the session with it"
    ASKED = "the user has asked for another connection"
    LEFT = "the connection is closed, whole"
    DUE = "the pause is over, or the patience"
    CLOSED = "the user has closed the session"


_NEXT: Final[dict[tuple[State, Trigger], State]] = {
    (State.DIALLING, Trigger.OPENED): State.LIVE,
    (State.DIALLING, Trigger.REFUSED): State.DIALLING,
    (State.DIALLING, Trigger.REFUSED_FOR_GOOD): State.ENDED,
    (State.DIALLING, Trigger.FORGOTTEN): State.DIALLING,
    (State.LIVE, Trigger.GOING_AWAY): State.HANDING_OVER,
    (State.LIVE, Trigger.ASKED): State.LEAVING,
    (State.LIVE, Trigger.LOST): State.DIALLING,
    (State.LIVE, Trigger.LOST_FOR_GOOD): State.ENDED,
    (State.HANDING_OVER, Trigger.HAND_OVER): State.LEAVING,
    (State.HANDING_OVER, Trigger.ASKED): State.LEAVING,
    (State.HANDING_OVER, Trigger.LOST): State.DIALLING,
    (State.HANDING_OVER, Trigger.LOST_FOR_GOOD): State.ENDED,
    (State.LEAVING, Trigger.LEFT): State.DIALLING,
    (State.WAITING, Trigger.DUE): State.DIALLING,
    (State.WAITING, Trigger.FORGOTTEN): State.DIALLING,
    (State.WAITING, Trigger.ASKED): State.DIALLING,
    (State.ENDED, Trigger.ASKED): State.DIALLING,
}
# DIALLING stands here also for the pause before it, and for the end where the patience is over.


class ReconnectionMachine:
    """The state of a session's connection, and the time that is left to restore it.

    Args:
        policy: What the user has asked for.
        chance: Draws a number between 0 and 1, for the delays.

    Attributes:
        state: What to do now.
        backoff: The pace of the dials.
    """

    def __init__(self, policy: Reconnection, chance: Callable[[], float]) -> None:
        self._policy = policy
        self._opened_at = 0.0
        self._gap_began: float | None = None
        self.state: State = State.DIALLING
        self.backoff: Backoff = Backoff(policy, chance)

    def note(self, trigger: Trigger, now: float, *, useful: bool = False) -> State:
        """Change the state, and return it. A trigger that means nothing in this state changes nothing.

        Args:
            trigger: What has happened.
            now: The time.
            useful: Whether the connection that ends now was useful, leaving its uptime aside.
        """
        after = _NEXT.get((self.state, trigger))
        if after is None:
            return self.state
        self._count(trigger, now, useful=useful)
        self.state = self._dial_or_wait(now) if after is State.DIALLING else after
        return self.state

    def take_over(self, now: float) -> None:
        """Begin with the session of another process: the first dial is already one that restores it."""
        self._gap_began = now
        self.backoff.start_over(now)
        self.backoff.note_dial(now)

    @property
    def wake_at(self) -> float:
        """Time until which to wait in `State.WAITING`."""
        return min(self.backoff.due, self.backoff.deadline)

    def gap(self, now: float) -> float:
        """Return how long the session has been without a connection."""
        return 0.0 if self._gap_began is None else now - self._gap_began

    def may_leave_at(self, *, useful: bool) -> float:
        """Return when the present connection may be left for another one although it still works."""
        return self.backoff.may_leave_at(self._opened_at, useful=useful)

    def _dial_or_wait(self, now: float) -> State:
        if self.backoff.is_exhausted(now):
            return State.ENDED
        if now < self.backoff.due:
            return State.WAITING
        self.backoff.note_dial(now)
        return State.DIALLING

    def _count(self, trigger: Trigger, now: float, *, useful: bool) -> None:
        match trigger:
            case Trigger.OPENED:
                self._opened_at = now
                self._gap_began = None
            case Trigger.REFUSED:
                self.backoff.note_refusal(now)
            case Trigger.FORGOTTEN:
                self.backoff.renew_once(now)
            case Trigger.HAND_OVER:
                self._gap_began = now
            case Trigger.ASKED:
                self._gap_began = now if self._gap_began is None else self._gap_began
                self.backoff.start_over(now)
            case Trigger.LOST | Trigger.LEFT:
                self._gap_began = now if self._gap_began is None else self._gap_began
                useful = useful or now - self._opened_at >= self._policy.min_uptime
                self.backoff.note_connection_end(now, useful=useful)
            case _:
                pass  # takes no time
