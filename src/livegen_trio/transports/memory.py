"""A transport that never leaves the process: two ends, joined by queues of frames."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final, TypeAlias

import trio

from .base import ConnectionClosed, Transport, cut_reason, ignore_delivery

if TYPE_CHECKING:
    from collections.abc import Callable

_CAPACITY: Final = 64  # frames in flight one way, before a sender waits
_ABNORMAL: Final = 1006


class _Control(Enum):
    PING = "ping"
    CLOSE = "close"


@dataclass(frozen=True, slots=True)
class _Pong:
    frames_read: int


_Item: TypeAlias = bytes | _Control | _Pong


class _Line:
    """One direction between two ends, which both of them hold."""

    def __init__(self) -> None:
        self.entry: trio.MemorySendChannel[_Item]
        self.exit: trio.MemoryReceiveChannel[_Item]
        self.entry, self.exit = trio.open_memory_channel(_CAPACITY)
        self.last_used: float = trio.current_time()
        self.frames_out: int = 0
        self.close: tuple[int, str] | None = None

    def put_pong(self, frames_read: int) -> None:
        """Put a pong behind the frames that wait; none if there is no room (a peer may leave pongs out)."""
        with suppress(trio.WouldBlock, trio.BrokenResourceError, trio.ClosedResourceError):
            self.entry.send_nowait(_Pong(frames_read))
            self.last_used = trio.current_time()


def memory_transport_pair() -> tuple[MemoryTransport, MemoryTransport]:
    """Two transports: what one sends, the other receives."""
    there, back = _Line(), _Line()
    return MemoryTransport(outgoing=there, incoming=back), MemoryTransport(outgoing=back, incoming=there)


class MemoryTransport(Transport):
    """One end of a pair. Made by `memory_transport_pair`.

    Pings, pongs and the Close are seen by the peer when it receives, in order with the frames. So an end that nobody
    receives from is a dead peer: it takes `_CAPACITY` frames and then no more, and answers nothing.
    """

    def __init__(self, *, outgoing: _Line, incoming: _Line) -> None:
        self._outgoing = outgoing
        self._incoming = incoming
        self._ending: ConnectionClosed | None = None
        self._note_delivery: Callable[[int], None] = ignore_delivery

    @property
    def last_heard(self) -> float:
        return self._incoming.last_used

    def watch_delivery(self, note: Callable[[int], None]) -> None:
        self._note_delivery = note

    async def send(self, frame: bytes) -> None:
        await self._put(frame)

    async def ping(self) -> None:
        await self._put(_Control.PING)

    async def receive(self) -> bytes:
        while True:
            self._check_open()
            try:
                item = await self._incoming.exit.receive()
            except (trio.EndOfChannel, trio.ClosedResourceError):
                raise self._end() from None
            if item is _Control.CLOSE:
                self._hang_up()  # the answer
                raise self._end()
            self._check_open()  # a frame that comes after our own Close is dropped
            if isinstance(item, bytes):
                self._incoming.frames_out += 1
                return item
            if isinstance(item, _Pong):
                self._note_delivery(item.frames_read)
            else:
                self._outgoing.put_pong(self._incoming.frames_out)

    async def aclose(self, code: int = 1000, reason: str = "") -> None:
        try:
            if self._ending is None and self._incoming.close is not None:
                self._end()
            elif self._ending is None:
                await self._send_close(code, cut_reason(reason))
            await self._drop_until_close()
        finally:
            self._hang_up()

    async def abort(self) -> None:
        if self._ending is None:
            self._ending = ConnectionClosed(_ABNORMAL, initiator="local")
        self._hang_up()
        await trio.lowlevel.checkpoint()

    async def _put(self, item: _Item) -> None:
        self._check_open()
        try:
            await self._outgoing.entry.send(item)
        except trio.ClosedResourceError:
            raise self._end() from None
        except trio.BrokenResourceError:
            raise self._peers_end() from None  # not noted yet: frames may wait to be received
        self._outgoing.last_used = trio.current_time()

    async def _send_close(self, code: int, reason: str) -> None:
        self._ending = ConnectionClosed(code, reason, initiator="local")
        self._outgoing.close = code, reason
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):  # one of us has hung up meanwhile
            try:
                await self._outgoing.entry.send(_Control.CLOSE)
            except BaseException:
                self._outgoing.close = None  # it was not sent
                raise

    async def _drop_until_close(self) -> None:
        """Drop what the peer still sends, but for its pongs, until it has closed or hung up."""
        await trio.lowlevel.checkpoint()
        with suppress(trio.EndOfChannel, trio.ClosedResourceError):
            while (item := await self._incoming.exit.receive()) is not _Control.CLOSE:
                if isinstance(item, _Pong):
                    self._note_delivery(item.frames_read)

    def _hang_up(self) -> None:
        self._outgoing.entry.close()
        self._incoming.exit.close()

    def _check_open(self) -> None:
        if self._ending is not None:
            raise self._ending.again()

    def _end(self) -> ConnectionClosed:
        if self._ending is None:
            self._ending = self._peers_end()
        return self._ending.again()

    def _peers_end(self) -> ConnectionClosed:
        return ConnectionClosed(*(self._incoming.close or (_ABNORMAL, "")), initiator="server")
