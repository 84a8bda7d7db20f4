"""The sending half of a connection: whole frames, written in order, as fast as the network takes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    import trio

    from .._dial.wire import Wire
    from .closing import ClosingHandshake
    from .framing import Framing


class Outgoing:
    """Writes frames to a wire, and has the rest of a frame written later where the network takes only a part.

    What is left over is written by the pump while it serves this connection, and otherwise by one of the tasks that
    wait in `drain`.

    Args:
        changed: Where tasks wait for a change of the connection. Unparked when all has been written.

    Attributes:
        sent: The number of messages that were written, or begun.
        rearm: Set while a pump serves this connection: to be called when there is something left over, or no more.
    """

    def __init__(
        self, wire: Wire, framing: Framing, closing: ClosingHandshake, changed: trio.lowlevel.ParkingLot
    ) -> None:
        self._wire = wire
        self._framing = framing
        self._closing = closing
        self._changed = changed
        self._is_draining = False
        self._unanswered_ping: bytes | None = None
        self.sent: int = 0
        self.rearm: Callable[[], None] | None = None

    def message_nowait(self, frame: bytes, *, ping: bool, ping_first: bool) -> bool:
        """Write a message, with pings behind it and before it where asked for, unless something is left over."""
        wire = self._wire
        if wire.unsent or wire.is_broken:
            return False
        data = self._framing.text(frame)
        if ping_first:
            data = self._ping() + data
        self.sent += 1
        wire.send(data + self._ping() if ping else data)
        if wire.unsent and self.rearm is not None:
            self.rearm()
        return True

    def ping_nowait(self) -> bool:
        """Write a ping, unless something is left over."""
        if self._wire.unsent or self._wire.is_broken:
            return False
        self._write(self._ping())
        return True

    def message(self, frame: bytes) -> None:
        """Write a message behind what is left over."""
        self.sent += 1
        self._write(self._framing.text(frame))

    def ping(self) -> None:
        """Write a ping behind what is left over."""
        self._write(self._ping())

    def pong(self, payload: bytes) -> None:
        """Answer a ping; or only the last of several, while the peer reads nothing (RFC 6455, 5.5.3)."""
        if self._closing.is_sent:
            return
        if self._wire.unsent:
            self._unanswered_ping = payload
            return
        self._write(self._framing.pong(payload))

    def close(self, code: int, reason: str) -> None:
        """Write a Close, unless one has been written."""
        if self._closing.is_sent:
            return
        self._closing.is_sent = True
        self._write(self._framing.close(code, reason))

    def flush(self) -> None:
        """Write what is left over, as far as the network takes it."""
        self._wire.flush()
        if self._wire.unsent:
            return
        if self._unanswered_ping is not None:
            payload, self._unanswered_ping = self._unanswered_ping, None
            self.pong(payload)
        if self.rearm is not None:
            self.rearm()
        self._changed.unpark_all()

    async def drain(self) -> None:
        """Wait until nothing is left over, or nothing can be written any more. Cancelling this loses nothing."""
        while self._wire.unsent:
            if self.rearm is not None or self._is_draining:
                await self._changed.park()
                continue
            self._is_draining = True
            try:
                await self._wire.wait_writable()
            finally:
                self._is_draining = False
                self._changed.unpark_all()
            self.flush()

    def _ping(self) -> bytes:
        """A ping whose answer says how many messages the peer has read."""
        return self._framing.ping(b"%d" % self.sent)

    def _write(self, data: bytes) -> None:
        self._wire.send(data)
        if self._wire.unsent and self.rearm is not None:
            self.rearm()
