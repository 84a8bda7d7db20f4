"""The other end of a WebSocket, by hand: every byte is the test's own, so that it may also be a wrong one."""

from __future__ import annotations

import base64
import hashlib
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import trio
import trio.testing

from livegen_trio.transports._dial.wire import Wire
from livegen_trio.transports._direct.masking import mask_in_python
from livegen_trio.transports._direct.transport import DirectTransport, upgrade_wire
from livegen_trio.transports._trio_websocket.transport import (
    TrioWebSocketTransport,
    serve_websocket_stream,
    upgrade_client_stream,
)
from livegen_trio.transports.base import MAX_MESSAGE_SIZE, Endpoint

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
ENDPOINT = Endpoint("ws://voice.test:8080/live?alt=json", (("x-goog-api-key", "secret-key"),))
REQUEST = (
    b"GET /live?alt=json HTTP/1.1\r\nHost: voice.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


def encode(opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0, mask: bool = False) -> bytes:
    """A frame as RFC 6455, 5.2 has it. The mask is one that changes nothing."""
    size = len(payload)
    if size < 126:
        length = bytes([size | mask << 7])
    elif size < 2**16:
        length = bytes([126 | mask << 7]) + size.to_bytes(2, "big")
    else:
        length = bytes([127 | mask << 7]) + size.to_bytes(8, "big")
    return bytes([fin << 7 | rsv << 4 | opcode]) + length + (bytes(4) if mask else b"") + payload


def encode_close(code: int, reason: bytes = b"", *, mask: bool = False) -> bytes:
    """A Close frame."""
    return encode(CLOSE, code.to_bytes(2, "big") + reason, mask=mask)


def accept(request: bytes) -> bytes:
    """The answer that opens a WebSocket (RFC 6455, 4.2.2)."""
    key = header(request, b"sec-websocket-key")
    digest = hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11", usedforsecurity=False).digest()
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + base64.b64encode(digest) + b"\r\n\r\n"
    )


def header(message: bytes, name: bytes) -> bytes:
    """The value of an HTTP header."""
    for line in message.split(b"\r\n")[1:]:
        key, _, value = line.partition(b":")
        if key.lower() == name:
            return value.strip()
    raise AssertionError(name)


class RawPeer:
    """An end of a stream that reads frames, and writes any bytes."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        self._buffer = b""

    async def say(self, *pieces: bytes) -> None:
        """Write bytes, all at once."""
        await self.stream.send_all(b"".join(pieces))

    async def hear_http(self) -> bytes:
        """The next HTTP message, without a body."""
        while b"\r\n\r\n" not in self._buffer:
            await self._more()
        message, separator, self._buffer = self._buffer.partition(b"\r\n\r\n")
        return message + separator

    async def hear_bytes(self, size: int) -> bytes:
        """Exactly so many bytes."""
        while len(self._buffer) < size:
            await self._more()
        data, self._buffer = self._buffer[:size], self._buffer[size:]
        return data

    async def hear(self) -> tuple[int, bytes]:
        """The next frame: opcode and payload."""
        first, second = await self.hear_bytes(2)
        assert first & 0x80, "the transport never fragments"
        size = second & 0x7F
        if size > 125:
            size = int.from_bytes(await self.hear_bytes(2 if size == 126 else 8), "big")
        mask = await self.hear_bytes(4) if second & 0x80 else bytes(4)
        payload = await self.hear_bytes(size)
        pad = (mask * (size // 4 + 1))[:size]
        plain = int.from_bytes(payload, "big") ^ int.from_bytes(pad, "big")
        return first & 0x0F, plain.to_bytes(size, "big")

    async def hear_long(self) -> bytes:
        """The payload of the next frame, which is long, without a loop in Python over its bytes."""
        first, second = await self.hear_bytes(2)
        assert (first, second) == (0x81, 0xFF)
        size = int.from_bytes(await self.hear_bytes(8), "big")
        mask = await self.hear_bytes(4)
        return mask_in_python(await self.hear_bytes(size), mask)

    async def hear_end(self) -> bytes:
        """Everything until the transport hangs up."""
        while data := await self.stream.receive_some():
            self._buffer += data
        rest, self._buffer = self._buffer, b""
        return rest

    async def say_end(self) -> None:
        """Hang up, but go on listening."""
        assert isinstance(self.stream, trio.abc.HalfCloseableStream)
        await self.stream.send_eof()

    def stop_listening(self) -> None:
        """Whatever the transport writes from now on is an error, but it still hears what this end says."""
        assert isinstance(self.stream, trio.SocketStream)
        self.stream.socket.shutdown(socket.SHUT_RD)

    async def hang_up(self) -> None:
        """Close the stream."""
        await self.stream.aclose()

    async def _more(self) -> None:
        data = await self.stream.receive_some()
        if not data:
            raise EOFError(self._buffer)
        self._buffer += data


async def accepting(peer: RawPeer, *after: bytes) -> None:
    """Open the WebSocket as a server, and go on at once with the bytes given."""
    await peer.say(accept(await peer.hear_http()), *after)


@asynccontextmanager
async def client_and_raw_server(
    *after: bytes, max_message_size: int = MAX_MESSAGE_SIZE, lockstep: bool = False
) -> AsyncGenerator[tuple[TrioWebSocketTransport, RawPeer]]:
    """A client's transport, and its peer. The block must end the connection: nothing is cancelled behind it."""
    ours, theirs = stream_pair(lockstep=lockstep)
    peer = RawPeer(theirs)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(accepting, peer, *after)
        transport = await upgrade_client_stream(
            ours, ENDPOINT, nursery=nursery, max_message_size=max_message_size
        )
        yield transport, peer


@asynccontextmanager
async def server_and_raw_client(
    *, max_message_size: int = MAX_MESSAGE_SIZE
) -> AsyncGenerator[tuple[TrioWebSocketTransport, RawPeer]]:
    """A server's transport, and its peer. The block must end the connection: nothing is cancelled behind it."""
    ours, theirs = stream_pair()
    peer = RawPeer(theirs)
    async with trio.open_nursery() as nursery:
        await peer.say(REQUEST)
        request = await serve_websocket_stream(ours, nursery=nursery, max_message_size=max_message_size)
        transport = await request.accept()
        await peer.hear_http()
        yield transport, peer


def socket_pair() -> tuple[Wire, trio.SocketStream]:
    """Two ends of a stream through the system, which holds little."""
    ours, theirs = socket.socketpair()
    for end in (ours, theirs):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    return Wire(ours), trio.SocketStream(trio.socket.from_stdlib_socket(theirs))


@asynccontextmanager
async def direct_and_raw_server(
    *after: bytes, max_message_size: int = MAX_MESSAGE_SIZE
) -> AsyncGenerator[tuple[DirectTransport, RawPeer]]:
    """The same as `client_and_raw_server`, straight on a socket. The peer's end is closed behind the block."""
    wire, theirs = socket_pair()
    peer = RawPeer(theirs)
    async with theirs, trio.open_nursery() as nursery:
        nursery.start_soon(accepting, peer, *after)
        transport = await upgrade_wire(wire, ENDPOINT, max_message_size=max_message_size)
        await trio.testing.wait_all_tasks_blocked()  # `accepting` may have a last checkpoint to pass
        yield transport, peer


def stream_pair(
    *, lockstep: bool = False
) -> tuple[trio.abc.HalfCloseableStream, trio.abc.HalfCloseableStream]:
    """Two ends of a stream in memory; in *lockstep* a write waits until it is read, as over a full network."""
    if lockstep:
        return trio.testing.lockstep_stream_pair()
    return trio.testing.memory_stream_pair()
