"""The stream between trio-websocket and the network: who may write next, and what has arrived."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

import trio

from .._http_head import read_response
from .._refusal import BODY_TIMEOUT, HEAD_SIZE

_CLOSE: Final = b"\x88"  # how a Close frame begins (RFC 6455, 5.2)


class WatchedStream(trio.abc.Stream):
    """The stream that trio-websocket takes for the network.

    trio-websocket reads everything, and writes the upgrade, its pongs and its Close frames here. The transport's own
    frames go past it, through `write`. Neither way of writing fails when the peer has hung up, because what the peer
    sent before that is still to be read: only reading shows how a connection ended.

    Attributes:
        opening: The scope to wait for the upgrade in. It is cancelled when there is nothing left to wait for, which
            trio-websocket does not notice by itself.
        head: The first bytes that came, until the upgrade is through.
        is_open: Whether the upgrade is through.
        hung_up: Set when nothing more can be read.
        close_relayed: Whether trio-websocket has sent a Close.
        close_written: Whether a Close frame has gone out.
        last_heard: The time of the last byte.
    """

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self._turn = trio.StrictFIFOLock()
        self._late = b""
        self._is_mute = False
        self.opening: trio.CancelScope = trio.CancelScope()
        self.head: bytes = b""
        self.is_open: bool = False
        self.hung_up: trio.Event = trio.Event()
        self.close_relayed: bool = False
        self.close_written: bool = False
        self.last_heard: float = trio.current_time()

    def opened(self) -> None:
        """Note that the upgrade is through: what comes now is no HTTP."""
        self.is_open = True
        self.head = b""

    async def write(self, frame: bytes) -> bool:
        """Write a frame in its turn. Returns whether it went out whole.

        Nothing is written after a Close, nor after a write that failed or was cancelled: the peer would take it for
        the rest of that frame (trio#889).
        """
        async with self._turn:
            done = await self._put(frame)
            while self._late:
                late, self._late = self._late, b""
                await self._put(late)
        return done

    async def _put(self, frame: bytes) -> bool:
        if self._is_mute:
            return False
        self._is_mute = True
        try:
            await self._stream.send_all(frame)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return False
        self.close_written = self._is_mute = frame[:1] == _CLOSE
        return True

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Write for trio-websocket; while another frame is being written, leave it to that writer.

        So its reader goes on when the way out is blocked and a Ping comes. Only the latest is kept: one Pong may
        answer many Pings (RFC 6455, 5.5.3), and a Close is the last.
        """
        frame = bytes(data)
        self.close_relayed = self.close_relayed or frame[:1] == _CLOSE
        if self._turn.locked():
            self._late = frame
            await trio.lowlevel.checkpoint()
        else:
            await self.write(frame)

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until the network can take some bytes."""
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """Receive some bytes, and note that they came."""
        try:
            data = await self._stream.receive_some(max_bytes)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self._note_end()
            raise
        if data:
            self._note(data)
        else:
            self._note_end()
        return data

    async def drain(self) -> None:
        """Read until the peer hangs up."""
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            while await self.receive_some():
                pass

    async def aclose(self) -> None:
        """Close for trio-websocket, which calls this when it has done, on a server's side.

        That hangs up, but not on a peer which has broken the protocol: our Close, which says so, is still to come.
        """
        if self.is_open and not self.close_relayed:
            await trio.lowlevel.checkpoint()
        else:
            await self.hang_up()

    async def hang_up(self) -> None:
        """Close the stream, at once."""
        self._note_end()
        await trio.aclose_forcefully(self._stream)

    def _note(self, data: bytes | bytearray) -> None:
        self.last_heard = trio.current_time()
        if self.is_open:
            return
        self.head = (self.head + data)[:HEAD_SIZE]
        if read_response(self.head) is not None:
            wait = BODY_TIMEOUT if len(self.head) < HEAD_SIZE else 0
            self.opening.deadline = min(self.opening.deadline, trio.current_time() + wait)

    def _note_end(self) -> None:
        self.hung_up.set()
        self.opening.cancel(reason="the peer hung up")
