"""WebSocket by trio-websocket: the reference transport.

trio-websocket opens the connection, reads it, and answers Pings and Closes. What this side sends goes past it, frame
by frame: its own `send_message` would hold up its reader, and its own `aclose` makes that crash on a Ping that
comes meanwhile (python-trio/trio-websocket#184), and may swallow a cancellation (trio#1559). The stream below is
ours, too, since it does not close it after every ending.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, TypeVar, cast

import trio
import trio_websocket
import wsproto.connection
import wsproto.events
import wsproto.utilities
from trio.lowlevel import enable_ki_protection

from ..._errors import HandshakeError
from .._causes import first_error
from .._refusal import hide_secrets, not_upgraded, refused
from ..base import MAX_MESSAGE_SIZE, ConnectionClosed, Endpoint, Transport, cut_reason
from .pong_order import PongOrder
from .watched_stream import WatchedStream

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator

    from ..._errors import Initiator

_ABNORMAL: Final = 1006
# Leaves it to Trio, since 4 KiB pieces are slow. Typed as an int by mistake.
_ANY_BUFFER_SIZE: Final = cast("int", None)
_UNBUFFERED: Final = 0  # messages; the engine has a bounded buffer of its own

Opcode: TypeAlias = Literal["text", "binary"]
_T = TypeVar("_T")


async def upgrade_client_stream(
    stream: trio.abc.Stream,
    endpoint: Endpoint,
    *,
    nursery: trio.Nursery,
    max_message_size: int = MAX_MESSAGE_SIZE,
) -> TrioWebSocketTransport:
    """Speak WebSocket, as the client, on an open stream, which from now on is closed with the WebSocket.

    Raises:
        HandshakeError: The peer refused the upgrade, hung up, or does not speak WebSocket.
    """
    watched = WatchedStream(stream)
    wrap = partial(
        trio_websocket.wrap_client_stream,
        stream=cast("trio.SocketStream", watched),  # typed for sockets only, works with any stream
        host=endpoint.authority,
        resource=endpoint.target,
        extra_headers=[(name.encode(), value.encode()) for name, value in endpoint.headers],
        message_queue_size=_UNBUFFERED,
        max_message_size=max_message_size,
        receive_buffer_size=_ANY_BUFFER_SIZE,
    )
    try:
        connection, scope = await nursery.start(_keep_reading, watched, wrap)
    except HandshakeError as error:
        error.body = hide_secrets(error.body, endpoint.headers)
        raise
    return TrioWebSocketTransport(connection, watched, scope, opcode="text")


async def serve_websocket_stream(
    stream: trio.abc.Stream,
    *,
    nursery: trio.Nursery,
    max_message_size: int = MAX_MESSAGE_SIZE,
) -> UpgradeRequest:
    """Wait for a client's upgrade request on an open stream, which from now on is closed with the WebSocket.

    The reader task lives in *nursery*.

    Raises:
        HandshakeError: The client hung up, or does not speak WebSocket.
    """
    watched = WatchedStream(stream)
    wrap = partial(
        trio_websocket.wrap_server_stream,
        stream=watched,
        message_queue_size=_UNBUFFERED,
        max_message_size=max_message_size,
        receive_buffer_size=_ANY_BUFFER_SIZE,
    )
    request, scope = await nursery.start(_keep_reading, watched, wrap)
    return UpgradeRequest(request, watched, scope)


class UpgradeRequest:
    """A client that asks for a WebSocket: accept it or refuse it."""

    def __init__(
        self, request: trio_websocket.WebSocketRequest, stream: WatchedStream, scope: trio.CancelScope
    ) -> None:
        self._request = request
        self._stream = stream
        self._scope = scope

    @property
    def target(self) -> str:
        """Path and query, as the client sent them."""
        return self._request.path

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """The request's headers; names in lower case."""
        return self._request.headers

    async def accept(self, *, opcode: Opcode = "binary") -> TrioWebSocketTransport:
        """Open the WebSocket. Frames are sent with *opcode*; the real service's are binary."""
        connection = await self._request.accept()
        return TrioWebSocketTransport(connection, self._stream, self._scope, opcode=opcode)

    async def refuse(self, status_code: int, body: bytes) -> None:
        """Answer with an HTTP status and a body, and hang up."""
        headers = [(b"Content-Type", b"application/json"), (b"Connection", b"close")]
        try:
            await self._request.reject(status_code, extra_headers=headers, body=body)
        finally:
            await self._stream.hang_up()  # noqa: ASYNC102 - at once, also when it is cancelled


