"""Firebase's error codes, and the one that each error of this library has."""

from __future__ import annotations

from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import trio

from .._errors import (
    ConfigError,
    HandshakeError,
    LiveError,
    LocalProtocolError,
    RemoteProtocolError,
    ToolError,
)
from .._session.closed import SessionClosedError

if TYPE_CHECKING:
    from collections.abc import Generator


class AIErrorCode(StrEnum):
    """Firebase's names for failures."""

    ERROR = "error"
    REQUEST_ERROR = "request-error"
    RESPONSE_ERROR = "response-error"
    FETCH_ERROR = "fetch-error"
    SESSION_CLOSED = "session-closed"
    INVALID_CONTENT = "invalid-content"
    API_NOT_ENABLED = "api-not-enabled"
    INVALID_SCHEMA = "invalid-schema"
    NO_API_KEY = "no-api-key"
    NO_APP_ID = "no-app-id"
    NO_MODEL = "no-model"
    NO_PROJECT_ID = "no-project-id"
    PARSE_FAILED = "parse-failed"
    UNSUPPORTED = "unsupported"


_CODES: Final[tuple[tuple[type[Exception], AIErrorCode], ...]] = (
    (HandshakeError, AIErrorCode.FETCH_ERROR),
    (ConfigError, AIErrorCode.UNSUPPORTED),
    (ToolError, AIErrorCode.INVALID_SCHEMA),
    (trio.BusyResourceError, AIErrorCode.REQUEST_ERROR),
)


class AIError(LiveError):
    """A failure in Firebase's terms. Its `__cause__` is the error of `livegen_trio`, if there was one.

    Attributes:
        code: Firebase's code.
        message: The message, without the code.
    """

    def __init__(self, code: AIErrorCode, message: str) -> None:
        super().__init__(f"AI: {message} (AI/{code})")
        self.code = code
        self.message = message


@contextmanager
def in_firebases_terms(
    *, if_closed: AIErrorCode, if_wrong: AIErrorCode = AIErrorCode.INVALID_CONTENT
) -> Generator[None]:
    """Raise an `AIError` in place of this library's own errors.

    Args:
        if_closed: The code for a session that has ended or was closed: Firebase has one for sending, another for
            receiving.
        if_wrong: The code for requests that are invalid, or invalid in the session's state.
    """
    try:
        yield
    except AIError:
        raise
    except trio.ClosedResourceError as exc:
        raise AIError(if_closed, "This LiveSession has been closed and cannot be used.") from exc
    except LocalProtocolError as exc:
        raise AIError(if_wrong, str(exc)) from exc
    except (LiveError, trio.BusyResourceError) as exc:
        raise AIError(code_of(exc, if_closed=if_closed), str(exc)) from exc


def code_of(error: LiveError | trio.BusyResourceError, *, if_closed: AIErrorCode) -> AIErrorCode:
    """Return Firebase's code for *error*."""
    if isinstance(error, SessionClosedError):
        return _code_of_end(error, if_closed)
    if isinstance(error, HandshakeError) and error.phase == "setup":
        return AIErrorCode.RESPONSE_ERROR
    return next((code for kind, code in _CODES if isinstance(error, kind)), AIErrorCode.ERROR)


def _code_of_end(error: SessionClosedError, if_closed: AIErrorCode) -> AIErrorCode:
    if isinstance(error.__cause__, RemoteProtocolError):
        return AIErrorCode.PARSE_FAILED
    return if_closed
