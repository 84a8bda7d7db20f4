"""WebSocket by trio-websocket: the reference transport, and the only module that knows trio-websocket and wsproto.

The stream under the WebSocket is ours: trio-websocket does not close it after every ending, and waits for ever when
the peer hangs up during the upgrade.
"""

from __future__ import annotations

import ssl
from contextlib import contextmanager, suppress
from functools import cache
from typing import TYPE_CHECKING, Final, Literal, cast
from urllib.parse import urlsplit

import trio
import trio_websocket
import wsproto.utilities

from .._errors import HandshakeError
from .._hints import diagnose_status
from .base import MAX_MESSAGE_SIZE, ConnectionClosed, Endpoint, Progress, Transport

if TYPE_CHECKING:
    from collections.abc import Generator
    from urllib.parse import SplitResult

    from .._errors import Initiator, Phase

_DEFAULT_PORTS: Final = {"ws": 80, "wss": 443}
_HEAD_SIZE: Final = 2048  # bytes; enough of a refusal to read its status line and the start of its body
_CLOSE_REASON_BYTES: Final = 123  # RFC 6455, 5.5: a control frame holds 125, two of them are the code

Opcode = Literal["text", "binary"]


async def open_websocket(
    endpoint: Endpoint,
    *,
    nursery: trio.Nursery,
    progress: Progress,
    max_message_size: int = MAX_MESSAGE_SIZE,
) -> TrioWebSocketTransport:
    """Dial *endpoint*: DNS, TCP, TLS, upgrade. The reader task lives in *nursery*.

    Raises:
        HandshakeError: With the phase that failed, and the HTTP status if the peer refused the upgrade.
    """
    url = urlsplit(endpoint.url)
    stream = await _open_stream(url, endpoint.ssl_context, progress)
    progress.phase = "upgrade"
    try:
        return await upgrade_client_stream(
            stream, endpoint, nursery=nursery, max_message_size=max_message_size
        )
    except BaseException:
        await trio.aclose_forcefully(stream)
        raise


async def upgrade_client_stream(
    stream: trio.abc.Stream,
    endpoint: Endpoint,
    *,
    nursery: trio.Nursery,
    max_message_size: int = MAX_MESSAGE_SIZE,
) -> TrioWebSocketTransport:
    """Speak WebSocket, as the client, on an open stream, which then belongs to the transport.

    Raises:
        HandshakeError: The peer refused the upgrade, hung up, or does not speak WebSocket.
    """
    transport = await nursery.start(_run_client, WatchedStream(stream), endpoint, max_message_size)
    return cast("TrioWebSocketTransport", transport)  # `start` returns what `started` was given


async def _run_client(
    stream: WatchedStream,
    endpoint: Endpoint,
    max_message_size: int,
    *,
    task_status: trio.TaskStatus[TrioWebSocketTransport],
) -> None:
    url = urlsplit(endpoint.url)
    with _reader_errors(stream):
        async with trio.open_nursery() as nursery:
            with trio.CancelScope() as opening:
                nursery.start_soon(_cancel_on_hang_up, stream, opening)
                connection = await trio_websocket.wrap_client_stream(
                    nursery,
                    cast("trio.SocketStream", stream),  # typed for sockets only, works with any stream
                    url.netloc.rpartition("@")[2],
                    url.path + (f"?{url.query}" if url.query else ""),
                    extra_headers=[(k.encode("ascii"), v.encode("ascii")) for k, v in endpoint.headers],
                    message_queue_size=0,  # the engine has a bounded buffer of its own
                    max_message_size=max_message_size,
                    receive_buffer_size=cast("int", None),  # let Trio choose: 4 KiB pieces are slow
                )
            if opening.cancelled_caught:
                raise _hung_up(stream)
            stream.opened()
            task_status.started(TrioWebSocketTransport(connection, stream, nursery, opcode="text"))


async def serve_websocket_stream(
    stream: trio.abc.Stream,
    *,
    nursery: trio.Nursery,
    max_message_size: int = MAX_MESSAGE_SIZE,
) -> UpgradeRequest:
    """Wait for a client's upgrade request on an open stream. The reader task lives in *nursery*.

    Raises:
        HandshakeError: The client hung up, or does not speak WebSocket.
    """
    request = await nursery.start(_run_server, WatchedStream(stream), max_message_size)
    return cast("UpgradeRequest", request)  # `start` returns what `started` was given


