"""A queue of received events for one consumer. Putting never blocks, so the receiver never waits for user code."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, TypeAlias

import trio

from .._protocol.memory import estimate_memory
from ..types import Reconnected
from .receive_pace import ReceivePace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from .._session.closed import Ending
    from ..types import ServerEvent
    from .checkpoints import EveryNthCheckpoint

Arrived: TypeAlias = "tuple[ServerEvent, int, float]"
"""An event, its share of the memory that its frame's events take, and the time when it arrived."""

# Bytes that wait from which on the memory of the events is estimated; below, the size of their frames is enough. A
# consumer that keeps up never has so much.
_ESTIMATED_FROM: Final = 2**16


class Inbox:
    """Events in order of arrival, for one consumer at a time.

    After `end`, the events that have arrived are received first, then the ending is raised. After `close`, nothing is
    received any more.

    Attributes:
        pace: Decides how many events in a row the consumer takes.
        is_receiving: Whether a task waits for the next event.
        is_closed: Whether the consumer has left.
        ending: The ending of the session, if it has ended.
        unread_bytes: The memory that the events that wait take, roughly; at least the size of their frames.
        ending_was_seen: Whether the consumer has got the ending.
        untaken_reports: Number of `Reconnected` that `take_batch` hasn't returned.
        taken_reports: Returns the `Reconnected` that a consumer elsewhere has taken in a batch, and not received.
        listener: Called whenever there is an event, an ending or a close, for a consumer that can't wait in `receive`.
    """

    def __init__(self, max_bytes: int, checkpoints: EveryNthCheckpoint) -> None:
        self._max_bytes = max_bytes
        self._checkpoints = checkpoints
        self._events: deque[Arrived] = deque()
        self._waiting: trio.lowlevel.Task | None = None
        self.pace: ReceivePace = ReceivePace()
        self.is_receiving: bool = False
        self.is_closed: bool = False
        self.ending: Ending | None = None
        self.ending_was_seen: bool = False
        self.unread_bytes: int = 0
        self.listener: Callable[[], None] | None = None
        self.taken_reports: Callable[[], Iterable[Reconnected]] = tuple[Reconnected, ...]
        self.untaken_reports: int = 0
        self._missed_reports: list[Reconnected] = []

    @property
    def unread_events(self) -> int:
        """The number of events that wait."""
        return len(self._events)

    @property
    def unread_reports(self) -> list[Reconnected]:
        """The `Reconnected` that were not received, and those as well that never will be."""
        waiting = [event for event, _, _ in self._events if isinstance(event, Reconnected)]
        return [*self._missed_reports, *self.taken_reports(), *waiting]

    @property
    def unread_since(self) -> float | None:
        """The time when the oldest event that waits arrived."""
        return self._events[0][2] if self._events else None

    # From the receiver

    def put(self, events: Sequence[ServerEvent], frame: bytes | str = b"", now: float | None = None) -> bool:
        """Add the events of a frame; returns False, and adds nothing, if that passes the bound.

        *now* saves reading the clock.
        """
        if self.is_closed or not events:
            return True
        size = len(frame)
        if self.unread_bytes + size > _ESTIMATED_FROM:
            size = estimate_memory(frame, events)
        if self.unread_bytes + size > self._max_bytes:
            return False
        now = trio.current_time() if now is None else now
        for event in events:
            self._events.append((event, size, now))
            self.unread_bytes += size
            size = 0  # the first event counts for the frame
        self._wake()
        return True

    def report(self, *events: ServerEvent) -> None:
        """Add events of the session's own. They are few, and must not be lost: there is room for them in any case."""
        if self.is_closed:
            self._missed_reports += [event for event in events if isinstance(event, Reconnected)]
            return
        now = trio.current_time()
        for event in events:
            size = estimate_memory("", [event]) if self.unread_bytes > _ESTIMATED_FROM else 0
            self.untaken_reports += isinstance(event, Reconnected)
            self._events.append((event, size, now))
            self.unread_bytes += size
        self._wake()

    def explain_full(self) -> str:
        """Return why `put` has returned False, and who was slow."""
        lag = 0.0 if self.unread_since is None else trio.current_time() - self.unread_since
        waiting = (
            f"too many events wait unread ({len(self._events)} of {self.unread_bytes / 2**20:.1f} MiB, "
            f"the oldest for {lag:.1f} s)"
        )
        if self.is_receiving or not self.pace.has_stopped:
            return f"{waiting}: the server sends faster than the session is received from"
        return f"{waiting}: the session was not received from"

    def end(self, ending: Ending) -> None:
        """Note that no more events come. The first ending counts."""
        self.ending = self.ending or ending
        self._wake()

    def reopen(self) -> None:
        """Take back the ending: the session goes on with another connection."""
        self.ending = None
        self.ending_was_seen = False
        self._wake()

    # From the consumer

    @trio.lowlevel.enable_ki_protection  # Ctrl+C between taking an event and returning it would lose it
    async def receive(self) -> ServerEvent:
        """Receive the next event. Cancelling this loses none.

        Raises:
            trio.BusyResourceError: Another task is receiving.
            trio.ClosedResourceError: The session was closed on this side.
            trio.EndOfChannel: The server ended the session normally.
            SessionClosedError: The session ended otherwise.
        """
        if self.is_receiving:
            raise trio.BusyResourceError("another task is already receiving from this session")
        self.is_receiving = True
        try:
            if not (self._events or self.is_closed or self.ending is not None):
                while True:
                    self._waiting = trio.lowlevel.current_task()
                    await trio.lowlevel.wait_task_rescheduled(self._stop_waiting)
                    if self._events or self.is_closed or self.ending is not None:
                        break  # else an ending was taken back before this task ran
                self._checkpoints.reset()
            elif self._checkpoints.is_due() and self.pace.must_yield():
                await trio.lowlevel.checkpoint()
                self.pace.note_yield(len(self._events))
            else:
                await trio.lowlevel.checkpoint_if_cancelled()
        finally:
            self.is_receiving = False
        return self._next()

    def take_batch(self, max_events: int, max_bytes: int) -> Sequence[Arrived]:
        """Take events that have arrived, without waiting; a single event may be larger than *max_bytes*."""
        batch: list[Arrived] = []
        while self._events and len(batch) < max_events and max_bytes > 0:
            arrived = self._events.popleft()
            self.unread_bytes -= arrived[1]
            max_bytes -= arrived[1]
            batch.append(arrived)
        return batch

    def close(self) -> None:
        """Drop the events that wait, and those that still come: the consumer has left."""
        self._missed_reports = self.unread_reports
        self.taken_reports = tuple[Reconnected, ...]
        self.is_closed = True
        self._events.clear()
        self.unread_bytes = 0
        self._wake()

    def _next(self) -> ServerEvent:
        if self.is_closed:
            raise trio.ClosedResourceError("this session has been closed")
        if self._events:
            event, size, _ = self._events.popleft()
            self.unread_bytes -= size
            return event
        assert self.ending is not None
        self.ending_was_seen = True
        if self.ending.is_clean:
            raise trio.EndOfChannel
        raise self.ending.error()

    def _wake(self) -> None:
        # A parking lot would do the same for any number of tasks, and three times the work for this one.
        if self._waiting is not None:
            trio.lowlevel.reschedule(self._waiting)
            self._waiting = None
        if self.listener is not None:
            self.listener()

    def _stop_waiting(self, _raise_cancel: object) -> trio.lowlevel.Abort:
        self._waiting = None
        return trio.lowlevel.Abort.SUCCEEDED
