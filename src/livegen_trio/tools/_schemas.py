"""The JSON schemas of types, by msgspec, with what it leaves out: the types of choices, words on attributes. Pure."""

from __future__ import annotations

from inspect import cleandoc
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from ._docstrings import parse_docstring
from ._plain import is_array, is_object

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Schema: TypeAlias = "Mapping[str, object]"
"""A JSON schema."""

_ANY_VALUE: Final = "any value"
"""What describes `object`: msgspec knows it as a class like any other, and takes no empty schema for one."""

_CHOICES: Final = {frozenset({str}): "string", frozenset({int}): "integer"}
"""The types of choices that are all alike."""

_NO_SCHEMAS: Final = frozenset({"default", "enum", "examples"})


def schemas_of(types: Sequence[object]) -> tuple[Sequence[Schema], Mapping[str, Schema]]:
    """The schemas of *types*, and those of the classes that they refer to, by name.

    Raises:
        Exception: Whatever msgspec raises for a type that it has no schema for.
    """
    schemas, classes = msgspec.json.schema_components(
        types, schema_hook=_schema_hook, ref_template="#/$defs/{name}"
    )
    return (
        [_with_types(schema) for schema in schemas],
        {name: _with_docs(_with_types(schema)) for name, schema in classes.items()},
    )


def described(schema: Schema, description: str | None) -> Schema:
    """*schema* with a description, unless `msgspec.Meta` has given it one."""
    is_described = schema.get("description", _ANY_VALUE) != _ANY_VALUE
    return schema if is_described or description is None else {**schema, "description": description}


def _schema_hook(kind: type) -> dict[str, object]:
    """What msgspec has no schema for."""
    if kind is object:
        return {"description": _ANY_VALUE}
    raise TypeError(f"type {kind!r} is not supported")


def _with_types(schema: Schema) -> dict[str, object]:
    """*schema* with a type for all choices that have one in common: the service wants a type where there can be one."""
    typed = {key: value if key in _NO_SCHEMAS else _typed(value) for key, value in schema.items()}
    choices = schema.get("enum")
    kind = _CHOICES.get(frozenset(map(type, choices))) if is_array(choices) else None
    return {"type": kind, **typed} if kind else typed


def _typed(value: object) -> object:
    if is_array(value):
        return [_typed(one) for one in value]
    return _with_types(value) if is_object(value) else value


def _with_docs(schema: Schema) -> Schema:
    """The schema of a class, with what its docstring says where it belongs."""
    properties, doc = schema.get("properties"), schema.get("description")
    if not isinstance(doc, str):
        return schema
    if not is_object(properties):
        return {**schema, "description": cleandoc(doc)}
    docstring = parse_docstring(doc)
    attributes = {
        name: described(one, docstring.arguments.get(name)) if is_object(one) else one
        for name, one in properties.items()
    }
    return {**schema, "description": docstring.text, "properties": attributes}
