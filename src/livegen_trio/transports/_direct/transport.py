"""WebSocket straight on a socket: the transport for many sessions, or for little CPU.

A frame goes out by one system call of the task that sends it, and what arrives is handed over by the one task that
reads for all connections; see `pump`. `_trio_websocket` does the same by means of a library, on any stream and any
system.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import trio
from trio.lowlevel import enable_ki_protection

from ..base import MAX_MESSAGE_SIZE, ConnectionClosed, Transport, cut_reason
from .closing import ClosingHandshake
from .framing import Framing
from .incoming import Incoming
from .outgoing import Outgoing
from .upgrade import upgrade

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._dial.wire import Wire
    from ..base import Endpoint

_NORMAL: Final = 1000
_ABNORMAL: Final = 1006


async def upgrade_wire(
    wire: Wire, endpoint: Endpoint, *, max_message_size: int = MAX_MESSAGE_SIZE
) -> DirectTransport:
    """Open a WebSocket, as the client, on an open wire, which from now on is closed with the WebSocket.

    Raises:
        HandshakeError: The peer refused the upgrade, hung up, or does not speak WebSocket.
    """
    try:
        first_bytes = await upgrade(wire, endpoint)
    except BaseException:
        wire.close()
        raise
    transport = DirectTransport(wire, Framing(max_message_size=max_message_size))
    transport.feed(first_bytes)
    return transport


class DirectTransport(Transport):
    """A WebSocket's client end. Made by `upgrade_wire`.

    It reads, and so answers Pings and Closes, only while a task receives, delivers or closes.

    Every operation is protected from `KeyboardInterrupt` but at its checkpoints (`enable_ki_protection` marks the
    code, so a call costs nothing more): half a frame, or a frame that was written and not counted, would ruin the
    connection.
    """

    def __init__(self, wire: Wire, framing: Framing) -> None:
        self._wire = wire
        self._changed = trio.lowlevel.ParkingLot()
        self._closing = ClosingHandshake()
        self._outgoing = Outgoing(wire, framing, self._closing, self._changed)
        self._incoming = Incoming(wire, framing, self._outgoing, self._closing, self._changed)

    @property
    def last_heard(self) -> float:
        return self._incoming.last_heard

    def watch_delivery(self, note: Callable[[int], None]) -> None:
        self._incoming.delivery.note_pong = note

    def feed(self, first_bytes: bytes) -> None:
        """Act on what came behind the answer to the upgrade."""
        self._incoming.feed(first_bytes)

    # Sending

    @enable_ki_protection
    def send_nowait(self, frame: bytes, *, ping: bool = False, ping_first: bool = False) -> bool:
        return self._closing.ending is None and self._outgoing.message_nowait(
            frame, ping=ping, ping_first=ping_first
        )

    @enable_ki_protection
    def ping_nowait(self) -> bool:
        return self._closing.ending is None and self._outgoing.ping_nowait()

    @enable_ki_protection
    async def send(self, frame: bytes) -> None:
        await self._wait_sendable()
        self._outgoing.message(frame)
        await self._outgoing.drain()

    @enable_ki_protection
    async def ping(self) -> None:
        await self._wait_sendable()
        self._outgoing.ping()
        await self._outgoing.drain()

    async def _wait_sendable(self) -> None:
        await trio.lowlevel.checkpoint()
        await self._outgoing.drain()
        if not self._incoming.is_reading:
            self._incoming.exchange(trio.current_time())  # the peer's Close may have arrived unread
        self._closing.check_open()
        if self._wire.is_broken:
            raise ConnectionClosed(_ABNORMAL)  # the task that reads is still to find out how it ended

    # Receiving

    @enable_ki_protection
    async def receive(self) -> bytes:
        return await self._incoming.receive()

    @enable_ki_protection
    async def deliver(self, take: Callable[[bytes | str], bool]) -> None:
        await self._incoming.deliver(take)

    # Ending

    @enable_ki_protection
    async def aclose(self, code: int = 1000, reason: str = "") -> None:
        self._end(ConnectionClosed(code, cut_reason(reason), initiator="local"))
        try:
            await trio.lowlevel.checkpoint()
            await self._close_in_order()
        finally:
            await self.abort()  # noqa: ASYNC102 - it doesn't wait

    @enable_ki_protection
    async def abort(self) -> None:
        self._end(ConnectionClosed(_ABNORMAL, initiator="local"))
        self._incoming.stop()  # first: the pump has to let go of the socket while that is open
        self._wire.close()
        await trio.lowlevel.checkpoint()

    def _end(self, ending: ConnectionClosed) -> None:
        if self._closing.ending is None:
            self._closing.end(ending)
            self._incoming.delivery.drop_kept()

    async def _close_in_order(self) -> None:
        """Send our Close and wait for the peer's, unless the peer began, or nothing can be sent any more."""
        ending = self._closing.ending
        if ending is None or ending.initiator != "local" or self._wire.is_closed:
            return
        code = _NORMAL if ending.code == _ABNORMAL else ending.code  # no Close can carry that one
        self._outgoing.close(code, ending.reason)
        await self._outgoing.drain()
        while not (self._closing.is_received or self._wire.at_end):
            await self._incoming.wait_read()