class TrioWebSocketTransport(Transport):
    """A WebSocket's end. Made by `upgrade_client_stream` or `UpgradeRequest.accept`."""

    def __init__(
        self,
        connection: trio_websocket.WebSocketConnection,
        stream: WatchedStream,
        scope: trio.CancelScope,
        *,
        opcode: Opcode,
    ) -> None:
        kind = wsproto.connection.CLIENT if connection.is_client else wsproto.connection.SERVER
        self._outgoing = wsproto.connection.Connection(kind)
        self._connection = connection
        self._stream = stream
        self._scope = scope
        self._opcode = opcode
        self._sent = 0
        self._pongs = PongOrder(connection)
        self._ending: ConnectionClosed | None = None
        self._close = b""
        self._peer_must_hang_up = False

    @property
    def last_heard(self) -> float:
        return self._stream.last_heard

    def watch_delivery(self, note: Callable[[int], None]) -> None:
        self._pongs.note = note

    @enable_ki_protection
    async def send(self, frame: bytes) -> None:
        if self._opcode == "text":
            await self._write(wsproto.events.TextMessage(data=frame.decode()))
        else:
            await self._write(wsproto.events.BytesMessage(data=frame))
        self._sent += 1

    @enable_ki_protection
    async def ping(self) -> None:
        payload = self._pongs.expect_after(self._sent)
        await self._write(wsproto.events.Ping(payload=payload))

    @enable_ki_protection
    async def receive(self) -> bytes | str:
        self._check_open()
        try:
            with self._pongs.receiving():
                message = await self._connection.get_message()
        except trio_websocket.ConnectionClosed as closed:
            raise self._end(closed) from None
        self._check_open()  # a frame that comes after our own Close is dropped
        return message

    @enable_ki_protection
    async def aclose(self, code: int = 1000, reason: str = "") -> None:
        try:
            if self._connection.closed is not None:
                await self._drop_until_close()
            if self._ending is None:
                self._ending = ConnectionClosed(code, cut_reason(reason), initiator="local")
            await self._close_in_order(self._ending)
        finally:
            await self.abort()  # noqa: ASYNC102 - at once, also when it is cancelled

    @enable_ki_protection
    async def abort(self) -> None:
        if self._ending is None and self._connection.closed is None:
            self._ending = ConnectionClosed(_ABNORMAL, initiator="local")
        self._scope.cancel(reason="the transport was closed")
        await self._stream.hang_up()

    async def _write(self, event: wsproto.events.Event) -> None:
        if self._connection.closed is not None:
            await self._drop_until_close()
        self._check_open()
        if not await self._stream.write(self._outgoing.send(event)):
            self._check_open()
            raise ConnectionClosed(_ABNORMAL)  # the reader is still to find out how it ended

    async def _close_in_order(self, ending: ConnectionClosed) -> None:
        if ending.initiator == "server":
            return  # its Close has been answered, or it has gone
        if not self._close:
            event = wsproto.events.CloseConnection(code=ending.code, reason=ending.reason)
            self._close = self._outgoing.send(event)
        # It goes out once; a second call only waits for that.
        await self._stream.write(self._close)
        if not self._stream.close_written:
            return  # the peer can't be reached any more
        await self._drop_until_close()
        if self._peer_must_hang_up:
            await self._stream.hung_up.wait()

    async def _drop_until_close(self) -> None:
        """Drop what the peer still sends, until it has closed or hung up."""
        try:
            while True:
                await self._connection.get_message()
        except trio_websocket.ConnectionClosed as closed:
            self._end(closed)

    def _check_open(self) -> None:
        if self._ending is not None:
            raise self._ending.again()

    def _end(self, closed: trio_websocket.ConnectionClosed) -> ConnectionClosed:
        if self._ending is None:
            self._ending = self._diagnose(closed)
        return self._ending.again()

    def _diagnose(self, closed: trio_websocket.ConnectionClosed) -> ConnectionClosed:
        if closed.reason is None:  # the reader was cancelled, with the nursery that it lives in
            return ConnectionClosed(_ABNORMAL, initiator="local")
        code = int(closed.reason.code)
        # Two endings of trio-websocket's own look like a Close of the peer's. One is a message beyond the limit: that
        # closes the channel's receiving end. The other is a malformed frame: that is not answered.
        too_big = isinstance(closed.__context__, trio.ClosedResourceError)
        malformed = code != _ABNORMAL and not self._stream.close_relayed
        self._peer_must_hang_up = too_big or malformed
        initiator: Initiator = "local" if self._peer_must_hang_up else "server"
        return ConnectionClosed(code, closed.reason.reason or "", initiator=initiator)


@enable_ki_protection
async def _keep_reading(
    stream: WatchedStream,
    wrap: Callable[[trio.Nursery], Awaitable[_T]],
    *,
    task_status: trio.TaskStatus[tuple[_T, trio.CancelScope]],
) -> None:
    """Open a WebSocket with *wrap*, and run the reader that it starts. However that ends, the stream is closed."""
    scope = trio.CancelScope()
    try:
        with scope:
            with _reader_errors(stream):
                async with trio.open_nursery() as nursery:
                    opened = await _open(stream, wrap, nursery)
                    stream.opened()
                    task_status.started((opened, scope))
            # The reader may give up before the peer does. Closing now, with bytes unread, would reset the connection,
            # and our Close would be lost with it.
            await stream.drain()
    finally:
        # A cancellation would take the place of an error on its way (trio#1559).
        with trio.CancelScope(shield=True):
            await stream.hang_up()  # noqa: ASYNC102 - at once


async def _open(
    stream: WatchedStream, wrap: Callable[[trio.Nursery], Awaitable[_T]], nursery: trio.Nursery
) -> _T:
    with stream.opening:
        return await wrap(nursery)
    raise not_upgraded(stream.head, hung_up=True)


@contextmanager
def _reader_errors(stream: WatchedStream) -> Generator[None]:
    """Let out of the reader's nursery what matters, and not in a group."""
    try:
        yield
    except BaseExceptionGroup as group:
        if interrupts := group.subgroup((KeyboardInterrupt, SystemExit)):
            raise first_error(interrupts) from None
        failures = group.subgroup(Exception)
        if failures is None:
            raise
        error = first_error(failures)
        if not stream.is_open:
            raise _opening_error(error, stream.head) from None
        if not isinstance(error, wsproto.utilities.ProtocolError):
            raise error from None
        # python-trio/trio-websocket#184: after its own Close, the reader crashes on a Ping. It was at its end anyway.


def _opening_error(error: BaseException, head: bytes) -> HandshakeError:
    if isinstance(error, HandshakeError):
        return error
    if isinstance(error, trio_websocket.ConnectionRejected):
        return refused(error.status_code, error.body or b"")
    failure = not_upgraded(head, hung_up=False)  # h11 and wsproto choke on such a peer in several ways
    failure.__cause__ = error
    return failure
