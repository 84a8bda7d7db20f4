"""A task on an asyncio loop that a task on Trio waits for, such as a tool: the way opposite to `Call`."""

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


class Errand(Generic[T]):
    """*awaitable*, awaited on *host*'s loop in a copy of *context*."""

    def __init__(self, portal: Portal, host: Host, awaitable: Awaitable[T], context: Context) -> None:
        self._portal = portal
        self._host = host
        self._awaitable = awaitable
        self._context = context
        self._task: asyncio.Task[T] | None = None
        self._done = trio.Event()

    # On Trio

    async def run(self) -> T:
        """Have it awaited, and wait for what comes of it. If this is cancelled, so is the task on the loop.

        Raises:
            ToolError: It was cancelled on the loop, or the loop has ended.
            Exception: Whatever it raises.
        """
        self._host.dependents.add(self)
        self._host.post(self._begin)
        try:
            await self._done.wait()
        except trio.Cancelled:  # noqa: ASYNC103 - what came of the task counts, if it was done all the same
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
        """Nothing comes from the loop any more."""
        if self._task is None:
            self._forget_coroutine()
        else:
            # As asyncio itself does with tasks of its own: it is theirs to warn of that somebody else has left.
            setattr(self._task, "_log_destroy_pending", False)  # noqa: B010 - typeshed doesn't know it
        self._done.set()

    def _forget_coroutine(self) -> None:
        if inspect.iscoroutine(self._awaitable):
            self._awaitable.close()  # one that was never begun would be warned of

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
        self._task.add_done_callback(self._tell)

    def _cancel(self) -> None:
        assert self._task is not None  # it was begun before
        self._task.cancel()

    def _tell(self, _task: object) -> None:
        self._forget_coroutine()
        with suppress(PortalEndedError):
            self._portal.post(self._done.set)


class Errands:
    """*host*'s loop as `Elsewhere`: what is the user's is awaited there, in copies of *context*."""

    def __init__(self, portal: Portal, host: Host, context: Context) -> None:
        self._portal = portal
        self._host = host
        self._context = context

    def awaited(self, awaitable: Awaitable[T], /) -> Awaitable[T]:
        """*awaitable*, awaited on the loop."""
        return Errand(self._portal, self._host, awaitable, self._context).run()

    def time(self) -> float:
        """What the loop's clock says."""
        return self._host.loop.time()


async def _await(awaitable: Awaitable[T]) -> T:
    return await awaitable
