"""Annotations as people write them, and in the way that msgspec reads them. Pure.

`Annotated` may hold a description as text, PEP 727's `Doc`, pydantic's `Field` and constraints of `annotated_types`.
Neither package is needed: their objects are known by their modules and attributes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from inspect import Parameter
from pathlib import PurePath
from types import GenericAlias, NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Optional, Union, get_args, get_origin  # noqa: TID251 - to know it

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

_BOUNDS: Final = ("ge", "gt", "le", "lt", "multiple_of", "min_length", "max_length", "pattern")
"""The constraints that `msgspec.Meta`, `annotated_types` and pydantic have by the same names."""

_FOREIGN_NOTES: Final = frozenset({"annotated_types", "pydantic", "pydantic_core"})


def members_of(hint: object) -> set[object]:
    """Return the types of which a value may be one: those of a union, without their annotations."""
    hint = _unaliased(hint)
    origin = get_origin(hint)
    if origin is Annotated:
        return members_of(get_args(hint)[0])
    if origin in (Union, UnionType):
        return {member for one in get_args(hint) for member in members_of(one)}
    return {object if hint is Any else origin or hint}


def or_none(hint: object) -> object:
    """Return *hint* for a parameter whose default is None: `x: list[int] = None` means what it meant before PEP 484."""
    return hint if members_of(hint) & {NoneType, object} else Optional[hint]  # noqa: UP045 - it is made at run time


def adapted(hint: object) -> object:
    """Return *hint* as msgspec reads it, with the notes of other packages turned into its own."""
    hint = _unaliased(hint)
    origin, args = get_origin(hint), get_args(hint)
    if origin is Iterable:
        return GenericAlias(list, tuple(map(adapted, args)))
    if origin is Annotated:
        base, *notes = args
        return _annotated(adapted(base), notes)
    if origin in (Union, UnionType):
        return _union([adapted(one) for one in args])
    inner = args if origin is Literal else tuple(map(adapted, args))
    if inner == args:
        return hint
    return hint.copy_with(inner) if hasattr(hint, "copy_with") else origin[inner]  # type: ignore[index]


@dataclass(frozen=True, slots=True)
class PydanticField:
    """Pydantic's `Field(...)`, given as a parameter's default.

    Attributes:
        default: The default that it holds, or `inspect.Parameter.empty`.
    """

    _note: object
    default: object

    def annotated(self, hint: object) -> object:
        """Return *hint* with the field's description and bounds."""
        return Annotated[hint, self._note]


def pydantic_field(default: object) -> PydanticField | None:
    """Return pydantic's `Field(...)` if that is a parameter's default."""
    if not _is_field(default):
        return None
    is_required: Callable[[], bool] = getattr(default, "is_required")  # noqa: B009 - of a package that is not imported
    get_default: Callable[..., object] = getattr(default, "get_default")  # noqa: B009 - the same
    return PydanticField(
        default, Parameter.empty if is_required() else get_default(call_default_factory=True)
    )


def _unaliased(hint: object) -> object:
    """Return the type that a `type` statement, or `TypeAliasType` before Python 3.12, gives a name to."""
    while type(hint).__name__ == "TypeAliasType":
        hint = getattr(hint, "__value__")  # noqa: B009 - of a class that Python 3.11 doesn't have
    return hint


def _annotated(base: object, notes: Iterable[object]) -> object:
    metas = [*_metas(notes)]
    for meta in metas:
        base = Annotated[base, meta]
    return base


def _metas(notes: Iterable[object]) -> Iterator[msgspec.Meta]:
    """Yield *notes* as msgspec reads them, the least important first: a later one replaces an earlier one."""
    notes = [*notes]
    texts = [note for note in notes if isinstance(note, str)]
    if texts:
        yield msgspec.Meta(description=texts[0])
    for note in notes:
        documentation: object = getattr(note, "documentation", None)
        if type(note).__name__ == "Doc" and isinstance(documentation, str):
            yield msgspec.Meta(description=documentation)
        elif type(note).__module__.partition(".")[0] in _FOREIGN_NOTES:
            yield from _foreign_metas(note)
    yield from (note for note in notes if isinstance(note, msgspec.Meta))


def _foreign_metas(note: object) -> Iterator[msgspec.Meta]:
    bounds = {name: value for name in _BOUNDS if (value := getattr(note, name, None)) is not None}
    bounds = {name: value for name, value in bounds.items() if not callable(value)}
    if bounds:
        yield msgspec.Meta(**bounds)
    if not _is_field(note):
        return
    for inner in getattr(note, "metadata", ()):
        yield from _foreign_metas(inner)
    about = {name: getattr(note, name, None) for name in ("title", "description", "examples")}
    about = {name: value for name, value in about.items() if value is not None}
    if about:
        yield msgspec.Meta(**about)


def _is_field(note: object) -> bool:
    return type(note).__name__ == "FieldInfo" and type(note).__module__.startswith("pydantic.")


def _union(members: list[object]) -> object:
    """Return the union of *members*. A path or text is text, since in JSON they are the same."""
    if str in members:
        members = [one for one in members if not (isinstance(one, type) and issubclass(one, PurePath))]
    return Union[tuple(members)]  # noqa: UP007 - it is made at run time
