"""The errors below those that Trio wraps them in."""

from __future__ import annotations

import ssl
from typing import cast


def first_error(error: BaseException) -> BaseException:
    """The first single error in what may be a group, or a group of groups."""
    while isinstance(error, BaseExceptionGroup):
        # isinstance alone leaves the type of the members unknown
        error = cast("BaseExceptionGroup[BaseException]", error).exceptions[0]
    return error


def root_cause(error: BaseException) -> BaseException:
    """The cause of *error*: Trio wraps the errors of the single addresses, and those of TLS, in a general one."""
    return first_error(error.__cause__ or error)


def may_pass(cause: BaseException) -> bool:
    """Whether the cause may pass: names and hosts come back; two sides whose TLS does not agree go on disagreeing."""
    return not isinstance(cause, ssl.SSLError) or isinstance(cause, ssl.SSLEOFError)
