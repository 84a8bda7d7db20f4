"""A transport that never leaves the process: two ends, joined by frames."""

from __future__ import annotations

from enum import Enum
from typing import Final, TypeAlias

import trio

from .base import ConnectionClosed, Transport

_CAPACITY: Final = 64  # frames in flight one way, before a sender waits


class _Control(Enum):
    PING = "ping"
    CLOSE = "close"


_Item: TypeAlias = bytes | _Control


def memory_transport_pair() -> tuple[MemoryTransport, MemoryTransport]:
    """Two transports: what one sends, the other receives."""
    to_other, from_one = trio.open_memory_channel[_Item](_CAPACITY)
    to_one, from_other = trio.open_memory_channel[_Item](_CAPACITY)
    one, other = MemoryTransport(to_other, from_other), MemoryTransport(to_one, from_one)
    one._peer, other._peer = other, one  # noqa: SLF001 - two halves of one thing
    return one, other


class MemoryTransport(Transport):
    """One end of a pair. Made by `memory_transport_pair`.

    Pings and the Close are seen by the peer when it receives, in their turn. So an end that nobody receives from is
    a dead peer: it takes `_CAPACITY` frames and then no more, and answers nothing.
    """

    def __init__(
        self, outgoing: trio.MemorySendChannel[_Item], incoming: trio.MemoryReceiveChannel[_Item]
    ) -> None:
        self._outgoing = outgoing
        self._incoming = incoming
        self._peer = self
        self._closing: tuple[int, str] | None = None
        self._close_seen = trio.Event()
        self._last_heard = trio.current_time()

    @property
    def last_heard(self) -> float:
        return self._last_heard

    async def send(self, frame: bytes) -> None:
        await self._put(frame)

    async def ping(self) -> None:
        await self._put(_Control.PING)

    async def receive(self) -> bytes:
        while True:
            try:
                item = await self._incoming.receive()
            except (trio.EndOfChannel, trio.ClosedResourceError):
                raise self._end() from None
            if item is _Control.CLOSE:
                await self.abort()
                raise self._end()
            if item is not _Control.PING:
                return item
            self._peer._last_heard = trio.current_time()

    async def aclose(self, code: int = 1000, reason: str = "") -> None:
        if self._closing is None and self._peer._closing is None:
            self._closing = (code, reason)
            await self._say_goodbye()
        await self.abort()

    async def abort(self) -> None:
        self._incoming.close()
        self._outgoing.close()
        self._peer._close_seen.set()
        await trio.lowlevel.checkpoint()

    async def _say_goodbye(self) -> None:
        self._incoming.close()  # the peer's answer is the close itself, what it sent before is not wanted
        try:
            await self._outgoing.send(_Control.CLOSE)
            await self._close_seen.wait()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return  # it has closed, too
        finally:
            self._outgoing.close()

    async def _put(self, item: _Item) -> None:
        try:
            await self._outgoing.send(item)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            raise self._end() from None
        self._peer._last_heard = trio.current_time()

    def _end(self) -> ConnectionClosed:
        if self._closing is not None:
            return ConnectionClosed(*self._closing, initiator="local")
        if self._peer._closing is not None:
            return ConnectionClosed(*self._peer._closing, initiator="server")
        return ConnectionClosed(1006)
