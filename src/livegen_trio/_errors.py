"""The error tree that needs no event loop, and the names of the steps that a connection fails in.

`SessionClosedError`, which is also a `trio.BrokenResourceError`, lives in `_session.closed`: this module is pure.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

Phase: TypeAlias = Literal[
    "tools", "dns", "proxy", "tcp", "tls", "upgrade", "request", "setup", "open", "closing"
]
"""Steps of a connection: listing the tools of MCP servers, name lookup, proxy, TCP, TLS, the WebSocket upgrade
(or the request, where that is no upgrade), `setup`, in use, being closed."""

Initiator: TypeAlias = Literal["server", "local"]
"""The side that ended a connection. One that broke without a Close counts as ended by the server's."""


def one_line(text: str) -> str:
    """Return *text* without line breaks and control characters: a peer's must not look like another line of a log."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def reduce_error(error: Exception) -> tuple[object, ...]:
    """Return what `__reduce__` has to, for errors whose constructors take something else than `args`.

    An error crosses process boundaries, and can be copied, with its message and all attributes; `__cause__` and the
    traceback stay behind, as those of every exception do.
    """
    return _remake_error, (type(error), *error.args), vars(error)


def _remake_error(kind: type[Exception], *args: object) -> Exception:
    return kind.__new__(kind, *args)


class LiveError(Exception):
    """Base class of every error that this library defines. All can be pickled and copied."""

    def __reduce__(self) -> tuple[object, ...]:
        """Reduce to the message and the attributes."""
        return reduce_error(self)


class ConfigError(LiveError):
    """A value doesn't fit its field, or the backend or the model would refuse it; nothing was dialled or sent."""


class ToolError(LiveError):
    """A tool can't be declared, or its call can't be carried out."""


class ProtocolError(LiveError):
    """A message broke the rules of the Live protocol."""


class LocalProtocolError(ProtocolError):
    """You asked for something that may not be sent now; nothing was sent."""


class RemoteProtocolError(ProtocolError):
    """The peer sent something that is not a Live message.

    Attributes:
        code: The WebSocket close code that is sent to the peer.
    """

    def __init__(self, message: str, *, code: int = 1007) -> None:
        super().__init__(one_line(message))
        self.code = code


class HandshakeError(LiveError):
    """The connection, the WebSocket upgrade or `setup` failed, so that there is no session.

    Attributes:
        phase: The step that failed.
        status_code: HTTP status of a refused upgrade, or None.
        body: The beginning of the HTTP body of a refused upgrade, or empty.
        retryable: Whether the same attempt may succeed later.
        hint: What to do, where the cause is a known one.
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
        reason: The server's text, at most 123 bytes and so often cut short.
    """

    def __init__(self, *, code: int, reason: str, retryable: bool = False, hint: str | None = None) -> None:
        explanation = f": {reason}" if reason else ""
        super().__init__(
            f"the server refused the setup with close code {code}{explanation}",
            phase="setup",
            retryable=retryable,
            hint=hint,
        )
        self.code = code
        self.reason = reason


class ConnectTimeoutError(HandshakeError):
    """The peer did not complete the connection within `connect_timeout`; `phase` is the step that it was in.

    Attributes:
        timeout: The limit in seconds.
    """

    def __init__(self, *, phase: Phase, timeout: float) -> None:
        super().__init__(
            f"no session after {timeout:g} s; the connection was in phase {phase!r}",
            phase=phase,
            retryable=True,
        )
        self.timeout = timeout
