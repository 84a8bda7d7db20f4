"""The user's policy on reconnecting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from .._errors import ConfigError

Replay: TypeAlias = Literal["recent", "none"]
LateAnswersAs: TypeAlias = Literal["as_response", "as_content"]
WhenForgotten: TypeAlias = Literal["fail", "fresh"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconnection:
    """The way a session outlives its connections. All times are seconds.

    A connection was useful if the model was heard on it, or an input acknowledged, or if it lived for `min_uptime`.
    After a useful one the session dials at once, and otherwise after growing delays.

    Attributes:
        delays: Pauses before the second, third, ... dial after a useful connection; the last one repeats. Each is
            at least 0.1 and varied by a quarter either way, so that a fleet doesn't come back all at once.
        give_up_after: How long a session may be without a useful connection before it ends, counted from the end
            of the last one. It bounds pauses, dials and handshakes. With 0 one attempt is made.
        min_uptime: How long a connection has to live to count as useful, if nothing else makes it so.
        margin: How long before the server's announced end a connection is left, if no better moment has come.
        replay: Whether inputs that may have been lost with a connection are sent again: "recent" sends all control,
            and media of the last seconds; "none" only reports them.
        max_replays: How often one input is sent again at most. After that it is left out, and counted in
            `Reconnected.quarantined`: it may be what makes the server end its connections.
        late_answers: How the results of tool calls are sent that ran while the connection changed: "as_response"
            answers the calls on the new connection; "as_content" settles them there at once, and sends their results
            as the user's content, which the model speaks of. None leaves it to the model's profile.
        when_forgotten: What becomes of a session that the server does not resume, since it has forgotten it or never
            gave a handle: "fail" ends it with the server's close code and reason; "fresh" begins a new one in its
            place, and first sends it the text of the conversation so far. Speech is in it as far as its transcriptions
            are asked for in the `LiveGenerationConfig`. `Reconnected.restored` is False then, and calls that waited are
            cancelled.
    """

    delays: tuple[float, ...] = (1.0, 2.0, 4.0, 8.0)
    give_up_after: float = 60.0
    min_uptime: float = 10.0
    margin: float = 5.0
    replay: Replay = "recent"
    max_replays: int = 2
    late_answers: LateAnswersAs | None = None
    when_forgotten: WhenForgotten = "fail"

    def __post_init__(self) -> None:
        if not self.delays or not all(delay >= 0 for delay in self.delays):
            raise ConfigError("delays are numbers of seconds from 0 on, at least one")
        if not all(value >= 0 for value in (self.give_up_after, self.min_uptime, self.margin)):
            raise ConfigError("give_up_after, min_uptime and margin are numbers of seconds from 0 on")
        if self.replay not in ("recent", "none"):
            raise ConfigError('replay is "recent" or "none"')
        if not self.max_replays >= 0 or self.max_replays % 1:
            raise ConfigError('max_replays is a whole number from 0 on; replay="none" sends nothing again')
        if self.late_answers not in ("as_response", "as_content", None):
            raise ConfigError('late_answers is "as_response", "as_content" or None')
        if self.when_forgotten not in ("fail", "fresh"):
            raise ConfigError('when_forgotten is "fail" or "fresh"')
