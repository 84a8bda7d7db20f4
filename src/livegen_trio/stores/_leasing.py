"""The `lease` of a store, for all stores alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._lease import TTL, hold

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from ._drain import Drain
    from ._lease import Lease
    from ._lease_table import LeaseTable


class LeasingStore:
    """A store that can lease conversations, by a `LeaseTable` of its own."""

    def __init__(self, table: LeaseTable) -> None:
        self._table = table

    def lease(
        self,
        key: str,
        ttl: float = TTL,
        *,
        wait: float = 0.0,
        holder: str | None = None,
        drain: Drain | None = None,
    ) -> AbstractAsyncContextManager[Lease]:
        """Hold the conversation *key*, so that no other process does: `async with store.lease("call-17") as lease`.

        Inside of the block, give the lease to `connect(session_resumption=lease)`: the session goes on from the state
        that was found, and its states are saved, also while the store fails for a time. The lease is renewed by a task
        of the block. If it can't be renewed in time, or is another process's, the block is cancelled, two thirds of the
        ttl after the last renewal, so that the session is closed before the lease expires; a process that was paused
        for longer does so when it wakes. On Trio and on asyncio.

        Args:
            key: The conversation: a call's or a user's name, say.
            ttl: Seconds for which the lease holds without being renewed. A store that fails for two thirds of it ends
                the conversation here, and a process that dies keeps it from the others for as long.
            wait: Seconds to wait for a lease that another process holds, which is asked to hand over meanwhile.
            holder: A name for this process, for others to see; by default host and process number.
            drain: Hands the conversation over when this process is to stop.

        Returns:
            A context manager; its target is the `Lease`.

        Raises:
            LeaseHeldError: On entering: another process holds it, and goes on to.
            DrainingError: On entering: this process is about to stop.
            LeaseLostError: On leaving: the block was cancelled, since the lease was lost.
            HandedOverError: On leaving: the block was cancelled, since the conversation was handed over.
            ConfigError: The ttl or the wait is out of range.
            TimeoutError: On entering: the store doesn't answer.
            Exception: On entering: whatever the store raises.
        """
        return hold(self._table, key, ttl=ttl, holder=holder, wait=wait, drain=drain)
