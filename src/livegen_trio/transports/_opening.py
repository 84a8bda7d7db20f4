"""Open a transport to an endpoint: the kind that it asks for, if this system has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trio.lowlevel import enable_ki_protection

from ._dial.dialling import open_stream, open_wire
from ._dial.wire import Wire
from ._direct.pump import IS_AVAILABLE
from ._direct.transport import upgrade_wire
from .base import MAX_MESSAGE_SIZE

if TYPE_CHECKING:
    import trio

    from .base import Endpoint, Progress, Transport


@enable_ki_protection  # so that Ctrl+C leaves no socket between two owners
async def open_websocket(
    endpoint: Endpoint,
    *,
    nursery: trio.Nursery,
    progress: Progress,
    max_message_size: int = MAX_MESSAGE_SIZE,
) -> Transport:
    """Dial *endpoint*: DNS, TCP, TLS, upgrade. If the transport needs a task, that lives in *nursery*.

    Raises:
        HandshakeError: With the phase that failed, and the HTTP status if the peer refused the upgrade.
    """
    if endpoint.transport == "direct" and IS_AVAILABLE:
        opened = await open_wire(endpoint, progress)
    else:
        opened = await open_stream(endpoint, progress)
    progress.phase = "upgrade"
    if isinstance(opened, Wire):
        return await upgrade_wire(opened, endpoint, max_message_size=max_message_size)
    from ._trio_websocket.transport import upgrade_client_stream  # noqa: PLC0415 - it takes as long to import as all the rest here

    return await upgrade_client_stream(opened, endpoint, nursery=nursery, max_message_size=max_message_size)
