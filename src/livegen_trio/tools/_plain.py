"""Values of Python as the plain ones that JSON knows. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from .._errors import ToolError
from ._foreign import encoded
from ._json import is_object

if TYPE_CHECKING:
    from collections.abc import Mapping

_EXACT: Final = 2**53
"""Up to here a double holds every whole number."""

_UNWRITABLE: Final = (
    NotImplementedError,
    TypeError,
    ValueError,
    OverflowError,
    RecursionError,
    msgspec.MsgspecError,
)


def plain(value: object) -> object:
    """*value* in the types of JSON.

    Raises:
        ToolError: It can't be written as JSON.
    """
    return _DECODER.decode(_encode(value))


def plain_with_whole_numbers(value: object) -> object:
    """The same, but 5.0 as 5: the service keeps all numbers as doubles, whatever they are declared as.

    Raises:
        ToolError: It can't be written as JSON.
    """
    return _WHOLE_NUMBERS_DECODER.decode(_encode(value))


def json_object(value: object) -> Mapping[str, object]:
    """*value* as the JSON object that a function's response is: itself if it is one, else its `output`.

    Raises:
        ToolError: It can't be written as JSON.
    """
    output = plain(value)
    if is_object(output) and output:  # an empty one would be left out on the wire
        return output
    return {"output": output}


def _encode(value: object) -> bytes:
    try:
        return msgspec.json.encode(value, enc_hook=encoded)
    except _UNWRITABLE as exc:
        raise ToolError(f"it can't be written as JSON: {exc}") from exc


def _number(text: str) -> float:
    number = float(text)
    return int(number) if number.is_integer() and abs(number) <= _EXACT else number


_DECODER: Final = msgspec.json.Decoder()
_WHOLE_NUMBERS_DECODER: Final = msgspec.json.Decoder(float_hook=_number)
