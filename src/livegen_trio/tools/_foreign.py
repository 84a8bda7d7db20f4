"""Types that msgspec doesn't know: pydantic's, paths, and numpy's in results.

None of these packages is imported unless a user's type or value is of it.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import PurePath
from typing import TYPE_CHECKING, Final, TypeGuard, get_args

import msgspec

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from pydantic import TypeAdapter

    from ._json import Schema

# Of models and dataclasses, and of other types and the notes in `Annotated`.
_PYDANTIC_MARKS: Final = ("__pydantic_core_schema__", "__get_pydantic_core_schema__")


def is_pydantic(hint: object) -> TypeGuard[Hashable]:
    """Return whether *hint* is a type of pydantic's, or is made of some, or has a note that only pydantic reads."""
    return any(hasattr(hint, name) for name in _PYDANTIC_MARKS) or any(map(is_pydantic, get_args(hint)))


def schema_and_definitions(hint: Hashable) -> tuple[Schema, Mapping[str, Schema]]:
    """Return pydantic's schema of *hint*, and those that it refers to as `#/$defs/...`.

    Raises:
        Exception: Whatever pydantic raises for a type that it has no schema for.
    """
    schema: dict[str, object] = _adapter(hint).json_schema(ref_template="#/$defs/{model}")
    definitions = schema.pop("$defs", {})
    return schema, definitions  # type: ignore[return-value]  # as pydantic writes them


def schema_hook(kind: type) -> Schema | None:
    """Return the schema of a class that msgspec has none for; None if there is none here either."""
    return {"type": "string", "format": "path"} if _is_path(kind) else None


def decoded(kind: type, value: object) -> object:
    """Return *value*, as JSON holds it, as an instance of a class that msgspec doesn't know.

    Raises:
        ValueError: It doesn't fit.
        NotImplementedError: Nor is the class known here.
    """
    if kind is object:
        return value
    if is_pydantic(kind):
        return validated(kind, value)
    if not _is_path(kind):
        raise NotImplementedError
    if not isinstance(value, str):
        raise ValueError(f"Expected `str`, got `{type(value).__name__}`")  # noqa: TRY004 - msgspec adds where
    return kind(value)


def validated(hint: Hashable, value: object) -> object:
    """Return *value*, as JSON holds it, as pydantic makes it a *hint*.

    Raises:
        ValueError: It doesn't fit; with the places and no values.
    """
    import pydantic  # noqa: PLC0415 - its user has imported it

    try:
        return _adapter(hint).validate_json(msgspec.json.encode(value))
    except pydantic.ValidationError as exc:
        errors = exc.errors(include_url=False, include_input=False, include_context=False)
        raise ValueError("; ".join(f"{_place(one['loc'])}{one['msg']}" for one in errors)) from None


def encoded(value: object) -> object:
    """Return *value* in types that msgspec can write as JSON.

    Raises:
        NotImplementedError: There are none.
    """
    kind: object = type(value)
    if is_pydantic(kind):
        return _adapter(kind).dump_python(value, mode="json", by_alias=True)
    if isinstance(value, PurePath):
        return os.fspath(value)
    tolist: object = getattr(value, "tolist", None)
    if type(value).__module__.partition(".")[0] == "numpy" and callable(tolist):
        listed: object = tolist()
        return listed
    raise NotImplementedError(f"Encoding objects of type {type(value).__name__} is unsupported")


def _is_path(kind: object) -> TypeGuard[type[PurePath]]:
    return isinstance(kind, type) and issubclass(kind, PurePath)


@lru_cache(maxsize=256)  # making one compiles the type
def _adapter(hint: Hashable) -> TypeAdapter[object]:
    from pydantic import TypeAdapter  # noqa: PLC0415 - its user has imported it

    return TypeAdapter(hint)  # type: ignore[arg-type]  # whatever a parameter is annotated with


def _place(location: tuple[int | str, ...]) -> str:
    return f"{'.'.join(map(str, location))}: " if location else ""
