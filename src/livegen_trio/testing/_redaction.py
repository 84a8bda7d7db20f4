"""What may not be published of a session: secrets, names, and kilobytes of sound."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final, cast

from .._errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_BLANK: Final = "REDACTED"
_MEDIA: Final = re.compile(r'(?<=")[A-Za-z0-9+/_-]{256,}={0,2}(?=")')
"""A string of base64 so long that it is a sound or a picture."""

_RESOURCE: Final = re.compile(r"\b(projects|locations)/[^/\"\s]+")
_PATTERNS: Final = (
    re.compile(r"(?<![\w+/])AIza[\w-]{20,}"),  # an API key, and no base64
    re.compile(r"ya29\.[\w.-]+"),  # an access token
    re.compile(r"eyJ[\w-]{8,}\.[\w-]+\.[\w-]+"),  # an identity token, or one of App Check
    re.compile(r"auth_tokens/[\w-]+"),
    re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"),
)
_PRIVATE: Final = {"handle": "handle", "newhandle": "handle", "sessionid": "session", "traceid": "trace"}
"""Fields whose values are private, by their names in small letters, and what they are replaced by."""


class Redaction:
    """Takes out of frames what may not be published; what was the same thing before is the same one after.

    Keys, tokens, mail addresses, and names of projects are known by their looks; handles and sessions by their fields.

    Args:
        secrets: What else is secret.
        media_characters: How much of the base64 of each sound and picture stays, a multiple of 4; by default all.

    Raises:
        ConfigError: That is no multiple of 4.
    """

    def __init__(self, secrets: Sequence[str] = (), *, media_characters: int | None = None) -> None:
        if media_characters is not None and (media_characters < 0 or media_characters % 4):
            raise ConfigError("media_characters is a multiple of 4, from 0 on: so base64 can still be read")
        self._secrets = tuple(secrets)
        self._media_characters = media_characters
        self._names: dict[str, str] = {}

    def redact(self, frame: bytes) -> bytes:
        """*frame* without its secrets, and with its media cut short. All else is as it was."""
        text = _RESOURCE.sub(rf"\1/{_BLANK}", frame.decode(errors="replace"))
        for secret in self._secrets:
            text = text.replace(secret, _BLANK)
        for pattern in _PATTERNS:
            text = pattern.sub(_BLANK, text)
        self._note_names(text)
        for value, name in self._names.items():
            text = text.replace(value, name)
        if self._media_characters is not None:
            text = _MEDIA.sub(lambda match: match[0][: self._media_characters], text)
        return text.encode()

    def _note_names(self, text: str) -> None:
        try:
            message: object = json.loads(text)
        except ValueError:
            return  # such a frame is worth a recording, too
        for kind, value in _private_values(message):
            literal = json.dumps(value)
            if literal not in self._names:
                self._names[literal] = f'"{kind}-{len(self._names) + 1}"'


def _private_values(message: object) -> Iterator[tuple[str, str]]:
    if isinstance(message, dict):
        for name, value in cast("dict[str, object]", message).items():  # JSON has no other keys
            kind = _PRIVATE.get(name.replace("_", "").lower())
            if kind and isinstance(value, str) and value:
                yield kind, value
            yield from _private_values(value)
    elif isinstance(message, list):
        for value in cast("list[object]", message):
            yield from _private_values(value)
