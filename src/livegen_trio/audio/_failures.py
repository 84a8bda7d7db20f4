"""The first failure of a conversation's tasks: it cancels the block, and is raised when the block is left."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import anyio


class Failures:
    """Collects what the microphone, the speaker and the tasks between them raise.

    Args:
        scope: Cancelled by the first failure.

    Attributes:
        first: The first failure; later ones are notes of it.
    """

    def __init__(self, scope: anyio.CancelScope) -> None:
        self._scope = scope
        self.first: Exception | None = None

    async def guard(self, run: Callable[..., Awaitable[None]], *args: object) -> None:
        """Await *run*, and collect what it raises."""
        try:
            await run(*args)
        except Exception as exc:  # noqa: BLE001 - it is raised where the block is left
            self.add(exc)

    def add(self, failure: Exception) -> None:
        """Collect *failure*, and cancel the block."""
        if self.first is None:
            self.first = failure
        else:
            self.first.add_note(f"After it, the audio conversation met {failure!r}")
        self._scope.cancel("the audio conversation failed")


def raise_bare(error: Exception) -> None:
    """Raise *error* without the cancellation that it has caused as its context."""
    context = error.__context__
    try:
        raise error
    finally:
        error.__context__ = context
        del error, context
