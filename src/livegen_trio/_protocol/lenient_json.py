"""Walks plain JSON by the shapes of the struct types: respells it, and finds what they have no place for.

This is the slow path, for messages that a strict decode has refused; all messages are the same to it. `fit` serves a
client's messages, whose wrong types are refused as the service refuses them. `salvage` serves a server's: a value of a
wrong type is converted where that loses nothing, and else taken out, so that the rest can be read.
"""

from __future__ import annotations

import math
import re
from functools import cache
from typing import Final, NamedTuple, Protocol, TypeGuard

import msgspec
from msgspec import inspect

from ..types import Duration
from .durations import decode_other

_URL_SAFE: Final = str.maketrans("-_", "+/")
_HALF_PAIR: Final = re.compile("[\ud800-\udfff]")
_REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"

# Names and items that a walk looks at in one message: a peer must not choose how long Python is busy with it. The
# longest real messages, transcripts of ten minutes with the time of each word, have a third of that.
_MOST_STEPS: Final = 20_000

_KINDS: Final[dict[type[inspect.Type], type]] = {
    inspect.BoolType: bool,
    inspect.IntType: int,
    inspect.FloatType: float,
    inspect.StrType: str,
}


class Unknown(NamedTuple):
    """A value that the structs have no place for: its name is unknown, or it isn't of the field's type.

    Attributes:
        parent: Path of the object that it was in, such as `serverContent.modelTurn`; empty at the top.
        name: As it came. The peer chose it, so it may be anything. With `[3]` behind it is one item of a list.
        value: As it came.
    """

    parent: str
    name: str
    value: object


class Walk:
    """One walk through one message.

    Attributes:
        unknown: What the structs have no place for.
        salvages: Whether values of a wrong type are converted or taken out; else they stay, for msgspec to refuse.
        mends: Whether text may have halves of surrogate pairs, which are replaced.
    """

    __slots__ = ("_steps", "mends", "salvages", "unknown")

    def __init__(self, unknown: list[Unknown], *, salvages: bool, mends: bool = False) -> None:
        self.unknown = unknown
        self.salvages = salvages
        self.mends = mends
        self._steps = 0

    def count(self, steps: int) -> None:
        """Note names and items that are looked at next.

        Raises:
            ValueError: There are too many of them in one message.
        """
        self._steps += steps
        if self._steps > _MOST_STEPS:
            raise ValueError(f"it has more than {_MOST_STEPS:,} names and items")

    def leave_out(self, path: str, value: object) -> None:
        """Keep what stood at *path*, and didn't fit there."""
        parent, _, name = path.rpartition(".")
        self.unknown.append(Unknown(parent, name, value))


class _Misfit:
    """The type of `_MISFIT`, which stands for a value that doesn't fit."""


_MISFIT: Final = _Misfit()


class Shape(Protocol):
    """Shape of a field's values, as far as walking them matters."""

    def fit(self, value: object, path: str, walk: Walk, /) -> object:
        """Copy `value` in the structs' own spelling; `_MISFIT` if it is salvaged and has a wrong type."""


class _Anything:
    """JSON that is free in form."""

    def fit(self, value: object, path: str, walk: Walk, /) -> object:
        return _mended(value, path, walk)


class _Scalar:
    """A number, a truth value, a string or a duration."""

    def __init__(self, kind: type[object]) -> None:
        self._kind = kind

    def fit(self, value: object, path: str, walk: Walk, /) -> object:
        if not walk.salvages:
            return value
        if self._kind is str:
            return _mended(_as_text(value), path, walk)
        return value if self._takes(value) else _MISFIT

    def _takes(self, value: object) -> bool:
        try:
            read: object = msgspec.convert(value, self._kind, strict=False, dec_hook=decode_other)
        except (msgspec.ValidationError, ValueError):
            return False
        return not isinstance(read, float) or math.isfinite(read)


class _Base64:
    """Bytes: both alphabets are taken, with padding or without, as protobuf's JSON parsers do."""

    def fit(self, value: object, _path: str, walk: Walk, /) -> object:
        if not isinstance(value, str):
            return _MISFIT if walk.salvages else value
        digits = value.translate(_URL_SAFE).rstrip("=")
        digits += "=" * (-len(digits) % 4)
        if not walk.salvages:
            return digits
        try:
            return msgspec.convert(digits, bytes)
        except (msgspec.ValidationError, ValueError):
            return _MISFIT


class _Items:
    """An array."""

    def __init__(self, item: Shape) -> None:
        self._item = item

    def fit(self, value: object, path: str, walk: Walk, /) -> object:
        if not _is_array(value):
            return _MISFIT if walk.salvages else value
        walk.count(len(value))
        fitted: list[object] = []
        for index, item in enumerate(value):
            place = f"{path}[{index}]"
            found = self._item.fit(item, place, walk)
            if found is _MISFIT:
                walk.leave_out(place, item)
            else:
                fitted.append(found)
        return fitted


class _Entries:
    """An object that maps names of the peer's choice; in paths they are numbered, as Google's messages do."""

    def __init__(self, entry: Shape) -> None:
        self._entry = entry

    def fit(self, value: object, path: str, walk: Walk, /) -> object:
        if not is_object(value):
            return _MISFIT if walk.salvages else value
        if self._entry is _ANYTHING:
            return _ANYTHING.fit(value, path, walk)
        walk.count(len(value))
        fitted: dict[str, object] = {}
        for index, (name, entry) in enumerate(value.items()):
            place = f"{path}[{index}].value"
            found = self._entry.fit(entry, place, walk)
            if found is _MISFIT:
                walk.leave_out(place, entry)
            else:
                fitted[name] = found
        return fitted


