"""Keys and tokens, given as they are or by an async function."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from .._errors import ConfigError
from .._user_code import run_user_code

Secret: TypeAlias = str | Callable[[], Awaitable[str]]
"""A key or token, or an async function that is called for one on every dial."""


def check_secret(secret: Secret, *, if_empty: str) -> Secret:
    """*secret* without the white space around it, such as the line break at the end of a file.

    Raises:
        ConfigError: With the words *if_empty*, if nothing is left. A function is called later.
    """
    if not isinstance(secret, str):
        return secret
    if not (secret := secret.strip()):
        raise ConfigError(if_empty)
    return secret


async def reveal(secret: Secret, *, if_empty: str) -> str:
    """What *secret* is now.

    Raises:
        ConfigError: With the words *if_empty*, if it is empty.
    """
    value = secret if isinstance(secret, str) else await run_user_code(secret)
    if not (value := value.strip()):
        raise ConfigError(if_empty)
    return value
