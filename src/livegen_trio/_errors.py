"""The error tree that needs no event loop, and the words for where a connection stood when it failed.

`SessionClosedError`, which is also a `trio.BrokenResourceError`, lives in `_session.closed`: this module is pure.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

Phase: TypeAlias = Literal[
    "tools", "dns", "proxy", "tcp", "tls", "upgrade", "request", "setup", "open", "closing"
]
"""How far a connection has come: listing the tools of MCP servers, name lookup, proxy, TCP, TLS, the WebSocket upgrade
(or the request, where that is no upgrade), `setup`, in use, being closed."""

Initiator: TypeAlias = Literal["server", "local"]
"""Who ended a connection. A connection that broke without a word counts as ended by the server's side."""


def one_line(words: str) -> str:
    """*words* without line breaks and control characters: a peer's text must not look like another line of a log."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in words).split())


class LiveError(Exception):
    """Base class of every error that this library defines."""


class ConfigError(LiveError):
    """The backend or the model would refuse this configuration; nothing has been dialled yet."""


class ToolError(LiveError):
    """A tool can't be declared, or its call can't be carried out."""


class ProtocolError(LiveError):
    """A message broke the rules of the Live protocol."""


class LocalProtocolError(ProtocolError):
    """You asked for something that may not be sent now; nothing was sent."""


class RemoteProtocolError(ProtocolError):
    """The peer sent something that is not a Live message.

    Attributes:
        code: The WebSocket close code that tells the peer so.
    """

    def __init__(self, message: str, *, code: int = 1007) -> None:
        super().__init__(one_line(message))
        self.code = code


class HandshakeError(LiveError):
    """No session came about: the connection, the WebSocket upgrade or `setup` failed.

    Attributes:
        phase: The step that failed.
        status_code: HTTP status of a refused upgrade, or None.
        body: The beginning of the HTTP body of a refused upgrade, or empty.
        retryable: Whether the same attempt may succeed later.
        hint: What to do about it, where the cause is a known one.
    """

    def __init__(
        self,
        message: str,
        *,
        phase: Phase,
        status_code: int | None = None,
        body: bytes = b"",
        retryable: bool = False,
        hint: str | None = None,
    ) -> None:
        super().__init__(one_line(message if hint is None else f"{message} ({hint})"))
        self.phase = phase
        self.status_code = status_code
        self.body = body
        self.retryable = retryable
        self.hint = hint


class SetupRejectedError(HandshakeError):
    """The server closed the connection in answer to `setup`.

    Attributes:
        code: The server's WebSocket close code.
        reason: The server's words, at most 123 bytes and so often cut short.
    """

    def __init__(self, *, code: int, reason: str, retryable: bool = False, hint: str | None = None) -> None:
        words = f": {reason}" if reason else ""
        super().__init__(
            f"the server refused the setup with close code {code}{words}",
            phase="setup",
            retryable=retryable,
            hint=hint,
        )
        self.code = code
        self.reason = reason


class ConnectTimeoutError(HandshakeError):
    """The peer did not complete the connection within `connect_timeout`; `phase` tells how far it came."""

    def __init__(self, *, phase: Phase, timeout: float) -> None:
        super().__init__(
            f"no session after {timeout:g} s; the connection was in phase {phase!r}",
            phase=phase,
            retryable=True,
        )
        self.timeout = timeout
