"""Two JSON schemas as one, for values that have to fit both of them. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ._json import is_array, is_object

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ._json import Schema


def merged(one: Schema, other: Schema) -> dict[str, object]:
    """Return a schema of the values that both schemas allow. Descriptions are added up."""
    whole = dict(one)
    for key, value in other.items():
        if key not in whole or whole[key] == value:
            whole[key] = value
        else:
            whole[key] = _RULES.get(key, _latter)(whole[key], value)
    return whole


def _types(one: object, other: object) -> object:
    ones, others = _list(one), _list(other)
    both = [kind for kind in ones if kind in others]
    if "integer" not in both and {"integer", "number"} <= {*ones, *others}:
        both.append("integer")
    return both[0] if len(both) == 1 else both


def _choices(one: object, other: object) -> object:
    return [value for value in _list(one) if value in _list(other)]


def _all_names(one: object, other: object) -> object:
    return [*dict.fromkeys([*_list(one), *_list(other)])]


def _properties(one: object, other: object) -> object:
    if not is_object(one) or not is_object(other):
        return other
    return {**one, **{name: _schemas(one.get(name, True), value) for name, value in other.items()}}


def _schemas(one: object, other: object) -> object:
    if is_object(one) and is_object(other):
        return merged(one, other)
    if one is False or other is False:
        return False
    return other if one is True else one


def _texts(one: object, other: object) -> object:
    return f"{one}\n{other}"


def _greater(one: object, other: object) -> object:
    return max(one, other) if isinstance(one, int | float) and isinstance(other, int | float) else other


def _less(one: object, other: object) -> object:
    return min(one, other) if isinstance(one, int | float) and isinstance(other, int | float) else other


def _alternatives(one: object, other: object) -> object:
    """Return each alternative of the one with each of the other; those without a type in common can't be met."""
    pairs = [merged(a, b) for a in _list(one) for b in _list(other) if is_object(a) and is_object(b)]
    return [pair for pair in pairs if pair.get("type") != []]


def _both(one: object, other: object) -> object:
    return [*_list(one), *_list(other)]


def _patterns(one: object, other: object) -> object:
    return f"(?=.*(?:{one}))(?=.*(?:{other}))"


def _latter(_one: object, other: object) -> object:
    return other


def _list(value: object) -> Sequence[object]:
    return value if is_array(value) else [value]


_RULES: Final[Mapping[str, Callable[[object, object], object]]] = {
    "type": _types,
    "enum": _choices,
    "required": _all_names,
    "properties": _properties,
    "patternProperties": _properties,
    "$defs": _properties,
    "items": _schemas,
    "additionalProperties": _schemas,
    "propertyNames": _schemas,
    "description": _texts,
    "anyOf": _alternatives,
    "allOf": _both,
    "pattern": _patterns,
    **dict.fromkeys(("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"), _greater),
    **dict.fromkeys(("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"), _less),
}
