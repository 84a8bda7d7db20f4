"""The JSON schemas of types, by msgspec, with additions: types of choices, descriptions of attributes. Pure."""

from __future__ import annotations

from inspect import cleandoc
from typing import TYPE_CHECKING, Final

import msgspec
import msgspec.inspect

from ._docstrings import parse_docstring
from ._foreign import is_pydantic, schema_and_definitions, schema_hook
from ._formats import Formats
from ._json import is_array, is_object

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from ._json import Schema

_ANY_VALUE: Final = "any value"
"""The description of `object`: msgspec knows it as a class like any other, and takes no empty schema for one."""

_CHOICES: Final = {frozenset({str}): "string", frozenset({int}): "integer"}
"""The types of choices that are all alike."""

_NO_SCHEMAS: Final = frozenset({"default", "enum", "examples"})


def schemas_of(types: Sequence[object]) -> tuple[Sequence[Schema], Mapping[str, Schema]]:
    """Return the schemas of *types*, and those of the classes that they refer to, by name.

    Raises:
        Exception: Whatever msgspec or pydantic raises for a type that it has no schema for.
    """
    definitions = _Definitions()
    known = [object if is_pydantic(kind) else kind for kind in types]
    schemas, classes = msgspec.json.schema_components(
        known, schema_hook=definitions.schema_hook, ref_template="#/$defs/{name}"
    )
    formats = Formats(classes)
    kinds = msgspec.inspect.multi_type_info(known)
    written = [_with_types(formats.added(schema, kind)) for schema, kind in zip(schemas, kinds, strict=True)]
    for name, schema in formats.definitions.items():
        definitions.add(name, _with_docs(_with_types(schema)))
    return (
        [
            definitions.foreign_schema(kind) if is_pydantic(kind) else schema
            for kind, schema in zip(types, written, strict=True)
        ],
        definitions.by_name,
    )


class _Definitions:
    """The schemas that others refer to, of msgspec's and of pydantic's classes.

    Attributes:
        by_name: All of them.
    """

    def __init__(self) -> None:
        self.by_name: dict[str, Schema] = {}

    def add(self, name: str, schema: Schema) -> None:
        """Add one.

        Raises:
            TypeError: Another one has that name.
        """
        if self.by_name.setdefault(name, schema) != schema:
            raise TypeError(f"two types are called {name}; rename one of them")

    def foreign_schema(self, kind: Hashable) -> dict[str, object]:
        """Return pydantic's schema of *kind*, and add those that it refers to."""
        schema, definitions = schema_and_definitions(kind)
        for name, definition in definitions.items():
            self.add(name, definition)
        return dict(schema)

    def schema_hook(self, kind: type) -> dict[str, object]:
        """Return the schema of a class that msgspec has none for.

        Raises:
            TypeError: There is none.
        """
        if kind is object:
            return {"description": _ANY_VALUE}
        if is_pydantic(kind):
            return self.foreign_schema(kind)
        if (schema := schema_hook(kind)) is not None:
            return dict(schema)
        raise TypeError(f"type {kind!r} is not supported")


def described(schema: Schema, description: str | None) -> Schema:
    """Return *schema* with a description, unless `msgspec.Meta` has given it one."""
    is_described = schema.get("description", _ANY_VALUE) != _ANY_VALUE
    return schema if is_described or description is None else {**schema, "description": description}


def _with_types(schema: Schema) -> dict[str, object]:
    """Return *schema* with a type for choices that have one in common: the service wants one where there can be one."""
    typed = {key: value if key in _NO_SCHEMAS else _typed(value) for key, value in schema.items()}
    choices = schema.get("enum")
    kind = _CHOICES.get(frozenset(map(type, choices))) if is_array(choices) else None
    return {"type": kind, **typed} if kind else typed


def _typed(value: object) -> object:
    if is_array(value):
        return [_typed(one) for one in value]
    return _with_types(value) if is_object(value) else value


def _with_docs(schema: Schema) -> Schema:
    """Return the schema of a class, with the text of its docstring where it belongs."""
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
