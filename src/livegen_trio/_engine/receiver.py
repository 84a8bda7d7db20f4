"""The receiver task: frames in, events out, without ever waiting for user code."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from .._errors import RemoteProtocolError
from .._session.closed import Ending
from ..transports.base import ConnectionClosed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .._protocol.session_rules import LiveProtocol
    from ..transports.base import Transport
    from ..types import ServerEvent
    from .inbox import Inbox


@trio.lowlevel.enable_ki_protection
async def receive_frames(
    transport: Transport,
    protocol: LiveProtocol,
    inbox: Inbox,
    observe: Callable[[Sequence[ServerEvent]], None],
) -> Ending:
    """Receive until the connection ends; returns how it did.

    *observe* sees the events at once, before any consumer, and must not block.
    """
    receiver = _Receiver(transport, protocol, inbox, observe)
    try:
        await transport.deliver(receiver.receive_frame)
    except ConnectionClosed as closed:
        return Ending(closed.code, closed.reason, closed.initiator)
    assert receiver.ending is not None  # set before delivery stops
    return receiver.ending


class _Receiver:
    """Passes on each frame's events. It is one small object, since hundreds of sessions take turns."""

    __slots__ = ("_inbox", "_observe", "_protocol", "_transport", "ending")

    def __init__(
        self,
        transport: Transport,
        protocol: LiveProtocol,
        inbox: Inbox,
        observe: Callable[[Sequence[ServerEvent]], None],
    ) -> None:
        self._transport = transport
        self._protocol = protocol
        self._inbox = inbox
        self._observe = observe
        self.ending: Ending | None = None

    @trio.lowlevel.enable_ki_protection  # the pump may call it from another connection's task
    def receive_frame(self, frame: bytes | str) -> bool:
        """Pass on the events of a frame; returns False when there may be no more, for the reason in `ending`."""
        try:
            events = self._protocol.receive(frame)
        except RemoteProtocolError as exc:
            self.ending = Ending(exc.code, str(exc), "local", cause=exc)
            return False
        self._observe(events)
        if not self._inbox.put(events, frame, self._transport.last_heard):
            self.ending = Ending(1008, self._inbox.explain_full(), "local")
            return False
        return True
