"""TLS on the client's side."""

from __future__ import annotations

import ssl
from functools import cache

import trio


async def start_tls(stream: trio.abc.Stream, context: ssl.SSLContext, host: str) -> trio.abc.Stream:
    """Encrypt *stream*, whose peer has to prove that it is *host*; if it can't, or is cancelled, it is closed."""
    tls = trio.SSLStream(_StillReadable(stream), context, server_hostname=host, https_compatible=True)
    try:
        await tls.do_handshake()
    except BaseException:
        await trio.aclose_forcefully(stream)
        raise
    return tls


@cache  # reading the system's certificates takes tens of milliseconds
def default_ssl_context() -> ssl.SSLContext:
    """A context with the system's authorities."""
    return ssl.create_default_context()


class _StillReadable(trio.abc.Stream):
    """A stream that can be read to its end also after a write has failed.

    TLS gives up reading when a write fails. But a peer that refuses something, says why and hangs up makes our next
    write fail while its answer is still to be read.
    """

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        try:
            await self._stream.send_all(data)
        except trio.BrokenResourceError:
            await trio.lowlevel.checkpoint()  # reading comes to the end of the stream soon, and reports it

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        return await self._stream.receive_some(max_bytes)

    async def aclose(self) -> None:
        await self._stream.aclose()
