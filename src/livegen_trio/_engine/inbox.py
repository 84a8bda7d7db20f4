"""Where received events wait for their consumer. Putting never blocks, so the receiver never waits for user code."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, TypeAlias

import trio

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .._session.closed import Ending
    from ..types import ServerEvent
    from .rare_switch import RareSwitch

Arrived: TypeAlias = "tuple[ServerEvent, int, float]"
"""An event, its share of its frame's size in bytes, and when it came."""


class Inbox:
    """Events in order of arrival, for one consumer at a time.

    After `end`, what has arrived is received first, then the end shows. After `close`, nothing is received any more.

    Attributes:
        listener: Called whenever there is something new to be seen here, for a consumer that can't wait in `receive`.
    """

    def __init__(self, max_bytes: int, switching: RareSwitch) -> None:
        self._max_bytes = max_bytes
        self._switching = switching
        self._events: deque[Arrived] = deque()
        self._waiting: trio.lowlevel.Task | None = None
        self._receiving = False
        self._ending: Ending | None = None
        self._closed = False
        self.unread_bytes: int = 0
        self.ending_was_seen: bool = False
        self.listener: Callable[[], None] | None = None

    @property
    def is_closed(self) -> bool:
        """Whether the consumer has left."""
        return self._closed

    @property
    def ending(self) -> Ending | None:
        """How the session ended, if it has."""
        return self._ending

    @property
    def unread_events(self) -> int:
        """How many events wait."""
        return len(self._events)

    @property
    def unread_since(self) -> float | None:
        """When the oldest of them arrived."""
        return self._events[0][2] if self._events else None

    def put(self, events: Sequence[ServerEvent], size: int, now: float | None = None) -> bool:
        """Add the events of a frame of *size* bytes; False, and nothing added, if that passes the bound.

        *now* spares looking at the clock.
        """
        if self._closed or not events:
            return True
        if self.unread_bytes + size > self._max_bytes:
            return False
        now = trio.current_time() if now is None else now
        for event in events:
            self._events.append((event, size, now))
            self.unread_bytes += size
            size = 0  # the first event stands for the frame
        self._wake()
        return True

    async def receive(self) -> ServerEvent:
        """The next event. Cancelling this loses none.

        Raises:
            trio.BusyResourceError: Another task is receiving.
            trio.ClosedResourceError: The session was closed on this side.
            trio.EndOfChannel: The server ended the session normally.
            SessionClosedError: The session ended otherwise.
        """
        if self._receiving:
            raise trio.BusyResourceError("another task is already receiving from this session")
        self._receiving = True
        try:
            if not (self._events or self._closed or self._ending is not None):
                while True:
                    self._waiting = trio.lowlevel.current_task()
                    await trio.lowlevel.wait_task_rescheduled(self._stop_waiting)
                    if self._events or self._closed or self._ending is not None:
                        break  # else the session went on before this could be told that it had ended
                self._switching.has_happened()
            elif self._switching.is_due():
                await trio.lowlevel.checkpoint()
            else:
                await trio.lowlevel.checkpoint_if_cancelled()
        finally:
            self._receiving = False
        return self._next()

    def _wake(self) -> None:
        """There is something to be told: whoever waits goes on."""
        # A parking lot would do the same for any number of tasks, and three times the work for this one.
        if self._waiting is not None:
            trio.lowlevel.reschedule(self._waiting)
            self._waiting = None
        if self.listener is not None:
            self.listener()

    def _stop_waiting(self, _raise_cancel: object) -> trio.lowlevel.Abort:
        self._waiting = None
        return trio.lowlevel.Abort.SUCCEEDED

    def end(self, ending: Ending) -> None:
        """Nothing more will come. The first ending counts."""
        self._ending = self._ending or ending
        self._wake()

    def reopen(self) -> None:
        """More will come after all: the session goes on with another connection."""
        self._ending = None
        self.ending_was_seen = False
        self._wake()

    def close(self) -> None:
        """The consumer has left: drop what waits, and what still comes."""
        self._closed = True
        self._events.clear()
        self.unread_bytes = 0
        self._wake()

    def take(self, max_events: int, max_bytes: int) -> Sequence[Arrived]:
        """What has arrived, at once and without waiting; a single event may be larger than *max_bytes*."""
        taken: list[Arrived] = []
        while self._events and len(taken) < max_events and max_bytes > 0:
            arrived = self._events.popleft()
            self.unread_bytes -= arrived[1]
            max_bytes -= arrived[1]
            taken.append(arrived)
        return taken

    def _next(self) -> ServerEvent:
        if self._closed:
            raise trio.ClosedResourceError("this session has been closed")
        if self._events:
            event, size, _ = self._events.popleft()
            self.unread_bytes -= size
            return event
        assert self._ending is not None
        self.ending_was_seen = True
        if self._ending.is_clean:
            raise trio.EndOfChannel
        raise self._ending.error()
