"""The way out to one client: frames in order, sent by one task."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

import trio

from ..transports.base import ConnectionClosed

if TYPE_CHECKING:
    from ..transports.base import Transport

REPLY_SIZE: Final = (
    512 * 2**10
)  # bytes of a reply that wait for the client, before the reply waits: 6 s of speech
BACKLOG: Final = 1000  # frames that wait for the client, before no more is read from it
BACKLOG_SIZE: Final = 2 * 2**20  # bytes of them, likewise


class Outgoing:
    """A queue that no client can fill beyond its bounds, whatever it reads or doesn't."""

    def __init__(self) -> None:
        self._queue: deque[tuple[bytes, bool]] = deque()
        self._reply_size = 0
        self._size = 0
        self._is_closed = False
        self._changed = trio.lowlevel.ParkingLot()
        self.finished = trio.Event()

    def put(self, frame: bytes) -> None:
        """Queue a frame at once."""
        self._queue.append((frame, False))
        self._size += len(frame)
        self._changed.unpark_all()

    async def put_reply(self, frame: bytes) -> None:
        """Queue a frame of the reply, as soon as there is room for it.

        Cancelled, it has queued nothing.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        while self._reply_size > REPLY_SIZE:
            await self._changed.park()
        self._queue.append((frame, True))
        self._reply_size += len(frame)
        self._changed.unpark_all()
        await trio.lowlevel.cancel_shielded_checkpoint()

    def drop_reply(self) -> None:
        """Drop the frames of the reply that are not sent."""
        self._queue = deque(item for item in self._queue if not item[1])
        self._reply_size = 0
        self._changed.unpark_all()

    async def wait_for_room(self) -> None:
        """Wait until the client has read most of the frames that it caused."""
        while len(self._queue) > BACKLOG or self._size > BACKLOG_SIZE:
            await self._changed.park()

    def close(self) -> None:
        """Queue no more; `run` ends when all is sent."""
        self._is_closed = True
        self._changed.unpark_all()

    async def run(self, transport: Transport) -> None:
        """Send until `close`, or until the connection is over, which the receiver reports."""
        try:
            while self._queue or not self._is_closed:
                while not self._queue and not self._is_closed:
                    await self._changed.park()
                if self._queue:
                    await transport.send(self._take())
        except ConnectionClosed:
            self.close()
        finally:
            self.finished.set()

    def _take(self) -> bytes:
        frame, is_reply = self._queue.popleft()
        if is_reply:
            self._reply_size -= len(frame)
        else:
            self._size -= len(frame)
        self._changed.unpark_all()
        return frame
