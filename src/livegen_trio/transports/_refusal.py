"""Errors for a peer that answered the upgrade, and did not open the WebSocket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .._errors import HandshakeError
from .._protocol.close_hints import diagnose_status
from ._http_head import read_response

if TYPE_CHECKING:
    from collections.abc import Iterable

HEAD_SIZE: Final = 4096
"""Bytes of an answer that are kept: the status line, the headers and the start of a refusal's body."""

BODY_TIMEOUT: Final = 1.0
"""Seconds. Once a refusal's status is known, its body is not worth a longer wait."""

_BODY_SIZE: Final = 2048
_PUBLIC_HEADERS: Final = frozenset({"content-type", "user-agent", "x-goog-api-client", "x-goog-user-project"})
_SHORTEST_SECRET: Final = 8  # characters; anything shorter may stand in a body by chance
_HTTP: Final = b"HTTP/1."


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
    """*body* without the values of the request's *headers*: there are servers that repeat what they were sent."""
    for name, value in headers:
        for secret in (value, value.partition(" ")[2]):  # the second is a token without its scheme
            if name.lower() not in _PUBLIC_HEADERS and len(secret) >= _SHORTEST_SECRET:
                body = body.replace(secret.encode(), b"<hidden>")
    return body


def not_upgraded(head: bytes, *, hung_up: bool) -> HandshakeError:
    """The error for a peer whose answer began with *head*, and which opened no WebSocket."""
    if response := read_response(head):
        return refused(*response)
    if hung_up and _HTTP.startswith(head[: len(_HTTP)]):
        return HandshakeError(
            "the peer hung up during the WebSocket upgrade", phase="upgrade", retryable=True
        )
    return HandshakeError("the peer does not speak WebSocket", phase="upgrade")
