"""Frames to structs and back: the only module that knows JSON. Pure, and both halves of the protocol.

A frame is first decoded strictly, in one go, which is what keeps it cheap. Only a frame with something in it
that the structs don't have takes a second, slower road, on which nothing is lost.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import msgspec

from .._errors import ConfigError, LocalProtocolError, RemoteProtocolError
from ..types import (
    Blob,
    ClientContent,
    ClientMessage,
    ContextUpdate,
    Duration,
    Event,
    GoAway,
    ModalityTokenCount,
    Model,
    RealtimeInput,
    ServerContent,
    ServerError,
    ServerEvent,
    SessionResumptionUpdate,
    Setup,
    SetupComplete,
    ToolCall,
    ToolCallCancellation,
    ToolResponse,
    UnknownEvent,
    UsageMetadata,
    VoiceActivity,
    VoiceActivityDetectionSignal,
)
from .base64 import b64decode, b64encode
from .lenient_json import Unknown, fit

if TYPE_CHECKING:
    from typing_extensions import Buffer

MediaKind: TypeAlias = Literal["audio", "video"]
"""The two streams that carry bytes."""

_LONG: Final = 4096
"""Bytes of a frame from which on base64 is worth a road of its own."""

_INVALID_ARGUMENT: Final = "Request contains an invalid argument."
_INVALID_JSON: Final = "Invalid JSON payload received."
_TRANSCRIPTIONS: Final = ("inputTranscription", "outputTranscription")
_LONGEST_NAME: Final = 64
"""Characters of an unknown name that an error repeats; a close reason has 123 bytes in all."""

_ITEMS: Final = frozenset({"b", "B", "c", "h", "H"})
"""Formats of a buffer's items, as `struct` names them: bytes and 16-bit numbers."""

_DURATION: Final = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,9})?s")
_NANOSECONDS: Final = 1_000_000_000

_UNREADABLE: Final = (msgspec.MsgspecError, ValueError, RecursionError, OverflowError)
"""What decoding raises; errors of UTF-8 are bare `ValueError`s."""

_UNWRITABLE: Final = (TypeError, *_UNREADABLE)


class _WireUsage(UsageMetadata):
    """Usage in both backends' spellings."""

    candidates_token_count: int = 0
    candidates_tokens_details: Sequence[ModalityTokenCount] = []


class _ServerEnvelope(Model, gc=False):
    """A frame from the server; its messages come to the user in the order of the fields."""

    setup_complete: SetupComplete | None = None
    session_resumption_update: SessionResumptionUpdate | None = None
    go_away: GoAway | None = None
    voice_activity: VoiceActivity | None = None
    voice_activity_detection_signal: VoiceActivityDetectionSignal | None = None
    tool_call_cancellation: ToolCallCancellation | None = None
    tool_call: ToolCall | None = None
    usage_metadata: _WireUsage | None = None
    server_content: ServerContent | None = None
    error: ServerError | None = None


class _ClientEnvelope(Model):
    """A frame from a client; exactly one field is set."""

    setup: Setup | None = None
    client_content: ClientContent | None = None
    realtime_input: RealtimeInput | None = None
    tool_response: ToolResponse | None = None
    context_update: ContextUpdate | None = None


_CLIENT_KEYS: Final[dict[type[ClientMessage], str]] = {
    Setup: "setup",
    ClientContent: "clientContent",
    RealtimeInput: "realtimeInput",
    ToolResponse: "toolResponse",
    ContextUpdate: "contextUpdate",
}

_SERVER_KEYS: Final[dict[type[Event], str]] = {
    SetupComplete: "setupComplete",
    SessionResumptionUpdate: "sessionResumptionUpdate",
    GoAway: "goAway",
    VoiceActivity: "voiceActivity",
    VoiceActivityDetectionSignal: "voiceActivityDetectionSignal",
    ToolCallCancellation: "toolCallCancellation",
    ToolCall: "toolCall",
    UsageMetadata: "usageMetadata",
    ServerContent: "serverContent",
    ServerError: "error",
}


def encode_client_message(message: ClientMessage) -> bytes:
    """Write a client's message as a frame.

    Raises:
        LocalProtocolError: Something in it has no form in JSON.
    """
    return _encode({_CLIENT_KEYS[type(message)]: message})


def encode_media(kind: MediaKind, data: Buffer, mime_type: str) -> bytes:
    """Write one stretch of sound, or one picture, as a frame; the payload is not copied but into its base64.

    Args:
        kind: The stream that it belongs to.
        data: Bytes, or 16-bit samples: anything with the buffer protocol that is contiguous.
        mime_type: Such as `audio/pcm;rate=16000`.

    Raises:
        LocalProtocolError: `data` is not contiguous, or holds something else: floats would be heard as noise.
    """
    payload = data if type(data) is bytes else _flat(data)
    return b'%b%b"}}}' % (_media_prefix(kind, mime_type), b64encode(payload))


