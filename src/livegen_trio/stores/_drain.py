"""Draining a process that is to stop: it takes no more conversations, and hands the others over."""

from __future__ import annotations

import asyncio
import signal
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Final, Protocol

import anyio
import anyio.lowlevel
import trio

from ._errors import DrainingError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator

DRAIN_TIMEOUT: Final = 20.0
"""Seconds until conversations are handed over without a safe point, by default; closing them takes a few more."""

_CLOSING_TIME: Final = 5.0  # seconds after that until the process stops, even if a conversation is left


class Conversation(Protocol):
    """A conversation that this process holds: a `Lease`."""

    def request_handover(self, timeout: float) -> None:
        """Hand it over at the next safe point, or after *timeout* seconds."""
        ...


class Drain:
    """Lets a process stop without losing its conversations. Give it to each `lease` of the process.

    From `start` on, `lease` raises `DrainingError`, and each conversation is handed over at its next safe point.
    Enter `on_signal` in the lifespan of an application under uvicorn. For Hypercorn, `wait_for_signal` is a
    `shutdown_trigger`.

    Args:
        timeout: Seconds until conversations are handed over without a safe point.
    """

    def __init__(self, timeout: float = DRAIN_TIMEOUT) -> None:
        self._timeout = timeout
        self._leases: set[Conversation] = set()
        self._is_draining = False
        self._change = anyio.Event()

    @property
    def is_draining(self) -> bool:
        """Whether the process takes no more conversations; a health check should report it."""
        return self._is_draining

    @property
    def conversations(self) -> int:
        """Number of conversations that this process holds."""
        return len(self._leases)

    def start(self) -> None:
        """Begin to drain. Idempotent."""
        if self._is_draining:
            return
        self._is_draining = True
        for lease in self._leases:
            lease.request_handover(self._timeout)
        self._notify()

    async def wait_drained(self) -> None:
        """Wait until `start` was called and no conversation is left; at most 5 seconds beyond the time-out."""
        await anyio.lowlevel.checkpoint()
        while not self._is_draining:
            await self._change.wait()
        with anyio.move_on_after(self._timeout + _CLOSING_TIME):
            while self._leases:
                await self._change.wait()

    async def wait_for_signal(self, signum: int = signal.SIGTERM) -> None:
        """Wait for a signal, drain, and return: a `shutdown_trigger` of Hypercorn. For the main thread.

        A second signal goes to the handler that was there before.
        """
        with _signal_event(signum) as came:
            await self._drain_after(came)

    @asynccontextmanager
    async def on_signal(self, signum: int = signal.SIGTERM) -> AsyncGenerator[None]:
        """Drain when a signal comes, and raise it again for the handler that was there before. For the main thread.

        A second signal goes to that handler at once.
        """
        with _signal_event(signum) as came:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._drain_and_pass_on, came, signum)
                yield
                tasks.cancel_scope.cancel()

    def check(self, key: str) -> None:
        """Check that the conversation *key* may be taken.

        Raises:
            DrainingError: The process is about to stop.
        """
        if self._is_draining:
            raise DrainingError(key)

    def add(self, lease: Conversation) -> None:
        """Count a conversation of this process."""
        self._leases.add(lease)
        if self._is_draining:
            lease.request_handover(self._timeout)

    def discard(self, lease: Conversation) -> None:
        """Count a conversation no longer."""
        self._leases.discard(lease)
        self._notify()

    async def _drain_after(self, came: anyio.Event) -> None:
        await came.wait()
        self.start()
        await self.wait_drained()

    async def _drain_and_pass_on(self, came: anyio.Event, signum: int) -> None:
        await self._drain_after(came)
        signal.raise_signal(signum)

    def _notify(self) -> None:
        self._change.set()
        self._change = anyio.Event()


@contextmanager
def _signal_event(signum: int) -> Generator[anyio.Event]:
    """An event that is set by the first signal. The handler that was there before gets the others, and is put back."""
    came = anyio.Event()
    call_soon = _caller()

    def handle(_signum: int, _frame: object) -> None:
        signal.signal(signum, previous)
        call_soon(came.set)

    previous = signal.signal(signum, handle)
    try:
        yield came
    finally:
        if signal.getsignal(signum) is handle:
            signal.signal(signum, previous)


def _caller() -> Callable[[Callable[[], object]], object]:
    """Return a function that has another one called by this event loop, and wakes the loop for it."""
    if trio.lowlevel.in_trio_task():
        return trio.lowlevel.current_trio_token().run_sync_soon
    return asyncio.get_running_loop().call_soon_threadsafe
