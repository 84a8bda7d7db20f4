"""Draining on a signal, in this process: the handler that was there before gets it when all is handed over."""

from __future__ import annotations

import asyncio
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

import anyio
import pytest
import trio
import trio.testing

from livegen_trio.stores import Drain, LeaseError, LeaseLostError, MemoryResumeStore

if TYPE_CHECKING:
    from collections.abc import Generator

    from trio.testing import MockClock


@contextmanager
def handled() -> Generator[list[int]]:
    """The signals that the handler of a web server gets."""
    signals: list[int] = []
    previous = signal.signal(signal.SIGTERM, lambda number, _: signals.append(number))
    try:
        yield signals
    finally:
        signal.signal(signal.SIGTERM, previous)


async def drain_on_signal() -> None:
    store, drain = MemoryResumeStore(), Drain(timeout=5)
    with handled() as signals:
        async with drain.on_signal():
            async with store.lease("ann", drain=drain) as lease:
                signal.raise_signal(signal.SIGTERM)
                await lease.wait_handover_requested()
                await anyio.sleep(0.05)
                assert (drain.is_draining, signals) == (True, [])  # a conversation is left
            await anyio.sleep(0.05)
            assert signals == [signal.SIGTERM]


async def test_a_signal_drains_and_then_reaches_the_handler_before() -> None:
    await drain_on_signal()


def test_a_signal_drains_on_asyncio_as_well() -> None:
    asyncio.run(drain_on_signal())


async def test_a_second_signal_reaches_the_handler_before_at_once() -> None:
    store, drain = MemoryResumeStore(), Drain(timeout=5)
    with handled() as signals:
        async with drain.on_signal(), store.lease("ann", drain=drain) as lease:
            signal.raise_signal(signal.SIGTERM)
            await lease.wait_handover_requested()
            signal.raise_signal(signal.SIGTERM)
            assert signals == [signal.SIGTERM]


async def test_waiting_for_a_signal_returns_when_all_is_handed_over() -> None:
    drain = Drain()
    with handled() as signals, trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(drain.wait_for_signal)
            await trio.testing.wait_all_tasks_blocked()
            signal.raise_signal(signal.SIGTERM)
        assert (drain.is_draining, signals) == (True, [])


async def test_the_handler_is_put_back_without_a_signal() -> None:
    with handled():
        before = signal.getsignal(signal.SIGTERM)
        async with Drain().on_signal():
            await trio.testing.wait_all_tasks_blocked()
            assert signal.getsignal(signal.SIGTERM) is not before
        assert signal.getsignal(signal.SIGTERM) is before


async def test_a_conversation_that_does_not_end_holds_the_process_up_for_a_bounded_time(
    autojump_clock: MockClock,
) -> None:
    drain = Drain(timeout=10)
    async with MemoryResumeStore().lease("ann", drain=drain):
        drain.start()
        await drain.wait_drained()
    assert trio.current_time() == pytest.approx(15)


async def test_a_lease_that_was_being_taken_when_the_drain_began_is_handed_over(
    autojump_clock: MockClock,
) -> None:
    store, drain = MemoryResumeStore(), Drain()

    async def take() -> None:
        async with store.lease("ann", wait=30, drain=drain) as lease:
            await lease.wait_handover_requested()

    async with trio.open_nursery() as nursery:
        async with store.lease("ann"):
            nursery.start_soon(take)
            await trio.sleep(1)
            drain.start()
        with trio.fail_after(5):
            await trio.sleep(1)
    await drain.wait_drained()


async def test_a_block_that_fails_while_it_is_cancelled_ends_with_how_the_lease_ended(
    autojump_clock: MockClock,
) -> None:
    store = MemoryResumeStore()
    with pytest.raises(LeaseLostError, match="another process") as caught:
        async with store.lease("ann") as lease:
            assert lease.holder
            store._table._leases.clear()  # type: ignore[attr-defined]  # as by another process
            try:
                await trio.sleep_forever()
            finally:
                raise OSError("in haste")
    assert isinstance(caught.value.__cause__, OSError)
    assert isinstance(caught.value, LeaseError)
