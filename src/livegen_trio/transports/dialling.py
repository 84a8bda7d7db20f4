"""From an endpoint to an open stream: name look-up, proxy, TCP, TLS. Knows nothing of WebSocket."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import trio

from .._errors import HandshakeError
from .causes import may_pass, root_cause
from .tls import default_ssl_context, start_tls
from .tunnel import open_tunnel

if TYPE_CHECKING:
    from collections.abc import Generator

    from .._errors import Phase
    from .base import Endpoint, Progress


async def open_stream(endpoint: Endpoint, progress: Progress) -> trio.abc.Stream:
    """Open a stream to *endpoint*, with TLS if its URL says so.

    Raises:
        HandshakeError: With the phase that failed: "dns", "tcp" or "tls"; with a proxy, that is "proxy" up to the TLS.
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
        cause = root_cause(exc)
        raise HandshakeError(
            f"{host}:{port} can't be reached, {phase} failed: {str(cause) or 'the peer hung up'}",
            phase=phase,
            retryable=may_pass(cause),
        ) from exc
