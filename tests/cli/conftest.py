"""What the command line talks to: standard input that a test writes, and processes that end with their test."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import ExitStack
from typing import IO, TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

TIMEOUT = 50  # seconds; below that of pytest, which would end all tests


@pytest.fixture(autouse=True)
def ctrl_c_is_heard() -> Generator[None]:
    """Whoever runs the tests in the background may have it ignored, here and in every process started from here."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def standard_input(monkeypatch: pytest.MonkeyPatch) -> Generator[IO[bytes]]:
    """Where to write what the command under test reads."""
    reader, writer = os.pipe()
    with ExitStack() as files:
        monkeypatch.setattr(sys, "stdin", files.enter_context(os.fdopen(reader, encoding="utf-8")))
        yield files.enter_context(
            os.fdopen(writer, "wb", buffering=0)
        )  # closed first: it wakes a reading thread


class Process:
    """A command line that runs as a process."""

    def __init__(self, popen: subprocess.Popen[str]) -> None:
        self._popen = popen
        self._watchdog = threading.Timer(TIMEOUT, popen.kill)
        self._watchdog.start()

    def close(self) -> None:
        self._watchdog.cancel()
        with self._popen:
            self._popen.kill()

    def write(self, text: str) -> None:
        assert self._popen.stdin is not None
        self._popen.stdin.write(text)
        self._popen.stdin.flush()

    def read_line(self) -> str:
        assert self._popen.stdout is not None
        return self._popen.stdout.readline()

    def signal(self, number: int) -> None:
        self._popen.send_signal(number)

    def stop_reading(self) -> None:
        assert self._popen.stdout is not None
        self._popen.stdout.close()

    def wait(self) -> tuple[int, str, str]:
        """Wait for it, its input left open: its exit code, and what it wrote that was not read."""
        assert self._popen.stdout is not None
        assert self._popen.stderr is not None
        output = "" if self._popen.stdout.closed else self._popen.stdout.read()
        return self._popen.wait(), output, self._popen.stderr.read()

    def end(self) -> tuple[int, str, str]:
        """End its input, and wait for it."""
        assert self._popen.stdin is not None
        self._popen.stdin.close()
        return self.wait()


@pytest.fixture
def start() -> Generator[Callable[..., Process]]:
    """Starts `livegen-trio` with arguments, without a shell: a shell's background job would ignore Ctrl+C."""
    with ExitStack() as processes:

        def start(*arguments: str, **options: str) -> Process:
            popen = subprocess.Popen(
                [sys.executable, "-m", "livegen_trio", *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                encoding="utf-8",
                env={**os.environ, **options},
            )
            process = Process(popen)
            processes.callback(process.close)
            return process

        yield start
