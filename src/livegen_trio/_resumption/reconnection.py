"""When a session changes its connection: one state machine, without I/O or a clock of its own.

The supervisor does what a state says, and reports what came of it; the table says which state is next.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final, Literal, TypeAlias

from .._errors import ConfigError

Replay: TypeAlias = Literal["recent", "none"]
WhenForgotten: TypeAlias = Literal["fail", "fresh"]


class State(Enum):
    """What the supervisor is doing."""

    DIALLING = "opening a connection, up to the server's acceptance of the setup"
    LIVE = "conversing"
    HANDING_OVER = "conversing, and looking for a moment to leave before the server hangs up"
    LEAVING = "closing a connection that works, to open another"
    WAITING = "letting time pass before the next attempt"
    ENDED = "no connection, and none to come unless the user asks for one"


class Happening(Enum):
    """What may come of it."""

    OPENED = "the server has accepted the setup"
    REFUSED = "the attempt failed, and another may succeed"
    REFUSED_FOR_GOOD = "the attempt failed, and so would another"
    FORGOTTEN = "the server doesn't know the session any more, and a new one is to take its place"
    GOING_AWAY = "the server has announced that it will hang up"
    LOST = "the connection has ended, and another may go on"
    LOST_FOR_GOOD = "the connection has ended, and the session with it"
    MOVE = "it is time to leave: a safe point, the deadline, or the user's wish"
    LEFT = "the connection is closed, whole"
    DUE = "the time has passed"
    CLOSED = "the user has closed the session"


_NEXT: Final[dict[tuple[State, Happening], State]] = {
    (State.DIALLING, Happening.OPENED): State.LIVE,
    (State.DIALLING, Happening.REFUSED): State.WAITING,
    (State.DIALLING, Happening.REFUSED_FOR_GOOD): State.ENDED,
    (State.DIALLING, Happening.FORGOTTEN): State.DIALLING,
    (State.LIVE, Happening.GOING_AWAY): State.HANDING_OVER,
    (State.LIVE, Happening.MOVE): State.LEAVING,
    (State.LIVE, Happening.LOST): State.DIALLING,
    (State.LIVE, Happening.LOST_FOR_GOOD): State.ENDED,
    (State.HANDING_OVER, Happening.GOING_AWAY): State.HANDING_OVER,
    (State.HANDING_OVER, Happening.MOVE): State.LEAVING,
    (State.HANDING_OVER, Happening.LOST): State.DIALLING,
    (State.HANDING_OVER, Happening.LOST_FOR_GOOD): State.ENDED,
    (State.LEAVING, Happening.LEFT): State.DIALLING,
    (State.WAITING, Happening.DUE): State.DIALLING,
    (State.WAITING, Happening.MOVE): State.DIALLING,
    (State.ENDED, Happening.MOVE): State.DIALLING,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconnection:
    """How a session outlives its connections. All times are seconds.

    Attributes:
        delays: How long to wait after a first, second, ... failed attempt; the last one repeats. Each is varied by a
            quarter either way, so that a fleet doesn't come back all at once.
        give_up_after: How long in all a session may be without a connection before it ends. It begins anew when the
            model has been heard from, not when a connection has merely been opened.
        margin: How long before the server's announced end a connection is left, if no better moment has come.
        replay: Whether inputs that may have been lost with a connection are sent again: "recent" sends all control,
            and media of the last seconds; "none" reports them only.
        when_forgotten: What becomes of a session that the server does not resume, since it has forgotten it or never
            gave a handle: "fail" ends it with the server's words; "fresh" begins a new one in its place, and tells it
            first what was said so far, in words. Speech is known as far as its transcriptions are asked for in the
            `LiveGenerationConfig`. `Reconnected.restored` is False then, and calls that waited are cancelled.
    """

    delays: tuple[float, ...] = (1.0, 2.0, 4.0, 8.0)
    give_up_after: float = 60.0
    margin: float = 5.0
    replay: Replay = "recent"
    when_forgotten: WhenForgotten = "fail"

    def __post_init__(self) -> None:
        if not self.delays or not all(delay >= 0 for delay in self.delays):
            raise ConfigError("delays are numbers of seconds from 0 on, at least one")
        if not self.give_up_after >= 0 or not self.margin >= 0:
            raise ConfigError("give_up_after and margin are numbers of seconds from 0 on")
        if self.replay not in ("recent", "none"):
            raise ConfigError('replay is "recent" or "none"')
        if self.when_forgotten not in ("fail", "fresh"):
            raise ConfigError('when_forgotten is "fail" or "fresh"')


class Supervision:
    """The state, and what is left of the patience.

    Attributes:
        state: What to do now.
        attempt: How many attempts have failed since the model was last heard from.
    """

    def __init__(self, policy: Reconnection) -> None:
        self._policy = policy
        self._spent = 0.0
        self._gap_began: float | None = None
        self.state: State = State.DIALLING
        self.attempt: int = 0

    def note(self, happening: Happening, now: float) -> State:
        """The state that *happening* leads to; one that means nothing in this state leaves it as it is."""
        if happening is Happening.REFUSED and self.is_impatient(now):
            happening = Happening.REFUSED_FOR_GOOD
        self.state = _NEXT.get((self.state, happening), self.state)
        self._count(happening, now)
        return self.state

    def progress(self) -> None:
        """The model has been heard from: the patience is whole again."""
        self._spent = 0.0
        self.attempt = 0

    def delay(self, chance: float) -> float:
        """How long to wait before the next attempt; *chance* is between 0 and 1."""
        step = self._policy.delays[min(self.attempt, len(self._policy.delays)) - 1]
        return step * (0.75 + chance / 2)

    def gap(self, now: float) -> float:
        """How long the session has been without a connection."""
        return 0.0 if self._gap_began is None else now - self._gap_began

    def is_impatient(self, now: float) -> bool:
        """Whether the attempt that fails now is the last one."""
        return self._spent + self.gap(now) >= self._policy.give_up_after

    def _count(self, happening: Happening, now: float) -> None:
        match happening:
            case Happening.OPENED:
                self._spent += self.gap(now)
                self._gap_began = None
            case Happening.LOST | Happening.MOVE if self._gap_began is None:
                self._gap_began = now
            case Happening.REFUSED:
                self.attempt += 1
            case Happening.FORGOTTEN:
                self._spent = -self.gap(now)  # patience begins anew, with the session
                self.attempt = 0
            case _:
                pass  # takes no time
