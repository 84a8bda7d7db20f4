"""Constructors of structs: convert and check their arguments, and suggest names for misspelt ones.

A struct that msgspec decodes doesn't come through here, so that a server's messages are taken as they come, and cost
nothing more.
"""

from __future__ import annotations

import difflib
import enum
import re
import reprlib
import textwrap
from collections.abc import Mapping, Sequence
from functools import cache
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Final, Literal, TypeGuard, Union, get_args, get_origin

import msgspec

from .._errors import ConfigError
from ._duration import Duration

SHORT: Final = reprlib.Repr()
SHORT.maxstring = 64  # room for the names of enum values; the errors are one line each

# Formats of a buffer's items, as `struct` names them: bytes and 16-bit samples.
_BYTES: Final = frozenset({"b", "B", "c", "h", "H"})

_CONSTANT: Final = re.compile("[A-Z][A-Z0-9_]*")

# Names that people who think in Python or JSON Schema write for the service's types.
_OTHER_NAMES: Final = {
    "dict": "OBJECT",
    "list": "ARRAY",
    "tuple": "ARRAY",
    "str": "STRING",
    "int": "INTEGER",
    "float": "NUMBER",
    "bool": "BOOLEAN",
    "None": "NULL",
}


class StructType(msgspec.StructMeta):
    """The type of struct types, which is what runs when a struct is constructed."""

    if not TYPE_CHECKING:  # pragma: no branch - a checker would take these for every struct's parameters

        def __call__(cls, *args: object, **fields: object) -> object:  # noqa: N805 - a metaclass
            if not getattr(cls, "_is_received", False):
                prepare_fields(cls, fields)
            elif not fields.keys() <= fields_of(cls).keys():
                raise _misspelling(cls, fields)
            return super().__call__(*args, **fields)


def prepare_fields(struct: type[msgspec.Struct], fields: dict[str, object]) -> None:
    """Convert and check a constructor's arguments, in place.

    Raises:
        ConfigError: A value doesn't fit its field.
        TypeError: There is no such field.
    """
    known = fields_of(struct)
    absent: list[str] = []
    for name, value in fields.items():
        field = known.get(name)
        if field is None:
            raise _misspelling(struct, fields)
        if type(value) is field.plain:  # most are, and servers construct them for each chunk of speech
            continue
        if value is None and not field.takes_none:
            absent.append(name)
        elif value is not None:
            fields[name] = field.prepared(struct, value)
    for name in absent:
        del fields[name]


class Field:
    """A field of a struct, and what may be written for it.

    Attributes:
        name: Its name in Python.
        declared: Its type.
        takes_none: Whether None is a value, and not the same as leaving it out.
        is_optional: Whether None is what it has where it is left out.
        plain: Type of which every value fits as it is, if there is one.
    """

    def __init__(
        self, name: str, declared: type[object], *, takes_none: bool, is_optional: bool, is_guarded: bool
    ) -> None:
        self.name = name
        self.declared = declared
        self.takes_none = takes_none
        self.is_optional = is_optional
        self._is_guarded = is_guarded
        self._struct = struct_in(declared)
        self._is_mapping = _has_origin(declared, Mapping)
        self._is_list = _has_origin(declared, Sequence)
        self._is_bytes = declared is bytes
        self._is_duration = declared is Duration or Duration in get_args(declared)
        self._known_values = _literals_in(declared)
        self.plain: type[object] | None = None if self._known_values else _plain_type(declared)

    def prepared(self, struct: type, value: object) -> object:
        """Convert and check a value that somebody has written for a field of *struct*.

        Structs take the place of dicts, an enum's names get its case, buffers become bytes, and numbers durations.

        Raises:
            ConfigError: It doesn't fit.
        """
        if self._known_values:
            if type(value) is str and value in self._known_values:
                return value
            value = self._in_enum(struct, value, self.name)
        elif self._struct is not None:
            if self._is_list and _is_list(value) and all(type(item) is self._struct for item in value):
                return [*value]
            value = self._with_structs(value)
        elif self._is_bytes:
            value = _as_bytes(value)
        elif self._is_duration and isinstance(value, (int, float)) and not isinstance(value, bool):
            value = Duration(value)
        return self.checked(struct, value)

    def checked(self, struct: type, value: object) -> object:
        """Return *value*, its lists and mappings copied, so that what was checked can't change afterwards.

        Raises:
            ConfigError: It is of a wrong type, or out of bounds.
        """
        if self._is_bytes and isinstance(value, str):
            raise refusal(struct, f"{self.name} is of type str; expected `bytes`")
        try:
            return msgspec.convert(value, self.declared)
        except msgspec.ValidationError as exc:
            complaint, _, place = _complaint(exc, self.declared).partition(" - at `$")
            if place.startswith("["):
                raise refusal(struct, f"{self.name}{place[:-1]} is wrong; {complaint}") from None
            raise refusal(struct, f"{self.name} is {self._shown(value)}; {complaint}") from None

    def _shown(self, value: object) -> str:
        is_plain = isinstance(value, (int, float, str)) and (not value or not self._is_guarded)
        return SHORT.repr(value) if is_plain else f"of type {type(value).__name__}"

    def _in_enum(self, struct: type, value: object, place: str) -> object:
        if self._is_list and _is_list(value):
            return [self._in_enum(struct, item, f"{place}[{index}]") for index, item in enumerate(value)]
        if isinstance(value, enum.Enum):  # of another client's, such as google-genai's
            value = value.value
        if not isinstance(value, str) or value in self._known_values:
            return value
        found = next((known for known in self._known_values if known.lower() == value.lower()), None)
        if found is not None:
            return found
        # A value that this version doesn't know passes if it looks like one: those of an enum are in upper case.
        if _CONSTANT.fullmatch(value) or not all(map(_CONSTANT.fullmatch, self._known_values)):
            return value
        known = ", ".join(name for name in self._known_values if not name.endswith("UNSPECIFIED"))
        near = suggestion(_OTHER_NAMES.get(value, value.upper()), self._known_values)
        way_out = near or f"it is one of {textwrap.shorten(known, 80, placeholder=' ...')}"
        raise refusal(struct, f"{place} is {SHORT.repr(value)}; {way_out}")

    def _with_structs(self, value: object) -> object:
        assert self._struct is not None
        if self._is_list:
            return [struct_from(self._struct, item) for item in value] if _is_list(value) else value
        if self._is_mapping:
            if not _is_mapping(value):
                return value
            return {key: struct_from(self._struct, item) for key, item in value.items()}
        return struct_from(self._struct, value)


