"""WebSocket straight on a socket: the transport for many sessions, or for little CPU.

A frame goes out by one system call of the task that sends it, and what arrives is handed over by whichever task reads
for all; see `pump`. `trio_websocket` does the same by means of a library, on any stream and any system.
"""

from __future__ import annotations

import contextvars
from collections import deque
from typing import TYPE_CHECKING, Final

import trio

from ..._errors import HandshakeError
from .._refusal import HEAD_SIZE, hide_secrets, not_upgraded, read_refusal
from ..base import MAX_MESSAGE_SIZE, ConnectionClosed, Transport, cut_reason, nobody_watches
from .framing import CloseFrame, Framing, FramingError, Ping, Pong
from .pump import pump_of_this_run
from .upgrade import NotUpgraded, Upgrade

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from .._dial.wire import Wire
    from ..base import Endpoint
    from .pump import Pump

_NORMAL: Final = 1000
_ABNORMAL: Final = 1006
_BODY_TIMEOUT: Final = 1.0  # seconds; once a refusal's status is known, its body is not worth a longer wait


async def upgrade_wire(
    wire: Wire, endpoint: Endpoint, *, max_message_size: int = MAX_MESSAGE_SIZE
) -> DirectTransport:
    """Speak WebSocket, as the client, on an open wire, which from now on is closed with the WebSocket.

    Raises:
        HandshakeError: The peer refused the upgrade, hung up, or does not speak WebSocket.
    """
    try:
        first_bytes = await _upgrade(wire, endpoint)
    except HandshakeError as error:
        wire.close()
        error.body = hide_secrets(error.body, endpoint.headers)
        raise
    except BaseException:
        wire.close()
        raise
    transport = DirectTransport(wire, Framing(max_message_size=max_message_size))
    transport.feed(first_bytes)
    return transport


async def _upgrade(wire: Wire, endpoint: Endpoint) -> bytes:
    """The first bytes behind the answer."""
    upgrade = Upgrade(endpoint)
    wire.send(upgrade.request)
    await wire.drain()
    head = b""
    try:
        while upgrade.trailing_data is None:
            if data := wire.receive():
                head = (head + data)[:HEAD_SIZE]
                upgrade.feed(data)
            elif wire.at_end:
                raise not_upgraded(head, hung_up=True)
            else:
                await wire.wait_readable()
    except NotUpgraded:
        pass
    else:
        return upgrade.trailing_data
    raise not_upgraded(await _rest_of_refusal(wire, head), hung_up=False)


async def _rest_of_refusal(wire: Wire, head: bytes) -> bytes:
    """*head* with what else comes soon, if it is the head of a refusal."""
    if read_refusal(head) is None:
        return head
    with trio.move_on_after(_BODY_TIMEOUT):
        while len(head) < HEAD_SIZE and not wire.at_end:
            await wire.wait_readable()
            head += wire.receive()
    return head[:HEAD_SIZE]


