"""What a backend is: where to dial, as whom, and how its models are named."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from .._errors import ConfigError
from ..transports.base import MAX_MESSAGE_SIZE
from ..transports.trio_websocket import open_websocket

if TYPE_CHECKING:
    from urllib.parse import SplitResult

    import trio

    from ..transports.base import Endpoint, Progress, Transport
    from ..types import Setup

_SCHEMES: Final = {"ws": "ws", "http": "ws", "wss": "wss", "https": "wss"}
_BESIDE_HOST_AND_PATH: Final = re.compile(r"[?#]|^(?:[^/]*//)?[^/]*@")
"""A query, a fragment, or a user name: places of secrets, so such a URL isn't repeated in an error."""


class Backend(ABC):
    """A way to reach a Live server. Immutable, so that many sessions can share it."""

    @abstractmethod
    def resource_name(self, model: str) -> str:
        """The name that `setup.model` carries for a model's short or full name.

        Raises:
            ConfigError: The name can't be one of this backend's models.
        """

    def check_setup(self, setup: Setup) -> None:  # noqa: B027 - most backends refuse nothing
        """Refuse what this backend is known not to support, before anything is dialled.

        Raises:
            ConfigError: The message names the field, the backend and the fix.
        """

    @abstractmethod
    async def dial(self, nursery: trio.Nursery, progress: Progress) -> Transport:
        """Open a connection whose background tasks, if any, live in *nursery*.

        Raises:
            HandshakeError: The peer could not be reached, or refused the connection.
        """


class WebSocketBackend(Backend):
    """A backend that is reached over a WebSocket at an endpoint."""

    @abstractmethod
    async def endpoint(self) -> Endpoint:
        """Where to dial now. Called on every dial, so that keys and tokens are always fresh."""

    async def dial(self, nursery: trio.Nursery, progress: Progress) -> Transport:
        """Open a WebSocket to `endpoint()`."""
        endpoint = await self.endpoint()
        return await open_websocket(
            endpoint, nursery=nursery, progress=progress, max_message_size=MAX_MESSAGE_SIZE
        )


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
