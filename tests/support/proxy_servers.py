"""Proxies on this machine, written byte by byte: they lead wherever a test says, whatever name they are asked for."""

from __future__ import annotations

import base64
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import trio
import trio.testing

from support.loopback import serving

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncGenerator, Awaitable, Callable

USER, PASSWORD = "ann", "pass:word-0123456789"


@dataclass
class ProxyServer:
    """Where it listens, and what it was asked for.

    Attributes:
        leads_to: The port that every tunnel ends at.
        wants_credentials: Whether it lets only `USER` in.
        refusal: Answered in place of opening a tunnel.
        targets: Host and port, as it was asked for them.
        carried: Bytes of clients that went through.
    """

    leads_to: int
    wants_credentials: bool = False
    refusal: bytes | None = None
    port: int = 0
    targets: list[tuple[str, int]] = field(default_factory=list)
    carried: bytearray = field(default_factory=bytearray)

    def url(self, scheme: str, *, user: str = "", password: str = "") -> str:
        """Its URL, perhaps with credentials, which are escaped already."""
        credentials = f"{user}:{password}@" if user else ""
        return f"{scheme}://{credentials}127.0.0.1:{self.port}"

    async def serve_http(self, stream: trio.abc.Stream) -> None:
        """CONNECT, in an answer that comes in two pieces."""
        head = b""
        while b"\r\n\r\n" not in head:
            head += await _some(stream)
        request, *headers = head.decode().split("\r\n")[:-2]
        assert request.startswith("CONNECT "), request
        host, _, port = request.split(" ")[1].rpartition(":")
        self.targets.append((host, int(port)))
        expected = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if self.wants_credentials and f"Proxy-Authorization: Basic {expected}" not in headers:
            await stream.send_all(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
        elif self.refusal is not None:
            await stream.send_all(self.refusal)
        else:
            await stream.send_all(b"HTTP/1.1 200 Connection established\r\nServer: test")
            await trio.testing.wait_all_tasks_blocked()
            await stream.send_all(b"\r\n\r\n")
            await self._carry(stream)

    async def serve_socks(self, stream: trio.abc.Stream) -> None:
        """SOCKS 5."""
        _, count = await _exactly(stream, 2)
        methods = await _exactly(stream, count)
        method = 2 if self.wants_credentials else 0
        if method not in methods:
            await stream.send_all(b"\x05\xff")
            return
        await stream.send_all(bytes([5, method]))
        if method and not await self._identify(stream):
            return
        _, _, _, kind = await _exactly(stream, 4)
        if kind == 3:
            host = (await _exactly(stream, (await _exactly(stream, 1))[0])).decode()
        else:
            host = ".".join(str(byte) for byte in await _exactly(stream, 4))
        self.targets.append((host, int.from_bytes(await _exactly(stream, 2), "big")))
        if self.refusal is not None:
            await stream.send_all(self.refusal)
            return
        await stream.send_all(b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x00")
        await self._carry(stream)

    async def _identify(self, stream: trio.abc.Stream) -> bool:
        _, size = await _exactly(stream, 2)
        user = await _exactly(stream, size)
        password = await _exactly(stream, (await _exactly(stream, 1))[0])
        is_known = (user.decode(), password.decode()) == (USER, PASSWORD)
        await stream.send_all(b"\x01\x00" if is_known else b"\x01\x01")
        return is_known

    async def _carry(self, stream: trio.abc.Stream) -> None:
        other = await trio.open_tcp_stream("127.0.0.1", self.leads_to)
        async with other, trio.open_nursery() as nursery:
            nursery.start_soon(self._copy, stream, other, self.carried)
            nursery.start_soon(self._copy, other, stream, bytearray())

    async def _copy(self, source: trio.abc.Stream, sink: trio.abc.Stream, seen: bytearray) -> None:
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            async for data in source:
                seen += data
                await sink.send_all(data)
        await sink.aclose()


async def _exactly(stream: trio.abc.Stream, count: int) -> bytes:
    data = b""
    while len(data) < count:
        data += await _some(stream, count - len(data))
    return data


async def _some(stream: trio.abc.Stream, count: int | None = None) -> bytes:
    data = await stream.receive_some(count)
    if not data:
        raise trio.BrokenResourceError("the client hung up")
    return bytes(data)


async def _serve(handler: Callable[[trio.abc.Stream], Awaitable[None]], stream: trio.abc.Stream) -> None:
    with suppress(trio.BrokenResourceError):  # clients may leave whenever they like
        await handler(stream)


@asynccontextmanager
async def http_proxy(proxy: ProxyServer, *, tls: ssl.SSLContext | None = None) -> AsyncGenerator[ProxyServer]:
    """Serve *proxy* by HTTP's CONNECT."""
    async with serving(partial(_serve, proxy.serve_http), tls=tls) as proxy.port:
        yield proxy


@asynccontextmanager
async def socks_proxy(proxy: ProxyServer) -> AsyncGenerator[ProxyServer]:
    """Serve *proxy* by SOCKS 5."""
    async with serving(partial(_serve, proxy.serve_socks)) as proxy.port:
        yield proxy
