"""Where frames wait for the sender: in order, bounded in bytes."""

from __future__ import annotations

from collections import deque
from contextlib import contextmanager
from enum import Enum
from typing import TYPE_CHECKING, Final, TypeAlias

import trio

if TYPE_CHECKING:
    from collections.abc import Generator

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
        self._sending = False
        self._ending: Ending | None = None
        self._closed = False
        self.unsent_bytes: int = 0
        self.ending_was_seen: bool = False

    @property
    def is_closed(self) -> bool:
        """Whether the session was closed on this side."""
        return self._closed

    @property
    def unsent_frames(self) -> int:
        """How many frames have been accepted and not sent whole."""
        return len(self._frames) + self._sending

    async def room(self) -> None:
        """Wait until a frame may be put.

        Raises:
            trio.ClosedResourceError: The session was closed on this side.
            SessionClosedError: The session has ended.
        """
        await trio.lowlevel.checkpoint()
        self._check_open()
        while self.unsent_bytes >= self._max_bytes:
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
        """The next thing to send, pings first; None when the outbox was closed and is empty."""
        await trio.lowlevel.checkpoint()
        while not (self._frames or self._ping_wanted or self._closed):
            await self._taking.park()
        if self._ping_wanted:
            self._ping_wanted = False
            return Control.PING
        if not self._frames:
            return None
        frame = self._frames.popleft()
        self.unsent_bytes -= len(frame)
        self._putting.unpark_all()
        return frame

    @contextmanager
    def sending(self) -> Generator[None]:
        """Count the frame taken last as unsent until the block is left in peace."""
        self._sending = True
        yield
        self._sending = False

    def end(self, ending: Ending) -> None:
        """Nothing can be sent any more. The first ending counts."""
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
