"""Open a stream or a wire to an endpoint: name look-up, proxy, TCP, TLS."""

from __future__ import annotations

import socket
import ssl
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import trio

from ..._errors import HandshakeError
from .._causes import may_pass, root_cause
from .tls import default_ssl_context, start_tls
from .wire import Wire

if TYPE_CHECKING:
    from collections.abc import Generator

    from ..._errors import Phase
    from ..base import Endpoint, Progress

_UNKNOWN_AUTHORITY: Final = (
    "give an ssl_context that trusts its authority, if it is yours or that of a proxy; "
    "a captive portal shows such certificates, too"
)
_NO_TLS: Final = (
    "it answered without TLS: write ws:// for a server without it; or log in to the captive portal"
)


async def open_stream(endpoint: Endpoint, progress: Progress) -> trio.abc.Stream:
    """Open a stream to *endpoint*, with TLS if its URL says so.

    Raises:
        HandshakeError: With the phase that failed: "dns", "tcp" or "tls"; with a proxy, that is "proxy" up to the TLS.
    """
    return await _with_tls(await _open_plain(endpoint, progress), endpoint, progress)


async def open_wire(endpoint: Endpoint, progress: Progress) -> Wire | trio.abc.Stream:
    """Open a wire to *endpoint*, with TLS if its URL says so; or a stream, if the proxy itself uses TLS.

    Raises:
        HandshakeError: As from `open_stream`.
    """
    stream = await _open_plain(endpoint, progress)
    if not isinstance(stream, trio.SocketStream):
        return await _with_tls(stream, endpoint, progress)
    wire = Wire(socket.socket(fileno=stream.socket.detach()))
    if not endpoint.uses_tls:
        return wire
    progress.phase = "tls"
    try:
        with _unreachable("tls", endpoint.host, endpoint.port):
            await wire.start_tls(endpoint.ssl_context or default_ssl_context(), endpoint.host)
    except BaseException:
        wire.close()
        raise
    return wire


async def _open_plain(endpoint: Endpoint, progress: Progress) -> trio.abc.Stream:
    if endpoint.proxy is None:
        return await _open_tcp(endpoint.host, endpoint.port, progress)
    from .tunnel import open_tunnel  # noqa: PLC0415 - few go through a proxy

    progress.phase = "proxy"
    return await open_tunnel(endpoint.proxy, endpoint.host, endpoint.port)


async def _with_tls(stream: trio.abc.Stream, endpoint: Endpoint, progress: Progress) -> trio.abc.Stream:
    if not endpoint.uses_tls:
        return stream
    progress.phase = "tls"
    with _unreachable("tls", endpoint.host, endpoint.port):
        return await start_tls(stream, endpoint.ssl_context or default_ssl_context(), endpoint.host)


async def _open_tcp(host: str, port: int, progress: Progress) -> trio.abc.Stream:
    # Trio looks the name up once more when it dials, but does not say when it has done so, and a time-out's error
    # has to name the phase. The resolver has the answer in its cache by then.
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
            hint=_hint(cause),
        ) from exc


def _hint(cause: BaseException) -> str | None:
    if isinstance(cause, ssl.SSLCertVerificationError):
        return _UNKNOWN_AUTHORITY
    reason: object = getattr(cause, "reason", None)  # of OpenSSL's errors
    return _NO_TLS if reason == "WRONG_VERSION_NUMBER" else None
