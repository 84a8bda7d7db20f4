"""The sender task: writes the inputs that could not be sent at once, and the last Ping and Close of a connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from ..transports.base import ConnectionClosed
from .transmission import Control

if TYPE_CHECKING:
    from ..transports.base import Transport
    from .outbox import Outbox


@trio.lowlevel.enable_ki_protection
async def send_inputs(outbox: Outbox, transport: Transport) -> None:
    """Send what waits in *outbox* until the connection is to be closed; then close it.

    If the connection ends first, so does this; the receiver learns why.
    """
    try:
        await _send_all(outbox, transport)
        if outbox.ledger.sent.unacknowledged:
            # Answered before the Close is, so that the next connection repeats nothing.
            await transport.ping()
    except ConnectionClosed:
        return
    await transport.aclose()


async def _send_all(outbox: Outbox, transport: Transport) -> None:
    transmission = outbox.transmission
    while (item := await transmission.wait_for_next()) is not None:
        if item is Control.PING:
            await transport.ping()
            continue
        await transport.send(item.frame)
        transmission.note_written()
