"""A command from its first line to its exit code, with signals that end it cleanly, and soon in any case."""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import trio

from .._errors import LiveError
from .._single_exception import single_exception
from ..local._native import is_native_work_running
from ._errors import INTERRUPTED

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import FrameType

END_TIMEOUT: Final = 3.0  # seconds from a signal to the end of the process, whatever the command does
_IMPATIENT_TIMEOUT: Final = 0.5  # seconds from a second Ctrl+C


def end_native_work(code: int) -> None:
    """End the process here with *code* if native code still runs: under an interpreter that ends, it would crash."""
    if is_native_work_running():
        _end_process(code)


def run(command: Callable[[], Awaitable[int]], *, terminated: int) -> int:
    """Run *command* to its exit code, or until Ctrl+C or SIGTERM; these cancel it.

    The code is 130 after Ctrl+C, as shells have it, and *terminated* after SIGTERM.

    A second Ctrl+C raises `KeyboardInterrupt` at once. If the command doesn't end for all that, the process does:
    `END_TIMEOUT` after the first signal, or sooner after the second.
    """
    ending = _HardEnding(terminated)
    try:
        return trio.run(_run, command, ending)
    finally:
        ending.disarm()


async def _run(command: Callable[[], Awaitable[int]], ending: _HardEnding) -> int:
    code = 0

    async def watch(*, task_status: trio.TaskStatus[None]) -> None:
        with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            task_status.started()
            received = await anext(aiter(signals))
        ending.arm(received)
        nursery.cancel_scope.cancel(reason=f"received {signal.Signals(received).name}")

    try:
        with single_exception():
            async with trio.open_nursery() as nursery:
                await nursery.start(watch)
                code = await command()
                nursery.cancel_scope.cancel(reason="the command has ended")
    except LiveError:
        if ending.code is None:  # what breaks while a command is being ended is no news
            raise
    return code if ending.code is None else ending.code


class _HardEnding:
    """Ends the process some time after a signal, unless the command has ended.

    Attributes:
        code: The exit code, once a signal has come.
    """

    def __init__(self, terminated: int) -> None:
        self._terminated = terminated
        self._timers: list[threading.Timer] = []
        self._handler: Callable[[int, FrameType | None], object] | int | None = None
        self.code: int | None = None

    def arm(self, received: int) -> None:
        """Begin to wait, and wait less after a second Ctrl+C."""
        self.code = INTERRUPTED if received == signal.SIGINT else self._terminated
        self._start(END_TIMEOUT)
        self._handler = signal.getsignal(signal.SIGINT)
        signal.signal(signal.SIGINT, self._interrupt)

    def disarm(self) -> None:
        """Wait no more."""
        for timer in self._timers:
            timer.cancel()
        if self.code is not None and signal.getsignal(signal.SIGINT) == self._interrupt:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        self._start(_IMPATIENT_TIMEOUT)
        if callable(self._handler):
            self._handler(number, frame)

    def _start(self, seconds: float) -> None:
        timer = threading.Timer(seconds, _end_process, [self.code])
        timer.daemon = True
        timer.start()
        self._timers.append(timer)


def _end_process(code: int) -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # nobody reads it any more
            stream.flush()
    os._exit(code)
