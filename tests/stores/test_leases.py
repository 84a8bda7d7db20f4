"""Leases, by the same contract in memory and in a real Valkey: one process at a time holds a conversation."""

from __future__ import annotations

import gc
import time
from contextlib import ExitStack, asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

import coredis
import pytest
import trio
import trio.testing

from livegen_trio import ConfigError, ResumeState
from livegen_trio.stores import (
    Drain,
    DrainingError,
    LeaseHeldError,
    LeaseLostError,
    MemoryResumeStore,
)
from livegen_trio.stores.valkey import ValkeyResumeStore
from support.valkey_server import valkey_server

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from contextlib import AbstractAsyncContextManager

    Store: TypeAlias = MemoryResumeStore | ValkeyResumeStore
    Opened: TypeAlias = Callable[[], AbstractAsyncContextManager[Store]]

STATE = ResumeState(model="models/m", handle="h1", taken_at=1.0)
NEWER = ResumeState(model="models/m", handle="h2", taken_at=2.0)
TTL = 0.6


@asynccontextmanager
async def in_memory() -> AsyncGenerator[Store]:
    yield MemoryResumeStore()


@asynccontextmanager
async def in_valkey(port: int, *, text: bool) -> AsyncGenerator[Store]:
    async with coredis.Redis("127.0.0.1", port, decode_responses=text) as client:
        await client.flushdb()
        yield ValkeyResumeStore(client)


@pytest.fixture(params=["memory", "valkey", "valkey with text"])
def opened(request: pytest.FixtureRequest, valkey_port: int) -> Opened:
    if request.param == "memory":
        return in_memory
    return partial(in_valkey, valkey_port, text=request.param == "valkey with text")


async def test_a_lease_finds_the_state_and_keeps_newer_ones(opened: Opened) -> None:
    async with opened() as store:
        async with store.lease("ann") as lease:
            assert lease.state is None
            await lease.save(STATE)
        async with store.lease("ann") as lease:
            assert lease.state == STATE
            await lease.save(NEWER)
            assert await store.load("ann") == NEWER
            await lease.delete()
            assert await store.load("ann") is None


async def test_another_process_is_refused_and_learns_who_holds_it(opened: Opened) -> None:
    async with opened() as store, store.lease("ann", holder="worker a"), store.lease("ben"):
        with pytest.raises(LeaseHeldError, match="'ann' is held by worker a") as caught:
            async with store.lease("ann"):
                pass
        assert (caught.value.key, caught.value.holder) == ("ann", "worker a")


async def test_a_lease_is_renewed_for_as_long_as_its_block_lasts(opened: Opened) -> None:
    async with opened() as store, store.lease("ann", TTL) as lease:
        await trio.sleep(2 * TTL)
        assert 0 < lease.remaining_seconds <= TTL * 2 / 3
        with pytest.raises(LeaseHeldError):
            async with store.lease("ann"):
                pass


async def test_a_lease_is_free_after_its_block(opened: Opened) -> None:
    async with opened() as store:
        with pytest.raises(ValueError, match="mine"):
            async with store.lease("ann"):
                raise ValueError("mine")
        with trio.CancelScope() as scope:
            async with store.lease("ann"):
                scope.cancel()
                await trio.sleep_forever()
        async with store.lease("ann"):
            pass


async def test_a_holder_that_was_paused_ends_as_soon_as_it_wakes(opened: Opened) -> None:
    async with opened() as store:
        with pytest.raises(LeaseLostError, match="not renewed in time: this process was paused"):
            async with store.lease("ann", TTL):
                freeze(TTL)
                woken = trio.current_time()
                try:
                    await trio.sleep(5)
                finally:
                    assert trio.current_time() - woken < 0.1


async def test_a_stale_write_is_refused_while_another_process_holds_the_lease(opened: Opened) -> None:
    async with opened() as store:
        with pytest.raises(LeaseLostError):
            async with store.lease("ann", TTL) as paused:
                freeze(TTL)
                with trio.CancelScope(shield=True):
                    async with store.lease("ann") as taken:
                        await taken.save(NEWER)
                        with pytest.raises(LeaseLostError):
                            await paused.save(STATE)
                await trio.sleep(5)
        assert await store.load("ann") == NEWER


