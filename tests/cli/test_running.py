"""From a command's first line to its exit code, with signals on the way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest
import trio

from livegen_trio import LiveError
from livegen_trio.cli._running import end_native_work, run
from livegen_trio.local._native import run_native


def test_the_commands_code_is_the_exit_code() -> None:
    async def command() -> int:
        await trio.lowlevel.checkpoint()
        return 7

    assert run(command, terminated=143) == 7


@pytest.mark.parametrize(
    ("number", "terminated", "code"),
    [(signal.SIGINT, 143, 130), (signal.SIGTERM, 143, 143), (signal.SIGTERM, 0, 0)],
)
def test_a_signal_cancels_the_command(number: signal.Signals, terminated: int, code: int) -> None:
    cleaned_up = False

    async def command() -> int:
        nonlocal cleaned_up
        try:
            signal.raise_signal(number)
            await trio.sleep_forever()
        finally:
            cleaned_up = True

    assert run(command, terminated=terminated) == code
    assert cleaned_up


def test_a_second_ctrl_c_does_not_wait_for_the_cleaning_up() -> None:
    async def command() -> int:
        try:
            signal.raise_signal(signal.SIGINT)
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                signal.raise_signal(signal.SIGINT)
                await trio.sleep_forever()

    with pytest.raises(KeyboardInterrupt):
        run(command, terminated=143)


def test_what_breaks_while_a_command_is_interrupted_is_no_news() -> None:
    async def command() -> int:
        try:
            signal.raise_signal(signal.SIGINT)
            await trio.sleep_forever()
        finally:
            raise LiveError("closing went wrong")

    assert run(command, terminated=143) == 130


def test_an_error_leaves_as_it_is() -> None:
    async def command() -> int:
        raise LiveError("no luck")

    with pytest.raises(LiveError, match="no luck"):
        run(command, terminated=143)


async def test_native_code_gives_its_result() -> None:
    assert await run_native(threading.get_ident) != threading.get_ident()


def test_nothing_ends_the_process_when_no_native_code_runs() -> None:
    end_native_work(3)


ABANDONING = """
import sys, threading, trio
from livegen_trio.cli._running import end_native_work
from livegen_trio.local._native import run_native

async def main():
    with trio.move_on_after(0.1):
        await run_native(threading.Event().wait)

trio.run(main)
print("left behind")
end_native_work(3)
print("not reached")
"""


def test_native_code_that_was_left_behind_does_not_outlive_the_process() -> None:
    # PYTHONUNBUFFERED would hide that output has to be flushed.
    options = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    process = subprocess.run(
        [sys.executable, "-c", ABANDONING],
        capture_output=True,
        encoding="utf-8",
        env=options,
        timeout=50,
        check=False,
    )
    assert (process.returncode, process.stdout, process.stderr) == (3, "left behind\n", "")
