"""A task on an asyncio loop that a task on Trio waits for, such as a tool: the opposite of `TrioCall`."""

from __future__ import annotations

import inspect
from contextlib import suppress
from typing import TYPE_CHECKING, Generic, TypeVar

import trio

from .._errors import ToolError
from ._portal import PortalEndedError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable
    from contextvars import Context

    from ._host import Host
    from ._portal import Portal

T = TypeVar("T")


class AsyncioCall(Generic[T]):
    """Await *awaitable* on *host*'s loop, in a copy of *context*, for one task on Trio."""

    def __init__(self, portal: Portal, host: Host, awaitable: Awaitable[T], context: Context) -> None:
        self._portal = portal
        self._host = host
        self._awaitable = awaitable
        self._context = context
        self._task: asyncio.Task[T] | None = None
        self._done = trio.Event()

    # On Trio

    async def run(self) -> T:
        """Run the task, and return its result. If this is cancelled, so is the task on the loop.

        Raises:
            ToolError: It was cancelled on the loop, or the loop has ended.
            Exception: Whatever it raises.
        """
        self._host.dependents.add(self)
        self._host.post(self._begin)
        try:
            await self._done.wait()
        except trio.Cancelled:  # noqa: ASYNC103 - a result counts, if the task was done all the same
            self._host.post(self._cancel)
            # As long as it takes, like a Trio task that cleans up.
            with trio.CancelScope(shield=True):
                await self._done.wait()  # noqa: ASYNC102, ASYNC120
            if self._was_cancelled:
                raise
        finally:
            self._host.dependents.discard(self)
        return self._result()

    def host_ended(self) -> None:
        """Stop waiting: the loop has ended."""
        if self._task is None:
            self._forget_coroutine()
        else:
            # asyncio does this with its own tasks: it would warn of a task whose loop somebody else has closed.
            setattr(self._task, "_log_destroy_pending", False)  # noqa: B010 - typeshed doesn't know it
        self._done.set()

    def _forget_coroutine(self) -> None:
        if inspect.iscoroutine(self._awaitable):
            self._awaitable.close()  # otherwise Python warns that it was never awaited

    @property
    def _was_cancelled(self) -> bool:
        return self._task is None or not self._task.done() or self._task.cancelled()

    def _result(self) -> T:
        if self._task is None or not self._task.done():
            raise ToolError("the asyncio loop that the tool runs on has ended")
        if self._task.cancelled():
            raise ToolError("the tool was cancelled")
        error = self._task.exception()
        if error is not None and not isinstance(error, Exception):
            raise ToolError(f"the tool ended with {type(error).__name__}")  # which the loop has raised
        return self._task.result()

    # On the loop

    def _begin(self) -> None:
        self._task = self._host.loop.create_task(_await(self._awaitable), context=self._context.copy())
        self._task.add_done_callback(self._report_done)

    def _cancel(self) -> None:
        assert self._task is not None  # it was begun before
        self._task.cancel()

    def _report_done(self, _task: object) -> None:
        self._forget_coroutine()
        with suppress(PortalEndedError):
            self._portal.post(self._done.set)


class AsyncioUserLoop:
    """A `UserLoop` that runs user code on *host*'s loop, in copies of *context*."""

    def __init__(self, portal: Portal, host: Host, context: Context) -> None:
        self._portal = portal
        self._host = host
        self._context = context

    async def run(self, awaitable: Awaitable[T], /) -> T:
        """Await *awaitable* on the loop."""
        return await AsyncioCall(self._portal, self._host, awaitable, self._context).run()

    def time(self) -> float:
        """Return the time by the loop's clock."""
        return self._host.loop.time()


async def _await(awaitable: Awaitable[T]) -> T:
    return await awaitable
