"""Servers on a real socket of this machine, which do as a test tells them."""

from __future__ import annotations

from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import trio

from livegen_trio import HandshakeError
from livegen_trio.transports._trio_websocket.transport import serve_websocket_stream
from livegen_trio.transports.base import ConnectionClosed
from support.raw_websocket import RawPeer, accepting

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from livegen_trio.transports._trio_websocket.transport import TrioWebSocketTransport, UpgradeRequest

SETUP_COMPLETE = b'{"setupComplete": {}}'


@asynccontextmanager
async def serving(
    handler: Callable[[Any], Awaitable[object]], *, tls: ssl.SSLContext | None = None
) -> AsyncGenerator[int]:
    """Serve each connection with *handler*, which is given its stream; gives the port on localhost."""
    async with trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        served = listener if tls is None else trio.SSLListener(listener, tls, https_compatible=True)
        await nursery.start(partial(trio.serve_listeners, handler, [served]))
        yield listener.socket.getsockname()[1]
        nursery.cancel_scope.cancel()


async def carry(
    port: int, client: trio.abc.Stream, *, see: Callable[[bytes | bytearray], None] = lambda _: None
) -> None:
    """Carry a client's connection to a server on localhost, until either ends; *see* is given what the server says."""

    async def copy(
        source: trio.abc.Stream, sink: trio.abc.Stream, see: Callable[[bytes | bytearray], None]
    ) -> None:
        with suppress(trio.BrokenResourceError):  # one of the two was killed, or cut off
            async for data in source:
                see(data)
                await sink.send_all(data)
        nursery.cancel_scope.cancel()

    async with await trio.open_tcp_stream("127.0.0.1", port) as server, trio.open_nursery() as nursery:
        nursery.start_soon(copy, client, server, lambda _: None)
        nursery.start_soon(copy, server, client, see)


@asynccontextmanager
async def upgrades(
    handler: Callable[[UpgradeRequest], Awaitable[object]], *, tls: ssl.SSLContext | None = None
) -> AsyncGenerator[int]:
    """Serve each WebSocket upgrade request with *handler*, until the client ends the connection."""

    async def handle(stream: trio.abc.Stream) -> None:
        async with trio.open_nursery() as nursery:
            # With TLS 1.3 a server hears only after its handshake that the client doesn't trust it.
            with suppress(ConnectionClosed, HandshakeError):
                await handler(await serve_websocket_stream(stream, nursery=nursery))

    async with serving(handle, tls=tls) as port:
        yield port


@asynccontextmanager
async def setups(
    handler: Callable[[TrioWebSocketTransport], Awaitable[object]], *, tls: ssl.SSLContext | None = None
) -> AsyncGenerator[int]:
    """Serve each WebSocket whose client has sent its setup with *handler*."""

    async def accept(request: UpgradeRequest) -> None:
        transport = await request.accept()
        await transport.receive()
        await handler(transport)

    async with upgrades(accept, tls=tls) as port:
        yield port


@asynccontextmanager
async def raw_setups(handler: Callable[[RawPeer], Awaitable[object]]) -> AsyncGenerator[int]:
    """The same, and *handler* says every byte by itself."""

    async def accept(stream: trio.SocketStream) -> None:
        peer = RawPeer(stream)
        await accepting(peer)
        await peer.hear()
        await handler(peer)

    async with serving(accept) as port:
        yield port
