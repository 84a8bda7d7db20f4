"""Tasks that ping: a silent peer, which may be dead, and for the last inputs, which no ping has followed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import trio

from .acknowledgement import jittered

if TYPE_CHECKING:
    from ..transports.base import Transport
    from .outbox import Outbox

# Seconds after an input that no ping has followed until one is sent for it.
PING_AFTER_IDLE: Final = 2.0

# Seconds. A timer that fires later than this is a sign of a busy event loop, which has kept the reader waiting, too.
LATE: Final = 1.0


@trio.lowlevel.enable_ki_protection
async def watch_for_silence(transport: Transport, outbox: Outbox, *, interval: float, limit: float) -> None:
    """Return when nothing was heard from the peer for *limit* seconds; ping it every *interval* of silence.

    Any byte is a sign of life. A late pong alone is not death: the service's have been seen 30 s late.
    """
    since = trio.current_time()
    # By points in time, not by differences, which may be too small for a float to move on by.
    while (now := trio.current_time()) < since + limit:
        due = since + min(interval, limit)
        if now >= due:
            outbox.transmission.ping()
            due = min(now + interval, since + limit)
        await trio.sleep_until(due)
        since = transport.last_heard
        if trio.current_time() > due + LATE:
            since = max(since, trio.current_time() - interval)


@trio.lowlevel.enable_ki_protection
async def ping_after_idle(outbox: Outbox) -> None:
    """Ping for inputs that no ping has followed, and again for those whose pings were not answered."""
    while True:
        await outbox.transmission.wait_unacknowledged()
        await trio.sleep(jittered(PING_AFTER_IDLE))
        outbox.transmission.ping_unacknowledged()
