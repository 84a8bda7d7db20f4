"""The sender task: the only one that writes to the transport, so that an input is sent whole or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..transports.base import ConnectionClosed
from .outbox import Control

if TYPE_CHECKING:
    from ..transports.base import Transport
    from .outbox import Outbox


async def send_inputs(outbox: Outbox, transport: Transport) -> None:
    """Send what the outbox gives, until the connection is to be closed; then say goodbye.

    If the connection ends first, so does this; the receiver sees why.
    """
    try:
        while (item := await outbox.take()) is not None:
            if item is Control.PING:
                await transport.ping()
                continue
            await transport.send(item.frame)
            outbox.sent()
        if outbox.ledger.unacknowledged:
            await (
                transport.ping()
            )  # answered before the Close is, so that the next connection repeats nothing
    except ConnectionClosed:
        return
    await transport.aclose()
