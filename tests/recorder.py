"""Takes down the frames of sessions, and writes them as new recordings, without what is nobody's business."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from livegen_trio import Backend
from livegen_trio.transports.base import Transport
from recordings import RecordedFrame

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    import trio

    from livegen_trio.transports.base import Progress
    from livegen_trio.types import ClientContent, ContextUpdate, RealtimeInput, Setup, ToolResponse

BLANK: Final = "REDACTED"

_BLOB: Final = 4096
"""Characters of base64 that are kept of a sound or a picture: a multiple of 4, and of whole samples."""

_LONG_BASE64: Final = re.compile(rf'(?<=")([A-Za-z0-9+/_-]{{{_BLOB}}})[A-Za-z0-9+/_-]+={{0,2}}(?=")')
_RESOURCE: Final = re.compile(r"\b(projects|locations)/[^/\"\s]+")
_PATTERNS: Final = (
    re.compile(r"(?<![\w+/])AIza[\w-]{20,}"),  # an API key, and no base64
    re.compile(r"ya29\.[\w.-]+"),  # an access token
    re.compile(r"eyJ[\w-]{8,}\.[\w-]+\.[\w-]+"),  # an identity token, or one of App Check
    re.compile(r"auth_tokens/[\w-]+"),
    re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"),
)
_PRIVATE: Final = {"handle": "handle", "newhandle": "handle", "sessionid": "session", "traceid": "trace"}
"""Fields whose values are private, by their names in small letters, and what they are replaced by."""


@dataclass
class Redaction:
    """Takes out of frames what may not be published; what was the same thing before is the same one after.

    Args:
        secrets: What is known to be secret, such as the keys in the environment.
    """

    secrets: Sequence[str] = ()
    _names: dict[str, str] = field(default_factory=dict)

    def redact(self, frame: bytes) -> bytes:
        """*frame* without its secrets, and with its sounds and pictures cut short. All else is as it was."""
        text = _RESOURCE.sub(rf"\1/{BLANK}", frame.decode())
        for secret in self.secrets:
            text = text.replace(secret, BLANK)
        for pattern in _PATTERNS:
            text = pattern.sub(BLANK, text)
        self._note_names(text)
        for value, name in self._names.items():
            text = text.replace(value, name)
        return _LONG_BASE64.sub(r"\1", text).encode()

    def _note_names(self, text: str) -> None:
        try:
            message = json.loads(text)
        except ValueError:
            return  # such a frame is worth a recording, too
        for kind, value in _private_values(message):
            literal = json.dumps(value)
            if literal not in self._names:
                self._names[literal] = f'"{kind}-{len(self._names) + 1}"'


def _private_values(message: Any) -> Iterator[tuple[str, str]]:
    if isinstance(message, dict):
        for name, value in message.items():
            kind = _PRIVATE.get(name.replace("_", "").lower())
            if kind and isinstance(value, str) and value:
                yield kind, value
            yield from _private_values(value)
    elif isinstance(message, list):
        for value in message:
            yield from _private_values(value)


def write_recording(path: Path, frames: Iterable[RecordedFrame], redaction: Redaction) -> None:
    """Write *frames* so that `load_recording` reads them, redacted."""
    with path.open("wb") as file:
        for sender, data in frames:
            kept = redaction.redact(data)
            mark = b">" if sender == "client" else b"<"
            file.write(b"%b%d %b\n" % (mark, len(kept) + 1, kept))


class RecordingBackend(Backend):
    """A backend that takes down what is said on its connections, in `connections`, one list each."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self.connections: list[list[RecordedFrame]] = []

    def __repr__(self) -> str:
        return repr(self._backend)

    def resource_name(self, model: str) -> str:
        return self._backend.resource_name(model)

    def prepare_setup(self, setup: Setup) -> Setup:
        return self._backend.prepare_setup(setup)

    def check_message(self, message: ClientContent | RealtimeInput | ToolResponse | ContextUpdate) -> None:
        self._backend.check_message(message)

    async def dial(self, nursery: trio.Nursery, progress: Progress) -> Transport:
        transport = await self._backend.dial(nursery, progress)
        frames: list[RecordedFrame] = []
        self.connections.append(frames)
        return _RecordingTransport(transport, frames)


class _RecordingTransport(Transport):
    def __init__(self, transport: Transport, frames: list[RecordedFrame]) -> None:
        self._transport = transport
        self._frames = frames

    @property
    def last_heard(self) -> float:
        return self._transport.last_heard

    @property
    def delivered(self) -> int:
        return self._transport.delivered

    async def send(self, frame: bytes) -> None:
        self._frames.append(RecordedFrame("client", frame))
        await self._transport.send(frame)

    async def receive(self) -> bytes | str:
        frame = await self._transport.receive()
        self._frames.append(RecordedFrame("server", frame.encode() if isinstance(frame, str) else frame))
        return frame

    async def ping(self) -> None:
        await self._transport.ping()

    async def aclose(self, code: int = 1000, reason: str = "") -> None:
        await self._transport.aclose(code, reason)

    async def abort(self) -> None:
        await self._transport.abort()