def decode_server_message(frame: bytes | str) -> list[ServerEvent]:
    """Read a server's frame, which may hold several events or none.

    `UsageMetadata` comes before the content that it rides with, so whoever stops at the end of a turn has it.
    Names that this version doesn't know are kept: whole messages as `UnknownEvent`, anything deeper in
    the `unknown_fields` of its event.

    Raises:
        RemoteProtocolError: The frame is not a JSON object, or something in it has the wrong type.
    """
    try:
        envelope = _decode_speech(frame) if len(frame) >= _LONG else None
        return _events_in(envelope or _SERVER_FRAME.decode(frame))
    except msgspec.ValidationError:
        return _decode_beside_unknown(frame)
    except _UNREADABLE as exc:
        raise RemoteProtocolError(f"the server's message can't be read: {_why(exc)}") from exc


def encode_server_message(*events: ServerEvent) -> bytes:
    """Write events as one frame of a server's, without fields of this library's own such as `unknown_fields`.

    Raises:
        LocalProtocolError: Two of the events would need the same place, or something has no form in JSON.
    """
    envelope: dict[str, object] = {}
    for event in events:
        for key, value in _entries(event):
            if key in envelope:
                raise LocalProtocolError(f"a server's message has room for one {key!r}")
            envelope[key] = value
    return _encode(envelope)


def decode_client_message(frame: bytes | str) -> ClientMessage:
    """Read a client's frame as the service does: in camelCase or snake_case, with either alphabet of base64.

    Raises:
        RemoteProtocolError: The frame is no client's message; the error reads as the service's close reason.
    """
    try:
        envelope = _decode_client_envelope(frame)
    except (msgspec.ValidationError, ConfigError) as exc:  # what we would not send, we don't take either
        raise RemoteProtocolError(f"{_INVALID_ARGUMENT} {exc}") from exc
    except _UNREADABLE as exc:
        raise RemoteProtocolError(f"{_INVALID_JSON} {_why(exc)}") from exc
    messages: list[ClientMessage] = [
        message for message in msgspec.structs.astuple(envelope) if message is not None
    ]
    if len(messages) != 1:
        raise RemoteProtocolError(_INVALID_ARGUMENT)
    return messages[0]


def _encode(envelope: dict[str, object]) -> bytes:
    try:
        return _ENCODER.encode(envelope)
    except _UNWRITABLE as exc:
        raise LocalProtocolError(f"the message can't be written as JSON: {_why(exc)}") from exc


@lru_cache(maxsize=64)
def _media_prefix(kind: MediaKind, mime_type: str) -> bytes:
    """All of a frame of media that comes before the base64, and the same for every one of a stream."""
    whole = _encode({"realtimeInput": {kind: {"mimeType": mime_type, "data": ""}}})
    return whole.removesuffix(b'"}}}')


def _flat(data: Buffer) -> memoryview:
    view = memoryview(data)
    if view.format.lstrip("@=<") not in _ITEMS:
        raise LocalProtocolError(
            f"media are bytes or 16-bit little-endian samples, not items of format {view.format!r}"
        )
    try:
        return view.cast("B") if view.nbytes else memoryview(b"")
    except TypeError as exc:
        raise LocalProtocolError("media must be contiguous in memory") from exc


def _decode_speech(frame: bytes | str) -> _ServerEnvelope | None:
    """Read a frame that is nearly all base64 without having msgspec look at each of its digits; None if it is another.

    A JSON string can't hold `"data"` with its quotes, so what this finds is a name; that it is the name of the one
    stretch of sound shows in the rest of the frame. What is unusual about the digits is left to the usual road.
    """
    if not isinstance(frame, bytes):
        return None
    name = frame.find(b'"data"')
    start = frame.find(b'"', name + 6) + 1
    stop = frame.find(b'"', start)
    if name < 0 or frame[name + 6 : start - 1].strip() != b":" or stop - start < _LONG // 2:
        return None
    envelope = _SERVER_FRAME.decode(frame[:start] + frame[stop:])
    blob = _only_blob(envelope)
    if blob is None or b'"data"' in frame[stop:]:
        return None
    try:
        data = b64decode(frame[start:stop])
    except ValueError:
        return None
    msgspec.structs.force_setattr(blob, "data", data)
    return envelope


def _only_blob(envelope: _ServerEnvelope) -> Blob | None:
    content = envelope.server_content
    if content is None or content.model_turn is None or len(content.model_turn.parts) != 1:
        return None
    return content.model_turn.parts[0].inline_data


def _events_in(envelope: _ServerEnvelope) -> list[ServerEvent]:
    if envelope.usage_metadata is not None:
        msgspec.structs.force_setattr(envelope, "usage_metadata", _in_one_spelling(envelope.usage_metadata))
    return [*filter(None, msgspec.structs.astuple(envelope))]


def _in_one_spelling(usage: _WireUsage) -> UsageMetadata:
    fields = {name: getattr(usage, name) for name in UsageMetadata.__struct_fields__}
    fields["response_token_count"] = usage.response_token_count or usage.candidates_token_count
    fields["response_tokens_details"] = usage.response_tokens_details or usage.candidates_tokens_details
    return UsageMetadata(**fields)


