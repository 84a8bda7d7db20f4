"""Values of JSON, and schemas among them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias, TypeGuard

Schema: TypeAlias = Mapping[str, object]
"""A JSON schema."""


def is_array(value: object) -> TypeGuard[list[object]]:
    """Return whether it is an array of JSON."""
    return isinstance(value, list)


def is_object(value: object) -> TypeGuard[dict[str, object]]:
    """Return whether it is an object of JSON."""
    return isinstance(value, dict)
