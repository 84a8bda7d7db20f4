"""Events on their way from Trio to asyncio: in batches, so that one wake-up of the loop delivers all that wait."""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Final

import anyio.lowlevel
import trio

from ..types import Reconnected

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Sequence

    from .._engine.inbox import Arrived, Inbox
    from .._session.closed import Ending
    from ..types import ServerEvent
    from ._bridge import Bridge

# Bounds of what is on its way to the loop, or waits there. The rest waits in the session's inbox, and counts there.
# With less, the switches between the two threads would keep a consumer that only receives behind a fast server.
_MAX_EVENTS: Final = 2048
_MAX_BYTES: Final = 4 * 2**20

# Events in a row after which other tasks of the loop run.
_EVENTS_IN_ROW: Final = 64


class Arrivals:
    """Events of a session that wait for their consumer on asyncio. Keeps the promises of `Inbox`.

    Attributes:
        waiting: The events; also read from Trio while the loop is blocked.
        received: Number of events that were received.
        ending: How the session ended, once all events before it have crossed.
    """

    def __init__(self, inbox: Inbox, bridge: Bridge) -> None:
        self._inbox = inbox
        self._bridge = bridge
        self._forwarding = Forwarding(inbox, self, bridge)
        self._waiter: asyncio.Future[None] | None = None
        self._receiving = False
        self._closed = False
        self._in_row = 0
        self._taken_events = 0
        self._taken_bytes = 0
        self.waiting: deque[Arrived] = deque()
        self.received: int = 0
        self.ending: Ending | None = None

    @property
    def forwarding(self) -> Forwarding:
        """The end on Trio. For Trio only."""
        return self._forwarding

    @property
    def is_receiving(self) -> bool:
        """Whether a task waits for the next event."""
        return self._receiving

    async def receive(self) -> ServerEvent:
        """Receive the next event. Cancelling this loses none.

        Raises:
            trio.BusyResourceError: Another task is receiving.
            trio.ClosedResourceError: The session was closed on this side.
            trio.EndOfChannel: The server ended the session normally.
            SessionClosedError: The session ended otherwise.
            RuntimeError: This is another loop.
        """
        self._bridge.host.check_runs_here()
        if self._receiving:
            raise trio.BusyResourceError("another task is already receiving from this session")
        self._receiving = True
        try:
            if self._is_ready():
                await self._checkpoint()
            while not self._is_ready():
                self._waiter = self._bridge.host.loop.create_future()
                await self._waiter
        finally:
            self._receiving = False
            self._waiter = None
        return self._next()

    def arrive(self, events: Sequence[Arrived], ending: Ending | None, *, closed: bool) -> None:
        """Take events and the ending that have crossed. Called on the loop."""
        self.waiting.extend(events)
        self.ending = ending
        if closed:
            self._closed = True
            self.waiting.clear()
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _checkpoint(self) -> None:
        self._in_row = (self._in_row + 1) % _EVENTS_IN_ROW
        if self._in_row:
            await anyio.lowlevel.checkpoint_if_cancelled()
        else:
            await anyio.lowlevel.checkpoint()

    def _is_ready(self) -> bool:
        return bool(self.waiting) or self.ending is not None or self._closed

    def _next(self) -> ServerEvent:
        if self._closed:
            raise trio.ClosedResourceError("this session has been closed")
        if self.waiting:
            event, size, _ = self.waiting.popleft()
            self.received += 1
            self._make_room(size)
            return event
        assert self.ending is not None
        self._inbox.ending_was_seen = True
        if self.ending.is_clean:
            raise trio.EndOfChannel
        raise self.ending.error()

    def _make_room(self, size: int) -> None:
        self._taken_events += 1
        self._taken_bytes += size
        if self._taken_events >= _MAX_EVENTS // 2 or self._taken_bytes >= _MAX_BYTES // 2:
            self._bridge.post(partial(self._forwarding.go_on, self._taken_events, self._taken_bytes))
            self._taken_events = self._taken_bytes = 0


class Forwarding:
    """The end on Trio: takes events out of the inbox as they arrive, while the loop has room for them.

    Attributes:
        forwarded: Number of events that have crossed, or are about to.
    """

    def __init__(self, inbox: Inbox, arrivals: Arrivals, bridge: Bridge) -> None:
        self._inbox = inbox
        self._arrivals = arrivals
        self._bridge = bridge
        self._room_events = _MAX_EVENTS
        self._room_bytes = _MAX_BYTES
        self._last_state: tuple[Ending | None, bool] = (None, False)
        self._reports: list[
            tuple[int, Reconnected]
        ] = []  # that have crossed, and their numbers among all events
        self.forwarded: int = 0

    @property
    def arrived(self) -> int:
        """Number of events that have arrived in all, from the server or of the session's own."""
        return self.forwarded + self._inbox.unread_events

    def begin(self) -> None:
        """Forward what has arrived, and what arrives from now on."""
        self._inbox.listener = self._forward
        self._inbox.taken_reports = self._unread_reports
        self._forward()

    def go_on(self, events: int, size: int) -> None:
        """Forward more: the consumer has taken so many events, of so many bytes."""
        self._inbox.pace.note_received()
        self._room_events += events
        self._room_bytes += size
        self._forward()

    def _forward(self) -> None:
        events = self._inbox.take_batch(self._room_events, self._room_bytes)
        for _, size, _ in events:
            self._room_bytes -= size
        self._room_events -= len(events)
        if self._inbox.untaken_reports:
            self._note_reports(events)
        self.forwarded += len(events)
        ending = None if self._inbox.unread_events else self._inbox.ending
        state = (ending, self._inbox.is_closed)
        if events or state != self._last_state:
            self._last_state = state
            self._bridge.host.post(
                partial(self._arrivals.arrive, events, ending, closed=self._inbox.is_closed)
            )

    def _note_reports(self, events: Sequence[Arrived]) -> None:
        unread = [one for one in self._reports if one[0] >= self._arrivals.received]
        crossing = [
            (number, event)
            for number, (event, _, _) in enumerate(events, start=self.forwarded)
            if isinstance(event, Reconnected)
        ]
        self._inbox.untaken_reports -= len(crossing)
        self._reports = unread + crossing

    def _unread_reports(self) -> list[Reconnected]:
        return [report for number, report in self._reports if number >= self._arrivals.received]
