"""One blocking call for all tasks that need its result at the time."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from contextlib import suppress
from typing import TYPE_CHECKING, Generic, TypeVar

import trio

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class SharedCall(Generic[T]):
    """A blocking function that runs in a thread, once for all tasks that wait for it meanwhile.

    The thread belongs to none of them: a task may be cancelled at once, and the others, or those that come next, have
    the result all the same. So the thread may outlive every task, and even the run of Trio, but not the process.
    Tasks may also be those of several runs in several threads.
    """

    def __init__(self, function: Callable[[], T]) -> None:
        self._function = function
        self._lock = threading.Lock()  # held for one statement at a time
        self._running: Future[T] | None = None

    async def join(self) -> T:
        """Wait for the call that runs, or else for a new one.

        Raises:
            Exception: The function's exception, in every task that waited.
        """
        future = self._running_call()
        await _wait_for(future)
        return future.result()

    def _running_call(self) -> Future[T]:
        with self._lock:
            if self._running is None:
                future = Future[T]()
                threading.Thread(target=self._run, args=(future,), name="livegen-trio", daemon=True).start()
                self._running = future
            return self._running

    def _run(self, future: Future[T]) -> None:
        try:
            result = self._function()
        except BaseException as exc:  # noqa: BLE001, ASYNC103 - it is raised in the tasks
            self._end()
            future.set_exception(exc)
        else:
            self._end()
            future.set_result(result)

    def _end(self) -> None:
        with self._lock:
            self._running = None


async def _wait_for(future: Future[T]) -> None:
    done = trio.Event()
    token = trio.lowlevel.current_trio_token()

    def wake(_: Future[T]) -> None:
        with suppress(trio.RunFinishedError):  # no task is left that waits
            token.run_sync_soon(done.set)

    future.add_done_callback(wake)
    await done.wait()
