"""The base of every struct, and the kinds of field that JSON has no type for.

Nothing here knows how JSON is written; `_protocol.codec` does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, TypeAlias, dataclass_transform

import msgspec

from ._construction import StructType

LocalInt: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=0, extra={"local": True})]
"""A number of this library's own. Its bounds contradict each other, and msgspec checks bounds only when it
decodes: so no peer can set the field."""

LocalMapping: TypeAlias = Annotated[
    Mapping[str, object], msgspec.Meta(min_length=1, max_length=0, extra={"local": True})
]
"""A mapping of this library's own, which no peer can set; see `LocalInt`."""


LocalException: TypeAlias = Annotated[Exception | None, msgspec.Meta(extra={"local": True})]
"""An exception, which no peer can send."""


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(msgspec.field,))
class Model(
    msgspec.Struct,
    metaclass=StructType,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    repr_omit_defaults=True,
    rename="camel",
    forbid_unknown_fields=True,
):
    """Base of the wire's structs: immutable, keyword only, snake_case in Python and camelCase on the wire.

    `None` and empty lists, mappings and bytes mean "absent"; a default is always the wire's own default.
    """

    # Fields whose values are in no repr and no error.
    _guarded: ClassVar[frozenset[str]] = frozenset()

    # For what only servers send: its constructor takes all values as they come.
    _is_received: ClassVar[bool] = False


class Guarded(Model):
    """Base of structs with fields that don't belong in logs: secrets, and kilobytes of media."""

    def __repr__(self) -> str:
        fields = (
            f"{name}={_describe(value) if value and name in self._guarded else repr(value)}"
            for name, value in self.__rich_repr__()
        )
        return f"{type(self).__name__}({', '.join(fields)})"


def _describe(value: object) -> str:
    return f"<{len(value)} bytes>" if isinstance(value, bytes) else "<hidden>"


class Empty(Model):
    """An empty message, whose presence alone says something."""


class Received(Model):
    """Base of structs that only servers send, and of the session's own events."""

    _is_received: ClassVar[bool] = True


class Event(Received):
    """Base of the events that a session receives.

    Attributes:
        unknown_fields: Values under names that this version doesn't know, and values that don't fit their fields, as
            they came, by JSON path, such as `serverContent.modelTurn.parts[0].hologram`. Never sent.
    """

    unknown_fields: LocalMapping = {}
