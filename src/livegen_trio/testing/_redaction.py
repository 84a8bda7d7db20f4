"""Takes out of recorded frames what may not be published: secrets, names, and kilobytes of sound."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final, cast

from .._errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_BLANK: Final = "REDACTED"
_MEDIA: Final = re.compile(r"[A-Za-z0-9+/_-]{256,}={0,2}")  # base64 so long that it is a sound or a picture
_RESOURCE: Final = re.compile(r"\b(projects|locations)/[^/\"\s]+")
_PATTERNS: Final = (
    re.compile(r"(?<![\w+/])AIza[\w-]{20,}"),  # an API key, and no base64
    re.compile(r"ya29\.[\w.-]+"),  # an access token
    re.compile(r"eyJ[\w-]{8,}\.[\w-]+\.[\w-]+"),  # an identity token, or one of App Check
    re.compile(r"auth_tokens/[\w-]+"),
    re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"),
)
# Fields whose values are private, by their names in lower case, and the replacement's name.
_PRIVATE: Final = {"handle": "handle", "newhandle": "handle", "sessionid": "session", "traceid": "trace"}
_FIELD: Final = re.compile(r'"(\w+)"\s*:\s*("(?:[^"\\]|\\.)*")')
_SHORTEST_PART: Final = 6  # characters of a private value that is replaced inside of a longer string, too

# The values of a JSON text: strings, which a colon follows if they are names, and numbers.
_VALUE: Final = re.compile(r'("(?:[^"\\]|\\.)*")(\s*:)?|(-?\d[\d.eE+-]*)')


class Redaction:
    """Takes out of frames what may not be published. Values that were equal before are equal after.

    Keys, tokens, mail addresses, and names of projects are recognised by their form; handles and sessions by their
    fields. All of it is done on values, not on their JSON: quotes, backslashes, line breaks and any script are found,
    however a frame escapes them.

    Args:
        secrets: What else is secret.
        media_characters: How much of the base64 of each sound and picture stays, a multiple of 4; by default all.

    Raises:
        ConfigError: That is no multiple of 4, or a secret is empty or no string.
    """

    def __init__(self, secrets: Sequence[str] = (), *, media_characters: int | None = None) -> None:
        if media_characters is not None and (media_characters < 0 or media_characters % 4):
            raise ConfigError(
                "media_characters is not a multiple of 4; give one from 0 on, so that base64 can still be read"
            )
        self._secrets = _checked(secrets)
        self._media_characters = media_characters
        self._names: dict[str, str] = {}

    def redact(self, frame: bytes) -> bytes:
        """Return *frame* without its secrets, and with its media cut short. All else stays as it was."""
        text = frame.decode(errors="replace")
        self._note_private_values(text)
        redacted = _VALUE.sub(self._redact_value, text)
        return (redacted if _is_json(text) else self._redact_text(redacted)).encode(errors="replace")

    def redact_text(self, text: str) -> str:
        """Return plain text, such as the reason of a close, without its secrets."""
        return self._redact_text(text)

    def _redact_value(self, match: re.Match[str]) -> str:
        literal, colon, number = match.groups()
        if number is not None:
            return f'"{_BLANK}"' if number in self._secrets else number
        try:
            value = cast("str", json.loads(literal, strict=False))
        except ValueError:  # no JSON after all
            return match[0]
        redacted = self._redact_text(value, is_name=colon is not None)
        if self._media_characters is not None and _MEDIA.fullmatch(redacted):
            redacted = redacted[: self._media_characters]
        if redacted == value:
            return match[0]
        return json.dumps(redacted, ensure_ascii=False) + (colon or "")

    def _redact_text(self, text: str, *, is_name: bool = False) -> str:
        text = _RESOURCE.sub(rf"\1/{_BLANK}", text)
        for secret in self._secrets:
            text = text.replace(secret, _BLANK)
        for pattern in _PATTERNS:
            text = pattern.sub(_BLANK, text)
        return text if is_name else self._rename(text)

    def _rename(self, text: str) -> str:
        if text in self._names:
            return self._names[text]
        for value, name in self._names.items():
            if len(value) >= _SHORTEST_PART:
                text = text.replace(value, name)
        return text

    def _note_private_values(self, text: str) -> None:
        for kind, value in _private_values(text):
            if value not in self._names:
                self._names[value] = f"{kind}-{len(self._names) + 1}"


def _checked(secrets: Sequence[str]) -> tuple[str, ...]:
    """The secrets, longest first: one may contain another."""
    if isinstance(secrets, str | bytes):
        raise ConfigError("secrets is a single string; give a list of them")
    given: list[object] = list(secrets)
    checked = [secret for secret in given if isinstance(secret, str) and secret]
    if len(checked) < len(given):
        raise ConfigError(
            "a secret is empty or no string; an unset variable, perhaps: give strings, or leave it out"
        )
    return tuple(sorted(checked, key=len, reverse=True))


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _private_values(text: str) -> Iterator[tuple[str, str]]:
    for name, literal in _FIELD.findall(text):
        kind = _PRIVATE.get(name.replace("_", "").lower())
        if kind is None:
            continue
        try:
            value = cast("str", json.loads(literal, strict=False))
        except ValueError:
            continue
        if value:
            yield kind, value