async def test_a_stale_write_is_refused_also_when_the_lease_is_free_again(opened: Opened) -> None:
    async with opened() as store:
        with pytest.raises(LeaseLostError):
            async with store.lease("ann", TTL) as paused:
                freeze(TTL)
                with trio.CancelScope(shield=True):
                    async with store.lease("ann") as taken:
                        await taken.save(NEWER)
                    with pytest.raises(LeaseLostError):
                        await paused.save(STATE)
                    with pytest.raises(LeaseLostError):
                        await paused.delete()
                await trio.sleep(5)
        assert await store.load("ann") == NEWER


async def test_a_dead_holders_lease_is_taken_when_it_has_expired(opened: Opened) -> None:
    async with opened() as store:
        await store._table.acquire("ann", "dead t", TTL, ask=False)  # pyright: ignore[reportPrivateUsage]
        with pytest.raises(LeaseHeldError, match="held by dead"):
            async with store.lease("ann"):
                pass
        async with store.lease("ann", wait=5) as lease:
            assert lease.state is None


async def test_a_holder_is_asked_to_hand_over(opened: Opened) -> None:
    async def hold(started: trio.Event) -> None:
        async with store.lease("ann", TTL) as lease:
            started.set()
            await lease.save(STATE)
            await lease.wait_handover_requested()
            assert lease.is_handover_requested

    async with opened() as store, trio.open_nursery() as nursery:
        started = trio.Event()
        nursery.start_soon(hold, started)
        await started.wait()
        async with store.lease("ann", wait=5) as lease:
            assert lease.state == STATE
            assert not lease.is_handover_requested


@pytest.mark.parametrize(("ttl", "wait"), [(0, 0), (-1, 0), (float("inf"), 0), (float("nan"), 0), (1, -1)])
async def test_times_out_of_range_are_refused(ttl: float, wait: float) -> None:
    with pytest.raises(ConfigError, match="ttl"):
        async with MemoryResumeStore().lease("ann", ttl, wait=wait):
            pass


# A store in trouble


