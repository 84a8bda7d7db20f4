"""Networks that break, at the byte where a test wants it."""

from __future__ import annotations

import math
from collections import deque
from copy import copy
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final, Literal, Self, TypeAlias, get_args

import trio

from .._errors import ConfigError
from ..backends.base import Backend
from ..transports._dial.dialling import open_stream
from ..transports._trio_websocket.transport import upgrade_client_stream

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..backends.base import WebSocketBackend
    from ..transports.base import Progress, Transport
    from ..types import ClientContent, ContextUpdate, RealtimeInput, Setup, ToolResponse

FaultKind: TypeAlias = Literal["cut", "stall", "half close", "garbage"]
Direction: TypeAlias = Literal["to server", "to client"]

_GARBAGE: Final = b"\xff\x00\xc3\x28" * 8  # no WebSocket frame begins so: reserved bits are set


@dataclass(frozen=True)
class Fault:
    """A fault of a connection.

    Attributes:
        kind: "cut" ends the connection both ways, without a Close; "stall" lets nothing through any more, silently;
            "half close" ends this direction, and leaves the other; "garbage" inserts bytes.
        direction: The direction in which bytes are counted.
        at: The number of bytes after which it happens, counted from the upgrade's first.
        garbage: The bytes to insert.

    Raises:
        ConfigError: There is no such kind or direction, *at* is no number of bytes, or there is no garbage.
    """

    kind: FaultKind
    direction: Direction
    at: int
    garbage: bytes = _GARBAGE

    def __post_init__(self) -> None:
        _check_name("kind", self.kind, get_args(FaultKind))
        _check_name("direction", self.direction, get_args(Direction))
        if self.at != int(self.at) or self.at < 0:
            raise ConfigError(f"a fault can't happen after {self.at!r} bytes; give a whole number from 0 on")
        if not self.garbage:
            raise ConfigError("there is no garbage to insert; give some bytes, or leave it out")


def _by_direction(faults: Iterable[Fault]) -> dict[Direction, Fault]:
    found: dict[Direction, Fault] = {}
    for fault in faults:
        if fault.direction in found:
            raise ConfigError(
                f"a connection has one fault each way, and two were given {fault.direction}; use one"
            )
        found[fault.direction] = fault
    return found


def _check_name(field: str, value: str, known: tuple[str, ...]) -> None:
    if value in known:
        return
    close = get_close_matches(str(value), known, n=1)
    advice = f"did you mean {close[0]!r}?" if close else f"choose one of {', '.join(map(repr, known))}"
    raise ConfigError(f"there is no {field} of fault {value!r}; {advice}")


class _Way:
    """One direction, up to its fault.

    Attributes:
        fault: The fault, until it has happened.
    """

    def __init__(self, fault: Fault | None) -> None:
        self.fault: Fault | None = fault
        self._left = math.inf if fault is None else fault.at
        self.is_stalled = False
        self.is_closed = False

    def pass_on(self, data: bytes) -> tuple[bytes, Fault | None]:
        """Return the part of *data* that comes through, and the fault if it happens now."""
        if self.fault is None or len(data) < self._left:
            self._left -= len(data)
            return data, None
        fault, before = self.fault, int(self._left)
        self.fault, self._left = None, math.inf
        self.is_stalled = fault.kind == "stall"
        self.is_closed = fault.kind in ("half close", "cut")
        if fault.kind == "garbage":
            return data[:before] + fault.garbage + data[before:], fault
        return data[:before], fault


