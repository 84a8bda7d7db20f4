"""A task on Trio that an asyncio task waits for. Cancelling the one cancels the other, whose end is waited for."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Generic, NoReturn, TypeVar

import anyio
import anyio.lowlevel
import trio

from ._portal import PortalEndedError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextvars import Context

    from ._host import Host
    from ._portal import Portal

T = TypeVar("T")


class TrioCall(Generic[T]):
    """A call of *function* on Trio, for one asyncio task. Its exceptions are raised here, as they are.

    Args:
        portal: Where Trio runs.
        host: The loop that the asyncio task runs on.
        function: Takes no arguments.
        context: For the task on Trio.
    """

    def __init__(
        self,
        portal: Portal,
        host: Host,
        function: Callable[[], Awaitable[T]],
        context: Context,
    ) -> None:
        self._portal = portal
        self._host = host
        self._function = function
        self._context = context
        self._scope = trio.CancelScope()
        self._waiter: asyncio.Future[None] | None = None
        self._results: list[T] = []
        self._error: BaseException | None = None
        self._is_done = False

    # On the loop

    async def run(self) -> T:
        """TrioCall the function, and wait for what comes of it.

        If this is cancelled, so is the task on Trio, and its end is waited for.

        Raises:
            Exception: Whatever the function raises.
            PortalEndedError: The process is ending.
        """
        await self.start()
        return await self.wait()

    async def start(self) -> None:
        """Begin, unless the caller has been cancelled already.

        Raises:
            PortalEndedError: There is no Trio any more.
        """
        await anyio.lowlevel.checkpoint_if_cancelled()
        self._portal.post(self._begin)
        self._host.waiting.add(self)

    def cancel(self) -> None:
        """Cancel the task on Trio."""
        self._portal.post(partial(self._scope.cancel, reason="cancelled from asyncio"))

    async def wait(self) -> T:
        """Wait for the end; see `run`."""
        await self.wait_until(lambda: self._is_done)
        return self.result()

    async def wait_until(self, condition: Callable[[], bool]) -> None:
        """Wait until *condition* holds, or until the end. `notify` has the condition checked."""
        try:
            while not (self._is_done or condition()):
                await self._wait_for_notice()
        except asyncio.CancelledError:
            if not self._is_done:
                self.cancel()
                await self._wait_for_end()  # noqa: ASYNC102 - shields what it has to
            if self._error is not None:
                _raise(self._error)
            raise

    def result(self) -> T:
        """Return the function's result, or raise its exception, after the end."""
        if self._error is not None:
            _raise(self._error)
        if not self._results:
            raise asyncio.CancelledError("cancelled on Trio")
        return self._results[0]

    def notify(self) -> None:
        """Wake the waiting task, to check its condition."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def portal_ended(self) -> None:
        """Stop waiting: Trio has ended."""
        self._finish([], PortalEndedError("the session's thread has ended"))

    async def _wait_for_notice(self) -> None:
        self._waiter = self._host.loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    async def _wait_for_end(self) -> None:
        """Wait for the end of the cancelled task on Trio, however often this is cancelled again."""
        with anyio.CancelScope(shield=True):  # an AnyIO scope cancels again and again
            while not self._is_done:
                try:
                    await self._wait_for_notice()
                except asyncio.CancelledError:  # noqa: ASYNC103 - the cancellation is known already
                    continue  # noqa: ASYNC104

    def _finish(self, results: list[T], error: BaseException | None) -> None:
        self._host.waiting.discard(self)
        self._results, self._error, self._is_done = results, error, True
        self.notify()

    # On Trio

    def host_ended(self) -> None:
        """Cancel the task: the loop has ended."""
        self._scope.cancel(reason="the asyncio loop has been closed")

    def _begin(self) -> None:
        try:
            self._portal.spawn(self._context, self._work)
        except PortalEndedError as exc:
            self._host.post(partial(self._finish, [], exc))

    async def _work(self) -> None:
        results: list[T] = []
        error: BaseException | None = None
        self._host.dependents.add(self)
        try:
            with self._scope:
                results.append(await self._function())
        except trio.Cancelled:
            error = PortalEndedError("the process is ending")
            raise
        except BaseException as exc:  # noqa: BLE001 - it is raised where the function was called
            error = exc
        finally:
            self._host.dependents.discard(self)
            self._host.post(partial(self._finish, results, error))


def _raise(error: BaseException) -> NoReturn:
    try:
        raise error
    finally:
        del error  # and with it a cycle through its own traceback
