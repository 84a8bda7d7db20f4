"""From an endpoint to an open stream: name look-up, TCP, TLS. Knows nothing of WebSocket."""

from __future__ import annotations

import ssl
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, cast

import trio

from .._errors import HandshakeError

if TYPE_CHECKING:
    from collections.abc import Generator

    from .._errors import Phase
    from .base import Endpoint, Progress


async def open_stream(endpoint: Endpoint, progress: Progress) -> trio.abc.Stream:
    """Open a stream to *endpoint*, with TLS if its URL says so.

    Raises:
        HandshakeError: With the phase that failed: "dns", "tcp" or "tls".
    """
    host, port = endpoint.host, endpoint.port
    # Trio looks the name up once more when it dials, but does not say when it is through with that; a time-out
    # has to name the name or the host. The resolver has the answer at hand by then.
    with _unreachable("dns", host, port):
        await trio.socket.getaddrinfo(host, port, type=trio.socket.SOCK_STREAM)
    progress.phase = "tcp"
    with _unreachable("tcp", host, port):
        stream = await trio.open_tcp_stream(host, port)
    if not endpoint.uses_tls:
        return stream
    progress.phase = "tls"
    with _unreachable("tls", host, port):
        return await _start_tls(stream, endpoint.ssl_context or _default_ssl_context(), host)


async def _start_tls(stream: trio.abc.Stream, context: ssl.SSLContext, host: str) -> trio.abc.Stream:
    tls = trio.SSLStream(_StillReadable(stream), context, server_hostname=host, https_compatible=True)
    try:
        await tls.do_handshake()
    except BaseException:
        await trio.aclose_forcefully(stream)
        raise
    return tls


class _StillReadable(trio.abc.Stream):
    """A stream that can be read to its end also after a write has failed.

    TLS gives up reading when a write fails. But a peer that refuses something, says why and hangs up makes our next
    write fail while its words still wait to be read.
    """

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        try:
            await self._stream.send_all(data)
        except trio.BrokenResourceError:
            await trio.lowlevel.checkpoint()  # reading comes to the end of the stream soon, and tells

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        return await self._stream.receive_some(max_bytes)

    async def aclose(self) -> None:
        await self._stream.aclose()


@cache  # reading the system's certificates takes tens of milliseconds
def _default_ssl_context() -> ssl.SSLContext:
    return ssl.create_default_context()


@contextmanager
def _unreachable(phase: Phase, host: str, port: int) -> Generator[None]:
    try:
        yield
    except (OSError, trio.BrokenResourceError) as exc:
        # Trio wraps the errors of the single addresses, and those of TLS, in a general one.
        cause = first_error(exc.__cause__ or exc)
        raise HandshakeError(
            f"{host}:{port} can't be reached, {phase} failed: {str(cause) or 'the peer hung up'}",
            phase=phase,
            retryable=_may_pass(cause),
        ) from exc


def first_error(error: BaseException) -> BaseException:
    """The first single error in what may be a group, or a group of groups."""
    while isinstance(error, BaseExceptionGroup):
        # isinstance alone leaves the type of the members unknown
        error = cast("BaseExceptionGroup[BaseException]", error).exceptions[0]
    return error


def _may_pass(cause: BaseException) -> bool:
    """Names and hosts come back; two sides whose TLS does not agree go on disagreeing."""
    return not isinstance(cause, ssl.SSLError) or isinstance(cause, ssl.SSLEOFError)
