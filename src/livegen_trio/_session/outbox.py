"""Where frames wait for the sender: in order, bounded in bytes."""

from __future__ import annotations

from collections import deque
from enum import Enum
from typing import TYPE_CHECKING, Final, TypeAlias

import trio

if TYPE_CHECKING:
    from .closed import Ending

MAX_UNSENT_BYTES: Final = 2**20
"""Bytes of frames: some twenty seconds of 16 kHz speech. A frame that starts below the bound may pass it."""


class Control(Enum):
    """What the sender does beside sending frames."""

    PING = "ping"


Outgoing: TypeAlias = bytes | Control


class Outbox:
    """Frames from any number of tasks, for one sender.

    A caller waits for `room`, and then puts its frame without another checkpoint in between: so a caller that was
    cancelled has put nothing, and one that was not has put the whole frame.
    """

    def __init__(self, max_bytes: int = MAX_UNSENT_BYTES) -> None:
        self._max_bytes = max_bytes
        self._frames: deque[bytes] = deque()
        self._putting = trio.lowlevel.ParkingLot()
        self._taking = trio.lowlevel.ParkingLot()
        self._ping_wanted = False
        self._ending: Ending | None = None
        self._closed = False
        self._draining = False
        self.unsent_bytes: int = 0
        self.ending_was_seen: bool = False

    @property
    def is_closed(self) -> bool:
        """Whether the session was closed on this side."""
        return self._closed

    @property
    def is_running_out(self) -> bool:
        """Whether the connection that it serves is being left: closed for good, or drained."""
        return self._closed or self._draining

    @property
    def unsent_frames(self) -> int:
        """How many frames have been accepted and not sent whole."""
        return len(self._frames)

    async def room(self) -> None:
        """Wait until a frame may be put: that is while there is room, and a connection to send it on.

        Raises:
            trio.ClosedResourceError: The session was closed on this side.
            SessionClosedError: The session has ended.
        """
        await trio.lowlevel.checkpoint()
        self._check_open()
        while self._draining or self.unsent_bytes >= self._max_bytes:
            await self._putting.park()
            self._check_open()

    def put(self, frame: bytes) -> None:
        """Add a frame, right after `room`."""
        self._frames.append(frame)
        self.unsent_bytes += len(frame)
        self._taking.unpark_all()

    def request_ping(self) -> None:
        """Have the sender send a ping as soon as it can."""
        self._ping_wanted = True
        self._taking.unpark_all()

    async def take(self) -> Outgoing | None:
        """The next thing to send, pings first; None when the outbox is empty and running out.

        A frame stays the next one until it is `sent`: if its connection breaks, the following one has to send it.
        """
        await trio.lowlevel.checkpoint()
        while not (self._frames or self._ping_wanted or self.is_running_out):
            await self._taking.park()
        if self._ping_wanted:
            self._ping_wanted = False
            return Control.PING
        return self._frames[0] if self._frames else None

    def sent(self) -> None:
        """The frame taken last has been sent whole."""
        self.unsent_bytes -= len(self._frames.popleft())
        self._putting.unpark_all()

    def drain(self) -> None:
        """The connection is being replaced: what waits is still sent on it, what comes waits for `refill`."""
        self._draining = True
        self._ending = None
        self.ending_was_seen = False
        self._taking.unpark_all()

    def refill(self) -> None:
        """There is a new connection: what is left is sent on it, and more may be put."""
        self._draining = False
        self._putting.unpark_all()

    def end(self, ending: Ending) -> None:
        """Nothing can be sent any more. The first ending counts."""
        self._draining = False
        self._ending = self._ending or ending
        self._putting.unpark_all()

    def close(self) -> None:
        """Take no more frames; what waits is still sent."""
        self._closed = True
        self._putting.unpark_all()
        self._taking.unpark_all()

    def _check_open(self) -> None:
        if self._closed:
            raise trio.ClosedResourceError("this session has been closed")
        if self._ending is not None:
            self.ending_was_seen = True
            raise self._ending.error()
