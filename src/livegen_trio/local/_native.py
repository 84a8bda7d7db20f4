"""Blocking native code in worker threads, which a cancellation abandons: nobody waits for a transcription."""

from __future__ import annotations

import atexit
import time
from typing import TYPE_CHECKING, Final, TypeVar

import trio

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

EXIT_TIMEOUT: Final = 10.0  # seconds that an interpreter which ends waits for abandoned calls

_running: Final[set[object]] = set()  # one object for each call that has not returned


async def run_native(function: Callable[[], T], *, limiter: trio.CapacityLimiter | None = None) -> T:
    """Run blocking native code in a thread. Cancelled, this returns at once, and the thread is abandoned.

    An abandoned call keeps its place in *limiter* until it returns.
    """

    def work() -> T:
        call = object()
        _running.add(call)
        try:
            return function()
        finally:
            _running.remove(call)

    return await trio.to_thread.run_sync(work, abandon_on_cancel=True, limiter=limiter)


def is_native_work_running() -> bool:
    """Whether a call of `run_native` has not returned, abandoned ones included."""
    return bool(_running)


@atexit.register
def _wait_for_native_work() -> None:
    # An interpreter that ends under native code crashes.
    deadline = time.monotonic() + EXIT_TIMEOUT
    while _running and time.monotonic() < deadline:
        time.sleep(0.01)
