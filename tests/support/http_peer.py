"""A server for single HTTP requests, on a real socket: it notes what it is asked and gives the answers of the test."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncGenerator, Awaitable, Callable


@dataclass
class HttpPeer:
    """The server, and what it has heard.

    Attributes:
        port: Where it listens.
        head: Of the last request, as it came.
        body: Of the last request.
        hung_up: Set when a client has hung up.
    """

    port: int = 0
    head: bytes = b""
    body: bytes = b""
    hung_up: trio.Event = field(default_factory=trio.Event)

    @property
    def request_line(self) -> str:
        """Of the last request."""
        return self.head.partition(b"\r\n")[0].decode()

    @property
    def headers(self) -> dict[str, str]:
        """Of the last request; a name that came twice is an error."""
        pairs = [line.split(": ", 1) for line in self.head.decode().split("\r\n")[1:] if line]
        headers = {name.lower(): value for name, value in pairs}
        assert len(headers) == len(pairs)
        return headers

    async def hear(self, stream: trio.abc.Stream) -> None:
        """Read a request."""
        data = b""
        while b"\r\n\r\n" not in data:
            data += await self._some(stream)
        self.head, _, body = data.partition(b"\r\n\r\n")
        while len(body) < int(self.headers["content-length"]):
            body += await self._some(stream)
        self.body = body

    async def _some(self, stream: trio.abc.Stream) -> bytes:
        data = await stream.receive_some()
        if not data:
            raise EOFError
        return bytes(data)


@asynccontextmanager
async def http_peer(
    answer: bytes | Callable[[HttpPeer, trio.abc.Stream], Awaitable[None]],
    tls: ssl.SSLContext | None = None,
) -> AsyncGenerator[HttpPeer]:
    """A server that reads a request, sends *answer*, and hangs up; or has a function deal with each client."""
    peer = HttpPeer()

    async def handle(stream: trio.SocketStream) -> None:
        encrypted = trio.SSLStream(stream, tls, server_side=True, https_compatible=True) if tls else stream
        try:
            if isinstance(answer, bytes):
                await peer.hear(encrypted)
                await encrypted.send_all(answer)
            else:
                await answer(peer, encrypted)
        except (trio.BrokenResourceError, EOFError):
            pass  # what a client does to us is not the point
        finally:
            await trio.aclose_forcefully(encrypted)

    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        await nursery.start(trio.serve_listeners, handle, listeners)
        peer.port = listeners[0].socket.getsockname()[1]
        yield peer
        nursery.cancel_scope.cancel()


def answer(status: int = 200, body: bytes = b"{}", *headers: str) -> bytes:
    """A response with its length."""
    head = "\r\n".join((f"HTTP/1.1 {status} Words", f"Content-Length: {len(body)}", *headers, "", ""))
    return head.encode() + body
