"""Conversion of what users write into a `Content`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, cast

import msgspec

from .._errors import LocalProtocolError
from ..types import Blob, Content, Part

if TYPE_CHECKING:
    from typing import Literal

    from typing_extensions import Buffer

    from .._inputs import ContentInput

# By which the formats begin, in their specifications.
_SIGNATURES: Final = {
    "image/jpeg": re.compile(rb"\xff\xd8\xff"),
    "image/png": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "image/webp": re.compile(rb"RIFF.{4}WEBP", re.DOTALL),
}
_EMPTY_PARTS: Final = (Part(), Part(text=""))


def as_content(value: ContentInput, *, role: Literal["user", "model", "system"] = "user") -> Content:
    """*value* as a `Content`, of *role* unless it has one of its own.

    Raises:
        LocalProtocolError: There is nothing in it, or in one of its parts.
    """
    parts = value.parts if isinstance(value, Content) else _as_parts(value)
    if not parts:
        raise LocalProtocolError("there is nothing in this content; give text or parts")
    for index, part in enumerate(parts):
        if part in _EMPTY_PARTS:
            raise LocalProtocolError(f"there is nothing in parts[{index}] of this content; leave it out")
    if isinstance(value, Content):
        return value if value.role else msgspec.structs.replace(value, role=role)
    return Content(role=role, parts=parts)


def with_picture(content: Content, picture: Buffer | Blob) -> Content:
    """*content* with a picture before its text.

    Raises:
        LocalProtocolError: The bytes are no JPEG, PNG or WebP, whose type shows; or the `Blob` is no picture.
        TypeError: It is neither bytes nor a `Blob`.
    """
    if not isinstance(picture, Blob):
        picture = Blob(mime_type=_picture_type(picture), data=bytes(memoryview(picture)))
    elif not picture.mime_type.lower().startswith("image/"):
        raise LocalProtocolError(
            f"a picture's MIME type begins with image/, and this has {picture.mime_type!r}"
        )
    parts = (Part(inline_data=picture), *content.parts)
    return msgspec.structs.replace(content, parts=parts)


def _picture_type(picture: Buffer) -> str:
    try:
        head = bytes(memoryview(picture)[:12])
    except TypeError:
        raise TypeError(f"a picture is bytes or a Blob, not a {type(picture).__name__}") from None
    for mime_type, signature in _SIGNATURES.items():
        if signature.match(head):
            return mime_type
    raise LocalProtocolError(
        "these bytes are no JPEG, PNG or WebP picture; give a Blob that names their MIME type"
    )


def as_instruction(value: ContentInput) -> Content:
    """*value* as a system instruction; the service reads its text parts, each as a paragraph."""
    return as_content(value, role="system")


def _as_parts(value: object) -> Sequence[Part]:
    if isinstance(value, (str, Part)):
        value = (value,)
    if not isinstance(value, Sequence):
        raise _no_content(value)
    # isinstance leaves the type of the items unknown
    return tuple(_as_part(item) for item in cast("Sequence[object]", value) if item != "")


def _as_part(item: object) -> Part:
    if isinstance(item, str):
        return Part(text=item)
    if isinstance(item, Part):
        return item
    raise _no_content(item)


def _no_content(value: object) -> TypeError:
    return TypeError(f"content is text, a Part, several of these, or a Content, not {type(value).__name__}")
