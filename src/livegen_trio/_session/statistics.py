"""Fill levels of a session's buffers, and counts of what was dropped."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionStatistics:
    """Fill levels of a session's buffers, and counts of what was dropped.

    They are exact at every moment, between two connections and after the session as well: a frame that was accepted and
    is not counted here has arrived.

    Attributes:
        unread_events: Events that have arrived and have not been received.
        unread_bytes: The memory that they take, roughly; at least the size of their frames.
        unread_seconds: How long the oldest of them has been waiting; 0 if there is none.
        unsent_frames: Frames that were accepted and not yet written whole.
        unsent_bytes: The size of those that wait to be written for the first time, in bytes.
        unsent_seconds: How long the oldest of them has been waiting; 0 if there is none.
        unacknowledged_frames: Frames that were written and that the server is not yet known to have read.
        uncovered_frames: Frames that the server has read, and that the session would lack if it were resumed now.
        given_up_frames: Frames that a lost connection has left in doubt so far, and that are not sent again. The sum of
            `unacknowledged`, `uncovered` and `quarantined` of every `Reconnected`, of those as well that you have not
            received, and that are still to come.
        dropped_frames: Media that found no room and were dropped so far; `Buffering.media` says whether they may be.
        reconnections: How often the session has changed its connection.
    """

    unread_events: int
    unread_bytes: int
    unread_seconds: float
    unsent_frames: int
    unsent_bytes: int
    unsent_seconds: float
    unacknowledged_frames: int
    uncovered_frames: int
    given_up_frames: int
    dropped_frames: int
    reconnections: int
