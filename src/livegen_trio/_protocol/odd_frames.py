"""Server's frames that a strict decode refuses: unknown names, odd values, JSON that is not quite JSON.

Nothing is lost here: whatever has no place in the structs is kept as it came.
"""

from __future__ import annotations

import json
import re
from typing import Final

import msgspec

from .._errors import RemoteProtocolError
from ..types import ServerEvent, UnknownEvent
from .durations import decode_other
from .envelopes import ServerEnvelope, events_in
from .lenient_json import Unknown, is_object, salvage

# What decoding raises; errors of UTF-8 are bare `ValueError`s.
UNREADABLE: Final = (msgspec.MsgspecError, ValueError, RecursionError, OverflowError)

# Of messages that follow each other in one frame. None was ever seen to have two.
_MOST_MESSAGES: Final = 16

# Digits of a whole number. A longer one is kept as text: Python takes quadratic time for it, or refuses.
_MOST_DIGITS: Final = 400

_TRANSCRIPTIONS: Final = ("inputTranscription", "outputTranscription")
_BYTE_ORDER_MARK: Final = "\ufeff"
_SPACE: Final = re.compile(r"[ \t\n\r]*")


def read_odd_frame(frame: bytes | str) -> list[ServerEvent]:
    """Read the messages of a frame, each with what it has no place for.

    Raises:
        RemoteProtocolError: There is no JSON object in the frame, or far too much.
    """
    try:
        return [event for message, mends in _messages_in(frame) for event in _events_of(message, mends=mends)]
    except UNREADABLE as exc:
        raise unreadable(exc) from exc


def unreadable(exc: Exception) -> RemoteProtocolError:
    """Return the error for a frame that can't be read because of *exc*."""
    return RemoteProtocolError(f"the server's message can't be read: {explain(exc)}")


def explain(exc: Exception) -> str:
    """Return what is wrong, without anything of the payload."""
    match exc:
        case RecursionError():
            return "it is nested too deeply"
        case UnicodeError():
            return "it is not UTF-8"
        case _:
            return str(exc)


def _messages_in(frame: bytes | str) -> list[tuple[dict[str, object], bool]]:
    """The JSON objects of a frame, each with whether its text may have halves of surrogate pairs."""
    try:
        return [(_OBJECT.decode(frame), False)]
    except UNREADABLE as exc:
        try:
            return [(message, True) for message in _parse_leniently(frame)]
        except json.JSONDecodeError:
            raise exc from None  # whose message is that of all other frames


def _parse_leniently(frame: bytes | str) -> list[dict[str, object]]:
    """Parse what msgspec refuses: NaN, a byte order mark, halves of surrogate pairs, several objects in one frame."""
    text = frame.decode() if isinstance(frame, bytes) else frame
    text = text.removeprefix(_BYTE_ORDER_MARK)
    messages: list[dict[str, object]] = []
    place = _after_space(text, 0)
    while place < len(text):
        message, place = _LENIENT.raw_decode(text, place)
        if not is_object(message):
            raise ValueError("Expected `object`")
        if len(messages) == _MOST_MESSAGES:
            raise ValueError(f"it has more than {_MOST_MESSAGES} messages")
        messages.append(message)
        place = _after_space(text, place)
    if not messages:
        raise ValueError("it is empty")
    return messages


def _after_space(text: str, place: int) -> int:
    space = _SPACE.match(text, place)
    return place if space is None else space.end()


def _whole_number(digits: str) -> int | str:
    return int(digits) if len(digits) <= _MOST_DIGITS else digits


def _events_of(message: dict[str, object], *, mends: bool) -> list[ServerEvent]:
    unknown: list[Unknown] = []
    plain = salvage(ServerEnvelope, _with_transcriptions_inside(message), unknown, mends=mends)
    envelope = msgspec.convert(plain, ServerEnvelope, strict=False, dec_hook=decode_other)
    messages: list[ServerEvent] = [
        UnknownEvent(raw={name: value}) for path, name, value in unknown if not path
    ]
    return messages + events_in(_with_unknown_fields(envelope, unknown))


def _with_transcriptions_inside(plain: dict[str, object]) -> dict[str, object]:
    """Move transcriptions from the top, where Vertex's reference has them, to where they come in fact."""
    strays = {name: plain[name] for name in _TRANSCRIPTIONS if name in plain}
    content = plain.get("serverContent", {})
    if not strays or not isinstance(content, dict) or strays.keys() & content.keys():
        return plain
    others = {name: value for name, value in plain.items() if name not in strays}
    return {**others, "serverContent": {**content, **strays}}


def _with_unknown_fields(envelope: ServerEnvelope, unknown: list[Unknown]) -> ServerEnvelope:
    by_message: dict[str, dict[str, object]] = {}
    for path, name, value in unknown:
        if path:
            message = path.partition(".")[0]  # no message is a list
            by_message.setdefault(message, {})[f"{path}.{name}"] = value
    fields = zip(ServerEnvelope.__struct_fields__, ServerEnvelope.__struct_encode_fields__, strict=True)
    changes = {
        field: msgspec.structs.replace(getattr(envelope, field), unknown_fields=by_message[wire_name])
        for field, wire_name in fields
        if wire_name in by_message
    }
    return msgspec.structs.replace(envelope, **changes)


_OBJECT: Final = msgspec.json.Decoder(dict[str, object], dec_hook=decode_other)
_LENIENT: Final = json.JSONDecoder(strict=False, parse_int=_whole_number)
