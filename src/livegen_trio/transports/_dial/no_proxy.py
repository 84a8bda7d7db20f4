"""Hosts that `NO_PROXY` exempts from the environment's proxy.

There is no standard. This takes what curl, Go, requests and the standard library take together: `*`; a domain with its
subdomains, with or without a dot in front; `*.domain` for the subdomains alone; addresses and networks (CIDR); each
with a port if need be; separated by commas or spaces.
"""

from __future__ import annotations

import ipaddress
import re
from contextlib import suppress

_ENTRY_WITH_PORT = re.compile(r"(?:\[(?P<address>[^\]]*)\]|(?P<name>[^:]*))(?::(?P<port>[0-9]+))?")
_SEPARATORS = re.compile(r"[,\s]+")


def is_exempt(no_proxy: str, host: str, port: int) -> bool:
    """Return whether one of the entries of *no_proxy* stands for *host* and *port*."""
    host = host.lower().rstrip(".")
    return any(_stands_for(entry.lower(), host, port) for entry in _SEPARATORS.split(no_proxy) if entry)


def _stands_for(entry: str, host: str, port: int) -> bool:
    if entry == "*":
        return True
    if match := _ENTRY_WITH_PORT.fullmatch(
        entry
    ):  # else it is a bare address of version 6, or a network of such
        entry = match["address"] if match["name"] is None else match["name"]
        if match["port"] and int(match["port"]) != port:
            return False
    address, network = _address(host), _network(entry)
    if address is not None or network is not None:
        return address is not None and network is not None and address in network
    if entry.startswith("*."):
        return host.endswith(entry[1:].rstrip("."))
    domain = entry.strip(".")
    return bool(domain) and (host == domain or host.endswith(f".{domain}"))


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    with suppress(ValueError):
        return ipaddress.ip_address(host)
    return None


def _network(entry: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    with suppress(ValueError):
        return ipaddress.ip_network(entry, strict=False)
    return None
