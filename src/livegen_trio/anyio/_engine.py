"""A session's engine on Trio, as its session on asyncio reaches it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import anyio.lowlevel
import trio

from .._session.interface import Asked
from ._arrivals import Arrivals
from ._media import MediaPoster

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from typing_extensions import Buffer

    from .._engine.engine import Engine
    from .._protocol.codec import MediaKind
    from .._protocol.exchange import Exchange
    from .._protocol.session_rules import LiveProtocol
    from .._session.session import Operations
    from .._session.statistics import SessionStatistics
    from ..types import (
        Content,
        FunctionCall,
        ResumeState,
        ServerEvent,
    )
    from ._bridge import Bridge

P = ParamSpec("P")
T = TypeVar("T")


class RemoteEngine:
    """A `SessionEngine` whose tasks wait on asyncio while `engine` works on Trio.

    Operations are called on Trio, and waited for. Events are forwarded as they arrive; media are posted without
    waiting, as long as there is room. State that is only read is read across threads: single values that don't depend
    on one another.

    Attributes:
        inbox: Events that wait for their consumer on this side.
    """

    def __init__(self, engine: Engine, bridge: Bridge) -> None:
        self._engine = engine
        self._bridge = bridge
        self._media = MediaPoster(engine, bridge)
        self._last_state: ResumeState | None = None
        self.inbox: Arrivals = Arrivals(engine.inbox, bridge)

    # Calling it

    @property
    def operations(self) -> Operations:
        """Its operations, for `call` and `call_sync`."""
        return self._engine.operations

    async def call(self, operation: Callable[P, Awaitable[T]], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call *operation* on Trio, and return its result. Cancelling this cancels it, and waits for its end."""
        return await self._bridge.call(partial(operation, *args, **kwargs))

    def call_sync(self, operation: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call *operation* on Trio, and return its result. Blocks the loop for that time."""
        return self._bridge.call_sync(partial(operation, *args, **kwargs))

    # Its state

    @property
    def protocol(self) -> LiveProtocol:
        """The rules of the session, and its state; only to be read."""
        return self._engine.protocol

    @property
    def is_closed(self) -> bool:
        """Whether the session is over, ended by either side."""
        return self._engine.is_closed

    def leaves_to_caller(self, call: FunctionCall) -> bool:
        """Whether *call* is the caller's to answer."""
        return self._engine.leaves_to_caller(call)

    def statistics(self) -> SessionStatistics:
        """Return how full the buffers are, on both sides."""
        return self._bridge.call_sync(self._statistics)

    def resume_state(self) -> ResumeState | None:
        """Return what another process needs to go on with the session, if there is a handle."""
        self._last_state = self._bridge.call_sync(self._engine.resume_state)
        return self._last_state

    async def next_change(self) -> None:
        """Wait until a handle or a tool call comes or goes that was not in the last `resume_state`."""
        await self._bridge.call(self._next_change)

    # Receiving

    async def receive_or_raise(self) -> ServerEvent:
        """Receive the next event, in the middle of a turn, where a normal end is an error as well."""
        try:
            return await self.inbox.receive()
        except trio.EndOfChannel:
            assert self.inbox.ending is not None
            raise self.inbox.ending.error() from None

    # Sending

    async def ask(self, content: Content) -> Asked:
        """Send content that is to be answered; return its exchange, and the number of events that came before it."""
        arrived, exchange = await self._bridge.call(partial(self._ask, content))
        return Asked(arrived - self.inbox.received, exchange)

    async def send_media(self, kind: MediaKind, data: Buffer, mime_type: str) -> None:
        """Send a chunk of media, whole or not at all. Waits for Trio only if there is no room."""
        await self._media.send(kind, data, mime_type)

    # Checkpoints of asyncio

    async def checkpoint(self) -> None:
        """Let other tasks run, and check for cancellation."""
        await anyio.lowlevel.checkpoint()

    async def checkpoint_if_cancelled(self) -> None:
        """Check for cancellation."""
        await anyio.lowlevel.checkpoint_if_cancelled()

    # On Trio

    async def _ask(self, content: Content) -> tuple[int, Exchange]:
        asked = await self._engine.ask(content)
        return self.inbox.forwarding.arrived, asked.exchange

    async def _next_change(self) -> None:
        state, last = self._engine.resume_state(), self._last_state
        if _essence(state) != _essence(last):
            await trio.lowlevel.checkpoint()
            return
        await self._engine.next_change()

    def _statistics(self) -> SessionStatistics:
        there = self._engine.statistics()
        here = tuple(self.inbox.waiting)  # it stands still: its loop waits for this
        waited = trio.current_time() - here[0][2] if here else 0.0
        return replace(
            there,
            unread_events=there.unread_events + len(here),
            unread_bytes=there.unread_bytes + sum(size for _, size, _ in here),
            unread_seconds=max(there.unread_seconds, waited),
        )


def _essence(state: ResumeState | None) -> object:
    return None if state is None else (state.handle, state.pending_calls)