async def _run_server(
    stream: WatchedStream, max_message_size: int, *, task_status: trio.TaskStatus[UpgradeRequest]
) -> None:
    with _reader_errors(stream):
        async with trio.open_nursery() as nursery:
            with trio.CancelScope() as opening:
                nursery.start_soon(_cancel_on_hang_up, stream, opening)
                request = await trio_websocket.wrap_server_stream(
                    nursery,
                    stream,
                    message_queue_size=0,
                    max_message_size=max_message_size,
                    receive_buffer_size=cast("int", None),
                )
            if opening.cancelled_caught:
                raise _hung_up(stream)
            task_status.started(UpgradeRequest(request, stream, nursery))


class UpgradeRequest:
    """A client that asks for a WebSocket: accept it or refuse it."""

    def __init__(
        self, request: trio_websocket.WebSocketRequest, stream: WatchedStream, nursery: trio.Nursery
    ) -> None:
        self._request = request
        self._stream = stream
        self._nursery = nursery

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
        with _closed_errors():
            connection = await self._request.accept()
        self._stream.opened()
        return TrioWebSocketTransport(connection, self._stream, self._nursery, opcode=opcode)

    async def refuse(self, status_code: int, body: bytes) -> None:
        """Answer with an HTTP status and a body, and hang up."""
        headers = [(b"Content-Type", b"application/json"), (b"Connection", b"close")]
        with suppress(trio_websocket.ConnectionClosed):  # it has gone already: as good as refused
            await self._request.reject(status_code, extra_headers=headers, body=body)
        await self._stream.aclose()


class TrioWebSocketTransport(Transport):
    """A WebSocket's end. Made by `open_websocket` or `UpgradeRequest.accept`."""

    def __init__(
        self,
        connection: trio_websocket.WebSocketConnection,
        stream: WatchedStream,
        nursery: trio.Nursery,
        *,
        opcode: Opcode,
    ) -> None:
        self._connection = connection
        self._stream = stream
        self._nursery = nursery
        self._opcode = opcode
        self._ping_pending = False
        self._closed_by_us: ConnectionClosed | None = None

    @property
    def last_heard(self) -> float:
        return self._stream.last_heard

    async def send(self, frame: bytes) -> None:
        message = frame.decode() if self._opcode == "text" else frame
        with _closed_errors(self._closed_by_us):
            await self._connection.send_message(message)

    async def receive(self) -> bytes | str:
        with _closed_errors(self._closed_by_us):
            return await self._connection.get_message()

    async def ping(self) -> None:
        # The reader's nursery is open as long as nobody has hung up.
        if self._stream.hung_up.is_set():
            raise self._closed_by_us or ConnectionClosed(1006)
        # One is enough to tell a live peer from a dead one, and trio-websocket's ping() waits for its pong.
        if not self._ping_pending:
            self._ping_pending = True
            self._nursery.start_soon(self._ping_once)
        await trio.lowlevel.checkpoint()

    async def _ping_once(self) -> None:
        with suppress(ConnectionClosed), _closed_errors():
            await self._connection.ping()
        self._ping_pending = False

    async def aclose(self, code: int = 1000, reason: str = "") -> None:
        if self._connection.closed is None:
            self._closed_by_us = ConnectionClosed(code, reason, initiator="local")
        try:
            with suppress(wsproto.utilities.LocalProtocolError):  # the peer's Close has overtaken ours
                await self._connection.aclose(code, _cut(reason))
        finally:
            await self.abort()

    async def abort(self) -> None:
        self._nursery.cancel_scope.cancel(reason="the transport was closed")
        await trio.aclose_forcefully(self._stream)


