"""Proxies: reading their URLs, and finding the one that the environment names."""

from __future__ import annotations

import ipaddress
import re
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

from ..._errors import ConfigError
from .no_proxy import is_exempt

ENVIRONMENT: Final = "environment"
"""In place of a proxy's URL: what the environment says at the time of the dial."""

_HTTP_PORTS: Final = {"http": 80, "https": 443}
_PORTS: Final = {"ws": 80, "wss": 443, **_HTTP_PORTS}
_SOCKS_PORT: Final = 1080
_SOCKS: Final = frozenset({"socks5", "socks5h"})
_SOCKS_OF_DESKTOPS: Final = re.compile("socks(?=://)", re.IGNORECASE)
_SOCKS_CREDENTIAL_BYTES: Final = 255  # RFC 1929
# As urllib names what HTTPS_PROXY, HTTP_PROXY and ALL_PROXY say, or the system's settings.
_VARIABLES: Final = {
    "wss": ("https", "all"),
    "https": ("https", "all"),
    "ws": ("http", "all"),
    "http": ("http", "all"),
}

_FORM: Final = 'write one like "http://host:port" or "socks5h://host:port"'


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy, as its URL describes it.

    Attributes:
        scheme: "http", "https" (with TLS up to the proxy), "socks5h" (which looks up names), or "socks5" (we do).
        host: Name or address.
        port: Of TCP.
        user: User name for the proxy, or empty.
        password: Password for the proxy, or empty.
    """

    scheme: str
    host: str
    port: int
    user: str = field(repr=False)
    password: str = field(repr=False)

    @property
    def is_socks(self) -> bool:
        """True for a proxy that speaks SOCKS, and not HTTP."""
        return self.scheme in _SOCKS


def parse_proxy(url: str) -> Proxy:
    """Read a proxy's URL.

    Raises:
        ConfigError: It is not the URL of a proxy, or needs a package that is missing. The message doesn't repeat the
            URL, since it may hold a password.
    """
    url = _with_version(url)
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        host.encode("idna")
    except ValueError:  # a bad port or bracket, or no name for IDNA
        parts, host, port = urlsplit(""), "", None
    if not host or " " in host or port == 0 or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ConfigError(f"the proxy is not the URL of one; {_FORM}, or None for none")
    if parts.scheme not in _SOCKS and parts.scheme not in _HTTP_PORTS:
        raise ConfigError(f"{parts.scheme!r} is no kind of proxy that is known here; {_FORM}")
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    port = port or _HTTP_PORTS.get(parts.scheme, _SOCKS_PORT)
    proxy = Proxy(parts.scheme, host, port, user, password)
    if proxy.is_socks:
        _check_socks(proxy)
    return proxy


def check_proxy(url: str) -> str:
    """*url* itself, in a form that other programs read, too.

    Raises:
        ConfigError: As from `parse_proxy`.
    """
    parse_proxy(url)
    return _with_version(url)


def proxy_of_environment(url: str) -> str | None:
    """The proxy that the environment names for *url*, or None. This machine is never reached through one.

    Raises:
        ConfigError: It is not the URL of a proxy; the message names the variable.
    """
    parts = urlsplit(url)
    assert parts.hostname is not None
    if _is_this_machine(parts.hostname):
        return None
    # They bring all of HTTP and email with them.
    from urllib.request import getproxies, getproxies_environment, proxy_bypass  # noqa: PLC0415

    proxies = getproxies()
    if getproxies_environment():
        if is_exempt(proxies.get("no", ""), parts.hostname, parts.port or _PORTS[parts.scheme]):
            return None
    elif proxy_bypass(_authority(parts)):  # by the settings of macOS or Windows
        return None
    name = next((name for name in _VARIABLES[parts.scheme] if proxies.get(name)), None)
    if name is None:
        return None
    proxy = proxies[name] if "://" in proxies[name] else f"http://{proxies[name]}"
    try:
        return check_proxy(proxy)
    except ConfigError as exc:
        raise ConfigError(f"in the environment's {name}_proxy: {exc}") from None


def _with_version(url: str) -> str:
    """`socks://` is what desktops set; they mean version 5, with names looked up by the proxy."""
    return _SOCKS_OF_DESKTOPS.sub("socks5h", url, count=1) if _SOCKS_OF_DESKTOPS.match(url) else url


def _check_socks(proxy: Proxy) -> None:
    if bool(proxy.user) != bool(proxy.password):
        raise ConfigError("a SOCKS proxy takes a user name and a password, or neither")
    for credential in (proxy.user, proxy.password):
        if not credential.isascii() or len(credential) > _SOCKS_CREDENTIAL_BYTES:
            raise ConfigError(
                f"a SOCKS proxy's user name and password are ASCII, up to {_SOCKS_CREDENTIAL_BYTES} characters each"
            )
    if find_spec("python_socks") is None:
        raise ConfigError('SOCKS proxies need another package: pip install "livegen-trio[proxy]"')


def _is_this_machine(host: str) -> bool:
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost" or host.endswith(".localhost")


def _authority(parts: SplitResult) -> str:
    host = parts.hostname or ""
    return host if parts.port is None else f"{host}:{parts.port}"
