"""JSON schemas that others have written, such as MCP servers, in the part of JSON Schema that the service reads. Pure.

The service documents: `type`, `format`, `title`, `description`, `enum`, `items`, `prefixItems`, `minItems`, `maxItems`,
`minimum`, `maximum`, `anyOf`, `oneOf` (as `anyOf`), `properties`, `additionalProperties`, `required`, `$ref`, `$defs`
(ai.google.dev, structured outputs, 2026-09). Keywords of bounds that it doesn't list are kept, since it ignores them.
What composes schemas in other ways is rewritten, and what can't be is said in a description.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

import msgspec

from .._errors import ToolError
from ._json import is_array, is_object
from ._merged_schemas import merged

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ._json import Schema

ARGUMENTS: Final = "arguments"
"""The one parameter that holds all arguments, where their schema is no plain object."""

_KEPT: Final = frozenset(
    {
        *("type", "title", "description", "default", "examples", "format", "enum", "required"),
        *("minItems", "maxItems", "uniqueItems", "minProperties", "maxProperties", "propertyNames"),
        *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
        *("minLength", "maxLength", "pattern", "contentEncoding"),
    }
)

# Said in the description, since no keyword of the service's means it.
_SAID: Final[Mapping[str, str]] = {
    "not": "It must not be like {}.",
    "if": "There is a condition: if it is like {}.",
    "then": "Then it is like {}.",
    "else": "Else it is like {}.",
    "contains": "One of the items is like {}.",
    "dependentRequired": "Some names need others: {}.",
    "dependentSchemas": "With some names it is like {}.",
    "dependencies": "Some names need others: {}.",
}

# The types that a schema means which has these keywords and no type.
_TYPE_BY_KEYWORD: Final[Mapping[str, str]] = {
    **dict.fromkeys(("properties", "required", "additionalProperties", "patternProperties"), "object"),
    **dict.fromkeys(("propertyNames", "minProperties", "maxProperties"), "object"),
    **dict.fromkeys(("items", "prefixItems", "minItems", "maxItems", "uniqueItems"), "array"),
    **dict.fromkeys(("minLength", "maxLength", "pattern", "format", "contentEncoding"), "string"),
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"), "number"),
}

_TYPES: Final[Mapping[type, str]] = {
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    type(None): "null",
    list: "array",
    dict: "object",
}

_REFUSED: Final = re.compile(r"[^A-Za-z0-9_.-]+")  # in the names of definitions, where some have a meaning

_MAX_PARTS: Final = 20_000  # of a schema whose references and compositions are written out


@dataclass(frozen=True, slots=True)
class Parameters:
    """The parameters of a function that others have described.

    Attributes:
        schema: An object's schema; None without parameters.
        are_wrapped: Whether all arguments stand in the one parameter `ARGUMENTS`.
    """

    schema: Schema | None
    are_wrapped: bool = False

    def unwrapped(self, args: Mapping[str, object]) -> Mapping[str, object]:
        """Return the arguments of a call as the schema's author means them."""
        inner = args.get(ARGUMENTS)
        return inner if self.are_wrapped and len(args) == 1 and is_object(inner) else args


def parameters_of_schema(schema: Mapping[str, object]) -> Parameters:
    """Rewrite the schema of a function's arguments.

    Raises:
        ToolError: It is no schema, or can't be rewritten; the message says where.
    """
    rewriting = _Rewriting(schema)
    try:
        root = rewriting.rewritten({"allOf": [schema]}, "")  # the parameters themselves have to be there
    except RecursionError:
        raise ToolError("the schema is nested too deeply") from None
    definitions = rewriting.definitions
    if "anyOf" in root or root.get("type", "object") != "object":
        wrapped: Schema = {"type": "object", "properties": {ARGUMENTS: root}, "required": [ARGUMENTS]}
        return Parameters({**wrapped, **_defs(definitions)}, are_wrapped=True)
    if not root.get("properties") and not root.get("additionalProperties"):
        return Parameters(None)
    return Parameters({"type": "object", **root, **_defs(definitions)})