def _decode_beside_unknown(frame: bytes | str) -> list[ServerEvent]:
    unknown: list[Unknown] = []
    try:
        plain = _with_transcriptions_inside(_OBJECT.decode(frame))
        envelope = msgspec.convert(
            fit(_ServerEnvelope, plain, unknown), _ServerEnvelope, strict=False, dec_hook=_decode_other
        )
    except _UNREADABLE as exc:
        raise RemoteProtocolError(f"the server's message can't be read: {_why(exc)}") from exc
    messages: list[ServerEvent] = [
        UnknownEvent(raw={name: value}) for path, name, value in unknown if not path
    ]
    return messages + _events_in(_with_unknown_fields(envelope, unknown))


def _with_transcriptions_inside(plain: dict[str, object]) -> dict[str, object]:
    """Move transcriptions from the top, where Vertex's reference has them, to where they come in fact."""
    strays = {name: plain[name] for name in _TRANSCRIPTIONS if name in plain}
    content = plain.get("serverContent", {})
    if not strays or not isinstance(content, dict) or strays.keys() & content.keys():
        return plain
    others = {name: value for name, value in plain.items() if name not in strays}
    return {**others, "serverContent": {**content, **strays}}


def _with_unknown_fields(envelope: _ServerEnvelope, unknown: list[Unknown]) -> _ServerEnvelope:
    by_message: dict[str, dict[str, object]] = {}
    for path, name, value in unknown:
        if path:
            by_message.setdefault(re.split(r"[.\[]", path)[0], {})[f"{path}.{name}"] = value
    fields = zip(_ServerEnvelope.__struct_fields__, _ServerEnvelope.__struct_encode_fields__, strict=True)
    changes = {
        field: msgspec.structs.replace(getattr(envelope, field), unknown_fields=by_message[wire_name])
        for field, wire_name in fields
        if wire_name in by_message
    }
    return msgspec.structs.replace(envelope, **changes)


def _entries(event: ServerEvent) -> list[tuple[str, object]]:
    if isinstance(event, UnknownEvent):
        return list(event.raw.items())
    if event.unknown_fields:
        event = msgspec.structs.replace(event, unknown_fields={})
    if isinstance(event, ServerContent) and event.audio_epoch:
        event = msgspec.structs.replace(event, audio_epoch=0)
    return [(_SERVER_KEYS[type(event)], event)]


def _decode_client_envelope(frame: bytes | str) -> _ClientEnvelope:
    try:
        return _CLIENT_FRAME.decode(frame)
    except msgspec.ValidationError:
        unknown: list[Unknown] = []
        plain = fit(_ClientEnvelope, _OBJECT.decode(frame), unknown)
    if unknown:
        raise RemoteProtocolError(_cannot_find(unknown[0]))
    return msgspec.convert(plain, _ClientEnvelope, strict=False, dec_hook=_decode_other)


def _cannot_find(unknown: Unknown) -> str:
    name = _ENCODER.encode(unknown.name[:_LONGEST_NAME]).decode()  # quoted, on one line
    place = f" at '{unknown.parent}'" if unknown.parent else ""
    return f"{_INVALID_JSON} Unknown name {name}{place}: Cannot find field."


def _why(exc: Exception) -> str:
    """Say what is wrong, in words that hold nothing of the payload."""
    match exc:
        case RecursionError():
            return "it is nested too deeply"
        case UnicodeError():
            return "it is not UTF-8"
        case _:
            return str(exc)


def _decode_other(kind: type, value: object) -> object:
    return _read_duration(value) if kind is Duration else value


def _encode_other(value: object) -> object:
    if isinstance(value, Duration):
        return _write_duration(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def _read_duration(value: object) -> Duration:
    if isinstance(value, str) and _DURATION.fullmatch(value):
        return Duration(value[:-1])
    return Duration(0)


def _write_duration(duration: Duration) -> str:
    """Protobuf's form: no fraction, or one of three, six or nine digits."""
    seconds, nanoseconds = divmod(round(abs(duration) * _NANOSECONDS), _NANOSECONDS)
    fraction = f"{nanoseconds:09}"
    while fraction.endswith("000"):
        fraction = fraction[:-3]
    sign = "-" if duration < 0 else ""
    return f"{sign}{seconds}.{fraction}s" if fraction else f"{sign}{seconds}s"


_ENCODER: Final = msgspec.json.Encoder(enc_hook=_encode_other)
_SERVER_FRAME: Final = msgspec.json.Decoder(_ServerEnvelope, strict=False, dec_hook=_decode_other)
_CLIENT_FRAME: Final = msgspec.json.Decoder(_ClientEnvelope, strict=False, dec_hook=_decode_other)
_OBJECT: Final = msgspec.json.Decoder(dict[str, object], dec_hook=_decode_other)
