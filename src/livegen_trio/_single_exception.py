"""Keeping nurseries an implementation detail: one exception comes out, and no group of ours around it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import trio

from ._errors import LiveError

if TYPE_CHECKING:
    from collections.abc import Generator


class InternalError(LiveError):
    """Two tasks of the library failed at once, where only one can. Please report it."""


@contextmanager
def single_exception() -> Generator[None]:
    """Unwrap the group that a nursery of ours raises.

    The engine's tasks record how a connection ended and do not raise, so a group holds one exception that matters:
    the caller's. Its context is kept, which raising it here would replace.
    """
    try:
        yield
    except BaseExceptionGroup as group:
        error = _primary_exception(group)
        context = error.__context__
        try:
            raise error
        finally:
            error.__context__ = context
            del error, context


def _primary_exception(group: BaseExceptionGroup[BaseException]) -> BaseException:
    for exc in group.exceptions:
        if isinstance(exc, (KeyboardInterrupt, SystemExit)):
            return exc
    errors = [exc for exc in group.exceptions if not isinstance(exc, trio.Cancelled)]
    if len(errors) > 1:
        internal = InternalError("more than one task failed; please report this")
        internal.__cause__ = group
        return internal
    return errors[0] if errors else group.exceptions[0]
