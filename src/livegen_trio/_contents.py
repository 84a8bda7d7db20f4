"""What users may write where the wire wants a `Content`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

from ._errors import LocalProtocolError
from .types import Content, Part

if TYPE_CHECKING:
    from typing import Literal

ContentInput: TypeAlias = str | Part | Content | Sequence[str | Part]
"""Text, a part, several of these, or a whole `Content` with its role."""


def as_content(value: ContentInput, *, role: Literal["user", "model", "system"] = "user") -> Content:
    """*value* as a `Content`, of *role* unless it has one of its own.

    Raises:
        LocalProtocolError: There is nothing in it.
    """
    if isinstance(value, Content):
        return value
    parts = _as_parts(value)
    if not parts:
        raise LocalProtocolError("there is nothing in this content; give text or parts")
    return Content(role=role, parts=parts)


def as_instruction(value: ContentInput) -> Content:
    """*value* as a system instruction; the service reads its text parts, each as a paragraph."""
    return as_content(value, role="system")


def _as_parts(value: str | Part | Sequence[str | Part]) -> tuple[Part, ...]:
    if isinstance(value, (str, Part)):
        value = (value,)
    return tuple(Part(text=item) if isinstance(item, str) else item for item in value if item != "")
