"""Taking a lease, renewing it, and ending the block that it is for when it can't be."""

from __future__ import annotations

import logging
import os
import socket
import uuid
from typing import TYPE_CHECKING, Final

import anyio

from ._errors import LeaseError, LeaseHeldError, LeaseLostError
from ._lease_table import Acquired, Renewal

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..types import ResumeState
    from ._lease_table import LeaseTable

_CLOSING_PART: Final = 1 / 3  # of the ttl: what is left for closing the session before the lease expires
_RENEWAL_PART: Final = 1 / 6  # of the ttl: the time between two renewals, and for one
_LONGEST_INTERVAL: Final = 2.0  # seconds between two renewals, by which requests to hand over are noticed
_ACQUIRE_TIMEOUT: Final = 5.0  # seconds until a store counts as failed that doesn't answer
_RETRY_INTERVAL: Final = 0.5  # seconds between two attempts to take or to renew a lease

_logger: Final = logging.getLogger(__name__)


class LeaseKeeper:
    """Keeps one lease of a table.

    The time for which it holds is counted from before it was asked for, by this process's clock, so it ends here before
    it ends in the store.

    Attributes:
        key: The conversation.
        token: Identifies this lease; it begins with the holder's name.
        scope: The block that the lease is for. Its deadline is moved by each renewal: a process that was paused for
            longer finds it passed.
        end: Why the block was cancelled, if it was.
        notify_lost_state: Called when the store has lost the lease, and so perhaps the state.
        notify_handover: Called when another process asks for the conversation.
    """

    def __init__(self, table: LeaseTable, key: str, ttl: float, holder: str | None) -> None:
        self._table = table
        self._ttl = ttl
        self._trouble: Exception | None = None
        self.key: str = key
        self.token: str = f"{holder or _this_process()} {uuid.uuid4().hex}"
        self.scope: anyio.CancelScope = anyio.CancelScope()
        self.end: LeaseError | None = None
        self.notify_lost_state: Callable[[], None] = _ignore
        self.notify_handover: Callable[[], None] = _ignore

    @property
    def closing_time(self) -> float:
        """Seconds that are left for closing the session when the lease is lost."""
        return self._ttl * _CLOSING_PART

    @property
    def remaining_seconds(self) -> float:
        """Seconds until the block is cancelled, unless the lease is renewed before."""
        return self.scope.deadline - anyio.current_time()

    async def acquire(self, wait: float) -> ResumeState | None:
        """Take the lease, and return the state that is kept for the conversation.

        Raises:
            LeaseHeldError: Another process holds it, also after *wait* seconds in which it was asked to hand over.
            TimeoutError: The store doesn't answer.
            Exception: Whatever the store raises.
        """
        gives_up_at = anyio.current_time() + wait
        while True:
            asked_at = anyio.current_time()
            with anyio.fail_after(_ACQUIRE_TIMEOUT):
                answer = await self._table.acquire(self.key, self.token, self._ttl, ask=wait > 0)
            if isinstance(answer, Acquired):
                self._prolong(asked_at)
                return answer.state
            left = gives_up_at - anyio.current_time()
            if left <= 0:
                raise LeaseHeldError(self.key, holder_of(answer.token))
            await anyio.sleep(min(left, _RETRY_INTERVAL))

    async def renew(self) -> None:
        """Renew the lease from time to time, until it is lost. A failure is tried again until `scope` gives up."""
        interval = min(self._ttl * _RENEWAL_PART, _LONGEST_INTERVAL)
        delay = interval
        while self.end is None:
            await anyio.sleep(delay)
            asked_at = anyio.current_time()
            try:
                with anyio.fail_after(interval):
                    renewal, is_wanted = await self._table.renew(self.key, self.token, self._ttl)
            except Exception as exc:  # noqa: BLE001 - a store may raise anything
                self._note_trouble(exc)
                delay = min(interval, _RETRY_INTERVAL)
                continue
            delay = interval
            self._note_renewal(renewal, asked_at)
            if is_wanted:
                self.notify_handover()

    async def release(self) -> None:
        """Free the lease, if it is still held. It expires by itself where that fails."""
        with anyio.move_on_after(self.closing_time / 2, shield=True):
            try:
                await self._table.release(self.key, self.token)
            except Exception as exc:  # noqa: BLE001 - a store may raise anything
                _logger.warning("the lease on %r could not be freed, and expires: %r", self.key, exc)

    def lose(self) -> LeaseLostError:
        """Cancel the block: the lease is another process's. Return the error to raise."""
        error = LeaseLostError(self.key, "another process has taken it, or the store has lost it")
        self.finish(error)
        return error

    def finish(self, end: LeaseError) -> None:
        """Cancel the block, which then ends with *end*; the first end counts."""
        if self.end is None:
            self.end = end
        self.scope.cancel()

    def error(self) -> LeaseError:
        """Return the error that the cancelled block ends with."""
        if self.end is not None:
            return self.end
        why = "this process was paused" if self._trouble is None else repr(self._trouble)
        return LeaseLostError(self.key, f"it was not renewed in time: {why}")

    def _prolong(self, asked_at: float) -> None:
        self.scope.deadline = asked_at + self._ttl - self.closing_time

    def _note_renewal(self, renewal: Renewal, asked_at: float) -> None:
        if renewal is Renewal.LOST:
            self.lose()
            return
        if self._trouble is not None:
            _logger.warning("the lease on %r is renewed again", self.key)
            self._trouble = None
        if renewal is Renewal.REGAINED:
            _logger.warning(
                "the store had lost the lease on %r, and has it again; so has it the state", self.key
            )
            self.notify_lost_state()
        self._prolong(asked_at)

    def _note_trouble(self, trouble: Exception) -> None:
        if self._trouble is None:
            _logger.warning(
                "the lease on %r could not be renewed, and is tried again; its session is closed in %.1f s unless that"
                " succeeds: %r",
                self.key,
                self.remaining_seconds,
                trouble,
            )
        self._trouble = trouble


def holder_of(token: str) -> str:
    """Return the name of the process that has made *token*."""
    return token.rpartition(" ")[0]


def _this_process() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"


def _ignore() -> None:
    """Nothing listens."""
