"""Hypothesis strategies for the wire's structs, made from the struct types themselves."""

from __future__ import annotations

from typing import Final, TypeVar

from hypothesis import strategies as st
from msgspec import Struct, inspect

from livegen_trio import ConfigError
from livegen_trio.types import Duration

AnyStruct = TypeVar("AnyStruct", bound=Struct)

TEXT: Final = st.text(max_size=8) | st.sampled_from(["null", "true", "0", "1.5", "AUDIO", "Ωmega ☃"])

JSON: Final[st.SearchStrategy[object]] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)

DURATIONS: Final = st.integers(-(10**15), 10**15).map(lambda nanoseconds: Duration(nanoseconds / 1e9))

FUNCTION_NAMES: Final = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.:-]{0,127}", fullmatch=True)
LABELS: Final = st.dictionaries(
    st.from_regex(r"[a-z][a-z0-9_-]{0,62}", fullmatch=True),
    st.from_regex(r"[a-zß日0-9_-]{0,63}", fullmatch=True),
    max_size=2,
)

_DEEPEST: Final = 5


def structs(struct: type[AnyStruct], depth: int = 0) -> st.SearchStrategy[AnyStruct]:
    """Instances with any of their fields set; some fields of a deep struct stay at their defaults."""
    info = inspect.type_info(struct)
    assert isinstance(info, inspect.StructType)
    wire_fields = [field for field in info.fields if not isinstance(field.type, inspect.Metadata)]
    required = {field.name: _field(field, depth) for field in wire_fields if field.required}
    optional = {field.name: _field(field, depth) for field in wire_fields if not field.required}
    return st.fixed_dictionaries(required, optional=optional).map(lambda fields: _made(struct, fields))


def _made(struct: type[AnyStruct], fields: dict[str, object]) -> AnyStruct:
    """The struct without such fields as contradict the others."""
    try:
        return struct(**fields)
    except ConfigError as exc:
        return _made(struct, _without_one(struct, fields, exc))


def _without_one(
    struct: type[AnyStruct], fields: dict[str, object], refusal: ConfigError
) -> dict[str, object]:
    named = [name for name in fields if name in str(refusal)]
    assert named, f"{refusal} names no field of {struct.__name__}"
    return {name: value for name, value in fields.items() if name != named[0]}


def _field(field: inspect.Field, depth: int) -> st.SearchStrategy[object]:
    match field:
        case inspect.Field(name="labels"):
            return LABELS
        case inspect.Field(name="name", required=True):
            return FUNCTION_NAMES
        case _:
            return _values(field.type, depth)


def _values(info: inspect.Type, depth: int) -> st.SearchStrategy[object]:
    match info:
        case inspect.StructType():
            return (
                st.deferred(lambda: structs(info.cls, depth + 1)) if depth < _DEEPEST else st.builds(info.cls)
            )
        case inspect.UnionType():
            return st.one_of([_values(member, depth) for member in info.types])
        case inspect.LiteralType():
            return st.sampled_from([*info.values])
        case inspect.ListType() | inspect.VarTupleType():
            items = st.lists(_values(info.item_type, depth), max_size=2)
            return items if isinstance(info, inspect.ListType) else items.map(tuple)
        case inspect.DictType():
            return st.dictionaries(TEXT, _values(info.value_type, depth), max_size=2)
        case inspect.CustomType():
            return DURATIONS if info.cls is Duration else JSON
        case inspect.IntType():
            return st.integers(
                -(2**63) if info.ge is None else info.ge, 2**63 - 1 if info.le is None else info.le
            )
        case inspect.FloatType():
            return st.floats(info.ge, info.le, allow_nan=False, allow_infinity=False)
        case inspect.StrType():
            return TEXT if info.min_length is None else TEXT.filter(bool)
        case _:
            return _SCALARS[type(info)]


_SCALARS: Final[dict[type[inspect.Type], st.SearchStrategy[object]]] = {
    inspect.NoneType: st.none(),
    inspect.BoolType: st.booleans(),
    inspect.BytesType: st.binary(max_size=8),
}


def structs_in(info: inspect.Type, seen: set[type]) -> None:
    match info:
        case inspect.StructType() if info.cls not in seen:
            seen.add(info.cls)
            for field in info.fields:
                structs_in(field.type, seen)
        case inspect.UnionType():
            for member in info.types:
                structs_in(member, seen)
        case inspect.ListType():
            structs_in(info.item_type, seen)
        case inspect.DictType():
            structs_in(info.value_type, seen)
        case _:
            pass


def reachable(*roots: object) -> set[type]:
    """Return the struct types among *roots*, and all that their fields may hold."""
    seen: set[type] = set()
    for info in inspect.multi_type_info(roots):
        structs_in(info, seen)
    return seen
