"""A client of the embedded server that speaks plain JSON, and engines that do as they are told."""

from __future__ import annotations

import array
import base64
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import trio
import trio.testing

from livegen_trio.local import Engines, LocalServer, Say
from livegen_trio.transports.base import ConnectionClosed
from livegen_trio.transports.memory import memory_transport_pair

if TYPE_CHECKING:
    import threading
    from collections.abc import AsyncGenerator, Callable, Sequence

    from livegen_trio.local import CallTool, Dialect
    from livegen_trio.transports.base import Transport
    from livegen_trio.types import Content, FunctionDeclaration

TEXT_MODEL: Final = "models/gemini-live-2.5-flash-preview"
SPEECH_MODEL: Final = "models/gemini-2.5-flash-native-audio-preview-12-2025"
NEW_MODEL: Final = "models/gemini-3.8-live"

WEATHER: Final = {"functionDeclarations": [{"name": "get_weather", "parameters": {"type": "OBJECT"}}]}


def setup(model: str = TEXT_MODEL, *modalities: str, **fields: Any) -> dict[str, Any]:
    """A setup message."""
    config = {"generationConfig": {"responseModalities": list(modalities)}} if modalities else {}
    return {"setup": {"model": model, **config, **fields}}


def said(text: str, *, turn_complete: bool = True, role: str = "user") -> dict[str, Any]:
    """A client content with one turn of text."""
    turns = [{"role": role, "parts": [{"text": text}]}]
    return {"clientContent": {"turns": turns, "turnComplete": turn_complete}}


def answered(call_id: str, **more: Any) -> dict[str, Any]:
    """A function's response."""
    response = {"id": call_id, "name": "get_weather", "response": {"output": "sunny"}, **more}
    return {"toolResponse": {"functionResponses": [response]}}


def sound(seconds: float, *, level: int = 8000, rate: int = 16000) -> bytes:
    """A square wave: speech to `LoudnessDetector`; with level 0 silence."""
    return array.array("h", [level, -level]).tobytes() * round(seconds * rate / 2)


def audio(pcm: bytes, mime_type: str = "audio/pcm;rate=16000") -> dict[str, Any]:
    """A realtime input of sound."""
    return {"realtimeInput": {"audio": {"mimeType": mime_type, "data": base64.b64encode(pcm).decode()}}}


class Client:
    """One end of a transport."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport

    async def say(self, *messages: dict[str, Any] | str) -> None:
        """Send messages; a string goes as it is."""
        for message in messages:
            text = message if isinstance(message, str) else json.dumps(message)
            await self.transport.send(text.encode())

    async def hear(self) -> dict[str, Any]:
        """The server's next message."""
        message: dict[str, Any] = json.loads(await self.transport.receive())
        return message

    async def hear_turn(self) -> list[dict[str, Any]]:
        """The server's messages up to the end of a turn."""
        messages: list[dict[str, Any]] = []
        while not messages or "turnComplete" not in messages[-1].get("serverContent", {}):
            messages.append(await self.hear())
        return messages

    async def hear_close(self) -> ConnectionClosed:
        """How the server ends the connection; other messages are passed over."""
        try:
            while True:
                await self.transport.receive()
        except ConnectionClosed as closed:
            return closed

    async def ask(self, text: str) -> str:
        """Ask in text; the answer in text."""
        await self.say(said(text))
        return text_of(await self.hear_turn())

    async def drain(self) -> list[dict[str, Any]]:
        """What has come and comes now, as long as nothing else happens."""
        messages: list[dict[str, Any]] = []
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._hear_all, messages)
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        return messages

    async def _hear_all(self, messages: list[dict[str, Any]]) -> None:
        while True:
            messages.append(await self.hear())


