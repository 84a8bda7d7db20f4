"""The fill of a session's buffers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from .._session.statistics import SessionStatistics

if TYPE_CHECKING:
    from .shared import Shared


def session_statistics(shared: Shared, *, reconnections: int) -> SessionStatistics:
    """Return how full the buffers are now, and what became of what they held."""
    now = trio.current_time()
    inbox, ledger = shared.inbox, shared.outbox.ledger
    return SessionStatistics(
        unread_events=inbox.unread_events,
        unread_bytes=inbox.unread_bytes,
        unread_seconds=_age(inbox.unread_since, now),
        unsent_frames=ledger.backlog.count,
        unsent_bytes=shared.outbox.unsent_bytes,
        unsent_seconds=_age(ledger.backlog.since, now),
        unacknowledged_frames=ledger.sent.unacknowledged,
        uncovered_frames=ledger.sent.uncovered_count,
        given_up_frames=ledger.given_up,
        dropped_frames=ledger.dropped,
        reconnections=reconnections,
    )


def _age(since: float | None, now: float) -> float:
    return 0.0 if since is None else now - since
