"""The seam between the session engine and what carries its frames.

A transport knows frames and close codes. It knows no JSON and no turns.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, TypeAlias
from urllib.parse import urlsplit

from .._errors import ConfigError, reduce_error

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from .._errors import Initiator, Phase

MAX_MESSAGE_SIZE: Final = 16 * 2**20
"""Bytes. Avatar and grounding messages pass 1 MiB, so the usual default of WebSocket libraries is too small."""

_CLOSE_REASON_BYTES: Final = 123  # RFC 6455, 5.5: a control frame holds 125, two of them are the code
_DEFAULT_PORTS: Final = {"ws": 80, "wss": 443, "http": 80, "https": 443}
_VISIBLE: Final = re.compile(r"[!-~]+")  # ASCII without spaces and controls: what a request line may hold
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2
_HEADER_VALUE: Final = re.compile(r"(?:[!-~]+(?:[ \t]+[!-~]+)*)?")


TransportName: TypeAlias = Literal["direct", "trio-websocket"]
"""`direct` is our own, for little CPU, where the system has epoll. Elsewhere, and through a proxy that itself uses
TLS, `trio-websocket` takes its place."""


class ConnectionClosed(Exception):  # noqa: N818 - the field's name for it
    """The connection is over.

    Attributes:
        code: WebSocket close code; 1006 if the connection broke without one.
        reason: The closing side's reason; may be empty.
        initiator: The side that closed it.
    """

    def __init__(self, code: int, reason: str = "", *, initiator: Initiator = "server") -> None:
        super().__init__(code, reason, initiator)
        self.code = code
        self.reason = reason
        self.initiator: Initiator = initiator

    def __reduce__(self) -> tuple[object, ...]:
        """Reduce to the attributes, so that it can be pickled and copied."""
        return reduce_error(self)

    def again(self) -> ConnectionClosed:
        """A copy, to be raised once more: an error that is raised twice grows its traceback twice."""
        return ConnectionClosed(self.code, self.reason, initiator=self.initiator)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The address to dial, with its proxy, its headers and the transport to use.

    Proxy and headers carry secrets and stay out of the repr.

    Raises:
        ConfigError: The URL can't be dialled, or a header can't be sent as it is.
    """

    url: str
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    ssl_context: ssl.SSLContext | None = field(default=None, repr=False)
    proxy: str | None = field(default=None, repr=False)
    transport: TransportName = "direct"

    def __post_init__(self) -> None:
        try:
            dialable = self.host and self.port and _VISIBLE.fullmatch(self.target)
            self.authority.encode("idna")
        except (ValueError, KeyError):  # from urllib: a bad port or bracket; another scheme; no name for IDNA
            dialable = None
        if not dialable:
            raise ConfigError("the endpoint's URL can't be dialled; it has to be like wss://host:port/path")
        for name, value in self.headers:
            _check_header(name, value)

    @property
    def uses_tls(self) -> bool:
        """True if the URL begins with `wss:` or `https:`."""
        return urlsplit(self.url).scheme in ("wss", "https")

    @property
    def host(self) -> str:
        """The host's name or address, without the brackets of IPv6."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """The port, also where the URL has none."""
        url = urlsplit(self.url)
        return _DEFAULT_PORTS[url.scheme] if url.port is None else url.port

    @property
    def authority(self) -> str:
        """Host and port as in the URL, for the `Host` header."""
        return urlsplit(self.url).netloc.rpartition("@")[2]

    @property
    def target(self) -> str:
        """Path and query, for the request line."""
        url = urlsplit(self.url)
        return (url.path or "/") + (f"?{url.query}" if url.query else "")


@dataclass(slots=True)
class Progress:
    """The phase that a dial is in: written by the dialling side, read for the error of a time-out."""

    phase: Phase = "dns"


class Transport(ABC):
    """One open connection that carries whole frames, seen from either end.

    One task sends and one task receives. The task that opened it closes it, by `aclose` or `abort`, also after the
    peer has closed. Closing is idempotent.

    After an end every operation raises `ConnectionClosed`, always with the same code, reason and initiator. Frames
    that arrived before the peer's end are received first; until they are, a send that fails may know no more than
    that the connection broke, and says 1006. Closing on this side gives up the frames that wait unread.

    Pongs are reported in order with frames, by `watch_delivery`. So what was received before the pong of a ping that
    was written in front of a frame can't be the answer to that frame.
    """

    @property
    @abstractmethod
    def last_heard(self) -> float:
        """When the last byte arrived, in `trio.current_time` seconds."""

    @abstractmethod
    def watch_delivery(self, note: Callable[[int], None]) -> None:
        """Call *note* with the number of frames that were sent before a ping, when the ping is answered.

        A peer reads in order: one that answers a ping has read the frames before it, and, if it answers before it
        reads on, none of those behind it. *note* is called after all frames that came before the pong have been
        received, and before any that came behind it; so only while a task receives. A peer may answer only the
        latest of several pings (RFC 6455, 5.5.3), so a pong that doesn't come means nothing.

        *note* must not block.
        """

    @abstractmethod
    async def send(self, frame: bytes) -> None:
        """Send one frame of UTF-8 JSON.

        Cancelling this may leave half a frame on the wire: only `aclose` and `abort` make sense afterwards.

        Raises:
            ConnectionClosed: The connection is over.
        """

    def send_nowait(  # by default it can't be done
        self,
        frame: bytes,  # noqa: ARG002
        *,
        ping: bool = False,  # noqa: ARG002
        ping_first: bool = False,  # noqa: ARG002
    ) -> bool:
        """Send one frame at once, if nothing waits before it; False, and nothing sent, if that can't be.

        With *ping*, a ping goes out behind it in the same write; with *ping_first*, one in front of it.

        What the network doesn't take of it now is written later, also if nothing more is sent.
        """
        return False

    @abstractmethod
    async def receive(self) -> bytes | str:
        """Receive one frame, text or binary. Cancelling this loses nothing.

        Raises:
            ConnectionClosed: The connection is over.
        """

    async def deliver(self, take: Callable[[bytes | str], bool]) -> None:
        """Receive in place of `receive`: call *take* with each frame, until it returns False.

        *take* must not block. It is called in the context of the task that delivers, but not always by that task.
        Cancelling this loses nothing.

        Raises:
            ConnectionClosed: The connection is over.
            Exception: Whatever *take* raises.
        """
        while take(await self.receive()):
            pass

    def ping_nowait(self) -> bool:
        """Ping at once, if nothing waits before it; False, and nothing sent, if that can't be."""
        return False

    @abstractmethod
    async def ping(self) -> None:
        """Ask the peer for a sign of life, without waiting for it.

        It shows in `last_heard` and by `watch_delivery`, while a task receives. Cancelling this is like cancelling
        `send`.

        Raises:
            ConnectionClosed: The connection is over.
        """

    @abstractmethod
    async def aclose(self, code: int = 1000, reason: str = "") -> None:
        """Close with a code, and wait for the peer's answer; the caller bounds the wait by a cancel scope.

        However it ends, the connection is closed and nothing of it is left.
        """

    @abstractmethod
    async def abort(self) -> None:
        """Close at once, without a Close frame. Wakes the tasks that wait in other operations."""


def ignore_delivery(_frames: int) -> None:
    """Do nothing: the note of a transport whose delivery is not watched."""


def cut_reason(reason: str) -> str:
    """Cut *reason* to what a Close can carry, between two characters."""
    return reason.encode(errors="replace")[:_CLOSE_REASON_BYTES].decode(errors="ignore")


def _check_header(name: str, value: str) -> None:
    if not _HEADER_NAME.fullmatch(name):
        raise ConfigError(f"{name!r} can't be the name of a header")
    if not _HEADER_VALUE.fullmatch(value):
        raise ConfigError(
            f"the value of the header {name!r} can't be sent: it begins or ends with a space, "
            "or holds a line break or a character beyond ASCII"
        )
