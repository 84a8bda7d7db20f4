"""Bounds and exclusions of what clients write, and the base of the structs that are held to them.

A server's messages are taken as they come.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, ClassVar, Final, TypeAlias

import msgspec

from ._base import Model
from ._construction import SHORT, fields_of, refusal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_INT32: Final = 2**31 - 1
_INT64: Final = 2**63 - 1
_LABEL_SIZE: Final = 63  # characters of a label's key or value

Nonempty: TypeAlias = Annotated[str, msgspec.Meta(min_length=1)]
"""Text: where there is none, the field is left out."""

Seed: TypeAlias = Annotated[int, msgspec.Meta(ge=-_INT32 - 1, le=_INT32)]
"""Any 32-bit number."""

Budget: TypeAlias = Annotated[int, msgspec.Meta(ge=-1, le=_INT32)]
"""A number, or -1 for the service's choice."""

Count: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=_INT32)]
"""A number of things, of which there is at least one."""

Milliseconds: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=_INT32)]
"""A stretch of time."""

Size: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=_INT64)]
"""A number of things, or none; of 64 bits on the wire."""

Share: TypeAlias = Annotated[float, msgspec.Meta(ge=0, le=1)]
"""A part of the whole."""

Finite: TypeAlias = Annotated[float, msgspec.Meta(ge=-sys.float_info.max, le=sys.float_info.max)]
"""Any number, that is: JSON has no others."""


class Checked(Model):
    """Base of structs that only clients write. They are checked when they are decoded and replaced, too."""

    # Fields of which only one may be set.
    _exclusive: ClassVar[tuple[tuple[str, ...], ...]] = ()

    def __post_init__(self) -> None:
        for field in fields_of(type(self)).values():
            value = getattr(self, field.name)
            # Most fields of most structs, and a client's setup may hold thousands of schemas.
            if (value is None and field.is_optional) or type(value) is field.plain:
                continue
            msgspec.structs.force_setattr(self, field.name, field.checked(type(self), value))
        for names in self._exclusive:
            given = [name for name in names if getattr(self, name) is not None]
            if len(given) > 1:
                raise refusal(self, f"{' and '.join(given)} exclude each other; set one of them")


def check_order(struct: Model, low: str, high: str) -> None:
    """Refuse limits that leave nothing between them.

    Raises:
        ConfigError: The value of *low* is greater than that of *high*.
    """
    least, most = getattr(struct, low), getattr(struct, high)
    if least is not None and most is not None and least > most:
        raise refusal(struct, f"{low}={least} is more than {high}={most}; nothing fits between them")


def check_media_type(struct: Model, data: str, mime_type: str) -> None:
    """Refuse media of no type.

    Raises:
        ConfigError: *data* is set and *mime_type* is not.
    """
    if getattr(struct, data) and not getattr(struct, mime_type):
        raise refusal(struct, f"{data} needs its format in {mime_type}")


def check_labels(struct: Model, labels: Mapping[str, str]) -> None:
    """Refuse labels that break Google Cloud's rules for them.

    Raises:
        ConfigError: A key or a value does.
    """
    for key, value in labels.items():
        if not (key[:1].isalpha() and _is_label(key)):
            raise refusal(
                struct,
                f"the key {SHORT.repr(key)} in labels has to begin with a letter; then come lower-case letters, "
                f"digits, _ and -, {_LABEL_SIZE} characters in all",
            )
        if not _is_label(value):
            raise refusal(
                struct,
                f"labels[{key!r}] is {SHORT.repr(value)}; values are lower-case letters, digits, _ and -, "
                f"at most {_LABEL_SIZE} characters",
            )


def check_distinct(struct: Model, name: str, keys: Sequence[str | None]) -> None:
    """Refuse a list that says two things of one.

    Raises:
        ConfigError: Two items of the field *name* have the same of the *keys*.
    """
    seen: set[str] = set()
    for key in keys:
        if key is None:
            continue
        if key in seen:
            raise refusal(struct, f"{name} has two entries for {SHORT.repr(key)}; leave one of them out")
        seen.add(key)


def _is_label(text: str) -> bool:
    return len(text) <= _LABEL_SIZE and all(
        letter in "_-" or (letter.isalnum() and not letter.isupper()) for letter in text
    )
