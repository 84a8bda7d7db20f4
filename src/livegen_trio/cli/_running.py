"""A command from its first line to its exit code, with signals that end it cleanly."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING, Final, TypeVar

import trio

from .._errors import LiveError
from .._single_exception import single_exception
from ._errors import INTERRUPTED

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")

_native_work: Final[set[object]] = set()
"""One object for each call of native code that has not returned."""


async def run_native(function: Callable[[], T]) -> T:
    """Run blocking native code in a thread, which is left behind if this is cancelled: Ctrl+C doesn't wait for it."""

    def work() -> T:
        call = object()
        _native_work.add(call)
        try:
            return function()
        finally:
            _native_work.remove(call)

    return await trio.to_thread.run_sync(work, abandon_on_cancel=True)


def end_native_work(code: int) -> None:
    """End the process here with *code* if native code still runs: under an interpreter that ends, it would crash."""
    if _native_work:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def run(command: Callable[[], Awaitable[int]], *, terminated: int) -> int:
    """Run *command* to its exit code, or until Ctrl+C or SIGTERM; these cancel it.

    The code is 130 after Ctrl+C, as shells have it, and *terminated* after SIGTERM.

    Signals that come once it is being cancelled do what they always do: a second Ctrl+C does not wait.
    """
    return trio.run(_run, command, terminated)


async def _run(command: Callable[[], Awaitable[int]], terminated: int) -> int:
    code = 0
    received: list[int] = []

    async def watch(*, task_status: trio.TaskStatus[None]) -> None:
        with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            task_status.started()
            received.append(await anext(aiter(signals)))
        nursery.cancel_scope.cancel(reason=f"received {signal.Signals(received[0]).name}")

    try:
        with single_exception():
            async with trio.open_nursery() as nursery:
                await nursery.start(watch)
                code = await command()
                nursery.cancel_scope.cancel(reason="the command has ended")
    except LiveError:
        if not received:  # what breaks while a command is being ended is no news
            raise
    if not received:
        return code
    return INTERRUPTED if received[0] == signal.SIGINT else terminated
