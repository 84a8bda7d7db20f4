"""The errors of leases on conversations."""

from __future__ import annotations

from .._errors import LiveError


class LeaseError(LiveError):
    """Base class of the errors of leases.

    Attributes:
        key: The conversation.
    """

    def __init__(self, key: str, *details: object) -> None:
        super().__init__(key, *details)
        self.key: str = key


class LeaseHeldError(LeaseError):
    """Another process holds the conversation. Try again later, or give `wait` to ask it to hand over.

    Attributes:
        key: The conversation.
        holder: The name of the process that holds it.
    """

    def __init__(self, key: str, holder: str) -> None:
        super().__init__(key, holder)
        self.holder: str = holder

    def __str__(self) -> str:
        return f"the conversation {self.key!r} is held by {self.holder}; give wait= to ask for it, or try again later"


class LeaseLostError(LeaseError):
    """This process may not hold the conversation any longer; its session was closed. Another may go on with it.

    Attributes:
        key: The conversation.
        reason: What happened.
    """

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(key, reason)
        self.reason: str = reason

    def __str__(self) -> str:
        return f"the lease on the conversation {self.key!r} was lost: {self.reason}; take a new one to go on"


class LeaseLapsedError(LeaseError):
    """The store doesn't have the lease any more, and no other process has taken it: it expired, or the store lost it.

    Attributes:
        key: The conversation.
    """

    def __str__(self) -> str:
        return (
            f"the store has no lease on the conversation {self.key!r}; nothing was written, and it is renewed"
        )


class HandedOverError(LeaseError):
    """This process has handed the conversation over: its session was closed, and its state kept for another process.

    Attributes:
        key: The conversation.
    """

    def __str__(self) -> str:
        return f"the conversation {self.key!r} was handed over to another process"


class DrainingError(LeaseError):
    """This process is about to stop, and takes no more conversations. Another one does.

    Attributes:
        key: The conversation.
    """

    def __str__(self) -> str:
        return (
            f"this process is about to stop, and does not take the conversation {self.key!r}; use another one"
        )