def parts_of(messages: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The parts of the model's turn."""
    turns = [message.get("serverContent", {}).get("modelTurn", {}) for message in messages]
    return [part for turn in turns for part in turn.get("parts", [])]


def text_of(messages: Sequence[dict[str, Any]]) -> str:
    """What the model wrote."""
    return "".join(part.get("text", "") for part in parts_of(messages))


def audio_of(messages: Sequence[dict[str, Any]]) -> list[tuple[str, bytes]]:
    """What the model said, chunk by chunk, with the MIME types."""
    blobs = [part["inlineData"] for part in parts_of(messages) if "inlineData" in part]
    return [(blob["mimeType"], base64.b64decode(blob["data"])) for blob in blobs]


def transcript_of(messages: Sequence[dict[str, Any]], kind: str = "outputTranscription") -> str:
    """What was said, in writing."""
    contents = [message.get("serverContent", {}) for message in messages]
    return "".join(content.get(kind, {}).get("text", "") for content in contents)


def kinds_of(messages: Sequence[dict[str, Any]]) -> list[str]:
    """The names of the fields that came, one for each message."""
    return ["+".join(message.get("serverContent", message)) for message in messages]


@dataclass
class ScriptedResponder:
    """Replies as `decide` says, which is given the history; by default it repeats the user."""

    decide: Callable[[Sequence[Content]], Say | Sequence[CallTool]] | None = None
    histories: list[list[Content]] = field(default_factory=list)
    functions: list[list[str]] = field(default_factory=list)
    instructions: list[str] = field(default_factory=list)

    def respond(
        self,
        history: Sequence[Content],
        *,
        functions: Sequence[FunctionDeclaration],
        system_instruction: Content | None,
    ) -> Say | Sequence[CallTool]:
        self.histories.append(list(history))
        self.functions.append([function.name for function in functions])
        self.instructions.append("" if system_instruction is None else system_instruction.text)
        return Say(f"You said: {history[-1].text}") if self.decide is None else self.decide(history)


class LoudnessDetector:
    """Speech is what is loud."""

    def __init__(self, rate: int) -> None:
        self.frame_seconds = 0.02
        self._size = 2 * round(rate * self.frame_seconds)
        self._pcm = b""

    def feed(self, pcm: bytes) -> list[float]:
        self._pcm += pcm
        probabilities = []
        while len(self._pcm) >= self._size:
            frame, self._pcm = self._pcm[: self._size], self._pcm[self._size :]
            probabilities.append(1.0 if max(array.array("h", frame)) > 1000 else 0.0)
        return probabilities


@dataclass
class ScriptedRecognizer:
    """Hears the words that it is given, one after the other, and then its favourite ones."""

    words: list[str] = field(default_factory=list)
    heard: list[tuple[float, int]] = field(default_factory=list)
    gate: threading.Event | None = None

    def transcribe(self, pcm: bytes, rate: int) -> str:
        if self.gate is not None:
            self.gate.wait(10)
        self.heard.append((round(len(pcm) / 2 / rate, 1), rate))
        return self.words.pop(0) if self.words else "hello there"


@dataclass
class ScriptedSynthesizer:
    """Says everything in the same time."""

    seconds: float = 1.0
    spoken: list[str] = field(default_factory=list)
    gate: threading.Event | None = None

    def synthesize(self, text: str) -> bytes:
        if self.gate is not None:
            self.gate.wait(10)
        self.spoken.append(text)
        return sound(self.seconds, rate=24000)


def text_engines(decide: Callable[[Sequence[Content]], Say | Sequence[CallTool]] | None = None) -> Engines:
    """Engines without ears and a voice."""
    return Engines(responder=ScriptedResponder(decide), open_detector=LoudnessDetector)


def speech_engines(
    decide: Callable[[Sequence[Content]], Say | Sequence[CallTool]] | None = None,
    *,
    words: Sequence[str] = (),
    seconds: float = 1.0,
) -> Engines:
    """Engines with both."""
    return Engines(
        responder=ScriptedResponder(decide),
        open_detector=LoudnessDetector,
        recognizer=ScriptedRecognizer(list(words)),
        synthesizer=ScriptedSynthesizer(seconds),
    )


@asynccontextmanager
async def connection(
    server: LocalServer | None = None, dialect: Dialect | None = None
) -> AsyncGenerator[Client]:
    """A client that has said nothing yet."""
    ours, theirs = memory_transport_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon((server or LocalServer(text_engines())).converse, theirs, dialect)
        yield Client(ours)
        await ours.abort()


@asynccontextmanager
async def conversation(
    engines: Engines | None = None,
    message: dict[str, Any] | None = None,
    *,
    dialect: Dialect | None = None,
    server: LocalServer | None = None,
) -> AsyncGenerator[Client]:
    """A client whose setup was accepted."""
    server = server or LocalServer(engines or text_engines())
    async with connection(server, dialect) as client:
        await client.say(message or setup())
        assert "setupComplete" in await client.hear()
        yield client
