"""Values that a JSON schema allows, as Hypothesis makes them up. It knows what declarations of tools have in them."""

from __future__ import annotations

import base64
import datetime as dt
import math
from typing import TYPE_CHECKING, Any, Final

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_DEEPEST: Final = 4
"""How often a schema may refer to others on the way to a value, where it leaves a choice."""

_LARGEST: Final = 2**53

_FORMATS: Final[Mapping[str, Callable[[], st.SearchStrategy[str]]]] = {
    "date-time": lambda: st.datetimes().map(
        lambda time: time.replace(microsecond=0, fold=0, tzinfo=dt.UTC).isoformat()
    ),
    "date": lambda: st.dates().map(str),
    "time": lambda: st.times().map(lambda time: f"{time.replace(microsecond=0).isoformat()}Z"),
    "duration": lambda: st.builds("P{}DT{}H".format, st.integers(0, 1000), st.integers(0, 23)),
    "uuid": lambda: st.uuids().map(str),
    "uri": lambda: st.sampled_from(["https://example.com/a?b=c", "file:///tmp/x"]),
    "email": lambda: st.sampled_from(["a@example.com"]),
}


def values_of(schema: Any, root: Any = None) -> st.SearchStrategy[Any]:
    """All that *schema* allows, but for what its texts say in words."""
    return _values(schema, schema if root is None else root, 0)


def _values(schema: Any, root: Any, depth: int) -> st.SearchStrategy[Any]:
    if schema is True or not schema.keys() - {"description", "title", "default", "examples"}:
        return _anything()
    if "$ref" in schema:
        return _values(_referred(schema["$ref"], root), root, depth + 1)
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return st.one_of([_values(one, root, depth) for one in _shallow(schema[key], root, depth)])
    kinds = schema["type"]
    kinds = kinds if isinstance(kinds, list) else [kinds]
    return st.one_of([_TYPES[kind](schema, root, depth) for kind in kinds])


def _shallow(alternatives: Sequence[Any], root: Any, depth: int) -> Sequence[Any]:
    """Those of the alternatives that end, if it is time to."""
    if depth < _DEEPEST:
        return alternatives
    flat = [one for one in alternatives if one.get("type", "object") not in ("object", "array")]
    return flat or alternatives


def _referred(reference: str, root: Any) -> Any:
    schema = root
    for name in reference.removeprefix("#").strip("/").split("/"):
        schema = schema[name] if name else schema
    return schema


def _anything() -> st.SearchStrategy[Any]:
    return st.one_of(
        st.none(), st.booleans(), st.integers(-9, 9), st.text(max_size=5), st.lists(st.integers(), max_size=2)
    )


def _string(schema: Any, _root: Any, _depth: int) -> st.SearchStrategy[str]:
    if schema.get("contentEncoding") == "base64":
        return st.binary(max_size=9).map(lambda data: base64.b64encode(data).decode())
    if "pattern" in schema:
        # Of digits there are many in Unicode; the dialect of JSON Schema has ten.
        made = st.from_regex(schema["pattern"].replace(r"\d", "[0-9]"), fullmatch="^" in schema["pattern"])
        made = made.map(lambda text: text.rstrip("\n"))
        least, most = schema.get("minLength", 0), schema.get("maxLength", math.inf)
        return made.filter(lambda text: least <= len(text) <= most)
    if schema.get("format") in _FORMATS:
        return _FORMATS[schema["format"]]()
    letters = st.characters(codec="utf-8", exclude_characters="\0")
    least = schema.get("minLength", 0)
    return st.text(letters, min_size=least, max_size=min(schema.get("maxLength", least + 9), least + 9))


def _number(schema: Any, _root: Any, _depth: int) -> st.SearchStrategy[float]:
    if "multipleOf" in schema:
        return _integer(schema, _root, _depth)
    least = max(schema.get("minimum", -_LARGEST), schema.get("exclusiveMinimum", -_LARGEST))
    most = min(schema.get("maximum", _LARGEST), schema.get("exclusiveMaximum", _LARGEST))
    return st.floats(
        least,
        most,
        exclude_min="exclusiveMinimum" in schema,
        exclude_max="exclusiveMaximum" in schema,
        allow_nan=False,
    )


def _integer(schema: Any, _root: Any, _depth: int) -> st.SearchStrategy[int]:
    step = schema.get("multipleOf", 1)
    least = max(schema.get("minimum", -_LARGEST), schema.get("exclusiveMinimum", -_LARGEST - 1) + 1)
    most = min(schema.get("maximum", _LARGEST), schema.get("exclusiveMaximum", _LARGEST + 1) - 1)
    numbers = st.integers(math.ceil(least / step), math.floor(most / step))
    return numbers.map(lambda number: number * step)


def _array(schema: Any, root: Any, depth: int) -> st.SearchStrategy[list[Any]]:
    least = schema.get("minItems", 0)
    places = schema.get("prefixItems", [])
    if places:
        count = min(schema.get("maxItems", len(places)), len(places))
        each = [_values(place, root, depth + 1) for place in places[:count]]
        return st.tuples(*each).map(list)
    items = schema.get("items", True)
    if items is False or (depth >= _DEEPEST and not least):
        return st.just([])
    most = min(schema.get("maxItems", least + 3), least + 3)
    by = repr if schema.get("uniqueItems") else None
    return st.lists(_values(items, root, depth + 1), min_size=least, max_size=most, unique_by=by)


def _object(schema: Any, root: Any, depth: int) -> st.SearchStrategy[dict[str, Any]]:
    properties, required = schema.get("properties", {}), schema.get("required", [])
    needed = {name: _values(properties[name], root, depth + 1) for name in required if name in properties}
    others = {name: one for name, one in properties.items() if name not in required and one is not False}
    optional = (
        {} if depth >= _DEEPEST else {name: _values(one, root, depth + 1) for name, one in others.items()}
    )
    known = st.fixed_dictionaries(needed, optional=optional)
    more = schema.get("additionalProperties", not properties)
    least = schema.get("minProperties", 0)
    if more is False or (properties and more is True) or (depth >= _DEEPEST and not least):
        return known.filter(lambda one: len(one) >= least)
    names = _values({"type": "string", **schema.get("propertyNames", {"minLength": 1})}, root, depth)
    names = names.filter(lambda name: name not in properties)
    most = max(least, min(schema.get("maxProperties", 3), 3))
    spare = max(0, least - len(needed))
    extra = st.dictionaries(
        names, _values(more, root, depth + 1), min_size=spare, max_size=max(spare, most - len(properties))
    )
    return st.builds(lambda one, other: {**other, **one}, known, extra)


_TYPES: Final[Mapping[str, Callable[[Any, Any, int], st.SearchStrategy[Any]]]] = {
    "null": lambda *_: st.none(),
    "boolean": lambda *_: st.booleans(),
    "integer": _integer,
    "number": _number,
    "string": _string,
    "array": _array,
    "object": _object,
}
