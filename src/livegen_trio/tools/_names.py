"""Names of tools, and the functions that they name. Pure."""

from __future__ import annotations

import re
from functools import partial
from itertools import chain, count
from typing import TYPE_CHECKING, Final

from .._errors import ToolError

if TYPE_CHECKING:
    from collections.abc import Collection

# The names that both Python and the service accept, and all that the service does (FunctionDeclaration.name, 2026-09).
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_ON_THE_WIRE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,127}")
_REFUSED: Final = re.compile(r"[^A-Za-z0-9_.:-]")
_MAX_LENGTH: Final = 128


def checked_name(name: str) -> str:
    """*name*, if the service takes it.

    Raises:
        ToolError: It doesn't.
    """
    if not _NAME.fullmatch(name):
        raise ToolError(f"{name!r} can't be a tool's name; write up to 128 letters of ASCII, digits and _")
    return name


def without_partial(function: object) -> object:
    """Unwrap *function* from the partials around it."""
    while isinstance(function, partial):
        function = function.func
    return function


def acceptable_name(name: str, taken: Collection[str]) -> str:
    """Return *name*, or one like it that the service takes and that is not among *taken*."""
    if _ON_THE_WIRE.fullmatch(name):
        return name
    kept = _REFUSED.sub("_", name)[:_MAX_LENGTH]
    kept = kept if _ON_THE_WIRE.fullmatch(kept) else f"_{kept}"[:_MAX_LENGTH]
    numbered = (f"{kept[: _MAX_LENGTH - 1 - len(str(number))]}_{number}" for number in count(2))
    return next(one for one in chain([kept], numbered) if one not in taken)