class DirectTransport(Transport):
    """A WebSocket's client end. Made by `upgrade_wire`.

    It reads, and so answers Pings and Closes, only while somebody receives, delivers or closes.
    """

    def __init__(self, wire: Wire, framing: Framing) -> None:
        self._wire = wire
        self._framing = framing
        self._pump: Pump | None = None
        self._context = contextvars.copy_context()
        self._messages: deque[bytes] = deque()
        self._take: Callable[[bytes], bool] = self._keep
        self._changing = trio.lowlevel.ParkingLot()
        self._is_reading = False
        self._is_writing = False
        self._sent = 0
        self._note_delivery: Callable[[int], None] = nobody_watches
        self._last_heard = trio.current_time()
        self._ending: ConnectionClosed | None = None
        self._has_said_close = False
        self._has_heard_close = False
        self._owed: bytes | None = None
        self._failure: BaseException | None = None
        self.is_finished: bool = False

    @property
    def sock(self) -> socket.socket:
        """To wait for."""
        return self._wire.sock

    @property
    def wants_to_write(self) -> bool:
        """Whether the network has not taken all yet."""
        return bool(self._wire.unsent)

    @property
    def last_heard(self) -> float:
        return self._last_heard

    def watch_delivery(self, note: Callable[[int], None]) -> None:
        self._note_delivery = note

    # Sending

    def send_nowait(self, frame: bytes, *, ping: bool = False) -> bool:
        if not self._can_write_now:
            return False
        data = self._framing.text(frame)
        self._sent += 1
        self._write(data + self._ping() if ping else data)
        return True

    def ping_nowait(self) -> bool:
        if not self._can_write_now:
            return False
        self._write(self._ping())
        return True

    async def send(self, frame: bytes) -> None:
        await self._until_writable()
        self._wire.send(self._framing.text(frame))
        self._sent += 1
        await self._drain()

    async def ping(self) -> None:
        await self._until_writable()
        self._wire.send(self._ping())
        await self._drain()

    @property
    def _can_write_now(self) -> bool:
        wire = self._wire
        return not (self._ending is not None or wire.unsent or wire.is_broken)

    def _ping(self) -> bytes:
        """Its answer says how much of what was sent has been read."""
        return self._framing.ping(b"%d" % self._sent)

    def _write(self, data: bytes) -> None:
        self._wire.send(data)
        if self._wire.unsent:
            self._rearm()

    async def _until_writable(self) -> None:
        await trio.lowlevel.checkpoint()
        await self._drain()
        if not self._is_reading:
            self._exchange(trio.current_time())  # the peer may have said Close, and nobody has looked
        self._check_open()
        if self._wire.is_broken:
            raise ConnectionClosed(_ABNORMAL)  # whoever reads is still to find out how it ended

    async def _drain(self) -> None:
        """Wait until the network has taken all."""
        if self._wire.unsent:
            self._rearm()
        while self._wire.unsent:
            if self._pump is not None or self._is_writing:
                await self._changing.park()
                continue
            self._is_writing = True
            try:
                await self._wire.wait_writable()
            finally:
                self._is_writing = False
                self._changing.unpark_all()
            self._flush()

    def _flush(self) -> None:
        """Write what waits, as far as the network takes it; if that is all, whoever waits for it goes on."""
        self._wire.flush()
        if self._wire.unsent:
            return
        if self._owed is not None:
            payload, self._owed = self._owed, None
            self._answer(payload)
        self._rearm()
        self._changing.unpark_all()

    def _rearm(self) -> None:
        if self._pump is not None:
            self._pump.rearm(self)

    # Receiving

    async def receive(self) -> bytes:
        await trio.lowlevel.checkpoint()
        while not self._messages:
            self._check_open()
            await self._read()
        return self._messages.popleft()

    async def deliver(self, take: Callable[[bytes | str], bool]) -> None:
        await trio.lowlevel.checkpoint()
        while self._messages:
            if not take(self._messages.popleft()):
                return
        self._check_open()
        self._take = take
        self._context = contextvars.copy_context()
        self._is_reading = True
        self.is_finished = False
        self._pump = pump_of_this_run()
        try:
            await self._pump.serve(self)
        finally:
            self._pump = None
            self._is_reading = False
            wants_more = self._take is take
            self._take = self._keep
            self._changing.unpark_all()
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
        if wants_more:
            self._check_open()

    async def _read(self) -> None:
        """Wait until something has arrived, or whoever reads has found something."""
        if self._is_reading:
            await self._changing.park()
            return
        self._is_reading = True
        try:
            await self._wire.wait_readable()
        finally:
            self._is_reading = False
            self._changing.unpark_all()
        self._exchange(trio.current_time())

    def on_ready(self, now: float) -> None:
        """Write what waits, and read what has arrived."""
        try:
            self._context.run(self._exchange, now)
        # An interrupt, say, that came up while another connection's task was at it: this one's own task is to know.
        except BaseException as exc:  # noqa: ASYNC103, BLE001
            self._failure = exc
            self._stop()

    def _exchange(self, now: float) -> None:
        wire = self._wire
        if wire.unsent:
            self._flush()
        if data := wire.receive():
            self._last_heard = now
        if data or wire.at_end:
            self.feed(data)

    def feed(self, data: bytes) -> None:
        """Take what the peer's bytes say, and its end if that is known by now."""
        for event in self._framing.feed(data):
            if not isinstance(event, bytes):
                self._take_control(event)
            elif self._ending is None:  # else nobody wants it any more
                self._pass_on(event)
        if self._wire.at_end:
            self._end(ConnectionClosed(_ABNORMAL))

    def _pass_on(self, message: bytes) -> None:
        try:
            wants_more = self._take(message)
        except BaseException as exc:  # noqa: ASYNC103, BLE001 - its own task is to know; what comes behind is kept
            self._failure = exc
            wants_more = False
        if not wants_more:
            self._take = self._keep
            self._stop()

    def _keep(self, message: bytes) -> bool:
        self._messages.append(message)
        return True

    def _take_control(self, event: Ping | Pong | CloseFrame | FramingError) -> None:
        match event:
            case Ping(payload=payload):
                self._answer(payload)
            case Pong(payload=payload):
                if payload.isdigit():  # else it is none of ours
                    self._note_delivery(min(self._sent, int(payload)))
            case CloseFrame(code=code, reason=reason):
                self._has_heard_close = True
                if not self._has_said_close:
                    self._has_said_close = True
                    self._wire.send(self._framing.close(code, reason))
                self._end(ConnectionClosed(code, reason))
            case _:
                self._end(ConnectionClosed(event.code, str(event), initiator="local"))

    def _answer(self, payload: bytes) -> None:
        """Answer a Ping; or the last of many, where the peer takes no answers (RFC 6455, 5.5.3)."""
        if self._has_said_close:
            return
        if self._wire.unsent:
            self._owed = payload
            return
        self._write(self._framing.pong(payload))

    # Ending

    async def aclose(self, code: int = 1000, reason: str = "") -> None:
        if self._ending is None:
            self._ending = ConnectionClosed(code, cut_reason(reason), initiator="local")
            self._messages.clear()
        try:
            await trio.lowlevel.checkpoint()
            if self._ending.initiator == "local" and not self._wire.is_closed:
                await self._say_goodbye(self._ending)
        finally:
            await self.abort()  # noqa: ASYNC102 - it doesn't wait

    async def abort(self) -> None:
        if self._ending is None:
            self._ending = ConnectionClosed(_ABNORMAL, initiator="local")
            self._messages.clear()
        self._stop()  # first: the pump has to let go of the socket while that is open
        self._wire.close()
        await trio.lowlevel.checkpoint()

    async def _say_goodbye(self, ending: ConnectionClosed) -> None:
        if not self._has_said_close:
            self._has_said_close = True
            code = _NORMAL if ending.code == _ABNORMAL else ending.code  # that one can't be said
            self._wire.send(self._framing.close(code, ending.reason))
        await self._drain()
        while not (self._has_heard_close or self._wire.at_end):
            await self._read()

    def _end(self, ending: ConnectionClosed) -> None:
        """Nothing more comes that anybody wants. The first ending counts."""
        self._ending = self._ending or ending
        self._stop()

    def _stop(self) -> None:
        self.is_finished = True
        self._changing.unpark_all()
        if self._pump is not None:
            self._pump.release(self)

    def _check_open(self) -> None:
        if self._ending is not None:
            raise self._ending.again()
