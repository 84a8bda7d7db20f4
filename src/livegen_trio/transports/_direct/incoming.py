"""The receiving half of a connection: reads frames, alone or by the pump, and acts on them."""

from __future__ import annotations

import contextvars
from functools import partial
from typing import TYPE_CHECKING, Final

import trio

from ..base import ConnectionClosed
from .delivery import Delivery
from .framing import CloseFrame, Ping, Pong
from .pump import pump_of_this_run

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from .._dial.wire import Wire
    from .closing import ClosingHandshake
    from .framing import Framing, FramingError
    from .outgoing import Outgoing
    from .pump import Pump

_ABNORMAL: Final = 1006


class Incoming:
    """Reads frames from a wire: delivers messages and pongs, answers Pings and Closes. A member of the pump.

    Args:
        changed: Where tasks wait for a change of the connection. Unparked when something has been read.

    Attributes:
        delivery: Where messages and pongs go.
        is_reading: Whether a task, or the pump, waits for the peer's bytes.
        is_finished: Whether nothing more is to be delivered to the task in `deliver`.
        last_heard: The time of the last byte, by `trio.current_time`.
    """

    def __init__(
        self,
        wire: Wire,
        framing: Framing,
        outgoing: Outgoing,
        closing: ClosingHandshake,
        changed: trio.lowlevel.ParkingLot,
    ) -> None:
        self._wire = wire
        self._framing = framing
        self._outgoing = outgoing
        self._closing = closing
        self._changed = changed
        self._pump: Pump | None = None
        self._context = contextvars.copy_context()
        self.delivery = Delivery()
        self.is_reading: bool = False
        self.is_finished: bool = False
        self.last_heard: float = trio.current_time()

    # For the pump

    @property
    def sock(self) -> socket.socket:
        """The socket to wait for."""
        return self._wire.sock

    @property
    def wants_to_write(self) -> bool:
        """True while the network has not taken everything."""
        return bool(self._wire.unsent)

    def on_ready(self, now: float) -> None:
        """Write what is left over, and read what has arrived."""
        try:
            self._context.run(self.exchange, now)
        except BaseException as exc:  # noqa: ASYNC103, BLE001 - this runs in another's task; its own raises it
            self.delivery.failure = exc
            self.stop()

    # Receiving

    async def receive(self) -> bytes:
        """Wait for the next message."""
        await trio.lowlevel.checkpoint()
        while (message := self.delivery.next_kept()) is None:
            self._closing.check_open()
            await self.wait_read()
        return message

    async def deliver(self, take: Callable[[bytes | str], bool]) -> None:
        """Hand messages to *take*, until it returns False or the connection ends."""
        await trio.lowlevel.checkpoint()
        while (message := self.delivery.next_kept()) is not None:
            if not take(message):
                return
        self._closing.check_open()
        self.delivery.take = take
        try:
            await self._wait_served()
        finally:
            wants_more, self.delivery.take = self.delivery.take is take, None
        self.delivery.raise_failure()
        if wants_more:
            self._closing.check_open()

    async def _wait_served(self) -> None:
        """Have the pump read for this connection, until it is finished."""
        self._context = contextvars.copy_context()
        self._pump = pump = pump_of_this_run()
        self._outgoing.rearm = partial(pump.rearm, self)
        self.is_reading = True
        self.is_finished = False
        try:
            await pump.serve(self)
        finally:
            self._pump = self._outgoing.rearm = None
            self.is_reading = False
            self._changed.unpark_all()

    async def wait_read(self) -> None:
        """Wait until something has arrived and was read, by this task or by another."""
        if self.is_reading:
            await self._changed.park()
            return
        self.is_reading = True
        try:
            await self._wire.wait_readable()
        finally:
            self.is_reading = False
            self._changed.unpark_all()
        self.exchange(trio.current_time())

    def exchange(self, now: float) -> None:
        """Write what is left over, read what has arrived, and act on it; without waiting for either."""
        wire = self._wire
        if wire.unsent:
            self._outgoing.flush()
        if data := wire.receive():
            self.last_heard = now
        if data or wire.at_end:
            self.feed(data)

    def feed(self, data: bytes) -> None:
        """Act on the peer's next bytes, and on its end if that is known by now."""
        for event in self._framing.feed(data):
            if not isinstance(event, bytes):
                self._handle_control(event)
            elif self._closing.ending is None and not self.delivery.message(event):
                self.stop()
        if self._wire.at_end:
            self._end(ConnectionClosed(_ABNORMAL))

    def stop(self) -> None:
        """Have the task in `deliver`, and all that wait for a change, go on."""
        self.is_finished = True
        self._changed.unpark_all()
        if self._pump is not None:
            self._pump.release(self)

    def _end(self, ending: ConnectionClosed) -> None:
        self._closing.end(ending)
        self.stop()

    def _handle_control(self, event: Ping | Pong | CloseFrame | FramingError) -> None:
        match event:
            case Ping(payload=payload):
                self._outgoing.pong(payload)
            case Pong(payload=payload):
                if payload.isdigit():  # else it answers no ping of ours
                    self.delivery.pong(min(self._outgoing.sent, int(payload)))
            case CloseFrame(code=code, reason=reason):
                self._closing.is_received = True
                self._outgoing.close(code, reason)
                self._end(ConnectionClosed(code, reason))
            case _:
                self._end(ConnectionClosed(event.code, str(event), initiator="local"))
