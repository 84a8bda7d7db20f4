"""Recordings of sessions, frame by frame, and their files."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, Self, TypeAlias

import msgspec
import trio

from .._errors import ConfigError
from ..backends.base import Backend
from ..transports.base import ConnectionClosed, Transport
from ._redaction import Redaction

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator

    from ..transports.base import Progress
    from ..types import ClientContent, ContextUpdate, RealtimeInput, Setup, ToolResponse

Sender: TypeAlias = Literal["client", "server"]

_ABNORMAL: Final = 1006


class RecordedFrame(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One frame.

    Attributes:
        connection: The number of its connection, from 1.
        at: Seconds since the recording began.
        sender: The side that sent it.
        text: The frame's UTF-8, exactly.
    """

    connection: int
    at: float
    sender: Sender
    text: str

    @property
    def data(self) -> bytes:
        """The frame's bytes."""
        return self.text.encode(errors="replace")


class RecordedEnding(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The end of a connection.

    Attributes:
        connection: The number of the connection, from 1.
        at: Seconds since the recording began.
        closed_by: The side that closed it.
        code: The close code; 1006 if the connection broke without one.
        reason: The reason given with it; may be empty.
    """

    connection: int
    at: float
    closed_by: Sender
    code: int
    reason: str = ""


@dataclass(frozen=True)
class Recording:
    """The frames of one session, or of several, in order, and the ends of their connections.

    In a file each is a line of JSON: `{"connection":1,"at":0.25,"sender":"client","text":"..."}`, or
    `{"connection":1,"at":9.5,"closed_by":"server","code":1011,"reason":"..."}`.

    Attributes:
        frames: In the order in which they were sent and received.
        endings: At most one a connection; none for a connection that was still open.
    """

    frames: tuple[RecordedFrame, ...]
    endings: tuple[RecordedEnding, ...] = ()

    @property
    def connections(self) -> list[list[RecordedFrame]]:
        """The frames of each connection, in the order in which these began."""
        found: dict[int, list[RecordedFrame]] = {}
        for frame in self.frames:
            found.setdefault(frame.connection, []).append(frame)
        return list(found.values())

    def ending_of(self, connection: int) -> RecordedEnding | None:
        """The end of a connection; None if it was still open."""
        return next((ending for ending in self.endings if ending.connection == connection), None)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Recording:
        """Read a file. This blocks, as files do.

        Raises:
            OSError: The file can't be read.
            ConfigError: It is no recording; with the line.
        """
        with open(path, "rb") as file:
            lines = file.read().split(b"\n")
        read = [_read_line(line, number) for number, line in enumerate(lines, 1) if line.strip()]
        return cls(
            frames=tuple(line for line in read if isinstance(line, RecordedFrame)),
            endings=tuple(line for line in read if isinstance(line, RecordedEnding)),
        )

    def save(self, path: str | os.PathLike[str], *, redaction: Redaction | None = None) -> None:
        """Write a file, without secrets. This blocks, as files do.

        Args:
            path: The file; one that exists is replaced.
            redaction: What to take out besides what is recognised as secret by its form; see `Redaction`.

        Raises:
            OSError: The file can't be written.
        """
        lines = [_ENCODER.encode(line) + b"\n" for line in self._lines(redaction or Redaction())]
        with open(path, "wb") as file:
            file.writelines(lines)

    def _lines(self, redaction: Redaction) -> Iterator[RecordedFrame | RecordedEnding]:
        """The frames in order, each ending behind the last frame of its connection, all without secrets."""
        last = {frame.connection: index for index, frame in enumerate(self.frames)}
        endings = {ending.connection: ending for ending in self.endings}
        for index, frame in enumerate(self.frames):
            yield msgspec.structs.replace(frame, text=redaction.redact(frame.data).decode())
            ending = endings.get(frame.connection)
            if ending is not None and last[frame.connection] == index:
                yield msgspec.structs.replace(ending, reason=redaction.redact_text(ending.reason))


class RecordingBackend(Backend):
    """A backend that records the frames of its connections, and how they end.

    ```python
    backend = RecordingBackend(GeminiBackend())
    async with get_live_generative_model("a-model", backend=backend).connect() as session:
        ...
    backend.recording.save("session.jsonl")
    ```
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._log = _Log()

    def __repr__(self) -> str:
        return repr(self._backend)

    @property
    def recording(self) -> Recording:
        """The recording so far, secrets included; `Recording.save` takes these out."""
        return Recording(tuple(self._log.frames), tuple(self._log.endings.values()))

    def resource_name(self, model: str) -> str:
        """See the backend that is recorded."""
        return self._backend.resource_name(model)

    def prepare_setup(self, setup: Setup) -> Setup:
        """See the backend that is recorded."""
        return self._backend.prepare_setup(setup)

    def for_setup(self, setup: Setup) -> Self:
        """See the backend that is recorded. What is returned records into the same recording."""
        backend = copy(self)
        backend._backend = self._backend.for_setup(setup)
        return backend

    def check_message(self, message: ClientContent | RealtimeInput | ToolResponse | ContextUpdate) -> None:
        """See the backend that is recorded."""
        self._backend.check_message(message)

    async def dial(self, nursery: trio.Nursery, progress: Progress) -> Transport:
        """Dial as the backend that is recorded does."""
        transport = await self._backend.dial(nursery, progress)
        return _RecordingTransport(transport, self._log, self._log.number_connection())


class _Log:
    """The recording so far."""

    def __init__(self) -> None:
        self.frames: list[RecordedFrame] = []
        self.endings: dict[int, RecordedEnding] = {}
        self._began_at: float | None = None
        self._connections = 0

    def number_connection(self) -> int:
        """Count a connection. Returns its number."""
        self._connections += 1
        return self._connections

    def record_frame(self, connection: int, sender: Sender, frame: bytes | str) -> None:
        """Add a frame."""
        text = frame if isinstance(frame, str) else frame.decode(errors="replace")
        self.frames.append(RecordedFrame(connection=connection, at=self._elapsed(), sender=sender, text=text))

    def record_ending(self, connection: int, closed_by: Sender, code: int, reason: str) -> None:
        """Add the end of a connection; the first report of it counts."""
        if connection not in self.endings:
            self.endings[connection] = RecordedEnding(
                connection=connection, at=self._elapsed(), closed_by=closed_by, code=code, reason=reason
            )

    def _elapsed(self) -> float:
        now = trio.current_time()
        if self._began_at is None:
            self._began_at = now
        return round(now - self._began_at, 6)


class _RecordingTransport(Transport):
    def __init__(self, transport: Transport, log: _Log, number: int) -> None:
        self._transport = transport
        self._log = log
        self._number = number

    @property
    def last_heard(self) -> float:
        return self._transport.last_heard

    def watch_delivery(self, note: Callable[[int], None]) -> None:
        self._transport.watch_delivery(note)

    async def send(self, frame: bytes) -> None:
        self._log.record_frame(self._number, "client", frame)  # before any answer
        await self._transport.send(frame)

    async def receive(self) -> bytes | str:
        try:
            frame = await self._transport.receive()
        except ConnectionClosed as closed:
            sender: Sender = "server" if closed.initiator == "server" else "client"
            self._log.record_ending(self._number, sender, closed.code, closed.reason)
            raise
        self._log.record_frame(self._number, "server", frame)
        return frame

    async def ping(self) -> None:
        await self._transport.ping()

    async def aclose(self, code: int = 1000, reason: str = "") -> None:
        self._log.record_ending(self._number, "client", code, reason)
        await self._transport.aclose(code, reason)

    async def abort(self) -> None:
        self._log.record_ending(self._number, "client", _ABNORMAL, "")
        await self._transport.abort()


_ENCODER: Final = msgspec.json.Encoder()
_FRAMES: Final = msgspec.json.Decoder(RecordedFrame)
_ENDINGS: Final = msgspec.json.Decoder(RecordedEnding)


def _read_line(line: bytes, number: int) -> RecordedFrame | RecordedEnding:
    decoder = _ENDINGS if b'"closed_by"' in line and b'"text"' not in line else _FRAMES
    try:
        return decoder.decode(line)
    except (msgspec.MsgspecError, RecursionError) as exc:
        raise ConfigError(f"line {number} is none of a recording: {exc}") from None