class _Rewriting:
    """One schema with all that it refers to.

    Attributes:
        definitions: The schemas that others refer to, rewritten, by their names.
    """

    def __init__(self, root: Mapping[str, object]) -> None:
        self._root = root
        self._names: dict[str, str] = {}  # of definitions, by the references to them
        self._parts = 0
        self.definitions: dict[str, Schema] = {}

    def rewritten(self, schema: object, place: str) -> dict[str, object]:
        """Return *schema*, which stands at *place*, in the service's part of JSON Schema."""
        self._count(place)
        if schema is True:
            return {}
        if not is_object(schema):
            raise ToolError(f"{_at(place)}there is {_json(schema)} in place of a schema")
        schema = _modern(schema)
        if "allOf" in schema:
            return self.rewritten(self._without_all_of(schema, place), place)
        if "$ref" in schema:
            return self._of_reference(schema, place)
        if "anyOf" in schema:
            return self._of_alternatives(schema, place)
        return self._plain(schema, place)

    def _of_reference(self, schema: Schema, place: str) -> dict[str, object]:
        about = {key: schema[key] for key in ("title", "description", "default", "examples") if key in schema}
        if schema.keys() - about.keys() - {"$ref"}:
            target = self._target(str(schema["$ref"]), place)
            rest = {key: one for key, one in schema.items() if key != "$ref"}
            return self.rewritten(merged(target, rest), place)
        return {"$ref": f"#/$defs/{self._name_of(str(schema['$ref']), place)}", **about}

    def _name_of(self, reference: str, place: str) -> str:
        if reference in self._names:
            return self._names[reference]
        target = self._target(reference, place)
        name = _REFUSED.sub("_", reference.rpartition("/")[2].strip("#")) or "Root"
        while name in self._names.values():
            name += "_"
        self._names[reference] = name  # first, since it may refer to itself
        self.definitions[name] = self.rewritten(target, place)
        return name

    def _target(self, reference: str, place: str) -> Schema:
        if not reference.startswith("#"):
            raise ToolError(f"{_at(place)}it refers to {reference}, which is not in the schema")
        target: object = self._root
        for part in filter(None, reference.removeprefix("#").split("/")):
            target = _step(target, unquote(part).replace("~1", "/").replace("~0", "~"))
        if not is_object(target):
            raise ToolError(f"{_at(place)}it refers to {reference}, which is not in the schema")
        return target

    def _without_all_of(self, schema: Schema, place: str) -> Schema:
        whole: Schema = {key: one for key, one in schema.items() if key != "allOf"}
        for one in _array(schema["allOf"]):
            self._count(place)
            part = _modern(one) if is_object(one) else {}
            seen: set[str] = set()
            while "$ref" in part:
                reference = str(part["$ref"])
                if reference in seen:
                    raise ToolError(f"{_at(place)}{reference} holds itself, and nothing else")
                seen.add(reference)
                rest = {key: value for key, value in part.items() if key != "$ref"}
                part = merged(_modern(self._target(reference, place)), rest)
            whole = merged(whole, self._without_all_of(part, place) if "allOf" in part else part)
        return whole

    def _of_alternatives(self, schema: Schema, place: str) -> dict[str, object]:
        about = {key: schema[key] for key in ("title", "description", "default", "examples") if key in schema}
        rest = {key: one for key, one in schema.items() if key not in about and key != "anyOf"}
        alternatives: list[Schema] = []
        for one in _array(schema["anyOf"]):
            if rest and not is_object(one):
                continue
            whole: object = self._with_rest(one, rest, place) if rest and is_object(one) else one
            if whole is not None and whole is not False:
                alternatives.append(self.rewritten(whole, place))
        flat = [inner for one in alternatives for inner in _alternatives_of(one)]
        if not flat:
            raise ToolError(f"{_at(place)}there is nothing that it may be")
        distinct = [one for index, one in enumerate(flat) if one not in flat[:index]]
        return {**distinct[0], **about} if len(distinct) == 1 else {"anyOf": distinct, **about}

    def _with_rest(self, one: Schema, rest: Schema, place: str) -> Schema | None:
        """Return an alternative together with the rest of its schema; None if the two exclude each other."""
        if one.keys() & {"$ref", "allOf"}:
            one = self._without_all_of({"allOf": [one]}, place)
        together = merged(rest, one)
        return None if together.get("type") == [] or together.get("enum") == [] else together

    def _plain(self, schema: Schema, place: str) -> dict[str, object]:
        kept: dict[str, object] = {key: one for key, one in schema.items() if key in _KEPT}
        kind = kept.get("type") or _inferred(schema)
        kept |= {} if kind is None else {"type": kind}
        said = [sentence.format(_json(schema[key])) for key, sentence in _SAID.items() if key in schema]
        if "properties" in schema or "required" in schema:
            kept |= self._properties(schema, place)
        if "items" in schema or "prefixItems" in schema:
            kept |= self._items(schema, place)
        if "patternProperties" in schema:
            kept |= self._patterns(schema, place)
            said.append(f"Names match {' or '.join(_object(schema['patternProperties']))}.")
        elif "additionalProperties" in schema:
            values = schema["additionalProperties"]
            kept["additionalProperties"] = (
                values if isinstance(values, bool) else self.rewritten(values, place)
            )
        if said:
            kept["description"] = "\n".join(
                [str(kept["description"]), *said] if "description" in kept else said
            )
        return kept

    def _properties(self, schema: Schema, place: str) -> dict[str, object]:
        properties = {
            name: self.rewritten(one, f"{place}.{name}" if place else name)
            for name, one in _object(schema.get("properties", {})).items()
            if one is not False
        }
        required = [name for name in _array(schema.get("required", [])) if isinstance(name, str)]
        # The service refuses names that are required and not there.
        properties |= {name: {} for name in required if name not in properties}
        return {"properties": properties, **({"required": required} if required else {})}

    def _items(self, schema: Schema, place: str) -> dict[str, object]:
        written: dict[str, object] = {}
        if "prefixItems" in schema:
            written["prefixItems"] = [
                self.rewritten(one, f"{place}[]") for one in _array(schema["prefixItems"])
            ]
        if "items" in schema:
            items = schema["items"]
            written["items"] = items if isinstance(items, bool) else self.rewritten(items, f"{place}[]")
        return written

    def _patterns(self, schema: Schema, place: str) -> dict[str, object]:
        values: list[object] = [*_object(schema["patternProperties"]).values()]
        more = schema.get("additionalProperties", False)
        values += [] if isinstance(more, bool) else [more]
        return {"additionalProperties": self.rewritten({"anyOf": values}, place)}

    def _count(self, place: str) -> None:
        self._parts += 1
        if self._parts > _MAX_PARTS:
            raise ToolError(f"{_at(place)}the schema comes to more than {_MAX_PARTS} parts")


