"""The way to a service, which every backend leaves to its user: base URL, TLS, certificate, proxy, headers."""

from __future__ import annotations

import inspect
import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final, ForwardRef, TypedDict, TypeVar, Unpack, get_args
from urllib.parse import urlsplit

from .._errors import ConfigError
from ..transports._dial.proxies import ENVIRONMENT, check_proxy, proxy_of_environment
from ..transports.base import Endpoint, TransportName

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping
    from urllib.parse import SplitResult

    from ._certificate import ClientCertificate

_Init = TypeVar("_Init", bound="Callable[..., None]")
_VAR_KEYWORD: Final = inspect.Parameter.VAR_KEYWORD

_SCHEMES: Final = {"ws": "ws", "http": "ws", "wss": "wss", "https": "wss"}
# A query, a fragment, or a user name: places of secrets, so such a URL isn't repeated in an error.
_MORE_THAN_HOST_AND_PATH: Final = re.compile(r"[?#]|^(?:[^/]*//)?[^/]*@")


class RouteOptions(TypedDict, total=False):
    """How a service is reached: the keyword arguments that every backend takes.

    Attributes:
        base_url: Another server that speaks the protocol, `wss://` or `ws://`, with a path if need be. By default the
            service's own.
        ssl_context: For TLS, in place of the system's certificates.
        client_certificate: Shown to the server in TLS, which is then dialled on its host for that.
        proxy: URL of a proxy, `http://`, `https://`, `socks5h://` or `socks5://`, with a user name and password if it
            needs them; "environment", the default, for what `HTTPS_PROXY` and the like say at the time of each dial;
            None for none.
        headers: Sent with the upgrade request. The backend's own go first where the names are the same.
        transport: What carries the frames: "direct", our own and the default, or "trio-websocket".
    """

    base_url: str | None
    ssl_context: ssl.SSLContext | None
    client_certificate: ClientCertificate | None
    proxy: str | None
    headers: Mapping[str, str] | None
    transport: TransportName


_DEFAULTS: Final[Mapping[str, str]] = {
    "proxy": ENVIRONMENT,
    "transport": "direct",
}  # of the others it is None


def takes_route_options(init: _Init) -> _Init:
    """Show the names of `RouteOptions` in the signature of an `__init__` that takes `**route`, as in `help()`."""
    signature = inspect.signature(init)
    named = [parameter for parameter in signature.parameters.values() if parameter.kind is not _VAR_KEYWORD]
    route = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=_DEFAULTS.get(name),
            annotation=hint.__forward_arg__ if isinstance(hint, ForwardRef) else hint,
        )
        for name, hint in RouteOptions.__annotations__.items()
    ]
    setattr(init, "__signature__", signature.replace(parameters=[*named, *route]))  # noqa: B010 - no attribute of a function's to type checkers
    return init


class Route:
    """The way to a service.

    Args:
        service_url: The service's own URL, without a path.
        options: See `RouteOptions`.

    Raises:
        ConfigError: The base URL or the proxy can't be one, or two options contradict each other.
        TypeError: There is no such option.
    """

    def __init__(self, service_url: str, **options: Unpack[RouteOptions]) -> None:
        _check_names(options)
        base_url = options.get("base_url")
        transport = options.get("transport", "direct")
        if transport not in get_args(TransportName):
            raise ConfigError('transport is "direct" or "trio-websocket"')
        self._ssl_context = options.get("ssl_context")
        if (certificate := options.get("client_certificate")) is not None:
            if self._ssl_context is not None:
                raise ConfigError("load the client certificate into the ssl_context, or leave that out")
            self._ssl_context = certificate.ssl_context()
            service_url = service_url if base_url is not None else _host_for_certificates(service_url)
        self._base_url = service_url if base_url is None else base_url
        self._is_default = base_url is None
        proxy = options.get("proxy", ENVIRONMENT)
        self._proxy = proxy if proxy is None or proxy == ENVIRONMENT else check_proxy(proxy)
        self._headers = dict(options.get("headers") or {})
        self._transport: TransportName = transport
        self.url("")  # raises if it can't be

    @property
    def is_default(self) -> bool:
        """True if it leads to the service itself."""
        return self._is_default

    @property
    def proxy(self) -> str | None:
        """The proxy as it was given: a URL, "environment", or None."""
        return self._proxy

    def url(self, path: str) -> str:
        """The WebSocket's URL for *path*."""
        return websocket_url(self._base_url, path)

    @property
    def headers(self) -> Mapping[str, str]:
        """The user's headers, by their names in lower case."""
        return {name.lower(): value for name, value in self._headers.items()}

    def endpoint(self, path: str, headers: Mapping[str, str]) -> Endpoint:
        """The address to dial for *path*, with the backend's own *headers*."""
        url = self.url(path)
        own = {name.lower() for name in headers}
        others = {name: value for name, value in self._headers.items() if name.lower() not in own}
        proxy = proxy_of_environment(url) if self._proxy == ENVIRONMENT else self._proxy
        return Endpoint(url, (*others.items(), *headers.items()), self._ssl_context, proxy, self._transport)


def _check_names(options: RouteOptions) -> None:
    for name in options.keys() - RouteOptions.__annotations__.keys():
        known = get_close_matches(name, RouteOptions.__annotations__, 1)
        raise TypeError(
            f"unexpected keyword argument {name!r}" + "".join(f"; did you mean {n}?" for n in known)
        )


def websocket_url(base_url: str, path: str) -> str:
    """The URL of *path* below *base_url*, which may be written as `https://`, too.

    Raises:
        ConfigError: No WebSocket can be opened to it.
    """
    if _MORE_THAN_HOST_AND_PATH.search(base_url):
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
