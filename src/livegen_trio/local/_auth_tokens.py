"""Ephemeral tokens of the embedded server, with the limits and locks that clients ask for.

The service's close codes and reasons for a token that is used up or too old are not known; those here are the server's
own.
"""

from __future__ import annotations

import re
import secrets
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import msgspec
import trio

from .._errors import RemoteProtocolError
from .._protocol.codec import decode_client_message, encode_client_message
from .._protocol.lenient_json import Unknown, fit
from ..types import Setup
from ._reading import MOST_OBJECTS
from ._setup_rules import INVALID_ARGUMENT

if TYPE_CHECKING:
    from ._request import Request

TOKENS: Final = 1024  # that are kept; beyond it the oldest is forgotten
TOKENS_SIZE: Final = 16 * 2**20  # bytes, about, that they take; likewise

_LIFE: Final = 30 * 60.0  # seconds, as the service has it
_TIME_TO_BEGIN: Final = 60.0  # likewise
_LONGEST_LIFE: Final = 20 * 3600.0  # likewise
_REFUSED: Final = 1008  # policy violation
_TOKEN_SIZE: Final = 1024  # bytes, about
_MEMORY_FACTOR: Final = 4  # bytes of memory for a byte of JSON
_UNREADABLE: Final = (msgspec.MsgspecError, ValueError, RecursionError, OverflowError)


_PATH: Final = re.compile(r"/(.*/)?(v1|v1beta|v1alpha)/auth_tokens")
_METHOD_FOR_TOKENS: Final = "BidiGenerateContentConstrained"


def is_for_tokens(request: Request) -> bool:
    """Whether a token is asked for."""
    return request.method == "POST" and _PATH.fullmatch(request.path) is not None


def token_name(request: Request) -> str:
    """The token that a request for a WebSocket comes with, in a header or as browsers do; empty if it has none."""
    if not request.path.endswith(_METHOD_FOR_TOKENS):
        return ""
    scheme, _, name = request.headers.get("authorization", "").partition(" ")
    return name.strip() if scheme.lower() == "token" else request.query.get("access_token", "")


class _Request(msgspec.Struct, rename="camel"):
    uses: int = 1
    expire_time: datetime | None = None
    new_session_expire_time: datetime | None = None
    bidi_generate_content_setup: Mapping[str, object] | None = None
    field_mask: str = ""


@dataclass(slots=True)
class Token:
    """An ephemeral token.

    Attributes:
        uses_left: Sessions that it can still begin; None for any number.
        begins_until: When it can't begin one any more, by Trio's clock.
        ends: When its sessions end, likewise.
        fields: Of the setup that it brings, as on the wire; None for none.
        paths: To the fields that it locks; none means all.
    """

    uses_left: int | None
    begins_until: float
    ends: float
    fields: Mapping[str, object] | None
    paths: tuple[tuple[str, ...], ...]

    def admit(self, setup: Setup) -> Setup:
        """Use the token for a session: the setup that counts, out of the client's *setup* and the token's.

        Resuming a session does not count as a use.

        Raises:
            RemoteProtocolError: It is used up or too old.
        """
        setup = self._constrained(setup)
        if setup.session_resumption is not None and setup.session_resumption.handle:
            return setup
        if trio.current_time() >= self.begins_until:
            raise RemoteProtocolError("The auth token can't begin a session any more.", code=_REFUSED)
        if self.uses_left is not None:
            if self.uses_left == 0:
                raise RemoteProtocolError("The auth token is used up.", code=_REFUSED)
            self.uses_left -= 1
        return setup

    def _constrained(self, setup: Setup) -> Setup:
        if self.fields is None:
            return setup
        if not self.paths:
            return _read_setup(self.fields)
        fields = _fields_of(setup)
        for path in self.paths:
            _overwrite(fields, self.fields, path)
        return _read_setup(fields)


