"""The parts that all conversations of one server share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import trio

    from ._admission import Voices
    from ._engines import Engines
    from ._resumption import SessionStore


@dataclass(frozen=True, slots=True)
class Service:
    """The parts that all conversations of one server share.

    Attributes:
        engines: Hear, think and speak.
        limiter: Of the threads in which engines work.
        voices: The sessions that use speech engines.
        sessions: Sessions that can be resumed.
        connection_lifetime: Seconds after which a connection is ended; None for never.
        go_away_lead: Seconds by which that is announced.
    """

    engines: Engines
    limiter: trio.CapacityLimiter
    voices: Voices
    sessions: SessionStore
    connection_lifetime: float | None
    go_away_lead: float
