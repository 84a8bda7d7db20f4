"""Reads a client's message, within bounds on what it takes to read and to keep. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .._errors import RemoteProtocolError
from .._protocol.codec import decode_client_message
from ..types import ClientContent, ContextUpdate, RealtimeInput, Setup, ToolResponse
from ._setup_rules import INVALID_ARGUMENT
from ._sizes import size_of_content, size_of_response

if TYPE_CHECKING:
    from ..types import ClientMessage

MOST_OBJECTS: Final = 20_000  # and lists, in a message: each takes many times the bytes that it has in JSON
_COSTLY: Final = 1000  # objects and lists: some milliseconds to read
LARGEST_CONTENT: Final = 8 * 2**20  # bytes, about, of a content, a function's answer, or the text of a turn
LARGEST_CONTEXT: Final = 2 * 2**20  # bytes of a setup or an update of the context


def read_message(frame: bytes | str) -> ClientMessage:
    """Read a client's message.

    Raises:
        RemoteProtocolError: It is none, or is larger than the server takes of its kind.
    """
    data = _as_bytes(frame)
    if _count_objects(data) > MOST_OBJECTS:
        raise RemoteProtocolError(
            f"{INVALID_ARGUMENT} The message has more than {MOST_OBJECTS} objects and lists."
        )
    message = decode_client_message(frame)
    match message:
        case Setup() | ContextUpdate():
            _check("setup", len(data), LARGEST_CONTEXT)
        case ClientContent(turns=turns):
            _check("content", sum(map(size_of_content, turns)), LARGEST_CONTENT)
        case ToolResponse(function_responses=responses):
            _check("function response", sum(map(size_of_response, responses)), LARGEST_CONTENT)
        case RealtimeInput():
            pass  # what is kept of it is bounded where it is kept
    return message


def is_costly(frame: bytes | str) -> bool:
    """Return whether reading a frame takes long enough for other clients to notice."""
    return len(frame) > _COSTLY and _count_objects(_as_bytes(frame)) > _COSTLY


def _as_bytes(frame: bytes | str) -> bytes:
    return frame.encode(errors="replace") if isinstance(frame, str) else frame


def _count_objects(data: bytes) -> int:
    return data.count(b"{") + data.count(b"[")


def _check(kind: str, size: int, largest: int) -> None:
    if size > largest:
        raise RemoteProtocolError(
            f"{INVALID_ARGUMENT} The {kind} takes {size} bytes, of {largest} that this server keeps."
        )
