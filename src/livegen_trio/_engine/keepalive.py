"""Tasks that ping: for a quiet peer, which may be dead, and for the inputs that no ping has followed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import trio

from .acknowledgement import spread

if TYPE_CHECKING:
    from ..transports.base import Transport
    from .outbox import Outbox

AFTERTHOUGHT: Final = 2.0
"""Seconds until the last inputs are asked about that no ping has followed."""

LATE: Final = 1.0
"""Seconds. A timer that fires later than this tells of a busy event loop, which has kept the reader waiting, too."""


async def watch_for_silence(transport: Transport, outbox: Outbox, *, interval: float, limit: float) -> None:
    """Return when nothing was heard from the peer for *limit* seconds; ping it every *interval* of silence.

    Any byte is a sign of life. A late pong alone is none of death: the service's have been seen 30 s late.
    """
    since = trio.current_time()
    # By points in time, not by differences, which may be too small for a float to move on by.
    while (now := trio.current_time()) < since + limit:
        due = since + min(interval, limit)
        if now >= due:
            outbox.ping()
            due = min(now + interval, since + limit)
        await trio.sleep_until(due)
        since = transport.last_heard
        if trio.current_time() > due + LATE:
            since = max(since, trio.current_time() - interval)


async def ask_for_the_last(outbox: Outbox) -> None:
    """Ask about inputs that no ping has followed, and ask again about those of which none was answered."""
    while True:
        await outbox.wait_for_doubt()
        await trio.sleep(spread(AFTERTHOUGHT))
        outbox.ask_again()
