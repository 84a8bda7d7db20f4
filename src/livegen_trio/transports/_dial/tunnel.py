"""Streams through a proxy: HTTP's CONNECT, or SOCKS. TLS goes through whole, so the proxy can't read it."""

from __future__ import annotations

import base64
import math
import socket
import ssl
from http.client import responses
from typing import TYPE_CHECKING, Final

import trio

from ..._errors import HandshakeError
from .._causes import may_pass, root_cause
from .._http_head import ClientExchange
from .proxies import parse_proxy
from .tls import default_ssl_context, start_tls

if TYPE_CHECKING:
    from .proxies import Proxy

_READ_SIZE: Final = 4096
_UNAUTHORIZED: Final = 407
_PASSING: Final = frozenset({408, 429, 500, 502, 503, 504})
# General failure, network or host unreachable, refused, expired (RFC 1928, 6).
_SOCKS_PASSING: Final = frozenset({1, 3, 4, 5, 6})

_HUNG_UP: Final = "hung up before it answered"
_WHERE: Final = "check the proxy's host and port, or go without one by proxy=None"
_TLS: Final = (
    "write http:// in place of https:// unless there is TLS up to the proxy, "
    "which has to prove its name to the system's authorities"
)
_SOCKS_CREDENTIALS: Final = (
    "check the user name and the password in the proxy's URL, and that it is one of a SOCKS 5 proxy"
)
_CREDENTIALS: Final = (
    "write a user name and a password into the proxy's URL, as in http://user:password@host:port"
)


async def open_tunnel(url: str, host: str, port: int) -> trio.abc.Stream:
    """Open a stream to *host* through the proxy at *url*. If that fails or is cancelled, nothing is left open.

    Raises:
        HandshakeError: The proxy can't be reached, or refuses, in phase "proxy"; in phase "dns" it is *host* that
            can't be looked up, for a proxy that leaves this to us.
        ConfigError: The URL is not one of a proxy.
    """
    proxy = parse_proxy(url)
    return await (_open_socks if proxy.is_socks else _open_http)(proxy, host, port)


# HTTP


async def _open_http(proxy: Proxy, host: str, port: int) -> trio.abc.Stream:
    stream = await _reach(proxy)
    try:
        await _connect(stream, proxy, _authority(host, port))
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
        raise _unreachable(proxy, root_cause(exc)) from exc


async def _connect(stream: trio.abc.Stream, proxy: Proxy, target: str) -> None:
    headers = [("Host", target)]
    if proxy.user or proxy.password:
        credentials = base64.b64encode(f"{proxy.user}:{proxy.password}".encode()).decode()
        headers.append(("Proxy-Authorization", f"Basic {credentials}"))
    exchange = ClientExchange("CONNECT", target, headers)
    try:
        await stream.send_all(exchange.request)
        while exchange.head is None and exchange.fault is None:
            exchange.feed(bytes(await stream.receive_some(_READ_SIZE)))
    except trio.BrokenResourceError as exc:
        raise _failed(proxy, _HUNG_UP, retryable=True) from exc
    if exchange.fault == "hung up":
        raise _failed(proxy, _HUNG_UP, retryable=True)
    if exchange.head is None:
        raise _failed(proxy, "did not answer in HTTP; is its URL's scheme right?")
    if not 200 <= exchange.head.status < 300:
        raise _refused(proxy, exchange.head.status)


def _refused(proxy: Proxy, status: int) -> HandshakeError:
    return _failed(
        proxy,
        # Without its reason phrase, which may be an echo of our request.
        f"refused to connect us: {status} {responses.get(status, '')}".rstrip(),
        status=status,
        retryable=status in _PASSING,
        hint=_CREDENTIALS if status == _UNAUTHORIZED else None,
    )


# SOCKS


async def _open_socks(proxy: Proxy, host: str, port: int) -> trio.abc.Stream:
    # In an extra; parse_proxy has checked that it is installed.
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
        # connect_timeout limits the time, and may be infinite.
        opened = await socks.connect(host, port, timeout=math.inf)
    except ProxyError as exc:
        if type(exc.__cause__).__name__ == "IncompleteReadError":  # which is private
            raise _failed(proxy, _HUNG_UP, retryable=True) from exc
        passes = exc.error_code in _SOCKS_PASSING
        hint = None if exc.error_code else _SOCKS_CREDENTIALS
        raise _failed(proxy, f"refused to connect us: {exc}", retryable=passes, hint=hint) from exc
    except ProxyConnectionError as exc:
        raise _unreachable(proxy, root_cause(exc.__cause__ or exc)) from exc
    except socket.gaierror as exc:
        raise _unknown(host, exc) from exc
    except (OSError, trio.BrokenResourceError) as exc:
        raise _failed(proxy, f"could not connect us: {root_cause(exc)}", retryable=True) from exc
    except (ValueError, LookupError) as exc:  # an answer that makes no sense
        raise _failed(proxy, f"could not connect us: {exc}", retryable=True) from exc
    # It leaves out what its SSLStream is made of.
    return opened.trio_stream  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]


# Failures


def _unreachable(proxy: Proxy, cause: BaseException) -> HandshakeError:
    message = f"can't be reached: {str(cause) or 'it hung up'}"
    hint = _TLS if isinstance(cause, ssl.SSLError) else _WHERE
    return _failed(proxy, message, retryable=may_pass(cause), hint=hint)


def _unknown(host: str, cause: OSError) -> HandshakeError:
    return HandshakeError(
        f"{host} can't be looked up here: {cause}",
        phase="dns",
        retryable=True,
        hint='"socks5h://" in place of "socks5://" leaves that to the proxy',
    )


def _failed(
    proxy: Proxy, message: str, *, status: int | None = None, retryable: bool = False, hint: str | None = None
) -> HandshakeError:
    return HandshakeError(
        f"the proxy {_authority(proxy.host, proxy.port)} {message}",
        phase="proxy",
        status_code=status,
        retryable=retryable,
        hint=hint,
    )


def _authority(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
