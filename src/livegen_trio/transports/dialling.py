"""From an endpoint to an open stream: name look-up, proxy, TCP, TLS. Knows nothing of WebSocket."""

from __future__ import annotations

import ssl
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

import trio

from .._errors import HandshakeError
from .tls import default_ssl_context, start_tls
from .tunnel import open_tunnel

if TYPE_CHECKING:
    from collections.abc import Generator

    from .._errors import Phase
    from .base import Endpoint, Progress


async def open_stream(endpoint: Endpoint, progress: Progress) -> trio.abc.Stream:
    """Open a stream to *endpoint*, with TLS if its URL says so.

    Raises:
        HandshakeError: With the phase that failed: "dns", "tcp" or "tls"; or "proxy", for all up to the server's TCP.
    """
    host, port = endpoint.host, endpoint.port
    if endpoint.proxy is None:
        stream = await _open_tcp(host, port, progress)
    else:
        progress.phase = "proxy"
        stream = await open_tunnel(endpoint.proxy, host, port)
    if not endpoint.uses_tls:
        return stream
    progress.phase = "tls"
    with _unreachable("tls", host, port):
        return await start_tls(stream, endpoint.ssl_context or default_ssl_context(), host)


async def _open_tcp(host: str, port: int, progress: Progress) -> trio.abc.Stream:
    # Trio looks the name up once more when it dials, but does not say when it is through with that; a time-out
    # has to name the name or the host. The resolver has the answer at hand by then.
    with _unreachable("dns", host, port):
        await trio.socket.getaddrinfo(host, port, type=trio.socket.SOCK_STREAM)
    progress.phase = "tcp"
    with _unreachable("tcp", host, port):
        return await trio.open_tcp_stream(host, port)


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
