"""A stream through a proxy: HTTP's CONNECT, or SOCKS. What goes through it, such as TLS, the proxy can't see."""

from __future__ import annotations

import base64
import math
from typing import TYPE_CHECKING, Final

import h11
import trio

from .._errors import HandshakeError
from .proxies import parse_proxy
from .tls import default_ssl_context, start_tls

if TYPE_CHECKING:
    from .proxies import Proxy

_MAX_HEAD_SIZE: Final = 64 * 2**10  # bytes
_READ_SIZE: Final = 4096
_FIRST_ERROR: Final = 400
_UNAUTHORIZED: Final = 407
_PASSING: Final = frozenset({408, 429})
_SOCKS_PASSING: Final = frozenset({1, 3, 4, 5, 6})
"""General failure, network or host unreachable, refused, expired (RFC 1928, 6)."""

_HUNG_UP: Final = "hung up before it answered"
_CREDENTIALS: Final = (
    "write a user name and a password into the proxy's URL, as in http://user:password@host:port"
)


async def open_tunnel(url: str, host: str, port: int) -> trio.abc.Stream:
    """Open a stream to *host* through the proxy at *url*. If that fails or is cancelled, nothing is left open.

    Raises:
        HandshakeError: The proxy can't be reached, or refuses, in phase "proxy".
        ConfigError: The URL is none of a proxy.
    """
    proxy = parse_proxy(url)
    return await (_open_socks if proxy.is_socks else _open_http)(proxy, host, port)


# HTTP


async def _open_http(proxy: Proxy, host: str, port: int) -> trio.abc.Stream:
    stream = await _reach(proxy)
    try:
        await _ask(stream, proxy, f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
    except BaseException:
        await trio.aclose_forcefully(stream)
        raise
    return stream


async def _reach(proxy: Proxy) -> trio.abc.Stream:
    try:
        stream: trio.abc.Stream = await trio.open_tcp_stream(proxy.host, proxy.port)
        return (
            stream if proxy.scheme == "http" else await start_tls(stream, default_ssl_context(), proxy.host)
        )
    except (OSError, trio.BrokenResourceError) as exc:
        raise _failed(proxy, f"can't be reached: {exc.__cause__ or exc}", retryable=True) from exc


async def _ask(stream: trio.abc.Stream, proxy: Proxy, target: str) -> None:
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MAX_HEAD_SIZE)
    headers = [("Host", target)]
    if proxy.user or proxy.password:
        credentials = base64.b64encode(f"{proxy.user}:{proxy.password}".encode()).decode()
        headers.append(("Proxy-Authorization", f"Basic {credentials}"))
    request = h11.Request(method="CONNECT", target=target, headers=headers)
    try:
        await stream.send_all(
            (connection.send(request) or b"") + (connection.send(h11.EndOfMessage()) or b"")
        )
        response = await _receive_response(stream, connection)
    except trio.BrokenResourceError as exc:
        raise _failed(proxy, _HUNG_UP, retryable=True) from exc
    except h11.RemoteProtocolError:
        # Its words repeat the proxy's, which may be an echo of ours, and those hold a password.
        if connection.trailing_data[1]:
            raise _failed(proxy, _HUNG_UP, retryable=True) from None
        raise _failed(proxy, "did not answer in HTTP; is its URL's scheme right?") from None
    if response.status_code >= _FIRST_ERROR or connection.their_state is not h11.SWITCHED_PROTOCOL:
        raise _refused(proxy, response)


async def _receive_response(stream: trio.abc.Stream, connection: h11.Connection) -> h11.Response:
    while True:
        event = connection.next_event()
        if isinstance(event, h11.Response):
            return event
        if event is h11.NEED_DATA:
            connection.receive_data(bytes(await stream.receive_some(_READ_SIZE)))


def _refused(proxy: Proxy, response: h11.Response) -> HandshakeError:
    status = response.status_code
    reason = bytes(response.reason).decode("ascii", "replace")
    return _failed(
        proxy,
        f"refused to connect us: {status} {reason}".rstrip(),
        status=status,
        retryable=status in _PASSING or status >= 500,
        hint=_CREDENTIALS if status == _UNAUTHORIZED else None,
    )


# SOCKS


async def _open_socks(proxy: Proxy, host: str, port: int) -> trio.abc.Stream:
    # In an extra, whose presence parse_proxy has made sure of.
    from python_socks import ProxyConnectionError, ProxyError, ProxyType  # noqa: PLC0415
    from python_socks.async_.trio.v2 import Proxy as SocksProxy  # noqa: PLC0415

    socks = SocksProxy(
        ProxyType.SOCKS5,
        proxy.host,
        proxy.port,
        username=proxy.user or None,
        password=proxy.password or None,
        rdns=proxy.scheme == "socks5h",
    )
    try:
        # The time is limited by connect_timeout, and without end where its user wants that.
        opened = await socks.connect(host, port, timeout=math.inf)
    except ProxyError as exc:
        passes = exc.error_code in _SOCKS_PASSING
        hint = None if passes else "check the user name and the password in the proxy's URL"
        raise _failed(proxy, f"refused to connect us: {exc}", retryable=passes, hint=hint) from exc
    except ProxyConnectionError as exc:
        raise _failed(proxy, f"can't be reached: {exc.strerror}", retryable=True) from exc
    except (
        OSError,
        ValueError,
        trio.BrokenResourceError,
    ) as exc:  # ValueError: an answer that makes no sense
        raise _failed(proxy, f"could not connect us: {exc}", retryable=True) from exc
    # It leaves out what its SSLStream is made of.
    return opened.trio_stream  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]


def _failed(
    proxy: Proxy, words: str, *, status: int | None = None, retryable: bool = False, hint: str | None = None
) -> HandshakeError:
    return HandshakeError(
        f"the proxy {proxy.host}:{proxy.port} {words}",
        phase="proxy",
        status_code=status,
        retryable=retryable,
        hint=hint,
    )
