"""Reads a function's parameters, in OpenAPI's spelling or as a JSON schema. Pure.

Clients write these schemas, so any JSON is accepted: a parameter that can't be read is a string, or is left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import TypeGuard

    from ...types import FunctionDeclaration

_DEEPEST: Final = 6
_MOST: Final = (
    64  # parameters, or choices of one: schemas may be large, and one that refers to itself has no end
)
_LONGEST: Final = 200  # characters of a description that are read


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a function.

    Attributes:
        name: Its name.
        kind: `string`, `number`, `integer`, `boolean`, `array` or `object`.
        description: From its schema.
        choices: Its possible values; empty if any is possible.
        is_required: Whether the function needs it.
        default: Its value when it is not given, or None.
        items: An array's items.
        fields: An object's properties.
    """

    name: str
    kind: str = "string"
    description: str = ""
    choices: tuple[object, ...] = ()
    is_required: bool = False
    default: object = None
    items: Parameter | None = None
    fields: tuple[Parameter, ...] = ()


def parameters_of(declaration: FunctionDeclaration) -> Sequence[Parameter]:
    """Read the parameters of a function, in order."""
    schema: object = declaration.parameters_json_schema
    if declaration.parameters is not None:
        schema = msgspec.to_builtins(declaration.parameters)
    return _Reader(_mapping(schema)).read("", schema, depth=0).fields


class _Reader:
    """Reads a schema with its definitions."""

    def __init__(self, root: Mapping[str, object]) -> None:
        self._definitions = {
            name: value
            for key in ("$defs", "defs", "definitions")
            for name, value in _mapping(root.get(key)).items()
        }
        self._left = _MOST

    def read(self, name: str, schema: object, *, depth: int, is_required: bool = False) -> Parameter:
        self._left -= 1
        shape = self._resolved(_mapping(schema))
        return Parameter(
            name=name,
            kind=_kind(shape),
            description=_text(shape.get("description"))[:_LONGEST],
            choices=_choices(shape),
            is_required=is_required,
            default=shape.get("default"),
            items=self.read("", shape["items"], depth=depth + 1)
            if self._goes_on(shape, "items", depth)
            else None,
            fields=self._fields(shape, depth) if self._goes_on(shape, "properties", depth) else (),
        )

    def _fields(self, shape: Mapping[str, object], depth: int) -> tuple[Parameter, ...]:
        required = [name for name in _sequence(shape.get("required")) if isinstance(name, str)]
        return tuple(
            self.read(name, field, depth=depth + 1, is_required=name in required)
            for name, field in _mapping(shape["properties"]).items()
            if self._left > 0
        )

    def _goes_on(self, shape: Mapping[str, object], key: str, depth: int) -> bool:
        return depth < _DEEPEST and self._left > 0 and is_object(shape.get(key))

    def _resolved(self, shape: Mapping[str, object]) -> Mapping[str, object]:
        """Replace a reference by its target, and alternatives by the first that is not null."""
        for _ in range(_DEEPEST):
            reference = _text(shape.get("$ref", shape.get("ref")))
            other = self._definitions.get(reference.rpartition("/")[2]) if reference else _alternative(shape)
            if not is_object(other):
                return shape
            own = {key: value for key, value in shape.items() if key not in _REFERENCES}
            shape = {**other, **own}
        return shape


_REFERENCES: Final = frozenset({"$ref", "ref", "anyOf", "oneOf", "allOf"})


def _alternative(shape: Mapping[str, object]) -> object:
    alternatives = (one for key in ("anyOf", "oneOf", "allOf") for one in _sequence(shape.get(key)))
    return next((one for one in alternatives if _text(_mapping(one).get("type")).lower() != "null"), None)


def _kind(shape: Mapping[str, object]) -> str:
    kinds = shape.get("type")
    names = kinds if is_array(kinds) else [kinds]
    known = (_text(name).lower() for name in names)
    kind = next((name for name in known if name not in {"", "null", "type_unspecified"}), "")
    return kind or ("object" if "properties" in shape else "string")


def _choices(shape: Mapping[str, object]) -> tuple[object, ...]:
    if "const" in shape:
        return (shape["const"],)
    return tuple(choice for choice in _sequence(shape.get("enum"))[:_MOST] if choice is not None)


def is_object(value: object) -> TypeGuard[dict[str, object]]:
    """Whether *value* is a JSON object."""
    return isinstance(value, dict)


def is_array(value: object) -> TypeGuard[list[object]]:
    """Whether *value* is a JSON array."""
    return isinstance(value, list)


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether *value* is a number; booleans are not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _mapping(value: object) -> Mapping[str, object]:
    return value if is_object(value) else {}


def _sequence(value: object) -> Sequence[object]:
    return value if is_array(value) else ()


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
