"""Hypothesis strategies for the wire's structs, made from the struct types themselves."""

from __future__ import annotations

from typing import Final, TypeVar

from hypothesis import strategies as st
from msgspec import Struct, inspect

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

_DEEPEST: Final = 5


def structs(struct: type[AnyStruct], depth: int = 0) -> st.SearchStrategy[AnyStruct]:
    """Instances with any of their fields set; some fields of a deep struct stay at their defaults."""
    info = inspect.type_info(struct)
    assert isinstance(info, inspect.StructType)
    wire_fields = [field for field in info.fields if not isinstance(field.type, inspect.Metadata)]
    required = {field.name: _values(field.type, depth) for field in wire_fields if field.required}
    optional = {field.name: _values(field.type, depth) for field in wire_fields if not field.required}
    return st.fixed_dictionaries(required, optional=optional).map(lambda fields: struct(**fields))


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
        case inspect.ListType():
            return st.lists(_values(info.item_type, depth), max_size=2)
        case inspect.DictType():
            return st.dictionaries(TEXT, _values(info.value_type, depth), max_size=2)
        case inspect.CustomType():
            return DURATIONS if info.cls is Duration else JSON
        case _:
            return _SCALARS[type(info)]


_SCALARS: Final[dict[type[inspect.Type], st.SearchStrategy[object]]] = {
    inspect.NoneType: st.none(),
    inspect.BoolType: st.booleans(),
    inspect.IntType: st.integers(-(2**63), 2**63 - 1),
    inspect.FloatType: st.floats(allow_nan=False, allow_infinity=False),
    inspect.StrType: TEXT,
    inspect.BytesType: st.binary(max_size=8),
}
