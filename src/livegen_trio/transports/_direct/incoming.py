"""The receiving half of a connection: what the peer's frames bring about, and the task that they are delivered to."""

from __future__ import annotations

import contextvars
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Final

import trio

from ..base import ConnectionClosed, ignore_delivery
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
    """Reads frames from a wire: hands over messages, answers Pings and Closes, counts pongs. A member of the pump.

    Messages that come while nobody is delivered to are kept, in order with the pongs that come between them.

    Args:
        changed: Where tasks wait for a change of the connection. Unparked when something has been read.

    Attributes:
        is_reading: Whether a task, or the pump, waits for the peer's bytes.
        is_finished: Whether nothing more is to be delivered to the task that is delivered to.
        last_heard: When the last byte arrived, in `trio.current_time` seconds.
        note_delivery: Called with the number of messages that the peer has read, by each pong.
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
        self._take: Callable[[bytes], bool] | None = None
        self._kept: deque[bytes | int] = deque()  # messages, and what the pongs between them say
        self._failure: BaseException | None = None
        self.is_reading: bool = False
        self.is_finished: bool = False
        self.last_heard: float = trio.current_time()
        self.note_delivery: Callable[[int], None] = ignore_delivery

    # What the pump needs

    @property
    def sock(self) -> socket.socket:
        """The socket to wait for."""
        return self._wire.sock

    @property
    def wants_to_write(self) -> bool:
        """Whether the network has not taken all yet."""
        return bool(self._wire.unsent)

    def on_ready(self, now: float) -> None:
        """Write what waits, and read what has arrived."""
        try:
            self._context.run(self.exchange, now)
        except BaseException as exc:  # noqa: ASYNC103, BLE001 - the pump's task is another's; this one's own shall raise it
            self._failure = exc
            self.stop()

    # Receiving

    async def receive(self) -> bytes:
        """Wait for the next message."""
        await trio.lowlevel.checkpoint()
        while (message := self._next_kept()) is None:
            self._closing.check_open()
            await self.wait_read()
        return message

    async def deliver(self, take: Callable[[bytes | str], bool]) -> None:
        """Hand over messages, until *take* returns False or the connection ends."""
        await trio.lowlevel.checkpoint()
        while (message := self._next_kept()) is not None:
            if not take(message):
                return
        self._closing.check_open()
        self._take = take
        try:
            await self._serve()
        finally:
            wants_more, self._take = self._take is take, None
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
        if wants_more:
            self._closing.check_open()

    async def _serve(self) -> None:
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
        """Write what waits, read what has arrived, and act on it; without waiting for either."""
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
            elif self._closing.ending is None:  # else nobody wants it any more
                self._pass_on(event)
        if self._wire.at_end:
            self.end(ConnectionClosed(_ABNORMAL))

    def end(self, ending: ConnectionClosed) -> None:
        """Note that nothing more comes which anybody wants."""
        self._closing.end(ending)
        self.stop()

    def stop(self) -> None:
        """Have the task that is delivered to, and all that wait for a change, go on."""
        self.is_finished = True
        self._changed.unpark_all()
        if self._pump is not None:
            self._pump.release(self)

    def drop_kept(self) -> None:
        """Give up the messages that nobody has received."""
        self._kept.clear()

    def _pass_on(self, message: bytes) -> None:
        if self._take is None:
            self._kept.append(message)
            return
        try:
            wants_more = self._take(message)
        except BaseException as exc:  # noqa: ASYNC103, BLE001 - its own task raises it; what comes behind is kept
            self._failure = exc
            wants_more = False
        if not wants_more:
            self._take = None
            self.stop()

    def _next_kept(self) -> bytes | None:
        """Take the next message that was kept, and note the pongs that came before it."""
        while self._kept:
            item = self._kept.popleft()
            if isinstance(item, bytes):
                return item
            self.note_delivery(item)
        return None

    def _handle_control(self, event: Ping | Pong | CloseFrame | FramingError) -> None:
        match event:
            case Ping(payload=payload):
                self._outgoing.pong(payload)
            case Pong(payload=payload):
                if payload.isdigit():  # else it answers no ping of ours
                    self._note_pong(min(self._outgoing.sent, int(payload)))
            case CloseFrame(code=code, reason=reason):
                self._closing.is_received = True
                self._outgoing.close(code, reason)
                self.end(ConnectionClosed(code, reason))
            case _:
                self.end(ConnectionClosed(event.code, str(event), initiator="local"))

    def _note_pong(self, messages: int) -> None:
        """Note how much the peer has read; but not before the messages that came before the pong are received."""
        if not self._kept:
            self.note_delivery(messages)
        elif isinstance(self._kept[-1], int):
            self._kept[-1] = messages  # the later one says more
        else:
            self._kept.append(messages)