class WatchedStream(trio.abc.Stream):
    """A stream that notes when it was last heard, what it heard first, and that the peer has hung up."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self.is_open = False
        self.head = b""
        self.hung_up = trio.Event()
        self.last_heard = trio.current_time()

    def opened(self) -> None:
        """The upgrade is through: what comes now is no HTTP."""
        self.is_open = True
        self.head = b""

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        try:
            await self._stream.send_all(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self.hung_up.set()
            raise

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        try:
            data = await self._stream.receive_some(max_bytes)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self.hung_up.set()
            raise
        self._note(data)
        return data

    def _note(self, data: bytes | bytearray) -> None:
        if not data:
            self.hung_up.set()
            return
        self.last_heard = trio.current_time()
        if not self.is_open:
            self.head = (self.head + data)[:_HEAD_SIZE]

    async def aclose(self) -> None:
        self.hung_up.set()
        await self._stream.aclose()


async def _open_stream(
    url: SplitResult, ssl_context: ssl.SSLContext | None, progress: Progress
) -> trio.abc.Stream:
    host, port = url.hostname or "", url.port or _DEFAULT_PORTS[url.scheme]
    # Trio looks the name up once more when it dials. The look-up alone tells a wrong name from a dead host.
    with _unreachable("dns", host, port):
        await trio.socket.getaddrinfo(host, port, type=trio.socket.SOCK_STREAM)
    progress.phase = "tcp"
    with _unreachable("tcp", host, port):
        stream = await trio.open_tcp_stream(host, port)
    if url.scheme == "ws":
        return stream
    progress.phase = "tls"
    return await _start_tls(stream, ssl_context or _default_ssl_context(), host, port)


async def _start_tls(
    stream: trio.SocketStream, context: ssl.SSLContext, host: str, port: int
) -> trio.SSLStream[trio.SocketStream]:
    tls = trio.SSLStream(stream, context, server_hostname=host, https_compatible=True)
    try:
        with _unreachable("tls", host, port):
            await tls.do_handshake()
    except BaseException:
        await trio.aclose_forcefully(stream)
        raise
    return tls


@cache  # reading the system's certificates takes tens of milliseconds
def _default_ssl_context() -> ssl.SSLContext:
    return ssl.create_default_context()


@contextmanager
def _unreachable(phase: Phase, host: str, port: int) -> Generator[None]:
    try:
        yield
    except (OSError, trio.BrokenResourceError) as exc:
        # Trio wraps the errors of the single addresses, and those of TLS, in a general one.
        cause = _first(exc.__cause__ or exc)
        raise HandshakeError(
            f"{host}:{port} can't be reached, {phase} failed: {cause}",
            phase=phase,
            retryable=not isinstance(cause, ssl.SSLCertVerificationError),
        ) from exc


@contextmanager
def _reader_errors(stream: WatchedStream) -> Generator[None]:
    """Turn the ways in which trio-websocket's reader task can fail into ours, and into no group.

    """
    try:
        yield
    except BaseExceptionGroup as group:
        errors = group.subgroup(lambda exc: not isinstance(exc, trio.Cancelled))
        if errors is None:
            raise
        error = _first(errors)
        # python-trio/trio-websocket#184: the reader crashes on a Ping that comes while we are closing.
        if isinstance(error, wsproto.utilities.LocalProtocolError) and stream.is_open:
            return
        if isinstance(error, trio_websocket.ConnectionRejected):
            error = _refused(error.status_code, error.body or b"")
        raise error from None


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _hung_up(stream: WatchedStream) -> HandshakeError:
    """The peer hung up during the upgrade; a refusal without Content-Length is one way to do so."""
    status_line, _, rest = stream.head.partition(b"\r\n")
    words = status_line.split(b" ", 2)
    if len(words) > 1 and words[0].startswith(b"HTTP/1.") and words[1].isdigit():
        return _refused(int(words[1]), rest.partition(b"\r\n\r\n")[2])
    if stream.head:
        return HandshakeError("the peer does not speak WebSocket", phase="upgrade")
    return HandshakeError("the peer hung up during the WebSocket upgrade", phase="upgrade", retryable=True)


def _refused(status_code: int, body: bytes) -> HandshakeError:
    diagnosis = diagnose_status(status_code)
    return HandshakeError(
        f"the server refused the WebSocket upgrade with HTTP status {status_code}",
        phase="upgrade",
        status_code=status_code,
        body=body[:_HEAD_SIZE],
        retryable=diagnosis.retryable,
        hint=diagnosis.hint,
    )


@contextmanager
def _closed_errors(closed_by_us: ConnectionClosed | None = None) -> Generator[None]:
    try:
        yield
    except trio_websocket.ConnectionClosed as exc:
        raise closed_by_us or _as_connection_closed(exc) from None
    except wsproto.utilities.LocalProtocolError:
        # wsproto had seen an end that trio-websocket has not got to yet.
        raise closed_by_us or ConnectionClosed(1006) from None


def _as_connection_closed(exc: trio_websocket.ConnectionClosed) -> ConnectionClosed:
    if exc.reason is None:
        return ConnectionClosed(1006)
    # trio-websocket answers an oversized message with 1009 itself; the peer has no reason to.
    initiator: Initiator = "local" if exc.reason.code == 1009 else "server"
    return ConnectionClosed(exc.reason.code, exc.reason.reason or "", initiator=initiator)


async def _cancel_on_hang_up(stream: WatchedStream, opening: trio.CancelScope) -> None:
    await stream.hung_up.wait()
    opening.cancel(reason="the peer hung up")


def _cut(reason: str) -> str:
    return reason.encode()[:_CLOSE_REASON_BYTES].decode(errors="ignore")
