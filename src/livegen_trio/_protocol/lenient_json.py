"""Walks plain JSON beside the struct types: finds what they have no name for, and respells the rest.

This is the slow road, for messages that a strict decode has refused; all messages are the same to it.
"""

from __future__ import annotations

from functools import cache
from typing import Final, NamedTuple, Protocol, TypeGuard

import msgspec
from msgspec import inspect

_URL_SAFE: Final = str.maketrans("-_", "+/")


class Unknown(NamedTuple):
    """A name that the structs don't have, with what came under it.

    Attributes:
        parent: Path of the object that it was in, such as `serverContent.modelTurn`; empty at the top.
        name: As it came. The peer chose it, so it may be anything.
        value: As it came.
    """

    parent: str
    name: str
    value: object


class Shape(Protocol):
    """What a struct's field may hold, as far as walking it matters."""

    def fit(self, value: object, path: str, unknown: list[Unknown], /) -> object:
        """Copy `value` in the structs' own spelling, and move what is unknown to `unknown`.

        A value of the wrong type stays as it is, for msgspec to complain about.
        """


class _Leaf:
    """A number, a string, or JSON that is free in form: nothing to walk into."""

    def fit(self, value: object, _path: str, _unknown: list[Unknown], /) -> object:
        return value


class _Base64:
    """Bytes: both alphabets are taken, with padding or without, as protobuf's JSON parsers do."""

    def fit(self, value: object, _path: str, _unknown: list[Unknown], /) -> object:
        if not isinstance(value, str):
            return value
        digits = value.translate(_URL_SAFE).rstrip("=")
        return digits + "=" * (-len(digits) % 4)


class _Items:
    """An array."""

    def __init__(self, item: Shape) -> None:
        self._item = item

    def fit(self, value: object, path: str, unknown: list[Unknown], /) -> object:
        if not _is_array(value):
            return value
        return [self._item.fit(item, f"{path}[{index}]", unknown) for index, item in enumerate(value)]


class _Entries:
    """An object that maps names of the peer's choice; in paths they are numbered, as Google's messages do."""

    def __init__(self, entry: Shape) -> None:
        self._entry = entry

    def fit(self, value: object, path: str, unknown: list[Unknown], /) -> object:
        if not _is_object(value):
            return value
        return {
            name: self._entry.fit(entry, f"{path}[{index}].value", unknown)
            for index, (name, entry) in enumerate(value.items())
        }


class _Fields:
    """An object whose names are a struct's: in camelCase, or in snake_case as some clients write."""

    def __init__(self) -> None:
        self.spellings: dict[str, tuple[str, Shape]] = {}

    def fit(self, value: object, path: str, unknown: list[Unknown], /) -> object:
        if not _is_object(value):
            return value
        fitted: dict[str, object] = {}
        for name, field in value.items():
            wire_name, shape = self.spellings.get(name, (name, None))
            if shape is None or wire_name in fitted:
                unknown.append(Unknown(path, name, field))
            elif field is not None:  # null is protobuf's JSON for "absent"
                fitted[wire_name] = shape.fit(field, f"{path}.{wire_name}" if path else wire_name, unknown)
        return fitted


_LEAF: Final = _Leaf()
_BASE64: Final = _Base64()


def fit(struct: type[msgspec.Struct], value: object, unknown: list[Unknown]) -> object:
    """Copy the JSON `value` so that only names which `struct` has are left; the others go to `unknown`."""
    return _shape(struct).fit(value, "", unknown)


@cache
def _shape(struct: type[msgspec.Struct]) -> Shape:
    return _shape_of(inspect.type_info(struct), {})


def _shape_of(info: inspect.Type, known: dict[type, _Fields]) -> Shape:
    match info:
        case inspect.StructType():
            return known[info.cls] if info.cls in known else _fields_of(info, known)
        case inspect.ListType():
            return _around(_Items, _shape_of(info.item_type, known))
        case inspect.DictType():
            return _around(_Entries, _shape_of(info.value_type, known))
        case inspect.UnionType():
            shapes = (_shape_of(member, known) for member in info.types)
            return next((shape for shape in shapes if shape is not _LEAF), _LEAF)
        case inspect.BytesType():
            return _BASE64
        case _:
            return _LEAF


def _around(container: type[_Items | _Entries], inner: Shape) -> Shape:
    return _LEAF if inner is _LEAF else container(inner)


def _fields_of(info: inspect.StructType, known: dict[type, _Fields]) -> _Fields:
    fields = known[info.cls] = _Fields()  # before its fields, which may hold the same struct again
    for field in info.fields:
        if isinstance(field.type, inspect.Metadata):  # a field of our own (`LocalInt`): no peer can name it
            continue
        spelling = (field.encode_name, _shape_of(field.type, known))
        fields.spellings[field.encode_name] = fields.spellings[field.name] = spelling
    return fields


def _is_object(value: object) -> TypeGuard[dict[str, object]]:
    return isinstance(value, dict)


def _is_array(value: object) -> TypeGuard[list[object]]:
    return isinstance(value, list)
