"""Keys and tokens, given as they are or by an async function.

Everywhere *what* is the kind of secret, such as "API key", for messages; and *if_empty* the message for one that has to
be there and is empty.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import TypeAlias, TypeVar

from .._errors import ConfigError, HandshakeError
from .._user_code import run_user_code

Secret: TypeAlias = str | Callable[[], Awaitable[str]]
"""A key or token, or an async function that is called for one on every dial."""

OptionalSecret: TypeAlias = str | Callable[[], Awaitable[str | None]]
"""The same, but the function may return None if there is none at the time."""


_AnySecret = TypeVar("_AnySecret", Secret, OptionalSecret)


def check_secret(secret: _AnySecret, what: str) -> _AnySecret:
    """*secret* without the white space around it, such as the line break at the end of a file.

    Raises:
        ConfigError: It is neither a string nor a function.
    """
    if isinstance(secret, str):
        return secret.strip()
    if not callable(secret):
        raise ConfigError(f"the {what} is a str, or an async function that returns one, not {_kind(secret)}")
    return secret


def check_required_secret(secret: Secret, what: str, *, if_empty: str) -> Secret:
    """The same for a secret that has to be there.

    Raises:
        ConfigError: It is empty, or neither a string nor a function. A function is called later.
    """
    secret = check_secret(secret, what)
    if not secret:
        raise ConfigError(if_empty)
    return secret


async def reveal(secret: Secret, what: str, *, if_empty: str) -> str:
    """The value of *secret* now.

    Raises:
        ConfigError: It is empty, or the function gave something other than a string.
        HandshakeError: The function raised CancelledError, in phase "request".
        Exception: Whatever else the function raises.
    """
    value = secret if isinstance(secret, str) else await run_user_code(_call, secret, what)
    if not (text := _checked_text(value, what)):
        raise ConfigError(if_empty)
    return text


async def reveal_optional(secret: OptionalSecret, what: str) -> str:
    """The value of *secret* now; empty where there is none.

    Raises:
        ConfigError: The function gave something other than a string or None.
        HandshakeError: The function raised CancelledError, in phase "request".
        Exception: Whatever else the function raises.
    """
    value = secret if isinstance(secret, str) else await run_user_code(_call, secret, what)
    return "" if value is None else _checked_text(value, what)


def _checked_text(value: object, what: str) -> str:
    if not isinstance(value, str):
        raise ConfigError(f"the function for the {what} gave {_kind(value)}; it has to return a str")
    return value.strip()


async def _call(function: Callable[[], object], what: str) -> object:
    """Call a user's function on the user's loop."""
    try:
        return await _checked_awaitable(function(), what)
    except BaseException as exc:  # noqa: ASYNC103 - raised again but for one, which no task was cancelled by
        if type(exc).__name__ != "CancelledError" or _is_cancelled_on_asyncio():
            raise
        # It is asyncio's or concurrent.futures', from something that the function waited for. Trio would take it for
        # a crash, and asyncio for the end of this task.
        message = f"the function for the {what} raised {type(exc).__module__}.CancelledError"
        raise HandshakeError(  # noqa: ASYNC104 - as above
            message, phase="request", retryable=True, hint="something that it waits for was cancelled"
        ) from exc


def _checked_awaitable(value: object, what: str) -> Awaitable[object]:
    if not inspect.isawaitable(value):
        raise ConfigError(f"the function for the {what} is not async; write it with `async def`")
    return value


def _is_cancelled_on_asyncio() -> bool:
    import asyncio  # noqa: PLC0415 - most programs do without

    try:
        task = asyncio.current_task()
    except RuntimeError:  # no loop of its in this thread
        return False
    return task is not None and task.cancelling() > 0


def _kind(value: object) -> str:
    return "None" if value is None else f"a {type(value).__qualname__}"
