"""The receiver: frames in, events out, without ever waiting for user code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._errors import RemoteProtocolError
from ..transports.base import ConnectionClosed
from .closed import Ending

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .._protocol import LiveProtocol
    from ..transports.base import Transport
    from ..types import ServerEvent
    from .inbox import Inbox


async def receive_frames(
    transport: Transport,
    protocol: LiveProtocol,
    inbox: Inbox,
    observe: Callable[[Sequence[ServerEvent]], None],
) -> Ending:
    """Receive until the connection ends; returns how it did.

    *observe* sees the events at once, before any consumer, and must not block.
    """
    ending: Ending | None = None

    def take(frame: bytes | str) -> bool:
        nonlocal ending
        try:
            events = protocol.receive(frame)
        except RemoteProtocolError as exc:
            ending = Ending(exc.code, str(exc), "local", cause=exc)
            return False
        observe(events)
        if not inbox.put(events, len(frame), transport.last_heard):
            ending = Ending(1008, "too many events wait unread: the session was not received from", "local")
            return False
        return True

    try:
        await transport.deliver(take)
    except ConnectionClosed as closed:
        return Ending(closed.code, closed.reason, closed.initiator)
    assert ending is not None  # `take` has said so
    return ending