class FaultyStream(trio.abc.Stream):
    """The client's end of a byte stream with faults.

    Args:
        stream: The stream to wrap. It is closed with this.
        faults: At most one each way.

    Raises:
        ConfigError: There are two faults for one direction.
    """

    def __init__(self, stream: trio.abc.Stream, faults: Iterable[Fault]) -> None:
        by_direction = _by_direction(faults)
        self._stream = stream
        self._to_server = _Way(by_direction.get("to server"))
        self._to_client = _Way(by_direction.get("to client"))
        self._cut = trio.Event()

    @property
    def pending_faults(self) -> list[Fault]:
        """The faults that have not happened so far."""
        return [way.fault for way in (self._to_server, self._to_client) if way.fault is not None]

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send *data* as far as it comes through; what a stalled network swallows counts as sent.

        Raises:
            trio.BrokenResourceError: The connection was cut.
        """
        self._check_whole()
        if self._to_server.is_stalled:
            await trio.lowlevel.checkpoint()
            return
        if self._to_server.is_closed:
            raise trio.BrokenResourceError("the way to the server was closed")
        passing, fault = self._to_server.pass_on(bytes(data))
        await self._stream.send_all(passing)
        await self._suffer(fault)

    async def wait_send_all_might_not_block(self) -> None:
        """See the wrapped stream."""
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Receive what comes through.

        Raises:
            trio.BrokenResourceError: The connection was cut.
        """
        self._check_whole()
        if self._to_client.is_closed:
            await trio.lowlevel.checkpoint()
            return b""
        data = b""
        while not data and not self._to_client.is_stalled:
            received = bytes(await self._receive(max_bytes))
            if not received:
                return b""
            data, fault = self._to_client.pass_on(received)
            await self._suffer(fault)
            if fault is not None and fault.kind == "half close":
                return data
        if not data:
            await self._cut.wait()  # for ever, unless it is closed
            self._check_whole()
        return data

    async def aclose(self) -> None:
        """Close the wrapped stream."""
        self._cut.set()
        await self._stream.aclose()

    async def _receive(self, max_bytes: int | None) -> bytes | bytearray:
        try:
            return await self._stream.receive_some(max_bytes)
        except trio.ClosedResourceError:
            self._check_whole()
            raise

    async def _suffer(self, fault: Fault | None) -> None:
        if fault is None:
            return
        if fault.kind == "half close" and fault.direction == "to server":
            await _send_eof(self._stream)
        if fault.kind == "cut":
            self._cut.set()
            await trio.aclose_forcefully(self._stream)
            raise trio.BrokenResourceError("the connection was cut")

    def _check_whole(self) -> None:
        if self._cut.is_set():
            raise trio.BrokenResourceError("the connection was cut")


class FaultyBackend(Backend):
    """A backend on a network that breaks: each dial has its own faults, and when these are used up, none.

    Works with any backend that dials a WebSocket, and any server that it dials. A test that wants each fault to have
    happened asserts that `pending_faults` is empty at its end: a fault after more bytes than come through never does.
    """

    def __init__(self, backend: WebSocketBackend, *dials: Iterable[Fault]) -> None:
        self._backend = backend
        self._dials = deque(tuple(_by_direction(faults).values()) for faults in dials)
        self._streams: list[FaultyStream] = []

    def __repr__(self) -> str:
        return repr(self._backend)

    @property
    def pending_faults(self) -> tuple[Fault, ...]:
        """The faults that have not happened so far, in the order of the dials, also of dials that were not made."""
        dialled = [fault for stream in self._streams for fault in stream.pending_faults]
        return *dialled, *(fault for faults in self._dials for fault in faults)

    def resource_name(self, model: str) -> str:
        """See the wrapped backend."""
        return self._backend.resource_name(model)

    def prepare_setup(self, setup: Setup) -> Setup:
        """See the wrapped backend."""
        return self._backend.prepare_setup(setup)

    def for_setup(self, setup: Setup) -> Self:
        """See the wrapped backend. What is returned has the same faults to come."""
        backend = copy(self)
        backend._backend = self._backend.for_setup(setup)
        return backend

    def check_message(self, message: ClientContent | RealtimeInput | ToolResponse | ContextUpdate) -> None:
        """See the wrapped backend."""
        self._backend.check_message(message)

    async def dial(self, nursery: trio.Nursery, progress: Progress) -> Transport:
        """Dial as the wrapped backend does, over a stream with the next faults."""
        progress.phase = "request"
        endpoint = await self._backend.endpoint()
        progress.phase = "dns"
        faults = self._dials.popleft() if self._dials else ()
        stream = FaultyStream(await open_stream(endpoint, progress), faults)
        if faults:
            self._streams.append(stream)
        progress.phase = "upgrade"
        return await upgrade_client_stream(stream, endpoint, nursery=nursery)


async def _send_eof(stream: trio.abc.Stream) -> None:
    if isinstance(stream, trio.abc.HalfCloseableStream):
        await stream.send_eof()
    else:
        await stream.aclose()  # TLS knows no half
