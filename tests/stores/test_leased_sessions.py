"""Sessions under a lease: they are saved, handed over and closed with it, and outlive a store in trouble."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import pytest
import trio

from livegen_trio import ConfigError, LiveSession, Reconnected, ResumeState, get_live_generative_model
from livegen_trio.anyio import connect
from livegen_trio.stores import Drain, HandedOverError, LeaseLostError, MemoryResumeStore
from livegen_trio.testing import Connection, Emit, Pause, ScriptedServer
from support.event_loops import on_every_loop, until
from support.peer import HANDLE, SETUP_COMPLETE, TURN_COMPLETE, Fleet, conversation, model_on, text

if TYPE_CHECKING:
    from trio.testing import MockClock

    from livegen_trio import LiveGenerativeModel
    from livegen_trio.testing import ServerEnd

STATE = ResumeState(model="models/test", handle="h0", taken_at=1.0)


def handle(name: str) -> dict[str, Any]:
    return {"sessionResumptionUpdate": {"newHandle": name, "resumable": True}}


async def listen(server: ServerEnd) -> None:
    while await server.hear_or_end() is not None:
        pass


def model_of(server: ScriptedServer) -> LiveGenerativeModel:
    return get_live_generative_model("m", backend=server.backend)


def resumed_by(server: ScriptedServer) -> list[object]:
    """The handles in the setups that the server has heard."""
    setups = [end.heard[0]["setup"] for end in server.connected]
    return [setup["sessionResumption"].get("handle") for setup in setups]  # type: ignore[index]  # JSON


@on_every_loop
async def test_a_session_goes_on_from_the_state_that_its_lease_finds_and_keeps_the_next() -> None:
    server = ScriptedServer(Connection(Emit(handle("h1")), listen), Connection(Emit(handle("h2")), listen))
    store = MemoryResumeStore()
    async with server.playing():
        for newest in ("h1", "h2"):
            async with store.lease("ann") as lease:
                async with connect(model_of(server), session_resumption=lease) as session:
                    await until(lambda: session.resumption_handle in {"h1", "h2"})
            state = await store.load("ann")
            assert state is not None
            assert state.handle == newest
    assert resumed_by(server) == [None, "h1"]


@on_every_loop
async def test_a_session_is_handed_over_between_two_turns() -> None:
    server = ScriptedServer(
        Connection(Emit(handle("h1"), text("Well")), Pause(0.5), Emit(TURN_COMPLETE), listen)
    )
    store, drain = MemoryResumeStore(), Drain()
    began = anyio.current_time()
    async with server.playing():
        with pytest.raises(HandedOverError, match="'ann' was handed over"):
            async with store.lease("ann", drain=drain) as lease:
                async with connect(model_of(server), session_resumption=lease) as session:
                    await until(lambda: not session.is_idle)
                    drain.start()
                    await anyio.sleep(30)
        assert 0.5 <= anyio.current_time() - began < 5
        closed = server.connected[0].closed
        assert closed is not None
        assert (drain.conversations, closed.code) == (0, 1000)
        state = await store.load("ann")
        assert state is not None
        assert (state.handle, state.in_turn) == ("h1", False)


@on_every_loop
async def test_the_block_of_a_lost_lease_is_cancelled_and_its_session_closed() -> None:
    server = ScriptedServer(Connection(listen))
    store = MemoryResumeStore()
    async with server.playing():
        with pytest.raises(LeaseLostError, match="another process has taken it"):
            async with store.lease("ann", 0.6) as lease:
                async with connect(model_of(server), session_resumption=lease):
                    store._table._leases.clear()  # type: ignore[attr-defined]  # as by another process
                    await anyio.sleep(30)
        await until(lambda: server.connected[0].closed is not None)


async def test_a_turn_that_does_not_end_is_cut_at_the_deadline(autojump_clock: MockClock) -> None:
    store = MemoryResumeStore()
    fleet = Fleet(SETUP_COMPLETE, HANDLE, text("Well"))
    with pytest.raises(HandedOverError):
        async with store.lease("ann") as lease, model_on(fleet).connect(session_resumption=lease):
            await trio.sleep(1)
            lease.request_handover(timeout=7)
            await trio.sleep(60)
    assert trio.current_time() == pytest.approx(8, abs=0.2)
    state = await store.load("ann")
    assert state is not None
    assert state.in_turn


async def test_another_process_takes_up_what_was_handed_over(autojump_clock: MockClock) -> None:
    store = MemoryResumeStore()
    first, second = Fleet(SETUP_COMPLETE, HANDLE), Fleet()
    reports: list[object] = []

    async def work() -> None:
        with pytest.raises(HandedOverError):
            async with store.lease("ann") as lease, model_on(first).connect(session_resumption=lease):
                await trio.sleep(60)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(work)
        await trio.sleep(1)
        async with store.lease("ann", wait=20) as lease:
            assert first.peer.closed is not None  # before it was taken up
            async with model_on(second).connect(session_resumption=lease) as session:
                reports.append(await session.receive())
    assert second.setups[0]["sessionResumption"]["handle"] == "h1"
    assert isinstance(reports[0], Reconnected)


async def test_a_lease_is_for_one_session(autojump_clock: MockClock) -> None:
    async with MemoryResumeStore().lease("ann") as lease:
        async with model_on(Fleet()).connect(session_resumption=lease):
            with pytest.raises(ConfigError, match="a lease is for one session"):
                async with model_on(Fleet()).connect(session_resumption=lease):
                    pass


async def test_an_exception_of_the_block_leaves_it_bare_and_the_state_is_kept(
    autojump_clock: MockClock,
) -> None:
    store = MemoryResumeStore()
    with pytest.raises(ValueError, match="mine"):
        async with (
            store.lease("ann") as lease,
            model_on(Fleet(SETUP_COMPLETE, HANDLE)).connect(session_resumption=lease) as session,
        ):
            await session.receive()
            raise ValueError("mine")
    assert await store.load("ann") is not None


# A store in trouble


class Troubled(MemoryResumeStore):
    """Saves nothing while it is out of order."""

    def __init__(self) -> None:
        super().__init__()
        self.hangs = self.fails = False
        self.attempts = 0

    async def save(self, key: str, state: ResumeState) -> None:
        self.attempts += 1
        if self.hangs:
            await trio.sleep_forever()
        if self.fails:
            raise ConnectionError("the store was restarted")
        await super().save(key, state)


@pytest.mark.parametrize("trouble", ["hangs", "fails"])
async def test_a_store_that_fails_later_on_does_not_end_the_conversation(
    trouble: str, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    store = Troubled()
    async with conversation(SETUP_COMPLETE, HANDLE) as (session, peer), trio.open_nursery() as nursery:
        nursery.start_soon(session.save_to, store, "ann")
        await trio.sleep(1)
        setattr(store, trouble, True)
        await peer.say(handle("h2"))
        await trio.sleep(60)
        assert 4 < store.attempts < 40  # with backoff
        await session.send("Still there?")
        setattr(store, trouble, False)
        await trio.sleep(12)
        state = await store.load("ann")
        assert state is not None
        assert state.handle == "h2"
        nursery.cancel_scope.cancel()
    warnings = [record.message for record in caplog.records]
    assert len(warnings) == 2
    assert (
        "the state of 'ann' could not be saved, and is tried again; if this process dies now" in warnings[0]
    )
    assert "is saved again" in warnings[1]


async def test_a_store_that_hangs_from_the_beginning_is_tried_again(autojump_clock: MockClock) -> None:
    store = Troubled()
    store.hangs = True
    async with conversation(SETUP_COMPLETE, HANDLE) as (session, _), trio.open_nursery() as nursery:
        nursery.start_soon(session.save_to, store, "ann")
        await trio.sleep(20)
        store.hangs = False
        await trio.sleep(20)
        assert await store.load("ann") is not None
        nursery.cancel_scope.cancel()


async def test_a_lease_says_for_how_long_the_newest_state_is_not_saved(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = MemoryResumeStore()
    table = store._table  # pyright: ignore[reportPrivateUsage]
    save = table.save_held

    async def fail(*args: object) -> None:
        raise ConnectionError("the store was restarted")

    async with store.lease("ann") as lease:
        fleet = Fleet(SETUP_COMPLETE, HANDLE)
        async with model_on(fleet).connect(session_resumption=lease) as session:
            assert isinstance(session, LiveSession)
            await trio.sleep(1)
            assert lease.unsaved_seconds == 0
            monkeypatch.setattr(table, "save_held", fail)
            await fleet.peer.say(handle("h2"))
            await trio.sleep(10)
            assert 9 < lease.unsaved_seconds <= 10
            monkeypatch.setattr(table, "save_held", save)
            await trio.sleep(10)
            assert lease.unsaved_seconds == 0
