"""Messages of the protocol `livegen.v1`; docs/web.md describes it."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Final, Literal

import msgspec

from .._protocol.sound import SAMPLE_WIDTH, SampleCutter
from ..types import (
    Reconnected,
    Reconnecting,
    ServerContent,
    ServerError,
    ServerEvent,
    ToolCall,
    ToolCallCancellation,
    ToolFailed,
    UsageMetadata,
)

PROTOCOL: Final = "livegen.v1"
_AUDIO: Final = 1
_HEAD: Final = struct.Struct("<BxHI")  # kind, epoch, first sample
_MAX_TEXT: Final = 64 * 1024  # characters


class Start(msgspec.Struct, tag="start", tag_field="type"):
    """The first message of a browser: who it is, and the session that it comes back to."""

    token: str | None = None
    resume: str | None = None
    received: int = 0
    settings: Mapping[str, object] = {}


class Played(msgspec.Struct, tag="played", tag_field="type"):
    """How many samples of an epoch were heard, and how many messages have come. A heartbeat, too."""

    received: int
    epoch: int = 0
    samples: int = 0


class Text(msgspec.Struct, tag="text", tag_field="type"):
    """Typed text, as a turn."""

    text: str


class Image(msgspec.Struct, tag="image", tag_field="type"):
    """A frame of the camera or the screen, in base64."""

    data: bytes
    mime_type: Literal["image/jpeg", "image/png", "image/webp"] = "image/jpeg"


class Activity(msgspec.Struct, tag="activity", tag_field="type"):
    """Push to talk: the user begins or ends to speak."""

    active: bool


class MicrophoneOff(msgspec.Struct, tag="microphone_off", tag_field="type"):
    """No more sound comes for a while."""


class End(msgspec.Struct, tag="end", tag_field="type"):
    """The session is over; nobody comes back to it."""


Upward = Start | Played | Text | Image | Activity | MicrophoneOff | End
_decoder: Final = msgspec.json.Decoder(Upward)
_encoder: Final = msgspec.json.Encoder(enc_hook=str)


class BadMessageError(Exception):
    """A message from a browser that the protocol doesn't know. Its text is for the browser."""


def read(text: str) -> Upward:
    """Read a text message of a browser.

    Raises:
        BadMessageError: It is none.
    """
    try:
        message: Upward = _decoder.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as exc:
        raise BadMessageError(f"this message can't be read ({exc}); see the protocol {PROTOCOL}") from exc
    if isinstance(message, Text) and not 0 < len(message.text) <= _MAX_TEXT:
        raise BadMessageError(f"a text has 1 to {_MAX_TEXT} characters; send it in parts")
    return message


def read_start(data: bytes | str) -> Start:
    """Read the first message of a browser.

    Raises:
        BadMessageError: It is another one.
    """
    message = read(data) if isinstance(data, str) else None
    if not isinstance(message, Start):
        raise BadMessageError("the first message has the type start; sound comes after it")
    return message


def write(kind: str, **fields: object) -> str:
    """Write a text message for a browser."""
    return _encoder.encode({"type": kind, **fields}).decode()


def error(code: str, message: str) -> str:
    """Write an error for a browser: a code for programs, and a message for people."""
    return write("error", code=code, message=message)


class Downlink:
    """Turns the events of a session into messages, and counts the samples of each epoch.

    Args:
        show_tools: Whether tool calls are shown to the browser.
    """

    def __init__(self, *, show_tools: bool) -> None:
        self._show_tools = show_tools
        self._epoch = 0
        self._samples = 0
        self._cutter = SampleCutter()

    def messages(self, event: ServerEvent) -> list[bytes | str]:
        """Return what the browser gets for *event*."""
        match event:
            case ServerContent():
                return self._content(event)
            case ToolCall() if self._show_tools:
                return [
                    write("tool_call", id=call.id, name=call.name, args=call.args)
                    for call in event.function_calls
                ]
            case ToolCallCancellation() if self._show_tools:
                return [write("tool_cancelled", ids=event.ids)]
            case ToolFailed() if self._show_tools:
                return [write("tool_failed", id=event.call.id, name=event.call.name, message=event.message)]
            case UsageMetadata():
                return [
                    write(
                        "usage",
                        input=event.prompt_token_count,
                        output=event.response_token_count,
                        total=event.total_token_count,
                    )
                ]
            case Reconnecting():
                return [write("reconnecting", reason="the connection to the model was lost")]
            case Reconnected():
                return [write("reconnected", restored=event.restored, gap_seconds=event.gap_seconds)]
            case ServerError():
                return [error("model", event.message)]
            case _:
                return []

    def _content(self, content: ServerContent) -> list[bytes | str]:
        messages: list[bytes | str] = []
        if content.audio_epoch != self._epoch or content.interrupted:
            self._epoch, self._samples = content.audio_epoch, 0
            self._cutter.clear()
            messages.append(write("interrupted", epoch=self._epoch))
        for who, transcript in (
            ("user", content.input_transcription),
            ("model", content.output_transcription),
        ):
            if transcript is not None and transcript.text:
                messages.append(
                    write(
                        "transcript", who=who, text=transcript.text, epoch=self._epoch, sample=self._samples
                    )
                )
        if content.interim_input_transcription is not None:
            messages.append(write("interim", text=content.interim_input_transcription.text))
        if content.text:
            messages.append(write("answer", text=content.text))
        messages.extend(filter(None, [self._audio(blob.data) for blob in content.audio]))
        if content.generation_complete:
            messages.append(write("generation_complete"))
        if content.turn_complete:
            messages.append(write("turn_complete", epoch=self._epoch, samples=self._samples))
        return messages

    def _audio(self, data: bytes) -> bytes:
        samples = self._cutter.cut(data)
        if not samples:
            return b""
        head = _HEAD.pack(_AUDIO, self._epoch & 0xFFFF, self._samples & 0xFFFFFFFF)
        self._samples += len(samples) // SAMPLE_WIDTH
        return head + samples
