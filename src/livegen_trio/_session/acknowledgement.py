"""The acknowledgement task: finds out how much of what was sent the server has read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import trio

if TYPE_CHECKING:
    from ..transports.base import Transport
    from .outbox import Outbox

INTERVAL: Final = 0.5
"""Seconds. As much is repeated, at the most, when a connection breaks and the next one restores its session."""

SETUP: Final = 1
"""The frame before the inputs, which counts as well."""


async def ask_what_has_arrived(transport: Transport, outbox: Outbox) -> None:
    """Ping the server while something is in doubt, and note what its answers confirm."""
    while True:
        await outbox.wait_for_doubt()
        outbox.request_ping()
        await trio.sleep(INTERVAL)
        note_what_has_arrived(transport, outbox)


def note_what_has_arrived(transport: Transport, outbox: Outbox) -> None:
    """Take in what the newest answer to a ping confirms."""
    outbox.ledger.acknowledge(transport.delivered - SETUP)
