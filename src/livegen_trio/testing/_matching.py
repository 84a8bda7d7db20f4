"""Whether a message is what a script expects, and where it isn't."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from .._protocol.codec import encode_client_message
from ..types import ClientContent, ContextUpdate, RealtimeInput, Setup, ToolResponse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import TypeIs

Message: TypeAlias = ClientContent | ContextUpdate | RealtimeInput | Setup | ToolResponse

Pattern: TypeAlias = Message | Mapping[str, object] | Callable[[Mapping[str, object]], bool]
"""A whole message of the client's; or a part of its JSON, in camelCase: what a mapping doesn't name may be anything;
or a function that is given the whole JSON and says whether this is it."""

_SHOWN: Final = 300  # characters of a message in an error


def difference(pattern: Pattern, message: Mapping[str, object]) -> str | None:
    """Name the first place where *message* differs from *pattern*; None if it matches."""
    if isinstance(pattern, Message):
        whole: object = msgspec.json.decode(encode_client_message(pattern))
        return None if whole == message else "it is another message"
    if not callable(pattern):
        return next(_differences(pattern, message, ""), None)
    return None if pattern(message) else f"{getattr(pattern, '__name__', pattern)} says no"


def describe(value: object) -> str:
    """A pattern or a message as JSON, cut short."""
    if isinstance(value, Message):
        text = encode_client_message(value).decode()
    elif isinstance(value, Mapping):
        text = json.dumps(value, default=repr, ensure_ascii=False)
    else:
        text = str(getattr(value, "__name__", value))
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _differences(pattern: object, value: object, path: str) -> Iterator[str]:
    if _is_object(pattern):
        yield from _differences_in_mapping(pattern, value, path)
    elif _is_list(pattern):
        yield from _differences_in_list(pattern, value, path)
    elif pattern != value:
        yield f"{path.lstrip('.') or 'it'} is {describe(value)}"


def _differences_in_mapping(pattern: Mapping[str, object], value: object, path: str) -> Iterator[str]:
    if not _is_object(value):
        yield f"{path.lstrip('.') or 'it'} is no object"
        return
    for name, wanted in pattern.items():
        if name not in value:
            yield f"{path.lstrip('.') or 'it'} has no {name!r}"
        else:
            yield from _differences(wanted, value[name], f"{path}.{name}")


def _differences_in_list(pattern: Sequence[object], value: object, path: str) -> Iterator[str]:
    if not _is_list(value) or len(value) != len(pattern):
        yield f"{path.lstrip('.')} is no list of {len(pattern)}"
        return
    for place, (wanted, one) in enumerate(zip(pattern, value, strict=True)):
        yield from _differences(wanted, one, f"{path}[{place}]")


def _is_object(value: object) -> TypeIs[Mapping[str, object]]:
    return isinstance(value, Mapping)


def _is_list(value: object) -> TypeIs[Sequence[object]]:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)
