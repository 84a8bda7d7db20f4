"""The seam between the turns of a session and the engine behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from .._protocol.session_rules import LiveProtocol
    from ..types import ServerEvent


class Earlier(NamedTuple):
    """What there was already when a message was accepted.

    Attributes:
        unread: How many events had arrived and not been received.
        in_turn: Whether a turn of the model's was under way.
    """

    unread: int
    in_turn: bool


class Events(Protocol):
    """Where events wait for their consumer."""

    async def receive(self) -> ServerEvent:
        """The next event; see `Inbox.receive`."""
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
