"""The sender task: the only one that writes to the transport, so that a frame is sent whole or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..transports.base import ConnectionClosed
from .outbox import Control

if TYPE_CHECKING:
    from ..transports.base import Transport
    from .outbox import Outbox


async def send_frames(outbox: Outbox, transport: Transport) -> None:
    """Send what the outbox holds until that runs out and is empty, then say goodbye.

    If the connection ends first, so does this; the receiver sees why.
    """
    try:
        while (item := await outbox.take()) is not None:
            if item is Control.PING:
                await transport.ping()
                continue
            await transport.send(item)
            outbox.sent()
    except ConnectionClosed:
        return
    await transport.aclose()
