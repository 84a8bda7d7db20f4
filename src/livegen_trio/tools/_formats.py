"""Formats that msgspec leaves out of schemas: those of times, of decimal numbers, and of names in objects. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec.inspect as mi

from ._json import is_array, is_object

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ._json import Schema

_Class: TypeAlias = mi.StructType | mi.DataclassType | mi.TypedDictType | mi.NamedTupleType
_CLASSES: Final = (mi.StructType, mi.DataclassType, mi.TypedDictType, mi.NamedTupleType)
_LISTS: Final = (mi.ListType, mi.SetType, mi.FrozenSetType, mi.VarTupleType)

_KINDS: Final[Mapping[str, tuple[type[mi.Type], ...]]] = {
    "string": (mi.DateTimeType, mi.TimeType, mi.DecimalType),
    "array": (*_LISTS, mi.TupleType),
    "object": (mi.DictType,),
}
"""The types that may stand in a union for a value of JSON's; msgspec lets no two of a kind into one."""

_LOCAL_TIME: Final = r"^[1-9]\d{3}-(0[1-9]|1[0-2])-(0[1-9]|1\d|2[0-8])T([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?$"
_LOCAL_HOUR: Final = r"^([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?$"

_NUMBER: Final = r"^-?\d+(\.\d+)?$"

_NAMES: Final[Mapping[type[mi.Type], Schema]] = {
    mi.IntType: {"pattern": r"^(0|-?[1-9]\d{0,17})$"},
    mi.FloatType: {"pattern": r"^-?(0|[1-9]\d{0,17})(\.\d+)?$"},
    mi.DateType: {"format": "date"},
    mi.DateTimeType: {"format": "date-time"},
    mi.UUIDType: {"format": "uuid"},
}
"""The names of an object whose keys are no strings in Python."""


class Formats:
    """Adds formats to the schemas of types, and of the classes that they are made of.

    Args:
        definitions: The schemas of those classes, by their names.
    """

    def __init__(self, definitions: Mapping[str, Schema]) -> None:
        self.definitions: dict[str, Schema] = dict(definitions)
        self._seen: set[str] = set()

    def added(self, schema: Schema, kind: mi.Type) -> Schema:
        """Return *schema*, which is that of *kind*, with formats."""
        match kind:
            case mi.Metadata():
                return self.added(schema, kind.type)
            case mi.UnionType():
                return self._of_union(schema, kind.types)
            case mi.DictType():
                return self._of_dict(schema, kind)
            case mi.TupleType():
                return self._of_places(schema, kind.item_types)
            case mi.ListType() | mi.SetType() | mi.FrozenSetType() | mi.VarTupleType():
                items = schema.get("items")
                return {**schema, "items": self.added(items, kind.item_type)} if is_object(items) else schema
            case mi.StructType() | mi.DataclassType() | mi.TypedDictType() | mi.NamedTupleType():
                self._add_to_class(str(schema.get("$ref")).rpartition("/")[2], kind)
                return schema
            case _:
                return {**schema, **_format_of(kind)}

    def _of_union(self, schema: Schema, kinds: Sequence[mi.Type]) -> Schema:
        alternatives = schema.get("anyOf")
        if not is_array(alternatives):
            return schema
        return {
            **schema,
            "anyOf": [self._of_member(one, kinds) for one in alternatives if is_object(one)],
        }

    def _of_member(self, schema: Schema, kinds: Sequence[mi.Type]) -> Schema:
        if "anyOf" in schema:  # those of tagged structs stand in one of their own
            return self._of_union(schema, kinds)
        if "$ref" in schema:
            title = self.definitions.get(str(schema["$ref"]).rpartition("/")[2], {}).get("title")
            name = str(title).partition("[")[0]
            fitting: list[mi.Type] = [
                one for one in _bare(kinds) if isinstance(one, _CLASSES) and one.cls.__name__ == name
            ]
        else:
            fitting = [
                one for one in _bare(kinds) if isinstance(one, _KINDS.get(str(schema.get("type")), ()))
            ]
        return self.added(schema, fitting[0]) if len(fitting) == 1 and "enum" not in schema else schema

    def _of_dict(self, schema: Schema, kind: mi.DictType) -> Schema:
        values = schema.get("additionalProperties")
        if is_object(values):
            schema = {**schema, "additionalProperties": self.added(values, kind.value_type)}
        names = _NAMES.get(type(kind.key_type))
        return schema if names is None else {**schema, "propertyNames": names}

    def _of_places(self, schema: Schema, kinds: Sequence[mi.Type]) -> Schema:
        places = schema.get("prefixItems")
        if not is_array(places):
            return schema
        pairs = zip(places, kinds, strict=True)
        return {
            **schema,
            "prefixItems": [self.added(one, kind) if is_object(one) else one for one, kind in pairs],
        }

    def _add_to_class(self, name: str, kind: _Class) -> None:
        if name in self._seen or name not in self.definitions:
            return
        self._seen.add(name)  # first, since a class may hold itself
        schema = self.definitions[name]
        properties = schema.get("properties")
        if not is_object(properties):
            self.definitions[name] = self._of_places(schema, [field.type for field in kind.fields])
            return
        fields = {field.encode_name: field for field in kind.fields}
        written = {
            key: self._of_field(one, fields[key], kind) if key in fields and is_object(one) else one
            for key, one in properties.items()
        }
        self.definitions[name] = {**schema, "properties": written}

    def _of_field(self, schema: Schema, field: mi.Field, kind: _Class) -> Schema:
        # Since msgspec 0.23 `default_factory=list` of a dataclass is an empty list as default; before it was none.
        if isinstance(kind, mi.DataclassType) and schema.get("default") in ([], {}):
            schema = {key: value for key, value in schema.items() if key != "default"}
        return self.added(schema, field.type)


def _format_of(kind: mi.Type) -> Schema:
    match kind:
        case mi.DateTimeType(tz=False):
            return {"pattern": _LOCAL_TIME}
        case mi.DateTimeType():
            return {"format": "date-time"}
        case mi.TimeType(tz=False):
            return {"pattern": _LOCAL_HOUR}
        case mi.TimeType():
            return {"format": "time"}
        case mi.DecimalType():
            return {"pattern": _NUMBER}
        case _:
            return {}


def _bare(kinds: Sequence[mi.Type]) -> Iterator[mi.Type]:
    for kind in kinds:
        yield from _bare([kind.type]) if isinstance(kind, mi.Metadata) else [kind]
