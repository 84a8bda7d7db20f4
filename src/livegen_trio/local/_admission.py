"""The clients that the embedded server admits: by their Host, their Origin and their key, and their number."""

from __future__ import annotations

import hmac
import ipaddress
from collections import OrderedDict
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import trio

from .._errors import ConfigError, RemoteProtocolError

if TYPE_CHECKING:
    from collections.abc import Collection, Generator

    from ._request import Request

MAX_CONNECTIONS: Final = 256
MAX_PENDING: Final = 64  # connections that have not come to their setup; beyond it the oldest is ended

_ANY: Final = "*"
_LOCAL_NAME: Final = "localhost"
_BUSY: Final = 1013  # try again later


class RefusedError(Exception):
    """A request is refused.

    Attributes:
        status: The HTTP status.
    """

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


class Admission:
    """The rules by which requests are admitted.

    A page of any website may open WebSockets to this machine, and a name of its own may lead here (DNS rebinding). So
    requests with an `Origin` are refused but for those that are allowed, and so are names in `Host` but for localhost,
    addresses, and those that are allowed. Programs send no `Origin`.

    Args:
        origins: Allowed origins, such as `https://example.com`; `*` for all.
        hosts: Allowed names of this machine, besides localhost and addresses; `*` for all.
        api_key: The key that clients have to give; None for no key.

    Raises:
        ConfigError: An origin is none, or the key is empty.
    """

    def __init__(
        self, *, origins: Collection[str] = (), hosts: Collection[str] = (), api_key: str | None = None
    ) -> None:
        if isinstance(origins, str) or isinstance(hosts, str):
            raise ConfigError("allowed origins and hosts are lists of strings, and a single string was given")
        if api_key is not None and not api_key:
            raise ConfigError("the API key is empty; an unset variable, perhaps: give one, or leave it out")
        self._origins = frozenset(map(checked_origin, origins))
        self._hosts = {host.lower() for host in hosts}
        self._api_key = api_key

    def add_host(self, host: str) -> None:
        """Allow one more name of this machine."""
        self._hosts.add(host.lower())

    def check_host(self, request: Request) -> None:
        """Admit a request by the name that it calls this machine.

        Raises:
            RefusedError: The name is not allowed.
        """
        host = request.headers.get("host", "")
        if not self._knows(host):
            raise RefusedError(
                HTTPStatus.FORBIDDEN, f"This server is not called {host!r}. Allow the name with --allow-host."
            )

    def check(self, request: Request, *, has_token: bool = False) -> None:
        """Admit a request by its origin and its key. One with an ephemeral token of this server needs no key.

        Raises:
            RefusedError: It may not come in.
        """
        origin = request.headers.get("origin")
        if origin is not None and not {_ANY, origin.lower()} & self._origins:
            raise RefusedError(
                HTTPStatus.FORBIDDEN, f"Pages of {origin} may not connect. Allow them with --allow-origin."
            )
        if self._api_key is not None and not has_token and not self._has_key(request, self._api_key):
            raise RefusedError(HTTPStatus.UNAUTHORIZED, "API key not valid. Please pass a valid API key.")

    def _knows(self, host: str) -> bool:
        name = _name_in(host)
        is_local = name == _LOCAL_NAME or name.endswith(f".{_LOCAL_NAME}") or _is_address(name)
        return is_local or name in self._hosts or _ANY in self._hosts

    def _has_key(self, request: Request, key: str) -> bool:
        scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
        given = (
            request.headers.get("x-goog-api-key", ""),
            request.query.get("key", ""),
            bearer.strip() if scheme.lower() == "bearer" else "",
        )
        return any(hmac.compare_digest(one.encode(), key.encode()) for one in given)


class Door:
    """Counts connections, and those of them that have not come to their setup."""

    def __init__(self, max_connections: int = MAX_CONNECTIONS, max_pending: int = MAX_PENDING) -> None:
        self._max_connections = max_connections
        self._max_pending = max_pending
        self._connections = 0
        self._pending: OrderedDict[Visit, None] = OrderedDict()

    @property
    def is_full(self) -> bool:
        """Whether there are more connections than there may be, the last one included."""
        return self._connections > self._max_connections

    @property
    def is_crowded(self) -> bool:
        """Whether there are so many more that a new one is not even refused politely."""
        return self._connections > self._max_connections + self._max_pending

    @contextmanager
    def visit(self) -> Generator[Visit]:
        """Count a connection; a new one may end the oldest that has not come to its setup."""
        visit = Visit(self._pending)
        self._connections += 1
        self._pending[visit] = None
        if len(self._pending) > self._max_pending:
            oldest, _ = self._pending.popitem(last=False)
            oldest.scope.cancel(reason="newer clients wait")
        try:
            with visit.scope:
                yield visit
        finally:
            self._connections -= 1
            visit.settle()


class Visit:
    """One connection.

    Attributes:
        scope: Around the connection.
        has_name: Whether the server listens for it, under some name.
    """

    def __init__(self, pending: OrderedDict[Visit, None]) -> None:
        self.scope: trio.CancelScope = trio.CancelScope()
        self.has_name: bool = True
        self._pending = pending

    def settle(self) -> None:
        """Note that it has come to its setup: from now on no newer one takes its place."""
        self._pending.pop(self, None)


class Voices:
    """The sessions that use speech engines, of which only so many can be served in time."""

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self._in_use = 0

    @contextmanager
    def use(self) -> Generator[None]:
        """Count a session.

        Raises:
            RemoteProtocolError: There are as many as the engines can serve.
        """
        if self._limit is not None and self._in_use >= self._limit:
            raise RemoteProtocolError(
                f"The speech engines serve {self._limit} sessions, which is as many as they can; try again later.",
                code=_BUSY,
            )
        self._in_use += 1
        try:
            yield
        finally:
            self._in_use -= 1


def checked_origin(text: str) -> str:
    """Return an origin in lower case, or the asterisk that stands for all.

    Raises:
        ConfigError: It is none.
    """
    if text == _ANY:
        return text
    url = urlsplit(text)
    if not url.scheme or not url.netloc or url.path.strip("/") or url.query:
        raise ConfigError(f"{text!r} is no origin; give a scheme and a host, such as https://example.com")
    return f"{url.scheme}://{url.netloc}".lower()


def _name_in(host: str) -> str:
    """The name in a `Host` header, without the port."""
    try:
        return (urlsplit(f"//{host}").hostname or "").removesuffix(".")
    except ValueError:
        return ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return True
