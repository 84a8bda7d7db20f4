"""What `connect` needs of a lease on a conversation; `livegen_trio.stores` makes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager

    from ..types import ResumeState
    from .session import LiveSession


@runtime_checkable
class SessionLease(Protocol):
    """The right of this process to hold one conversation, for as long as it is renewed."""

    @property
    def closing_time(self) -> float:
        """Seconds that are left for closing the session when the lease is lost."""
        ...

    def holding(
        self, connect: Callable[[ResumeState | None], AbstractAsyncContextManager[LiveSession]]
    ) -> AbstractAsyncContextManager[LiveSession]:
        """Open a session by *connect* from the state that was found, and keep its state for as long as it is open."""
        ...
