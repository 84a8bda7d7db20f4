"""What a peer answered that did not open the WebSocket, read from the first bytes that came."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from .._errors import HandshakeError
from .._protocol.close_hints import diagnose_status

if TYPE_CHECKING:
    from collections.abc import Iterable

HEAD_SIZE: Final = 4096
"""Bytes of an answer that are kept: the status line, the headers and the start of a refusal's body."""

_BODY_SIZE: Final = 2048
_PUBLIC_HEADERS: Final = frozenset({"content-type", "user-agent", "x-goog-api-client", "x-goog-user-project"})
_SHORTEST_SECRET: Final = 8  # characters; anything shorter may stand in a body by chance
_HTTP: Final = b"HTTP/1."
_STATUS_LINE: Final = re.compile(rb"HTTP/1\.\d ([2-5]\d\d)[^\r\n]*\r?\n")


def read_refusal(head: bytes) -> tuple[int, bytes] | None:
    """The status and the body, as far as it came, if *head* begins with an HTTP response other than 1xx."""
    status_line = _STATUS_LINE.match(head)
    return status_line and (int(status_line[1]), head.partition(b"\r\n\r\n")[2])


def refused(status_code: int, body: bytes) -> HandshakeError:
    """The error for a peer that answered with an HTTP status."""
    diagnosis = diagnose_status(status_code, body)
    return HandshakeError(
        f"the server refused the WebSocket upgrade with HTTP status {status_code}",
        phase="upgrade",
        status_code=status_code,
        body=body[:_BODY_SIZE],
        retryable=diagnosis.retryable,
        hint=diagnosis.hint,
    )


def hide_secrets(body: bytes, headers: Iterable[tuple[str, str]]) -> bytes:
    """*body* without what the request's *headers* hold: there are servers that repeat what they were sent."""
    for name, value in headers:
        for secret in (value, value.partition(" ")[2]):  # the second is a token without its scheme
            if name.lower() not in _PUBLIC_HEADERS and len(secret) >= _SHORTEST_SECRET:
                body = body.replace(secret.encode(), b"<hidden>")
    return body


def not_upgraded(head: bytes, *, hung_up: bool) -> HandshakeError:
    """The error for a peer whose answer began with *head*, and which opened no WebSocket."""
    if refusal := read_refusal(head):
        return refused(*refusal)
    if hung_up and _HTTP.startswith(head[: len(_HTTP)]):
        return HandshakeError(
            "the peer hung up during the WebSocket upgrade", phase="upgrade", retryable=True
        )
    return HandshakeError("the peer does not speak WebSocket", phase="upgrade")
