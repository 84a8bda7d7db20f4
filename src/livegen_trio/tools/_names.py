"""Names of tools, and the functions that they name. Pure."""

from __future__ import annotations

import re
from functools import partial
from typing import Final

from .._errors import ToolError

_NAME: Final = re.compile(
    r"[A-Za-z_][A-Za-z0-9_]{0,127}"
)  # the names that both Python and the service accept


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
