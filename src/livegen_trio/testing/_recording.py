"""Sessions, taken down frame by frame, and files of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import msgspec
import trio

from .._errors import ConfigError
from ..backends.base import Backend
from ..transports.base import Transport
from ._redaction import Redaction

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from ..transports.base import Progress
    from ..types import ClientContent, ContextUpdate, RealtimeInput, Setup, ToolResponse

Sender: TypeAlias = Literal["client", "server"]


class RecordedFrame(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One frame.

    Attributes:
        connection: Of the recording's connections, from 1.
        at: Seconds since the recording began.
        sender: Who said it.
        text: What, exactly: the frame's UTF-8.
    """

    connection: int
    at: float
    sender: Sender
    text: str

    @property
    def data(self) -> bytes:
        """The frame's bytes."""
        return self.text.encode()


@dataclass(frozen=True)
class Recording:
    """The frames of one session, or of several, in order.

    In a file each is a line of JSON: `{"connection":1,"at":0.25,"sender":"client","text":"..."}`.
    """

    frames: tuple[RecordedFrame, ...]

    @property
    def connections(self) -> list[list[RecordedFrame]]:
        """The frames of each connection, in the order in which these began."""
        found: dict[int, list[RecordedFrame]] = {}
        for frame in self.frames:
            found.setdefault(frame.connection, []).append(frame)
        return list(found.values())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Recording:
        """Read a file. This blocks, as files do.

        Raises:
            OSError: The file can't be read.
            ConfigError: It is no recording; with the line.
        """
        with open(path, "rb") as file:
            lines = file.read().splitlines()
        return cls(tuple(_frame(line, number) for number, line in enumerate(lines, 1) if line.strip()))

    def save(self, path: str | os.PathLike[str], *, redaction: Redaction | None = None) -> None:
        """Write a file, without secrets. This blocks, as files do.

        Args:
            path: Of the file; one that is there is replaced.
            redaction: What to take out beside what is secret by its looks; see `Redaction`.

        Raises:
            OSError: The file can't be written.
        """
        redaction = redaction or Redaction()
        with open(path, "wb") as file:
            for frame in self.frames:
                text = redaction.redact(frame.data).decode()
                file.write(_ENCODER.encode(msgspec.structs.replace(frame, text=text)) + b"\n")


class RecordingBackend(Backend):
    """A backend that takes down all that is said on its connections.

    ```python
    backend = RecordingBackend(GeminiBackend())
    async with get_live_generative_model("a-model", backend=backend).connect() as session:
        ...
    backend.recording.save("session.jsonl")
    ```
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._frames: list[RecordedFrame] = []
        self._began_at: float | None = None
        self._connections = 0

    def __repr__(self) -> str:
        return repr(self._backend)

    @property
    def recording(self) -> Recording:
        """What was said so far, secrets and all; `Recording.save` takes these out."""
        return Recording(tuple(self._frames))

    def resource_name(self, model: str) -> str:
        """As of the backend that is recorded."""
        return self._backend.resource_name(model)

    def prepare_setup(self, setup: Setup) -> Setup:
        """As of the backend that is recorded."""
        return self._backend.prepare_setup(setup)

    def check_message(self, message: ClientContent | RealtimeInput | ToolResponse | ContextUpdate) -> None:
        """As of the backend that is recorded."""
        self._backend.check_message(message)

    async def dial(self, nursery: trio.Nursery, progress: Progress) -> Transport:
        """Dial as the backend that is recorded does."""
        transport = await self._backend.dial(nursery, progress)
        self._connections += 1
        return _RecordingTransport(transport, self, self._connections)

    def take_down(self, connection: int, sender: Sender, frame: bytes | str) -> None:
        """Add a frame."""
        now = trio.current_time()
        if self._began_at is None:
            self._began_at = now
        text = frame if isinstance(frame, str) else frame.decode(errors="replace")
        at = round(now - self._began_at, 6)
        self._frames.append(RecordedFrame(connection=connection, at=at, sender=sender, text=text))


class _RecordingTransport(Transport):
    def __init__(self, transport: Transport, recorder: RecordingBackend, number: int) -> None:
        self._transport = transport
        self._recorder = recorder
        self._number = number

    @property
    def last_heard(self) -> float:
        return self._transport.last_heard

    def watch_delivery(self, note: Callable[[int], None]) -> None:
        self._transport.watch_delivery(note)

    async def send(self, frame: bytes) -> None:
        self._recorder.take_down(self._number, "client", frame)  # before any answer
        await self._transport.send(frame)

    async def receive(self) -> bytes | str:
        frame = await self._transport.receive()
        self._recorder.take_down(self._number, "server", frame)
        return frame

    async def ping(self) -> None:
        await self._transport.ping()

    async def aclose(self, code: int = 1000, reason: str = "") -> None:
        await self._transport.aclose(code, reason)

    async def abort(self) -> None:
        await self._transport.abort()


_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder(RecordedFrame)


def _frame(line: bytes, number: int) -> RecordedFrame:
    try:
        return _DECODER.decode(line)
    except msgspec.MsgspecError as exc:
        raise ConfigError(f"line {number} is none of a recording: {exc}") from None
