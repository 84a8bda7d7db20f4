"""A session that one process leaves and another takes up."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from livegen_trio import (
    ConfigError,
    FunctionResponse,
    Reconnected,
    Reconnection,
    ResumeState,
    ServerContent,
    SessionClosedError,
    SessionResumptionConfig,
    SetupRejectedError,
    ToolCall,
    UsageMetadata,
)
from livegen_trio.stores import MemoryResumeStore
from support.peer import (
    HANDLE,
    SETUP_COMPLETE,
    TURN_COMPLETE,
    Fleet,
    conversation,
    heard_text,
    model_on,
    text,
)

if TYPE_CHECKING:
    from trio.testing import MockClock

    from livegen_trio import LiveSession

CALL = {"toolCall": {"functionCalls": [{"id": "c1", "name": "look_up", "args": {"city": "Paris"}}]}}
USAGE = {"usageMetadata": {"totalTokenCount": 7}}
STATE = ResumeState(model="models/test", handle="h1", taken_at=0.0)
FRESH = Reconnection(when_forgotten="fresh")


async def next_of(session: LiveSession, kind: type[Any]) -> Any:
    while not isinstance(event := await session.receive(), kind):
        pass
    return event


def still_open() -> SetupRejectedError:
    return SetupRejectedError(code=1011, reason="Internal error encountered.", retryable=True)


def forgotten() -> SetupRejectedError:
    return SetupRejectedError(code=1008, reason="BidiGenerateContent session not found")


# Leaving


async def test_a_session_without_a_handle_has_no_state() -> None:
    async with conversation() as (session, _):
        assert session.resume_state() is None


async def test_a_state_is_what_is_known_of_the_session(autojump_clock: MockClock) -> None:
    async with conversation(SETUP_COMPLETE, HANDLE) as (session, peer):
        await trio.testing.wait_all_tasks_blocked()
        peer.freeze()
        await session.send("Hello")
        await trio.testing.wait_all_tasks_blocked()
        await peer.say(CALL, text("Well"), USAGE)
        await trio.testing.wait_all_tasks_blocked()
        before = time.time()
        state = session.resume_state()
        assert state is not None
        assert before <= state.taken_at <= time.time()
        assert (state.model, state.handle, state.transparent) == ("models/test", "h1", False)
        assert [call.id for call in state.pending_calls] == ["c1"]
        assert (state.unacknowledged, state.in_turn) == (1, True)
        assert state.usage == UsageMetadata(total_token_count=7)
        assert state.history == ()
        await peer.transport.abort()


async def test_a_state_can_be_written_whatever_the_server_has_said_of_usage(
    autojump_clock: MockClock,
) -> None:
    async with conversation(SETUP_COMPLETE, HANDLE) as (session, peer):
        await peer.say({"usageMetadata": {"totalTokenCount": 7, "novelty": 1}})
        await trio.testing.wait_all_tasks_blocked()
        state = session.resume_state()
        assert state is not None
        assert ResumeState.from_bytes(state.to_bytes()) == state


async def test_a_session_that_may_begin_fresh_leaves_its_history(autojump_clock: MockClock) -> None:
    async with conversation(SETUP_COMPLETE, HANDLE, connect={"reconnection": FRESH}) as (session, peer):
        await session.send("I am Ann.")
        await peer.hear()
        await peer.say(text("Hello Ann."), TURN_COMPLETE)
        await next_of(session, ServerContent)
        state = session.resume_state()
        assert state is not None
        assert [content.text for content in state.history] == ["I am Ann.", "Hello Ann."]


# Saving


class SlowStore(MemoryResumeStore):
    """Takes a second to save, and counts."""

    def __init__(self) -> None:
        super().__init__()
        self.saved: list[tuple[str, int]] = []

    async def save(self, key: str, state: ResumeState) -> None:
        await trio.sleep(1)
        await super().save(key, state)
        self.saved.append((state.handle, len(state.pending_calls)))


def handle(name: str) -> dict[str, Any]:
    return {"sessionResumptionUpdate": {"newHandle": name, "resumable": True}}


async def test_each_new_state_is_saved_and_of_many_the_newest(autojump_clock: MockClock) -> None:
    store = SlowStore()
    async with conversation() as (session, peer), trio.open_nursery() as nursery:
        nursery.start_soon(session.save_to, store, "ann")
        await trio.sleep(5)
        assert await store.load("ann") is None
        await peer.say(handle("h0"))
        await trio.sleep(0.5)
        for number in range(1, 5):
            await peer.say(handle(f"h{number}"))
        await trio.sleep(5)
        await peer.say(CALL, text("Well"))
        await trio.sleep(5)
        await session.send_function_responses([FunctionResponse(id="c1", name="look_up", response={"a": 1})])
        await trio.sleep(5)
        await peer.say(handle("h4"))  # says nothing new
        await trio.sleep(5)
        assert store.saved == [("h0", 0), ("h4", 0), ("h4", 1), ("h4", 0)]
        await session.aclose()  # ends the saving


async def test_saving_ends_with_a_session_that_breaks(autojump_clock: MockClock) -> None:
    store = MemoryResumeStore()
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    with pytest.raises(SessionClosedError):
        async with model_on(fleet).connect() as session, trio.open_nursery() as nursery:
            nursery.start_soon(session.save_to, store, "ann")
            await trio.sleep(1)
            fleet.refusals = [forgotten()]
            await fleet.peer.close(1011, "Internal error encountered.")
    assert await store.load("ann") is not None


async def test_what_a_store_raises_is_raised(autojump_clock: MockClock) -> None:
    class BrokenStore(MemoryResumeStore):
        async def save(self, key: str, state: ResumeState) -> None:
            raise OSError("the store is full")

    async with conversation(SETUP_COMPLETE, HANDLE) as (session, _):
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(OSError, match="full"):
            await session.save_to(BrokenStore(), "ann")


# Taking up


async def test_another_process_resumes_the_session_and_learns_what_may_be_missing() -> None:
    fleet = Fleet()
    state = ResumeState(
        model="models/test", handle="h1", taken_at=time.time() - 60, unacknowledged=3, in_turn=True
    )
    async with model_on(fleet).connect(session_resumption=state) as session:
        report = await session.receive()
        assert isinstance(report, Reconnected)
        assert (report.restored, report.unacknowledged, report.turn_cut) == (True, 3, True)
        assert 60 <= report.gap_seconds < 90
        assert session.statistics().reconnections == 0
        await session.send("Hello again")
        assert await heard_text(fleet.peer) == "Hello again"
    assert fleet.handles == ["h1"]


async def test_clocks_that_differ_make_no_negative_gap() -> None:
    state = ResumeState(model="models/test", handle="h1", taken_at=time.time() + 1000)
    async with model_on(Fleet()).connect(session_resumption=state) as session:
        report = await session.receive()
        assert isinstance(report, Reconnected)
        assert report.gap_seconds == 0


async def test_pending_calls_are_handed_on_and_answered_once() -> None:
    fleet = Fleet()
    async with conversation(SETUP_COMPLETE, HANDLE, CALL) as (earlier, _):
        await next_of(earlier, ToolCall)
        state = earlier.resume_state()
    assert state is not None
    async with model_on(fleet).connect(session_resumption=state) as session:
        call = await next_of(session, ToolCall)
        assert [(one.id, one.args) for one in call.function_calls] == [("c1", {"city": "Paris"})]
        await session.send_function_responses([FunctionResponse(id="c1", name="look_up", response={"a": 1})])
        assert (await fleet.peer.hear())["toolResponse"]["functionResponses"][0]["id"] == "c1"


async def test_functions_carry_out_the_pending_calls() -> None:
    def look_up(city: str) -> str:
        return f"rain in {city}"

    fleet = Fleet()
    async with conversation(SETUP_COMPLETE, HANDLE, CALL) as (earlier, _):
        await next_of(earlier, ToolCall)
        state = earlier.resume_state()
    async with model_on(fleet, tools=[look_up]).connect(session_resumption=state):
        [response] = (await fleet.peer.hear())["toolResponse"]["functionResponses"]
        assert response == {"id": "c1", "name": "look_up", "response": {"output": "rain in Paris"}}


async def test_usage_is_counted_on() -> None:
    state = ResumeState(
        model="models/test", handle="h1", taken_at=0.0, usage=UsageMetadata(total_token_count=7)
    )
    async with model_on(Fleet(SETUP_COMPLETE, USAGE)).connect(session_resumption=state) as session:
        await next_of(session, UsageMetadata)
        assert session.usage.total_token_count == 14


async def test_the_session_is_resumed_again_by_the_same_handle(autojump_clock: MockClock) -> None:
    fleet = Fleet()
    async with model_on(fleet).connect(session_resumption=STATE) as session:
        await fleet.peer.close(1011, "Internal error encountered.")
        await next_of(session, Reconnected)
        await fleet.dialled(2)
    assert fleet.handles == ["h1", "h1"]


async def test_another_model_is_refused_before_anything_is_dialled() -> None:
    fleet = Fleet()
    state = ResumeState(model="models/other", handle="h1", taken_at=0.0)
    with pytest.raises(ConfigError, match=r"of a session with models/other, which models/test can't"):
        async with model_on(fleet).connect(session_resumption=state):
            raise AssertionError
    assert fleet.peers == []


async def test_an_earlier_connection_that_the_server_still_keeps_is_waited_for(
    autojump_clock: MockClock,
) -> None:
    fleet = Fleet()
    fleet.refusals = [still_open(), still_open(), still_open()]
    async with model_on(fleet).connect(session_resumption=STATE) as session:
        assert 5 < trio.current_time() < 9  # 1, 2 and 4 seconds, each a quarter more or less
        await next_of(session, Reconnected)


async def test_the_waiting_has_an_end(autojump_clock: MockClock) -> None:
    fleet = Fleet()
    fleet.refusals = [still_open()] * 100
    with pytest.raises(SetupRejectedError):
        async with model_on(fleet).connect(session_resumption=STATE):
            raise AssertionError
    assert 60 <= trio.current_time() < 80


@pytest.mark.parametrize("resumption", [SessionResumptionConfig(handle="h1"), "auto"])
async def test_only_who_takes_over_waits(resumption: Any, autojump_clock: MockClock) -> None:
    fleet = Fleet()
    fleet.refusals = [still_open()]
    with pytest.raises(SetupRejectedError):
        async with model_on(fleet).connect(session_resumption=resumption):
            raise AssertionError
    assert trio.current_time() < 1


async def test_a_forgotten_session_is_an_error(autojump_clock: MockClock) -> None:
    fleet = Fleet()
    fleet.refusals = [forgotten()]
    with pytest.raises(SetupRejectedError, match="not found"):
        async with model_on(fleet).connect(session_resumption=STATE):
            raise AssertionError
    assert fleet.peers == []


async def test_or_a_new_one_that_is_sent_what_was_said_and_knows_no_calls(autojump_clock: MockClock) -> None:
    async with conversation(SETUP_COMPLETE, HANDLE, connect={"reconnection": FRESH}) as (earlier, peer):
        await earlier.send("I am Ann.")
        await peer.hear()
        await peer.say(CALL)
        await next_of(earlier, ToolCall)
        state = earlier.resume_state()
    fleet = Fleet()
    fleet.refusals = [forgotten()]
    async with model_on(fleet).connect(session_resumption=state, reconnection=FRESH) as session:
        report = await session.receive()
        assert isinstance(report, Reconnected)
        assert not report.restored
        assert await heard_text(fleet.peer) == "I am Ann."
        await fleet.peer.say(text("Hello Ann."))
        assert isinstance(await session.receive(), ServerContent)  # and no call before it
    assert fleet.handles == [None]


@pytest.mark.parametrize("checkpoints", range(12))
async def test_taking_over_can_be_cancelled_anywhere(checkpoints: int, autojump_clock: MockClock) -> None:
    fleet = Fleet()
    fleet.refusals = [still_open()]
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:

            async def cancel() -> None:
                for _ in range(checkpoints):
                    await trio.lowlevel.checkpoint()
                scope.cancel()

            nursery.start_soon(cancel)
            async with model_on(fleet).connect(session_resumption=STATE):
                await trio.sleep_forever()
    assert scope.cancelled_caught
    assert trio.current_time() < 2
