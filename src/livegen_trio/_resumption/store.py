"""The contract of stores for resume states, from which any process of a fleet can take up a conversation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from ..types import ResumeState


@runtime_checkable
class ResumeStore(Protocol):
    """A place that outlives a process; `livegen_trio.stores` has two. You choose the keys: a call's or a user's name.

    A store may raise any exception; its caller gets it. Those of `livegen_trio.stores` also have `lease`, by which one
    process at a time holds a conversation.
    """

    async def save(self, key: str, state: ResumeState) -> None:
        """Keep *state* in place of what was kept for *key*. Cancelled, it may have been kept or not, never in part."""
        ...

    async def load(self, key: str) -> ResumeState | None:
        """Return what is kept for *key*, or None."""
        ...

    async def delete(self, key: str) -> None:
        """Keep nothing for *key* any more, if anything was."""
        ...