def _modern(schema: Schema) -> dict[str, object]:
    """Return *schema* without the ways of earlier drafts and of OpenAPI."""
    modern = {key: one for key, one in schema.items() if not key.startswith(("x-", "$")) or key == "$ref"}
    modern.pop("definitions", None)
    if "oneOf" in modern:
        alternatives = modern.pop("oneOf")
        if "anyOf" in modern:
            modern["allOf"] = [*_array(modern.get("allOf", [])), {"anyOf": alternatives}]
        else:
            modern["anyOf"] = alternatives
    if is_array(modern.get("items")):
        modern["prefixItems"] = modern.pop("items")
        if "additionalItems" in modern:
            modern["items"] = modern["additionalItems"]
    if "const" in modern:
        modern["enum"] = [modern.pop("const")]
    if modern.get("nullable") is True and "type" in modern:
        modern["type"] = [*_types(modern["type"]), "null"]
    for bound, limit in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if isinstance(modern.get(bound), bool) and modern.pop(bound) and limit in modern:
            modern[bound] = modern.pop(limit)
    return modern


def _inferred(schema: Schema) -> object:
    """Return the type that a schema without one means, if it means one."""
    if "enum" in schema:
        kinds = [*dict.fromkeys(_TYPES[type(value)] for value in _array(schema["enum"]))]
        return kinds[0] if len(kinds) == 1 else kinds
    return next((kind for keyword, kind in _TYPE_BY_KEYWORD.items() if keyword in schema), None)


def _alternatives_of(schema: Schema) -> Sequence[Schema]:
    """Return the alternatives of a schema that is nothing else, else itself."""
    return [one for one in _array(schema["anyOf"]) if is_object(one)] if [*schema] == ["anyOf"] else [schema]


def _step(target: object, name: str) -> object:
    if is_array(target):
        return target[int(name)] if name.isdecimal() and int(name) < len(target) else None
    return target.get(name) if is_object(target) else None


def _types(value: object) -> Sequence[object]:
    return value if is_array(value) else [value]


def _defs(definitions: Mapping[str, Schema]) -> Schema:
    return {"$defs": definitions} if definitions else {}


def _array(value: object) -> Sequence[object]:
    if not is_array(value):
        raise ToolError(f"there is {_json(value)} in place of a list")
    return value


def _object(value: object) -> Mapping[str, object]:
    if not is_object(value):
        raise ToolError(f"there is {_json(value)} in place of an object")
    return value


def _at(place: str) -> str:
    return f"parameter {place!r}: " if place else ""


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
