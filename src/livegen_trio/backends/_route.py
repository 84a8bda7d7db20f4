"""How a service is reached, which every backend leaves to its user: base URL, TLS, certificate, proxy, headers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, get_args
from urllib.parse import urlsplit

from .._errors import ConfigError
from ..transports._dial.proxies import ENVIRONMENT, check_proxy, proxy_of_environment
from ..transports.base import Endpoint, TransportName

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping
    from urllib.parse import SplitResult

    from ._certificate import ClientCertificate

_SCHEMES: Final = {"ws": "ws", "http": "ws", "wss": "wss", "https": "wss"}
_BESIDE_HOST_AND_PATH: Final = re.compile(r"[?#]|^(?:[^/]*//)?[^/]*@")
"""A query, a fragment, or a user name: places of secrets, so such a URL isn't repeated in an error."""


class Route:
    """The way to a service.

    Args:
        service_url: Where the service itself is, without a path.
        base_url: Another server that speaks the protocol, `wss://` or `ws://`, with a path if need be.
        ssl_context: For TLS, in place of the system's certificates.
        client_certificate: Shown to the server in TLS; the service has hosts of its own for that.
        proxy: URL of a proxy, `http://` or `socks5h://`, with a user name and password if it wants them;
            "environment" for what `HTTPS_PROXY` and its like say at the time of each dial; None for none.
        headers: Sent beside the backend's own, which go first where the names are the same.
        transport: What carries the frames.

    Raises:
        ConfigError: The base URL or the proxy is none, or two arguments contradict each other.
    """

    def __init__(
        self,
        service_url: str,
        *,
        base_url: str | None = None,
        ssl_context: ssl.SSLContext | None = None,
        client_certificate: ClientCertificate | None = None,
        proxy: str | None = ENVIRONMENT,
        headers: Mapping[str, str] | None = None,
        transport: TransportName = "direct",
    ) -> None:
        if transport not in get_args(TransportName):
            raise ConfigError('transport is "direct" or "trio-websocket"')
        if client_certificate is not None:
            if ssl_context is not None:
                raise ConfigError("load the client certificate into the ssl_context, or leave that out")
            ssl_context = client_certificate.ssl_context()
            service_url = service_url if base_url is not None else _host_for_certificates(service_url)
        self._base_url = service_url if base_url is None else base_url
        self._ssl_context = ssl_context
        self._proxy = proxy if proxy is None or proxy == ENVIRONMENT else check_proxy(proxy)
        self._headers = dict(headers or {})
        self._transport: TransportName = transport
        self.url("")  # raises if it can't be

    def url(self, path: str) -> str:
        """The WebSocket's URL for *path*."""
        return websocket_url(self._base_url, path)

    @property
    def headers(self) -> Mapping[str, str]:
        """The user's headers, by their names in lower case."""
        return {name.lower(): value for name, value in self._headers.items()}

    def endpoint(self, path: str, headers: Mapping[str, str]) -> Endpoint:
        """Where to dial for *path*, with the backend's own *headers*."""
        url = self.url(path)
        own = {name.lower() for name in headers}
        beside = {name: value for name, value in self._headers.items() if name.lower() not in own}
        proxy = proxy_of_environment(url) if self._proxy == ENVIRONMENT else self._proxy
        return Endpoint(url, (*beside.items(), *headers.items()), self._ssl_context, proxy, self._transport)


def websocket_url(base_url: str, path: str) -> str:
    """The URL of *path* below *base_url*, which may be written as `https://`, too.

    Raises:
        ConfigError: It is no URL that a WebSocket can be opened to.
    """
    if _BESIDE_HOST_AND_PATH.search(base_url):
        raise ConfigError("a base URL has no query, fragment or user name; secrets belong into headers")
    url = _split(base_url)
    if url is None:
        raise ConfigError(f"{base_url!r} is no base URL; write wss://host or ws://host:port")
    return f"{_SCHEMES[url.scheme]}://{url.netloc}{url.path.rstrip('/')}{path}"


def _split(base_url: str) -> SplitResult | None:
    try:
        url = urlsplit(base_url)
        is_one = url.scheme in _SCHEMES and url.hostname and url.port != 0
    except ValueError:  # a bad port or bracket
        return None
    return url if is_one and not re.search(r"\s", base_url) else None  # urlsplit overlooks white space


def _host_for_certificates(service_url: str) -> str:
    """Google serves mutual TLS on hosts of its own."""
    if ".rep." in service_url:
        raise ConfigError("multi-region hosts have no known form for client certificates; give base_url")
    return service_url.replace(".googleapis.com", ".mtls.googleapis.com")