class TokenStore:
    """The tokens that a server has made."""

    def __init__(self, capacity: int = TOKENS, size: int = TOKENS_SIZE) -> None:
        self._capacity = capacity
        self._room = size
        self._tokens: OrderedDict[str, tuple[Token, int]] = OrderedDict()

    def create(self, body: bytes) -> str:
        """Make a token as the body of a request asks for it; returns its name.

        Raises:
            RemoteProtocolError: It asks for something impossible.
        """
        if body.count(b"{") + body.count(b"[") > MOST_OBJECTS:
            raise RemoteProtocolError(
                f"{INVALID_ARGUMENT} There are more than {MOST_OBJECTS} objects and lists."
            )
        request = _read(body)
        if request.uses < 0:
            raise RemoteProtocolError(f"{INVALID_ARGUMENT} uses is negative.")
        setup = request.bidi_generate_content_setup
        token = Token(
            uses_left=request.uses or None,
            begins_until=_when(request.new_session_expire_time, _TIME_TO_BEGIN),
            ends=_when(request.expire_time, _LIFE),
            fields=None if setup is None else _fields_of(_read_setup(setup)),
            paths=tuple(_path(words) for words in request.field_mask.split(",") if words),
        )
        name = f"auth_tokens/{secrets.token_hex(32)}"
        size = _TOKEN_SIZE + _MEMORY_FACTOR * len(body)
        self._tokens[name] = token, size
        self._room -= size
        while len(self._tokens) > self._capacity or (self._room < 0 and len(self._tokens) > 1):
            self._room += self._tokens.popitem(last=False)[1][1]
        return name

    def find(self, name: str) -> Token | None:
        """The token of that name, if this server has made it."""
        found = self._tokens.get(name)
        return None if found is None else found[0]


def _read(body: bytes) -> _Request:
    unknown: list[Unknown] = []
    try:
        plain = fit(_Request, msgspec.json.decode(body), unknown)
        request = msgspec.convert(plain, _Request, strict=False)
    except _UNREADABLE as exc:
        raise RemoteProtocolError(f"Invalid JSON payload received. {exc}") from exc
    if unknown:
        raise RemoteProtocolError(f'Invalid JSON payload received. Unknown name "{unknown[0].name}".')
    return request


def _read_setup(fields: Mapping[str, object]) -> Setup:
    """A setup's fields, in either spelling; the model may be left to the client."""
    message = decode_client_message(msgspec.json.encode({"setup": {"model": "", **fields}}))
    assert isinstance(message, Setup)
    return message


def _fields_of(setup: Setup) -> dict[str, object]:
    frame: dict[str, dict[str, object]] = msgspec.json.decode(encode_client_message(setup))
    return {name: value for name, value in frame["setup"].items() if (name, value) != ("model", "")}


def _when(time: datetime | None, default: float) -> float:
    if time is None:
        return trio.current_time() + default
    if time.tzinfo is None:
        raise RemoteProtocolError(f"{INVALID_ARGUMENT} A time has no time zone.")
    ahead = (time - datetime.now(UTC)).total_seconds()
    if not 0 < ahead < _LONGEST_LIFE:
        raise RemoteProtocolError(f"{INVALID_ARGUMENT} A time has to be ahead, by less than 20 hours.")
    return trio.current_time() + ahead


def _path(words: str) -> tuple[str, ...]:
    """google-genai writes some paths in snake_case."""
    camel = re.sub("_([a-z])", lambda match: match[1].upper(), words.strip())
    if camel.partition(".")[0] not in Setup.__struct_encode_fields__:
        raise RemoteProtocolError(f"{INVALID_ARGUMENT} There is no field at the mask's path.")
    return tuple(camel.split("."))


def _overwrite(target: dict[str, object], source: Mapping[str, object], path: tuple[str, ...]) -> None:
    """Set what *path* leads to as it is in *source*, where it may be absent."""
    name, *rest = path
    value = source.get(name)
    if rest:
        inner = _message(target.get(name))
        _overwrite(inner, _message(value), tuple(rest))
        value = inner if inner or name in target else None
    if value is None:
        target.pop(name, None)
    else:
        target[name] = value


def _message(value: object) -> dict[str, object]:
    return {**value} if isinstance(value, dict) else {}
