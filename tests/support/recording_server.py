"""A WebSocket server that accepts everybody, and keeps byte for byte what each client said."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import trio

from support.raw_websocket import CLOSE, PING, PONG, TEXT, RawPeer, accept, encode

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncGenerator


@dataclass
class Visit:
    """What one client said: its upgrade request, and its messages, the setup among them."""

    request: bytes
    messages: list[Any] = field(default_factory=list)

    @property
    def target(self) -> str:
        """Path and query."""
        return self.request.split(b" ", 2)[1].decode()

    @property
    def headers(self) -> dict[str, str]:
        """All but those that every WebSocket client sends, by their names in lower case."""
        lines = self.request.decode().split("\r\n")[1:-2]
        pairs = [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
        own = [(name, value) for name, value in pairs if name not in _HEADERS_OF_WEBSOCKET]
        assert len(dict(own)) == len(own), "a header was sent twice"
        return dict(own)

    @property
    def setup(self) -> dict[str, Any]:
        """The setup, without the wrapping."""
        [(name, setup)] = self.messages[0].items()
        assert name == "setup"
        assert isinstance(setup, dict)
        return setup


_HEADERS_OF_WEBSOCKET = {
    "host",
    "upgrade",
    "connection",
    "sec-websocket-version",
    "sec-websocket-key",
    "sec-websocket-extensions",
}


@dataclass
class RecordingServer:
    """Where it listens, and who has been there."""

    port: int
    visits: list[Visit] = field(default_factory=list)

    @property
    def visit(self) -> Visit:
        """The only one."""
        [visit] = self.visits
        return visit

    def url(self, scheme: str = "ws") -> str:
        """Its URL, without a path."""
        return f"{scheme}://127.0.0.1:{self.port}"


@asynccontextmanager
async def recording_server(ssl_context: ssl.SSLContext | None = None) -> AsyncGenerator[RecordingServer]:
    """A server on this machine, with TLS if it has a context for it."""
    async with trio.open_nursery() as nursery:
        [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
        server = RecordingServer(listener.socket.getsockname()[1])

        async def converse(stream: trio.SocketStream) -> None:
            await _converse(server, stream if ssl_context is None else _with_tls(stream, ssl_context))

        await nursery.start(trio.serve_listeners, converse, [listener])
        yield server
        nursery.cancel_scope.cancel()


def _with_tls(stream: trio.SocketStream, ssl_context: ssl.SSLContext) -> trio.abc.Stream:
    return trio.SSLStream(stream, ssl_context, server_side=True, https_compatible=True)


async def _converse(server: RecordingServer, stream: trio.abc.Stream) -> None:
    async with stream:
        peer = RawPeer(stream)
        visit = Visit(await peer.hear_http())
        server.visits.append(visit)
        await peer.say(accept(visit.request))
        while True:
            opcode, payload = await peer.hear()
            if opcode == CLOSE:
                await peer.say(encode(CLOSE, payload))
                return
            if opcode == PING:
                await peer.say(encode(PONG, payload))
                continue
            visit.messages.append(json.loads(payload))
            if len(visit.messages) == 1:
                await peer.say(encode(TEXT, b'{"setupComplete": {}}'))
