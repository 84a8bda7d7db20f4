"""Stores, all by the same rules: in memory, and in a real Valkey."""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Literal

import coredis
import pytest
import trio

from livegen_trio import ConfigError, ResumeState, ResumeStore
from livegen_trio.stores import MemoryResumeStore
from livegen_trio.stores.valkey import ValkeyResumeStore

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from contextlib import AbstractAsyncContextManager

STATE = ResumeState(model="models/m", handle="h1", taken_at=1.0)
NEWER = ResumeState(model="models/m", handle="h2", taken_at=2.0)


@asynccontextmanager
async def in_memory() -> AsyncGenerator[ResumeStore]:
    yield MemoryResumeStore()


@asynccontextmanager
async def in_valkey(port: int, *, decode_responses: Literal[True, False]) -> AsyncGenerator[ResumeStore]:
    async with coredis.Redis("127.0.0.1", port, decode_responses=decode_responses) as client:
        await client.flushdb()
        yield ValkeyResumeStore(client)


@pytest.fixture(params=["memory", "valkey", "valkey with text"])
def opened(
    request: pytest.FixtureRequest, valkey_port: int
) -> Callable[[], AbstractAsyncContextManager[ResumeStore]]:
    if request.param == "memory":
        return in_memory
    return partial(in_valkey, valkey_port, decode_responses=request.param == "valkey with text")


async def test_what_is_saved_is_loaded(
    opened: Callable[[], AbstractAsyncContextManager[ResumeStore]],
) -> None:
    async with opened() as store:
        assert isinstance(store, ResumeStore)
        await store.save("ann", STATE)
        assert await store.load("ann") == STATE
        assert await store.load("bob") is None


async def test_a_newer_state_takes_the_place_of_an_older_one(
    opened: Callable[[], AbstractAsyncContextManager[ResumeStore]],
) -> None:
    async with opened() as store:
        await store.save("ann", STATE)
        await store.save("ann", NEWER)
        assert await store.load("ann") == NEWER


async def test_what_is_deleted_is_gone(
    opened: Callable[[], AbstractAsyncContextManager[ResumeStore]],
) -> None:
    async with opened() as store:
        await store.save("ann", STATE)
        await store.delete("ann")
        await store.delete("ann")  # and that it is gone already is no error
        assert await store.load("ann") is None


async def test_a_cancelled_call_does_nothing(
    opened: Callable[[], AbstractAsyncContextManager[ResumeStore]],
) -> None:
    async with opened() as store:
        await store.save("ann", STATE)
        with trio.CancelScope() as scope:
            scope.cancel()
            await store.save("ann", NEWER)
        assert scope.cancelled_caught
        with trio.CancelScope() as scope:
            scope.cancel()
            await store.delete("ann")
        assert scope.cancelled_caught
        assert await store.load("ann") == STATE


async def test_valkey_forgets_a_state_whose_handle_is_worth_nothing_any_more(valkey_port: int) -> None:
    async with coredis.Redis("127.0.0.1", valkey_port) as client:
        await ValkeyResumeStore(client).save("ann", STATE)
        assert 7_190_000 < await client.pttl("livegen-trio:ann") <= 7_200_000
        await ValkeyResumeStore(client, prefix="other:", lifetime=0.05).save("ann", STATE)
        assert await client.exists(["other:ann"])
        await trio.sleep(0.1)
        assert await ValkeyResumeStore(client, prefix="other:").load("ann") is None


async def test_what_is_no_state_is_a_clear_error(valkey_port: int) -> None:
    async with coredis.Redis("127.0.0.1", valkey_port) as client:
        await client.set("livegen-trio:odd", b"\x80")
        with pytest.raises(ConfigError, match="no resume state"):
            await ValkeyResumeStore(client).load("odd")


async def test_a_lifetime_of_nothing_is_refused(valkey_port: int) -> None:
    async with coredis.Redis("127.0.0.1", valkey_port) as client:
        with pytest.raises(ConfigError, match="lifetime"):
            ValkeyResumeStore(client, lifetime=0)