async def test_a_valkey_that_loses_everything_gets_the_lease_back(
    valkey_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    async with coredis.Redis("127.0.0.1", valkey_port) as client:
        store = ValkeyResumeStore(client)
        async with store.lease("ann", TTL) as lease:
            await client.flushdb()
            await trio.sleep(TTL)
            await lease.save(STATE)
            with pytest.raises(LeaseHeldError):
                async with store.lease("ann"):
                    pass
    assert "the store had lost the lease on 'ann'" in caplog.text


async def test_a_lease_that_another_process_took_from_a_failed_valkey_is_lost(valkey_port: int) -> None:
    async with coredis.Redis("127.0.0.1", valkey_port) as client:
        store = ValkeyResumeStore(client)
        with pytest.raises(LeaseLostError, match="another process"):
            async with store.lease("ann", TTL):
                await client.flushdb()
                with trio.CancelScope(shield=True):
                    async with store.lease("ann"):
                        await trio.sleep(TTL / 2)
                await trio.sleep(5)


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # coredis leaves streams open when a connection breaks
async def test_a_valkey_that_is_restarted_empty_is_ridden_out(caplog: pytest.LogCaptureFixture) -> None:
    with valkey_server() as port:
        pass  # a port that is free now
    with ExitStack() as servers:
        servers.enter_context(valkey_server(port))
        async with coredis.Redis("127.0.0.1", port) as client:
            store = ValkeyResumeStore(client)
            async with store.lease("ann", 6) as lease:
                await lease.save(STATE)
                servers.pop_all().close()
                await trio.sleep(0.5)
                with pytest.raises(coredis.exceptions.ConnectionError):
                    await lease.save(NEWER)
                servers.enter_context(valkey_server(port))
                await trio.sleep(2)
                await lease.save(NEWER)
                assert await store.load("ann") == NEWER
    assert "the store had lost the lease on 'ann'" in caplog.text
    gc.collect()  # what coredis has left


async def test_a_valkey_that_hangs_for_a_while_is_ridden_out(
    valkey_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        coredis.Redis("127.0.0.1", valkey_port) as client,
        coredis.Redis("127.0.0.1", valkey_port) as other,
    ):
        store = ValkeyResumeStore(client)
        async with store.lease("ann", 3):
            await other.client_pause(1200)
            await trio.sleep(2.5)
    assert "could not be renewed" in caplog.text
    assert "is renewed again" in caplog.text


async def test_a_valkey_that_hangs_for_longer_ends_the_block_before_the_lease_expires(
    valkey_port: int,
) -> None:
    async with (
        coredis.Redis("127.0.0.1", valkey_port) as client,
        coredis.Redis("127.0.0.1", valkey_port) as other,
    ):
        store = ValkeyResumeStore(client)
        began = trio.current_time()
        with pytest.raises(LeaseLostError, match="not renewed in time: TimeoutError"):
            async with store.lease("ann", 1.5):
                await other.client_pause(3000)
                try:
                    await trio.sleep(10)
                finally:
                    ended = trio.current_time()
        assert 0.9 <= ended - began <= 1.5
        with trio.fail_after(10):
            await client.flushdb()  # when the pause is over


# A network that is cut


class Cut:
    """A way to Valkey that can be cut: what is sent meanwhile arrives when it heals, as from a host that was away."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._whole = trio.Event()
        self._whole.set()

    def cut(self) -> None:
        """Let nothing through from now on."""
        self._whole = trio.Event()

    def heal(self) -> None:
        """Let everything through again."""
        self._whole.set()

    async def serve(self, client: trio.SocketStream) -> None:
        """Forward one connection."""
        server = await trio.open_tcp_stream("127.0.0.1", self._port)
        async with client, server, trio.open_nursery() as nursery:
            nursery.start_soon(self._forward, client, server)
            await self._forward(server, client)
            nursery.cancel_scope.cancel()

    async def _forward(self, source: trio.SocketStream, sink: trio.SocketStream) -> None:
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            async for data in source:
                await self._whole.wait()
                await sink.send_all(data)


async def test_writes_of_a_host_that_was_cut_off_are_refused_when_the_cut_heals(valkey_port: int) -> None:
    cut = Cut(valkey_port)
    ends: list[float] = []

    async def be_cut_off(port: int) -> None:
        async with coredis.Redis("127.0.0.1", port) as client:
            with pytest.raises(LeaseLostError):
                async with ValkeyResumeStore(client).lease("ann", 1.5, holder="cut off") as lease:
                    held.set()
                    await trio.sleep(0.2)
                    cut.cut()
                    try:
                        with trio.CancelScope(shield=True):
                            await lease.save(STATE)  # on its way when the lease expires
                    finally:
                        ends.append(trio.current_time())

    async with trio.open_nursery() as nursery, coredis.Redis("127.0.0.1", valkey_port) as client:
        await client.flushdb()
        held = trio.Event()
        [listener] = await nursery.start(partial(trio.serve_tcp, cut.serve, 0, host="127.0.0.1"))
        async with trio.open_nursery() as hosts:
            hosts.start_soon(be_cut_off, listener.socket.getsockname()[1])
            await held.wait()
            store = ValkeyResumeStore(client)
            async with store.lease("ann", wait=5) as lease:
                await lease.save(NEWER)
                cut.heal()
                await trio.sleep(0.5)
                assert await store.load("ann") == NEWER
        assert len(ends) == 1
        assert await store.load("ann") == NEWER
        nursery.cancel_scope.cancel()


# Draining


async def test_a_drain_asks_for_all_conversations_and_refuses_new_ones() -> None:
    store, drain = MemoryResumeStore(), Drain(timeout=1)

    async def hold(key: str) -> None:
        async with store.lease(key, drain=drain) as lease:
            await lease.wait_handover_requested()

    async with trio.open_nursery() as nursery:
        for key in ("ann", "ben"):
            nursery.start_soon(hold, key)
        await trio.testing.wait_all_tasks_blocked()
        assert (drain.conversations, drain.is_draining) == (2, False)
        drain.start()
        drain.start()
        await drain.wait_drained()
        assert (drain.conversations, drain.is_draining) == (0, True)
        with pytest.raises(DrainingError, match="does not take the conversation 'cat'"):
            async with store.lease("cat", drain=drain):
                pass
        async with store.lease("ann"):  # elsewhere
            pass


def freeze(seconds: float) -> None:
    """Stop the whole process, as a debugger or a paused virtual machine does."""
    time.sleep(seconds)
