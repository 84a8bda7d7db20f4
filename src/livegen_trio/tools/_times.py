"""Times as models write them: all of ISO 8601 that Python reads, where msgspec wants RFC 3339 to the letter. Pure."""

from __future__ import annotations

import datetime as dt
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import msgspec.inspect as mi

from ._json import is_array, is_object

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_DURATION: Final = re.compile(
    r"(?P<sign>[-+]?)P(?:(?P<years>\d+)Y)?(?:(?P<months>\d+)M)?(?:(?P<weeks>\d+)W)?(?:(?P<days>[\d.]+)D)?"
    r"(?:T(?:(?P<hours>[\d.]+)H)?(?:(?P<minutes>[\d.]+)M)?(?:(?P<seconds>[\d.]+)S)?)?"
)
_DAYS: Final = {"years": 365, "months": 30}
"""The days that a duration's years and months stand for, as in pydantic."""


def with_times(value: object, kind: mi.Type) -> object:
    """Return *value*, as JSON holds it, with its times as Python's where *kind* has them. Any other text stays.

    The walk is as deep as the value is, which its decoder has bounded.
    """
    match kind:
        case mi.Metadata():
            return with_times(value, kind.type)
        case mi.UnionType():
            return _in_union(value, kind.types)
        case mi.DictType() if is_object(value):
            return {key: with_times(one, kind.value_type) for key, one in value.items()}
        case mi.TupleType() if is_array(value) and len(value) == len(kind.item_types):
            return [with_times(one, place) for one, place in zip(value, kind.item_types, strict=True)]
        case mi.ListType() | mi.SetType() | mi.FrozenSetType() | mi.VarTupleType() if is_array(value):
            return [with_times(one, kind.item_type) for one in value]
        case mi.StructType() | mi.DataclassType() | mi.TypedDictType() | mi.NamedTupleType():
            return _in_class(value, kind.fields)
        case _:
            return _time(value, kind) if isinstance(value, str) else value


def _in_union(value: object, kinds: Sequence[mi.Type]) -> object:
    """Return *value* as the first of *kinds* changes it: no two of them hold values of the same kind of JSON."""
    changed = (with_times(value, kind) for kind in kinds)
    return next((one for one in changed if one != value), value)


def _in_class(value: object, fields: Sequence[mi.Field]) -> object:
    if is_array(value) and len(value) <= len(fields):
        return [with_times(one, field.type) for one, field in zip(value, fields, strict=False)]
    if not is_object(value):
        return value
    types = {field.encode_name: field.type for field in fields}
    return {key: with_times(one, types[key]) if key in types else one for key, one in value.items()}


def _time(text: str, kind: mi.Type) -> object:
    parse = _PARSERS.get(type(kind))
    with suppress(ValueError, OverflowError):  # then msgspec's error names it
        return text if parse is None else parse(text.strip().upper())
    return text


def _date(text: str) -> dt.date:
    return dt.datetime.fromisoformat(text).date()  # which reads dates alone, too


def _duration(text: str) -> dt.timedelta:
    parts = _DURATION.fullmatch(text)
    if parts is None or text[-1] in "PT":
        raise ValueError(text)
    sign = -1 if parts["sign"] == "-" else 1
    numbers = {name: float(number) for name, number in parts.groupdict().items() if number and name != "sign"}
    days = sum(numbers.pop(name, 0) * count for name, count in _DAYS.items())
    return sign * (dt.timedelta(days=days) + dt.timedelta(**numbers))


_PARSERS: Final[Mapping[type[mi.Type], Callable[[str], object]]] = {
    mi.DateTimeType: dt.datetime.fromisoformat,
    mi.DateType: _date,
    mi.TimeType: dt.time.fromisoformat,
    mi.TimeDeltaType: _duration,
}
