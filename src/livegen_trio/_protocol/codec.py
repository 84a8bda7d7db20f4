"""Frames to structs and back: the only module that knows JSON. Pure, and both halves of the protocol.

A frame is first decoded strictly, in one go, which is what keeps it cheap. Only a frame with something in it
that the structs don't have takes a second, slower path, on which nothing is lost (`odd_frames`).
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import msgspec

from .._errors import ConfigError, LocalProtocolError, RemoteProtocolError
from ..types import Blob, ClientMessage, ServerContent, ServerEvent, UnknownEvent
from .base64 import b64decode, b64encode
from .durations import decode_other, encode_other
from .envelopes import CLIENT_KEYS, SERVER_KEYS, ClientEnvelope, ServerEnvelope, events_in
from .lenient_json import Unknown, fit
from .odd_frames import UNREADABLE, explain, read_odd_frame, unreadable

if TYPE_CHECKING:
    from typing_extensions import Buffer

MediaKind: TypeAlias = Literal["audio", "video"]
"""The two streams of media."""

# Bytes of a frame from which on base64 is worth a path of its own, and a count of what is in it worth its time.
_LONG: Final = 4096

# What a server's frame may hold, so that no peer chooses how much memory and time its decoding takes: three bytes of
# `{},` become 240 of a `Part`. Real frames are some hundred objects, however long their text or sound.
_MOST_OBJECTS: Final = 20_000
_MOST_ITEMS: Final = 2_000_000

_INVALID_ARGUMENT: Final = "Request contains an invalid argument."
_INVALID_JSON: Final = "Invalid JSON payload received."
_LONGEST_NAME: Final = 64  # characters of an unknown name in an error; a close reason has 123 bytes in all

# Formats of a buffer's items, as `struct` names them: bytes and 16-bit numbers.
_ITEMS: Final = frozenset({"b", "B", "c", "h", "H"})

_UNWRITABLE: Final = (TypeError, *UNREADABLE)


def encode_client_message(message: ClientMessage) -> bytes:
    """Write a client's message as a frame.

    Raises:
        LocalProtocolError: Something in it has no form in JSON.
    """
    return _encode({CLIENT_KEYS[type(message)]: message})


def encode_media(kind: MediaKind, data: Buffer, mime_type: str) -> bytes:
    """Write one stretch of sound, or one picture, as a frame; the payload is copied only into its base64.

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

    `UsageMetadata` comes before the content of its frame, so that a reader who stops at the end of a turn has it.
    Names that this version doesn't know are kept: whole messages as `UnknownEvent`, anything deeper in
    the `unknown_fields` of its event.

    A value of a wrong type is kept there as well, unless it can be converted without loss, and the rest of the frame is
    read: a number becomes a string where that is wanted, and null the default.

    Raises:
        RemoteProtocolError: The frame is no JSON object, or holds far too many of them.
    """
    try:
        return events_in(_decode_long(frame) if len(frame) >= _LONG else _SERVER_FRAME.decode(frame))
    except RecursionError as exc:
        raise unreadable(exc) from exc
    except UNREADABLE:
        return read_odd_frame(frame)


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
    except UNREADABLE as exc:
        raise RemoteProtocolError(f"{_INVALID_JSON} {explain(exc)}") from exc
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
        raise LocalProtocolError(f"the message can't be written as JSON: {explain(exc)}") from exc


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


def _decode_long(frame: bytes | str) -> ServerEnvelope:
    envelope = _decode_speech(frame)
    if envelope is None:
        _check_bounds(frame)
        envelope = _SERVER_FRAME.decode(frame)
    return envelope


def _check_bounds(frame: bytes | str) -> None:
    """Refuse what would take far more memory than it has bytes.

    Raises:
        RemoteProtocolError: There are too many objects, lists or items in it.
    """
    counts = [
        frame.count(mark.encode()) if isinstance(frame, bytes) else frame.count(mark)
        for mark in ("{", "[", ",")
    ]
    if counts[0] + counts[1] > _MOST_OBJECTS or counts[2] > _MOST_ITEMS:
        exc = ValueError(f"it has more than {_MOST_OBJECTS:,} objects or {_MOST_ITEMS:,} items")
        raise unreadable(exc) from exc


def _decode_speech(frame: bytes | str) -> ServerEnvelope | None:
    """Read a frame that is nearly all base64 without having msgspec look at each of its digits; None if it is another.

    A JSON string can't hold `"data"` with its quotes, so what this finds is a name; that it is the name of the one
    stretch of sound shows in the rest of the frame. What is unusual about the digits is left to the usual path.
    """
    if not isinstance(frame, bytes):
        return None
    name = frame.find(b'"data"')
    start = frame.find(b'"', name + 6) + 1
    stop = frame.find(b'"', start)
    if name < 0 or frame[name + 6 : start - 1].strip() != b":" or stop - start < _LONG // 2:
        return None
    if len(frame) - (stop - start) > _LONG:  # there is more than the sound
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


def _only_blob(envelope: ServerEnvelope) -> Blob | None:
    content = envelope.server_content
    if content is None or content.model_turn is None or len(content.model_turn.parts) != 1:
        return None
    return content.model_turn.parts[0].inline_data


def _entries(event: ServerEvent) -> list[tuple[str, object]]:
    if isinstance(event, UnknownEvent):
        return list(event.raw.items())
    if event.unknown_fields:
        event = msgspec.structs.replace(event, unknown_fields={})
    if isinstance(event, ServerContent) and event.audio_epoch:
        event = msgspec.structs.replace(event, audio_epoch=0)
    return [(SERVER_KEYS[type(event)], event)]


def _decode_client_envelope(frame: bytes | str) -> ClientEnvelope:
    try:
        return _CLIENT_FRAME.decode(frame)
    except msgspec.ValidationError:
        unknown: list[Unknown] = []
        plain = fit(ClientEnvelope, _OBJECT.decode(frame), unknown)
    if unknown:
        raise RemoteProtocolError(_cannot_find(unknown[0]))
    return msgspec.convert(plain, ClientEnvelope, strict=False, dec_hook=decode_other)


def _cannot_find(unknown: Unknown) -> str:
    name = _ENCODER.encode(unknown.name[:_LONGEST_NAME]).decode()  # quoted, on one line
    place = f" at '{unknown.parent}'" if unknown.parent else ""
    return f"{_INVALID_JSON} Unknown name {name}{place}: Cannot find field."


_ENCODER: Final = msgspec.json.Encoder(enc_hook=encode_other)
_SERVER_FRAME: Final = msgspec.json.Decoder(ServerEnvelope, strict=False, dec_hook=decode_other)
_CLIENT_FRAME: Final = msgspec.json.Decoder(ClientEnvelope, strict=False, dec_hook=decode_other)
_OBJECT: Final = msgspec.json.Decoder(dict[str, object], dec_hook=decode_other)
