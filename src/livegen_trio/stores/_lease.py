"""A lease on a conversation: while one process holds it, no other one does. On Trio and on asyncio."""

from __future__ import annotations

import math
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Final

import anyio

from .._errors import ConfigError
from .._session.saving import StateSaver
from .._single_exception import single_exception
from ._errors import HandedOverError, LeaseLapsedError, LeaseLostError
from ._keeper import LeaseKeeper, holder_of
from ._lease_table import Write

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
    from contextlib import AbstractAsyncContextManager

    from .._session.session import LiveSession
    from ..types import ResumeState
    from ._drain import Drain
    from ._lease_table import LeaseTable

TTL: Final = 15.0
"""Seconds for which a lease holds without being renewed, by default. The lease of a dead process is free after that."""
HANDOVER_TIMEOUT: Final = 10.0
"""Seconds for which a process that is asked to hand over waits for a safe point, by default."""

_SHORTEST_TTL: Final = 0.1  # seconds
_SAFE_POINT_INTERVAL: Final = 0.05  # seconds between two looks for a safe point, while one is awaited


class Lease:
    """The right of this process to hold one conversation. You get one from a store's `lease`.

    Give it to `connect` as `session_resumption`: the session goes on from the state that was found, and its new states
    are saved for as long as the lease is held.

    Attributes:
        key: The conversation.
        state: The state that was found when the lease was taken, or None for a new conversation.
    """

    def __init__(self, table: LeaseTable, keeper: LeaseKeeper, state: ResumeState | None) -> None:
        self._table = table
        self._keeper = keeper
        self._wanted = anyio.Event()
        self._handover_timeout = HANDOVER_TIMEOUT
        self._saver: StateSaver | None = None
        self.key: str = keeper.key
        self.state: ResumeState | None = state
        keeper.notify_handover = self.request_handover
        keeper.notify_lost_state = self._save_again

    @property
    def holder(self) -> str:
        """The name of this process, as others see it."""
        return holder_of(self._keeper.token)

    @property
    def closing_time(self) -> float:
        """Seconds that are left for closing the session when the lease is lost: a third of the ttl."""
        return self._keeper.closing_time

    @property
    def remaining_seconds(self) -> float:
        """Seconds until the session is closed, unless the lease is renewed before."""
        return self._keeper.remaining_seconds

    @property
    def unsaved_seconds(self) -> float:
        """For how long the session's newest state could not be saved; 0 while the store works."""
        return 0.0 if self._saver is None else self._saver.unsaved_seconds

    @property
    def is_handover_requested(self) -> bool:
        """Whether this process has been asked to hand the conversation over."""
        return self._wanted.is_set()

    async def wait_handover_requested(self) -> None:
        """Wait until this process is asked to hand over: by another one that waits for the lease, or by a drain."""
        await self._wanted.wait()

    def request_handover(self, timeout: float = HANDOVER_TIMEOUT) -> None:
        """Hand the conversation over at the next safe point: no turn, no tool call and no activity is under way.

        There the session is closed, its state is kept, and the lease is freed; the block ends with a `HandedOverError`.

        Args:
            timeout: Seconds until it is handed over without a safe point.
        """
        if not self._wanted.is_set():
            self._handover_timeout = timeout
            self._wanted.set()

    async def save(self, state: ResumeState) -> None:
        """Keep *state* for the conversation, if this lease still holds it. A session does this by itself.

        Raises:
            LeaseLapsedError: The store doesn't have the lease now, and no other process took it. Nothing was written;
                try again, since the next renewal may bring it back.
            LeaseLostError: It is another process's. Nothing was written, and the block is being cancelled.
            Exception: Whatever the store raises.
        """
        self._check(await self._table.save_held(self.key, self._keeper.token, state))

    async def delete(self) -> None:
        """Keep nothing for the conversation any more: it is over. Call this when its session is closed.

        Raises:
            LeaseLapsedError: As from `save`.
            LeaseLostError: As from `save`.
            Exception: Whatever the store raises.
        """
        self._check(await self._table.delete_held(self.key, self._keeper.token))

    @asynccontextmanager
    async def holding(
        self, connect: Callable[[ResumeState | None], AbstractAsyncContextManager[LiveSession]]
    ) -> AsyncGenerator[LiveSession]:
        """Open a session by *connect*, and keep its state for as long as it is open. For `connect`.

        Raises:
            ConfigError: The lease has had a session already.
        """
        if self._saver is not None:
            raise ConfigError("a lease is for one session; take another lease for another session")
        async with connect(self.state) as session:
            self._saver = StateSaver(session, self.save, self.key, is_fatal=_is_loss)
            with single_exception():
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(_until_lost, self._saver.run)
                    tasks.start_soon(self._hand_over, session, self._saver)
                    try:
                        yield session
                    finally:
                        tasks.cancel_scope.cancel()
                        if not isinstance(self._keeper.end, LeaseLostError):
                            with anyio.move_on_after(self.closing_time / 2, shield=True):
                                await _until_lost(self._saver.save_last)

    async def _hand_over(self, session: LiveSession, saver: StateSaver) -> None:
        await self._wanted.wait()
        with anyio.move_on_after(self._handover_timeout):
            while not (session.is_idle and saver.is_saved):  # noqa: ASYNC110 - rare, and on either event loop
                await anyio.sleep(_SAFE_POINT_INTERVAL)
        self._keeper.finish(HandedOverError(self.key))

    def _check(self, write: Write) -> None:
        if write is Write.LAPSED:
            raise LeaseLapsedError(self.key)
        if write is Write.REFUSED:
            raise self._keeper.lose()

    def _save_again(self) -> None:
        if self._saver is not None:
            self._saver.forget_saved()


@asynccontextmanager
async def hold(
    table: LeaseTable, key: str, *, ttl: float, holder: str | None, wait: float, drain: Drain | None
) -> AsyncGenerator[Lease]:
    """Hold a lease of *table* for as long as the block lasts; the stores' `lease` describes it."""
    if not (_SHORTEST_TTL <= ttl < math.inf and wait >= 0):
        raise ConfigError(f"ttl is a number of seconds, {_SHORTEST_TTL} at least, and wait is not negative")
    if drain is not None:
        drain.check(key)
    keeper = LeaseKeeper(table, key, ttl, holder)
    try:
        lease = Lease(table, keeper, await keeper.acquire(wait))
        with single_exception(), _counted(lease, drain):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(keeper.renew)
                try:
                    with keeper.scope:
                        yield lease
                except Exception as exc:
                    if not keeper.scope.cancel_called:
                        raise
                    raise keeper.error() from exc  # which has made the block fail
                finally:
                    tasks.cancel_scope.cancel()
    finally:
        await keeper.release()  # noqa: ASYNC102 - shielded and bounded there
    if keeper.scope.cancelled_caught:
        raise keeper.error()


@contextmanager
def _counted(lease: Lease, drain: Drain | None) -> Generator[None]:
    if drain is None:
        yield
        return
    drain.add(lease)
    try:
        yield
    finally:
        drain.discard(lease)


def _is_loss(_saver: StateSaver, failure: Exception) -> bool:
    return isinstance(failure, LeaseLostError)


async def _until_lost(save: Callable[[], Awaitable[None]]) -> None:
    try:
        await save()
    except LeaseLostError:
        return  # the block ends with it
