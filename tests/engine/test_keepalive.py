"""Silence, and what is no sign of death."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from livegen_trio._engine.checkpoints import EveryNthCheckpoint
from livegen_trio._engine.keepalive import watch_for_silence
from livegen_trio._engine.outbox import Outbox
from livegen_trio._engine.transmission import Control
from livegen_trio._session.buffering import Buffering
from livegen_trio.transports.memory import memory_transport_pair

if TYPE_CHECKING:
    from trio.testing import MockClock


async def test_a_ping_is_asked_for_after_each_interval_of_silence(autojump_clock: MockClock) -> None:
    ours, _ = memory_transport_pair()
    outbox, pings = Outbox(Buffering(), EveryNthCheckpoint()), []

    async def take() -> None:
        while True:
            assert await outbox.transmission.wait_for_next() is Control.PING
            pings.append(trio.current_time())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(take)
        await watch_for_silence(ours, outbox, interval=20, limit=70)
        nursery.cancel_scope.cancel()
    assert pings == [20, 40, 60]
    assert trio.current_time() == 70


async def test_a_busy_event_loop_is_not_a_dead_peer(autojump_clock: MockClock) -> None:
    """After a long step of somebody's the reader has had no chance yet to see what arrived meanwhile."""
    ours, theirs = memory_transport_pair()

    async def block_and_hear() -> None:
        await trio.sleep(10)
        autojump_clock.jump(300)  # one step of a task takes five minutes
        await trio.sleep(5)
        await theirs.send(b"{}")
        await trio.sleep(15)
        nursery.cancel_scope.cancel()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(block_and_hear)
        await watch_for_silence(ours, Outbox(Buffering(), EveryNthCheckpoint()), interval=20, limit=60)
        raise AssertionError("the peer was taken for dead")


async def test_a_limit_below_the_interval_is_kept(autojump_clock: MockClock) -> None:
    ours, _ = memory_transport_pair()
    await watch_for_silence(ours, Outbox(Buffering(), EveryNthCheckpoint()), interval=20, limit=5)
    assert trio.current_time() == 5


async def test_times_that_a_float_can_hardly_distinguish_make_no_endless_loop(
    autojump_clock: MockClock,
) -> None:
    await trio.sleep(244.8)
    ours, theirs = memory_transport_pair()

    async def be_heard() -> None:
        await trio.sleep_until(245.4)
        await theirs.send(b"{}")
        await trio.sleep(30)
        nursery.cancel_scope.cancel()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(be_heard)
        await watch_for_silence(ours, Outbox(Buffering(), EveryNthCheckpoint()), interval=20, limit=60)
