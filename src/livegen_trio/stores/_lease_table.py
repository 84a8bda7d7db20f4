"""The atomic steps that a store takes for leases. A token identifies a holder."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ..types import ResumeState


@dataclass(frozen=True, slots=True)
class Acquired:
    """The lease was free, or has expired, and is the caller's now.

    Attributes:
        state: The state that is kept for the conversation, if there is one.
    """

    state: ResumeState | None


@dataclass(frozen=True, slots=True)
class HeldBy:
    """The lease is another holder's.

    Attributes:
        token: The holder's.
    """

    token: str


class Renewal(Enum):
    """The outcome of a renewal."""

    RENEWED = "the caller holds the lease"
    REGAINED = "the store had lost it, and the caller holds it again: what the store has is not safe any more"
    LOST = "it is another holder's, or was since"


class Write(Enum):
    """The outcome of writing under a lease."""

    DONE = "it was written"
    LAPSED = "the lease is nobody's, and nobody had it since: nothing was written"
    REFUSED = "the lease is another holder's, or was since: nothing was written"


class LeaseTable(Protocol):
    """The steps of leasing. A cancelled step was taken or not, never in part. Any may raise what the store raises."""

    async def acquire(self, key: str, token: str, ttl: float, *, ask: bool) -> Acquired | HeldBy:
        """Take the lease if it is free; else ask its holder to hand over, if *ask* says so."""
        ...

    async def renew(self, key: str, token: str, ttl: float) -> tuple[Renewal, bool]:
        """Prolong the lease by *ttl* seconds from now. Also return whether its holder is asked to hand over."""
        ...

    async def save_held(self, key: str, token: str, state: ResumeState) -> Write:
        """Keep *state*, if *token* holds the lease."""
        ...

    async def delete_held(self, key: str, token: str) -> Write:
        """Keep nothing for *key*, if *token* holds the lease."""
        ...

    async def release(self, key: str, token: str) -> None:
        """Free the lease, if *token* holds it."""
        ...
