"""A session's engine on Trio, as its session on asyncio reaches it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final, ParamSpec, TypeVar

import anyio.lowlevel
import trio

from .._resumption.inputs import Kind
from .._session.interface import Asked
from ._arrivals import Arrivals

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

_MAX_POSTED: Final = (
    2**18
)  # bytes of media that are posted without waiting, and not yet in the session's buffer


class RemoteEngine:
    """A `SessionEngine` whose tasks wait on asyncio while `engine` works on Trio.

    Operations are called on Trio, and waited for. Events are forwarded as they arrive; media are posted without
    waiting, as long as there is room. State that is only read is read across threads: single values that don't depend
    on one another.

    Attributes:
        inbox: Where events wait on this side.
    """

    def __init__(self, engine: Engine, bridge: Bridge) -> None:
        self._engine = engine
        self._bridge = bridge
        self._media_posted = 0  # bytes, counted here
        self._media_put = 0  # and on Trio
        self._in_a_row = 0  # chunks that Trio has had no time for in between
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
        """Whether the session is over, whoever ended it."""
        return self._engine.is_closed

    def leaves_to_caller(self, call: FunctionCall) -> bool:
        """Whether *call* is the caller's to answer."""
        return self._engine.leaves_to_caller(call)

    def statistics(self) -> SessionStatistics:
        """How full the buffers are, on both sides."""
        return self._bridge.call_sync(self._statistics)

    def resume_state(self) -> ResumeState | None:
        """Where the session stands, if there is a handle that it can be resumed with."""
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
        self._bridge.host.check_runs_here()
        await anyio.lowlevel.checkpoint_if_cancelled()
        self._engine.operations.outbox.check_open()
        on_the_way = self._media_posted - self._media_put
        self._in_a_row = self._in_a_row + 1 if on_the_way else 0
        if on_the_way >= _MAX_POSTED or not self._engine.operations.outbox.has_room(
            Kind.MEDIA, coming=on_the_way
        ):
            after, self._in_a_row = self._in_a_row, 0
            await self._bridge.call(partial(self._send_media_later, kind, data, mime_type, after=after))
            return
        frame = self._engine.protocol.send_media(kind, data, mime_type)
        if frame is None:
            await anyio.lowlevel.cancel_shielded_checkpoint()  # a source of empty chunks lets others run
            return
        self._media_posted += len(frame)
        self._bridge.post(partial(self._put_media, frame))

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

    def _put_media(self, frame: bytes) -> None:
        self._media_put += len(frame)
        self._engine.operations.outbox.put(frame, Kind.MEDIA)

    async def _send_media_later(self, kind: MediaKind, data: Buffer, mime_type: str, *, after: int) -> None:
        # As if those before had been put one by one: whether there is room then is up to the network.
        for _ in range(after):
            await trio.lowlevel.checkpoint()
        await self._engine.send_media(kind, data, mime_type)

    async def _next_change(self) -> None:
        state, told = self._engine.resume_state(), self._last_state
        if _essence(state) != _essence(told):
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
