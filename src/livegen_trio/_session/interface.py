"""The seam between the turns of a session and the engine behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from .._protocol.exchange import Exchange
    from .._protocol.session_rules import LiveProtocol
    from ..types import ServerEvent


class Asked(NamedTuple):
    """A question that was accepted.

    Attributes:
        unread: Number of events that had arrived before, and not been received.
        exchange: Its account, kept by the engine.
    """

    unread: int
    exchange: Exchange


class Events(Protocol):
    """Where events wait for their consumer."""

    @property
    def is_receiving(self) -> bool:
        """Whether a task waits for the next event."""
        ...

    async def receive(self) -> ServerEvent:
        """Receive the next event; see `Inbox.receive`."""
        ...


class EventSource(Protocol):
    """The part of an engine that events are received from, on the session's event loop."""

    @property
    def protocol(self) -> LiveProtocol: ...

    @property
    def inbox(self) -> Events: ...

    async def receive_or_raise(self) -> ServerEvent: ...

    async def checkpoint(self) -> None: ...

    async def checkpoint_if_cancelled(self) -> None: ...
