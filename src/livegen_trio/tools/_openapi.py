"""JSON schemas in the service's subset of OpenAPI 3.0, for models that read no JSON schema. Pure.

What the service refuses, as users have found, isn't written: keywords that it doesn't know, `additionalProperties`
among them; choices of anything but strings; formats of strings but `date-time`; anything next to `anyOf`; lists without
a type of their items; values without a type. A constraint that can't be written is added to the description, where the
model reads it, and a call's arguments are checked against the signature anyway. Values of any type are refused here.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from .._errors import ConfigError, ToolError
from ..types import Schema
from ._json import is_array, is_object

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_Part: TypeAlias = dict[str, object]
"""A schema in the subset, as JSON, that has a type: one of the things that a value may be."""

_KEPT: Final[Mapping[str, Sequence[str]]] = {
    "null": (),
    "boolean": (),
    "integer": ("minimum", "maximum"),
    "number": ("minimum", "maximum"),
    "string": ("minLength", "maxLength", "pattern"),
    "array": ("minItems", "maxItems"),
    "object": ("minProperties", "maxProperties", "required"),
}
"""The types of JSON, and the keywords for each that mean the same in both."""

_KEPT_FORMATS: Final = frozenset(
    {
        ("integer", "int32"),
        ("integer", "int64"),
        ("number", "float"),
        ("number", "double"),
        ("string", "date-time"),
    }
)

_SAID: Final = {
    "contentEncoding": "Encoding: {}.",
    "exclusiveMinimum": "More than {}.",
    "exclusiveMaximum": "Less than {}.",
    "multipleOf": "A multiple of {}.",
    "uniqueItems": "No two alike.",
    "propertyNames": "Names like {}.",
    "examples": "Examples: {}.",
}
"""Keywords that the subset lacks, and the sentences that replace them."""

_KINDS: Final[Mapping[type, str]] = {
    type(None): "NULL",
    bool: "BOOLEAN",
    int: "INTEGER",
    float: "NUMBER",
    str: "STRING",
}
"""The types that a constant of a schema may have."""

_MAX_PARTS: Final = 20_000

_NO_TYPE: Final = "it may be anything, and has to have a type"


def openapi_of(schema: Mapping[str, object]) -> Schema:
    """Write a JSON schema in the subset: definitions in place of references, null as `nullable`.

    Raises:
        ToolError: It can't be done; the message names the parameter, and the type if that holds itself.
    """
    definitions = schema.get("$defs")
    part = _Place(definitions if is_object(definitions) else {}).write(schema)
    try:
        return msgspec.convert(part, Schema)
    except (msgspec.ValidationError, ConfigError) as exc:
        raise ToolError(f"the parameters can't be declared in OpenAPI's subset: {exc}") from exc


@dataclass(frozen=True, slots=True)
class _Place:
    """A place in a schema.

    Attributes:
        definitions: The definitions of the schema, by name.
        path: The parameter, and the way on from there.
        inside: The names of the definitions around it.
        parts: The number of parts that have been written so far, in all places.
    """

    definitions: Mapping[str, object]
    path: str = ""
    inside: tuple[str, ...] = ()
    parts: list[int] = field(default_factory=lambda: [0])

    def write(self, schema: object) -> _Part:
        """*schema* in the subset: of one type, or of several, as alternatives."""
        self.parts[0] += 1
        if self.parts[0] > _MAX_PARTS:  # definitions that are written again and again
            raise self._refusal(f"it comes to more than {_MAX_PARTS} parts")
        parts = _distinct(self._parts(schema))
        values = [part for part in parts if part["type"] != "NULL"]
        nullable = {"nullable": True} if len(values) < len(parts) else {}
        match values:
            case []:
                return parts[0]
            case [value]:
                return {**value, **nullable}
            case _:
                return {"anyOf": [{**_without_default(value), **nullable} for value in values]}

    def _parts(self, schema: object) -> Sequence[_Part]:
        """Return the alternatives for a value of *schema*, each with the description of the whole."""
        if not is_object(schema):
            raise self._refusal(_NO_TYPE)
        parts = [_about(schema, part) for part in self._undescribed(schema)]
        if not parts:
            raise self._refusal("there is nothing that it may be")
        return parts

    def _undescribed(self, schema: Mapping[str, object]) -> Iterator[_Part]:
        if "$ref" in schema:
            yield from self._referred(str(schema["$ref"]).rpartition("/")[2])
        elif "anyOf" in schema or "oneOf" in schema:
            for alternative in _array(schema.get("anyOf", schema.get("oneOf"))):
                yield from self._parts(alternative)
        elif "const" in schema or "enum" in schema:
            yield from self._choices([schema["const"]] if "const" in schema else _array(schema["enum"]))
        else:
            kinds = schema.get("type")
            for kind in kinds if is_array(kinds) else [kinds]:
                yield self._typed(schema, kind)

    def _referred(self, name: str) -> Sequence[_Part]:
        if name not in self.definitions:
            raise self._refusal(f"{name} is not defined")
        if name in self.inside:
            raise self._refusal(f"{name} holds itself, which takes references")
        return replace(self, inside=(*self.inside, name))._parts(self.definitions[name])

    def _choices(self, values: Sequence[object]) -> Iterator[_Part]:
        """The values by their types, of which True is another one than 1."""
        for kind in dict.fromkeys(map(type, values)):
            if kind not in _KINDS:
                raise self._refusal(f"a value of type {kind.__name__} is among its choices")
            yield _choice(_KINDS[kind], [value for value in values if type(value) is kind])

    def _typed(self, schema: Mapping[str, object], kind: object) -> _Part:
        if not isinstance(kind, str) or kind not in _KEPT:
            raise self._refusal(_NO_TYPE)
        part: _Part = {"type": kind.upper(), **{key: schema[key] for key in _KEPT[kind] if key in schema}}
        said = [*_said(schema)]
        if (kind, schema.get("format")) in _KEPT_FORMATS:
            part["format"] = schema["format"]
        elif "format" in schema:
            said.append(f"Format: {_text(schema['format'])}.")
        if kind == "array":
            part["items"] = self._at("[]").write(_item(schema))
            said += self._said_of_places(schema)
        if kind == "object":
            part |= self._properties(schema)
            said += self._said_of_names(schema)
        return {**part, "description": "\n".join(said)} if said else part

    def _properties(self, schema: Mapping[str, object]) -> _Part:
        properties = schema.get("properties")
        if not is_object(properties) or not properties:
            return {}
        return {"properties": {name: self._at(name).write(one) for name, one in properties.items()}}

    def _said_of_places(self, schema: Mapping[str, object]) -> Iterator[str]:
        """Describe the places of a tuple, unless they are all the same."""
        places = [self._at("[]").write(place) for place in _array(schema.get("prefixItems"))]
        if len(_distinct(places)) > 1:
            yield f"In order: {', '.join(map(_json, places))}."

    def _said_of_names(self, schema: Mapping[str, object]) -> Iterator[str]:
        """Describe what an object may hold apart from its properties, if the schema has something on it."""
        values = schema.get("additionalProperties", "properties" not in schema)
        if values is True or (is_object(values) and not values.keys() - {"description"}):
            yield "Any names."
        elif values is not False:
            yield f"Any names, with values like {_json(self._at('[]').write(values))}."

    def _at(self, name: str) -> _Place:
        dot = "." if self.path and name != "[]" else ""
        return replace(self, path=f"{self.path}{dot}{name}")

    def _refusal(self, why: str) -> ToolError:
        subject = f"parameter {self.path!r}" if self.path else "the object of the parameters"
        return ToolError(f"{subject} can't be declared in OpenAPI's subset: {why}")


def _choice(kind: str, values: Sequence[object]) -> _Part:
    if kind == "NULL":
        return {"type": kind}
    if kind == "STRING" and all(values):  # "" is refused
        return {"type": kind, "enum": values}
    return {"type": kind, "description": f"One of: {', '.join(map(_json, values))}."}


def _item(schema: Mapping[str, object]) -> object:
    places = _array(schema.get("prefixItems"))
    return {"anyOf": places} if places else schema.get("items")


def _about(schema: Mapping[str, object], part: _Part) -> _Part:
    """Return *part* with the title, the default and the description of *schema*; descriptions are added up."""
    texts = [text for text in (schema.get("description"), part.get("description")) if text]
    about = {key: schema[key] for key in ("title", "default") if key in schema}
    return {**part, **about, **({"description": "\n".join(map(str, texts))} if texts else {})}


def _said(schema: Mapping[str, object]) -> Iterator[str]:
    for key, sentence in _SAID.items():
        if schema.get(key, False) is not False:
            yield sentence.format(_text(schema[key]))


def _without_default(part: _Part) -> _Part:
    """Return *part* as one of several, of which it is not known whose the default is."""
    return {key: value for key, value in part.items() if key != "default"}


def _distinct(parts: Sequence[_Part]) -> Sequence[_Part]:
    return [part for index, part in enumerate(parts) if part not in parts[:index]]


def _text(value: object) -> str:
    return value if isinstance(value, str) else _json(value)


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _array(value: object) -> Sequence[object]:
    return value if is_array(value) else ()
