"""Memory that contents take, about and rather too many bytes. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from ..types import Part

if TYPE_CHECKING:
    from ..types import Content, FunctionResponse

_PART_SIZE: Final = 256  # bytes
_VALUE_SIZE: Final = 16  # bytes of an item besides its JSON
_OBJECT_SIZE: Final = 128  # bytes of an object or a list besides its JSON
_EMPTY: Final = Part()


def size_of_content(content: Content) -> int:
    """Bytes of memory that a content takes."""
    return _PART_SIZE + sum(map(_size_of_part, content.parts))


def size_of_response(response: FunctionResponse) -> int:
    """Bytes of memory that a function's answer takes."""
    return _PART_SIZE + _json_size(response)


def _size_of_part(part: Part) -> int:
    plain = len(part.text or "") + (len(part.inline_data.data) if part.inline_data is not None else 0)
    others = msgspec.structs.replace(part, text=None, inline_data=None)
    return _PART_SIZE + plain + (_json_size(others) if others != _EMPTY else 0)


def _json_size(value: object) -> int:
    json = _ENCODER.encode(value)
    return len(json) + json.count(b",") * _VALUE_SIZE + (json.count(b"{") + json.count(b"[")) * _OBJECT_SIZE


def _as_json(value: object) -> object:
    return value.hex() if isinstance(value, bytearray) else repr(value)


_ENCODER: Final = msgspec.json.Encoder(enc_hook=_as_json)