@cache
def fields_of(struct: type[msgspec.Struct]) -> dict[str, Field]:
    """Return the fields of a struct by their names."""
    guarded: frozenset[str] = getattr(struct, "_guarded", frozenset())
    return {
        field.name: Field(
            field.name,
            field.type,
            takes_none=field.required or field.default is None or field.type is object,
            is_optional=field.default is None,
            is_guarded=field.name in guarded,
        )
        for field in msgspec.structs.fields(struct)
    }


def struct_from(struct: type[msgspec.Struct], value: object) -> object:
    """Return the struct that a dict stands for, its names in either spelling; anything else as it is.

    Raises:
        ConfigError: The dict has a name or a value that the struct doesn't take.
    """
    if not _is_mapping(value):
        return value
    names = _names_of(struct)
    fields: dict[str, object] = {}
    for name, item in value.items():
        if name not in names:
            raise ConfigError(_no_field(struct, str(name)))
        fields[names[name]] = item
    missing = [name for name in _required(struct) if name not in fields]
    if missing:
        raise refusal(struct, f"{missing[0]} is missing")
    return struct(**fields)


def refusal(struct: object, complaint: str) -> ConfigError:
    """Return the error that refuses a struct, or one of its type."""
    kind = struct if isinstance(struct, type) else type(struct)
    return ConfigError(f"{kind.__name__}: {complaint}")


def suggestion(name: str, known: Sequence[str]) -> str:
    """Return a question for the nearest of the known names, or nothing."""
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]!r}?" if near else ""


def struct_in(declared: object) -> type[msgspec.Struct] | None:
    """Return the struct that a field's type is, or is made of."""
    if isinstance(declared, type) and issubclass(declared, msgspec.Struct):
        return declared
    return next((found for part in get_args(declared) if (found := struct_in(part))), None)


def _misspelling(struct: type[msgspec.Struct], fields: Mapping[str, object]) -> TypeError:
    return TypeError(_no_field(struct, next(name for name in fields if name not in fields_of(struct))))


def _no_field(struct: type[msgspec.Struct], name: str) -> str:
    snake_case = re.sub("[A-Z]", lambda letter: f"_{letter[0].lower()}", name)
    fields = [*fields_of(struct)]
    way_out = suggestion(snake_case, fields) or f"its fields are {', '.join(fields) or 'none'}"
    return f"{struct.__name__} has no field {SHORT.repr(name)}; {way_out}"


def _complaint(exc: msgspec.ValidationError, declared: object) -> str:
    """Msgspec's complaint, which is about JSON, with Python's names for things."""
    complaint = str(exc).replace("`array", "`list").replace(" | null`", " | None`")
    struct = struct_in(declared)
    complaint = complaint.replace("`object", f"`{'dict' if struct is None else struct.__name__}")
    return complaint[0].lower() + complaint[1:]


@cache
def _names_of(struct: type[msgspec.Struct]) -> dict[object, str]:
    """Fields by their names in Python and on the wire."""
    fields = msgspec.structs.fields(struct)
    return {name: field.name for field in fields for name in (field.encode_name, field.name)}


@cache
def _required(struct: type[msgspec.Struct]) -> tuple[str, ...]:
    return tuple(field.name for field in msgspec.structs.fields(struct) if field.required)


def _plain_type(declared: object) -> type[object] | None:
    """A type that stands alone, or next to None; bounds and containers need a closer look."""
    parts: tuple[object, ...] = get_args(declared) or (declared,)
    [kind, *others] = [part for part in parts if part is not NoneType]
    if others or not _is_type(kind) or get_origin(declared) not in (None, UnionType, Union):
        return None
    return None if kind in (object, float) else kind


def _is_type(value: object) -> TypeGuard[type[object]]:
    return isinstance(value, type)


def _literals_in(declared: object) -> tuple[str, ...]:
    if get_origin(declared) is Literal:
        return get_args(declared)
    return tuple(value for part in get_args(declared) for value in _literals_in(part))


def _has_origin(declared: object, kind: type) -> bool:
    return get_origin(declared) is kind or any(get_origin(part) is kind for part in get_args(declared))


def _is_list(value: object) -> TypeGuard[list[object] | tuple[object, ...]]:
    return isinstance(value, (list, tuple))


def _is_mapping(value: object) -> TypeGuard[Mapping[object, object]]:
    return isinstance(value, Mapping)


def _as_bytes(value: object) -> object:
    """The bytes of a buffer of bytes or 16-bit samples; anything else as it is."""
    if isinstance(value, (bytes, str)):
        return value
    try:
        view = memoryview(value)  # type: ignore[arg-type]  # that is the question
    except TypeError:
        return value
    return view.tobytes() if view.format.lstrip("@=<") in _BYTES else value