class _Fields:
    """An object whose names are a struct's: in camelCase, or in snake_case as some clients write."""

    def __init__(self) -> None:
        self.spellings: dict[str, tuple[str, Shape]] = {}

    def fit(self, value: object, path: str, walk: Walk, /) -> object:
        if not is_object(value):
            return _MISFIT if walk.salvages else value
        walk.count(len(value) + 1)
        fitted: dict[str, object] = {}
        for name, field in value.items():
            wire_name, shape = self.spellings.get(name, (name, None))
            if shape is None or wire_name in fitted:
                walk.unknown.append(Unknown(path, name, field))
            elif field is not None:  # null is protobuf's JSON for "absent"
                found = shape.fit(field, f"{path}.{wire_name}" if path else wire_name, walk)
                if found is _MISFIT:
                    walk.unknown.append(Unknown(path, name, field))
                else:
                    fitted[wire_name] = found
        return fitted


_ANYTHING: Final = _Anything()
_BASE64: Final = _Base64()


def fit(struct: type[msgspec.Struct], value: object, unknown: list[Unknown]) -> object:
    """Copy the JSON `value` so that only names which `struct` has are left; the others go to `unknown`.

    A value of the wrong type stays as it is, for msgspec to refuse.

    Raises:
        ValueError: There is too much in it to be walked through.
    """
    return _shape(struct).fit(value, "", Walk(unknown, salvages=False))


def salvage(
    struct: type[msgspec.Struct], value: object, unknown: list[Unknown], *, mends: bool = False
) -> object:
    """Copy the JSON object `value` so that `struct` can be made of it; what doesn't fit goes to `unknown`.

    A number becomes a string where that is wanted, and null the default. If it *mends*, half of a surrogate pair is
    replaced by U+FFFD in texts, and the text as it came goes to `unknown`.

    Raises:
        ValueError: There is too much in it to be walked through.
    """
    return _shape(struct).fit(value, "", Walk(unknown, salvages=True, mends=mends))


@cache
def _shape(struct: type[msgspec.Struct]) -> Shape:
    return _shape_of(inspect.type_info(struct), {})


def _shape_of(info: inspect.Type, known: dict[type, _Fields]) -> Shape:
    match info:
        case inspect.StructType():
            return known[info.cls] if info.cls in known else _fields_of(info, known)
        case inspect.ListType():
            return _Items(_shape_of(info.item_type, known))
        case inspect.DictType():
            return _Entries(_shape_of(info.value_type, known))
        case inspect.UnionType():
            return _shape_of(_main_type(info), known)
        case inspect.BytesType():
            return _BASE64
        case inspect.CustomType(cls=cls) if cls is Duration:
            return _Scalar(Duration)
        case _:
            kind = _KINDS.get(type(info))
            return _ANYTHING if kind is None else _Scalar(kind)


def _main_type(info: inspect.UnionType) -> inspect.Type:
    """The one type of a field that may be absent, or that is an enum whose known values are listed."""
    [main] = [
        member for member in info.types if not isinstance(member, (inspect.NoneType, inspect.LiteralType))
    ]
    return main


def _fields_of(info: inspect.StructType, known: dict[type, _Fields]) -> _Fields:
    fields = known[info.cls] = _Fields()  # before its fields, which may hold the same struct again
    for field in info.fields:
        if isinstance(field.type, inspect.Metadata):  # a field of our own (`LocalInt`): no peer can name it
            continue
        spelling = (field.encode_name, _shape_of(field.type, known))
        fields.spellings[field.encode_name] = fields.spellings[field.name] = spelling
    return fields


def _as_text(value: object) -> object:
    if isinstance(value, str):
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
        return str(value)
    return _MISFIT


def _mended(value: object, path: str, walk: Walk) -> object:
    """*value* without halves of surrogate pairs; if it had any, it is kept as it came."""
    mended = _without_halves(value, walk) if walk.mends else value
    if mended is not value:
        walk.leave_out(path, value)
    return mended


def _without_halves(value: object, walk: Walk) -> object:
    """*value* itself, if there are none."""
    if isinstance(value, str):
        is_whole = value.isascii() or not _HALF_PAIR.search(value)
        return value if is_whole else _HALF_PAIR.sub(_REPLACEMENT, value)
    if _is_array(value):
        walk.count(len(value))
        items = [_without_halves(item, walk) for item in value]
        return value if all(map(_is_same, items, value)) else items
    if is_object(value):
        walk.count(len(value))
        entries = {
            _HALF_PAIR.sub(_REPLACEMENT, name): _without_halves(entry, walk) for name, entry in value.items()
        }
        is_same = entries.keys() == value.keys() and all(map(_is_same, entries.values(), value.values()))
        return value if is_same else entries
    return value


def _is_same(one: object, other: object) -> bool:
    return one is other


def is_object(value: object) -> TypeGuard[dict[str, object]]:
    """Return whether *value* is a JSON object."""
    return isinstance(value, dict)


def _is_array(value: object) -> TypeGuard[list[object]]:
    return isinstance(value, list)
