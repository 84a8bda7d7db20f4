"""Peers that answer anything at all: a dial ends, and with no error but ours."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import trio
from hypothesis import given, settings, strategies as st

from livegen_trio import HandshakeError
from livegen_trio.transports._dial.tunnel import open_tunnel
from livegen_trio.transports._https import post_json
from livegen_trio.transports._opening import open_websocket
from livegen_trio.transports.base import ConnectionClosed, Endpoint, Progress
from support.authority import client_context, server_context
from support.raw_websocket import TEXT, accept, encode

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from livegen_trio.transports.base import TransportName

HTTP = [
    b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.1 200 Connection established\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\n",
    b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.0 999 \r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"Upgrade: websocket\r\nConnection: Upgrade\r\n",
    b"Sec-WebSocket-Accept: x\r\n",
    b"Content-Length: 5\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"\r\n",
    b'5\r\n{"a":\r\n',
    b"0\r\n\r\n",
    b"<html>log in</html>",
]
SOCKS = [
    b"\x05\x00",
    b"\x05\x02",
    b"\x05\xff",
    b"\x01\x00",
    b"\x05\x00\x00\x01",
    b"\x05\x00\x00\x03\x05",
    b"\x04Z",
]
TLS = [
    b"\x16\x03\x03\x00\x05",
    b"\x15\x03\x03\x00\x02\x02\x28",
    b"\x17\x03\x03\x00\x03abc",
    b"\x16\x03\x01\xff\xff",
]


def answers(known: list[bytes]) -> st.SearchStrategy[list[bytes]]:
    return st.lists(st.one_of(st.sampled_from(known), st.binary(min_size=1, max_size=20)), max_size=6)


def serve(
    converse: Callable[[trio.SocketStream], Awaitable[None]], dial: Callable[[int], Awaitable[None]]
) -> None:
    """Dial a server, in a run of Trio's own, which has to end soon."""

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
            nursery.start_soon(trio.serve_listeners, converse, [listener])
            with trio.fail_after(5):
                await dial(listener.socket.getsockname()[1])
            nursery.cancel_scope.cancel()

    trio.run(main)


def against(answer: list[bytes], dial: Callable[[int], Awaitable[None]]) -> None:
    """Dial a peer that waits for the first bytes, gives an answer piece by piece, and hangs up."""

    async def converse(stream: trio.SocketStream) -> None:
        with suppress(trio.BrokenResourceError):
            async with stream:
                await stream.receive_some()
                for piece in answer:
                    await stream.send_all(piece)

    serve(converse, dial)


async def open_and_receive(scheme: str, transport: TransportName, port: int) -> None:
    context = client_context() if scheme == "wss" else None
    endpoint = Endpoint(f"{scheme}://127.0.0.1:{port}/", ssl_context=context, transport=transport)
    async with trio.open_nursery() as nursery:
        with suppress(HandshakeError):
            opened = await open_websocket(endpoint, nursery=nursery, progress=Progress())
            with suppress(ConnectionClosed):
                while True:
                    await opened.receive()
            await opened.abort()


async def post(port: int) -> None:
    with suppress(HandshakeError):
        await post_json(Endpoint(f"http://127.0.0.1:{port}/"), b"{}")


async def tunnel(scheme: str, port: int) -> None:
    with suppress(HandshakeError):
        stream = await open_tunnel(f"{scheme}://ann:password@127.0.0.1:{port}", "voice.test", 443)
        await stream.aclose()


@settings(max_examples=60, deadline=None)
@given(answers(HTTP), st.sampled_from(["direct", "trio-websocket"]))
def test_to_an_upgrade(answer: list[bytes], transport: TransportName) -> None:
    against(answer, partial(open_and_receive, "ws", transport))


@settings(max_examples=60, deadline=None)
@given(answers(TLS), st.sampled_from(["direct", "trio-websocket"]))
def test_to_tls(answer: list[bytes], transport: TransportName) -> None:
    against(answer, partial(open_and_receive, "wss", transport))


@settings(max_examples=40, deadline=None)
@given(answers(HTTP))
def test_to_a_request(answer: list[bytes]) -> None:
    against(answer, post)


@settings(max_examples=60, deadline=None)
@given(st.one_of(answers(HTTP), answers(SOCKS)), st.sampled_from(["http", "socks5h"]))
def test_to_a_proxys_client(answer: list[bytes], scheme: str) -> None:
    against(answer, partial(tunnel, scheme))


class Garbling(trio.abc.Stream):
    """Writes other bytes in place of those at *start*."""

    def __init__(self, stream: trio.abc.Stream, start: int, garbage: bytes) -> None:
        self._stream = stream
        self._start = start
        self._garbage = garbage

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        start, self._start = self._start, self._start - len(data)
        changed = bytearray(data)
        if 0 <= start < len(data):
            changed[start : start + len(self._garbage)] = self._garbage
        await self._stream.send_all(changed)

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        return await self._stream.receive_some(max_bytes)

    async def aclose(self) -> None:
        await self._stream.aclose()


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 4000), st.binary(min_size=1, max_size=40), st.sampled_from(["direct", "trio-websocket"])
)
def test_within_tls(start: int, garbage: bytes, transport: TransportName) -> None:
    async def converse(stream: trio.SocketStream) -> None:
        garbled = Garbling(stream, start, garbage)
        tls = trio.SSLStream(garbled, server_context("127.0.0.1"), server_side=True, https_compatible=True)
        # A record that claims to be longer than it is leaves both sides waiting.
        with suppress(trio.BrokenResourceError), trio.move_on_after(0.1):
            async with stream:
                request = bytes(await tls.receive_some())
                await tls.send_all(accept(request) + encode(TEXT, b"one") * 50)

    serve(converse, partial(open_and_receive, "wss", transport))
