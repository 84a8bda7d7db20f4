"""A session that the server has forgotten: an end, or a new one that is sent the conversation so far."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio

from livegen_trio import (
    AutomaticActivityDetection,
    Content,
    FunctionResponse,
    HandshakeError,
    LiveGenerationConfig,
    Part,
    RealtimeInputConfig,
    Reconnected,
    Reconnecting,
    Reconnection,
    ServerContent,
    SessionClosedError,
    SessionResumptionConfig,
    SessionResumptionUpdate,
    SetupRejectedError,
    ToolCall,
    ToolCallCancellation,
    get_live_generative_model,
)
from support.peer import HANDLE, SETUP_COMPLETE, TURN_COMPLETE, Fleet, heard_text, model_on, text

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from trio.testing import MockClock

    from livegen_trio import LiveSession
    from livegen_trio.transports.base import Progress, Transport

FRESH = Reconnection(when_forgotten="fresh")
CALL = {"toolCall": {"functionCalls": [{"id": "c1", "name": "look_up", "args": {}}]}}
START: dict[str, Any] = {"realtimeInput": {"activityStart": {}}}
END: dict[str, Any] = {"realtimeInput": {"activityEnd": {}}}


def connected(fleet: Fleet, **options: Any) -> AbstractAsyncContextManager[LiveSession]:
    return model_on(fleet).connect(reconnection=FRESH, **options)


async def next_of(session: LiveSession, kind: type[Any]) -> Any:
    """The next event of a kind; others are passed over."""
    while not isinstance(event := await session.receive(), kind):
        pass
    return event


def forgotten() -> SetupRejectedError:
    return SetupRejectedError(code=1008, reason="BidiGenerateContent session not found")


async def test_a_new_session_is_sent_what_was_said(autojump_clock: MockClock) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    async with connected(fleet) as session:
        await session.send("I am Ann.")
        assert await heard_text(fleet.peer) == "I am Ann."
        await fleet.peer.say(text("Hello Ann."), TURN_COMPLETE)
        await next_of(session, ServerContent)
        await trio.sleep(1)  # until the server has confirmed it
        fleet.refusals = [forgotten()]
        await fleet.peer.transport.abort()
        await next_of(session, Reconnecting)
        await session.send("Who am I?")
        report = await next_of(session, Reconnected)
        assert not report.restored
        assert (report.replayed, report.unacknowledged) == (0, 0)
        assert await fleet.peer.hear() == {
            "clientContent": {
                "turns": [
                    {"role": "user", "parts": [{"text": "I am Ann."}]},
                    {"role": "model", "parts": [{"text": "Hello Ann."}]},
                ]
            }
        }
        assert await heard_text(fleet.peer) == "Who am I?"
    assert fleet.handles == [None, None]


async def test_a_model_that_takes_content_as_history_only_gets_it_as_history(
    autojump_clock: MockClock,
) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    model = get_live_generative_model("gemini-3.1-flash-live", backend=fleet)
    async with model.connect(reconnection=FRESH) as session:
        await session.send("I am Ann.")
        await fleet.peer.hear()
        await trio.sleep(1)
        fleet.refusals = [forgotten()]
        await fleet.peer.transport.abort()
        await next_of(session, Reconnecting)
        await session.send("Who am I?")
        await fleet.dialled(2)
        assert fleet.setups[1]["historyConfig"] == {"initialHistoryInClientContent": True}
        history = (await fleet.peer.hear())["clientContent"]
        assert history["turnComplete"] is True
        assert [turn["role"] for turn in history["turns"]] == ["user"]
        assert await fleet.peer.hear() == {"realtimeInput": {"text": "Who am I?"}}


async def test_without_text_there_is_no_history_to_send(autojump_clock: MockClock) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    model = get_live_generative_model("gemini-3.1-flash-live", backend=fleet)
    async with model.connect(reconnection=FRESH) as session:
        await next_of(session, SessionResumptionUpdate)
        fleet.refusals = [forgotten()]
        await fleet.peer.transport.abort()
        assert not (await next_of(session, Reconnected)).restored
        await fleet.dialled(2)
        assert "historyConfig" not in fleet.setups[1]
        await session.send("Hello")
        assert await fleet.peer.hear() == {"realtimeInput": {"text": "Hello"}}


async def test_a_session_that_never_had_a_handle_begins_fresh_at_once(autojump_clock: MockClock) -> None:
    fleet = Fleet()
    async with connected(fleet) as session:
        await fleet.peer.transport.abort()
        report = await next_of(session, Reconnected)
        assert (report.restored, report.gap_seconds) == (False, 0)


async def test_an_old_handle_is_not_tried_again(autojump_clock: MockClock) -> None:
    fleet = Fleet()
    resumption = SessionResumptionConfig(handle="yesterday's")
    async with connected(fleet, session_resumption=resumption) as session:
        fleet.refusals = [forgotten()]
        await fleet.peer.transport.abort()
        assert not (await next_of(session, Reconnected)).restored
        await fleet.peer.transport.abort()
        assert not (await next_of(session, Reconnected)).restored
    assert fleet.handles == ["yesterday's", None, None]


async def test_a_refusal_that_may_pass_is_waited_out_first(autojump_clock: MockClock) -> None:
    class Stubborn(Fleet):
        refused = 0
        gives_in = False

        async def dial(self, nursery: trio.Nursery, progress: Progress) -> Transport:
            if self.peers and not self.gives_in:
                self.refused += 1
                self.gives_in = trio.current_time() >= 60
                raise SetupRejectedError(code=1011, reason="Internal error encountered.", retryable=True)
            return await super().dial(nursery, progress)

    fleet = Stubborn(SETUP_COMPLETE, HANDLE)
    async with connected(fleet) as session:
        await next_of(session, SessionResumptionUpdate)
        await fleet.peer.transport.abort()
        assert not (await next_of(session, Reconnected)).restored
    assert fleet.refused > 7
    assert fleet.handles == [None, None]


async def test_a_new_session_that_is_refused_is_the_end(autojump_clock: MockClock) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    async with connected(fleet) as session:
        await next_of(session, SessionResumptionUpdate)
        refusal = SetupRejectedError(code=1007, reason="API key not valid.")
        fleet.refusals = [forgotten(), refusal]
        await fleet.peer.transport.abort()
        with pytest.raises(SessionClosedError) as caught:
            await next_of(session, Reconnected)
        assert caught.value.__cause__ is refusal


async def test_a_server_that_cant_be_reached_has_forgotten_nothing(autojump_clock: MockClock) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    async with connected(fleet) as session:
        await next_of(session, SessionResumptionUpdate)
        fleet.refusals = [
            HandshakeError("the host does not answer", phase="tcp", retryable=True) for _ in range(99)
        ]
        await fleet.peer.transport.abort()
        with pytest.raises(SessionClosedError):
            await next_of(session, Reconnected)
    assert fleet.handles == [None]


async def test_calls_of_the_forgotten_session_are_cancelled_and_their_answers_are_not_sent(
    autojump_clock: MockClock,
) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    async with connected(fleet) as session:
        await next_of(session, SessionResumptionUpdate)
        second = {"toolCall": {"functionCalls": [{"id": "c2", "name": "look_up", "args": {}}]}}
        await fleet.peer.say(CALL, second)
        await next_of(session, ToolCall)
        await next_of(session, ToolCall)
        fleet.refusals = [forgotten()]
        fleet.pause = 1
        await fleet.peer.transport.abort()
        await session.send_function_responses([FunctionResponse(id="c1", name="look_up", response={})])
        assert list((await next_of(session, ToolCallCancellation)).ids) == ["c2"]
        report = await next_of(session, Reconnected)
        assert (report.restored, report.unacknowledged) == (False, 1)
        await session.send_function_responses([FunctionResponse(id="c2", name="look_up", response={})])
        await session.send("Hello")
        assert await heard_text(fleet.peer) == "Hello"


async def test_a_tool_at_work_is_cancelled_with_its_session(autojump_clock: MockClock) -> None:
    cancelled = trio.Event()

    async def look_up() -> None:
        try:
            await trio.sleep_forever()
        finally:
            cancelled.set()

    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    async with model_on(fleet, tools=[look_up]).connect(reconnection=FRESH) as session:
        await next_of(session, SessionResumptionUpdate)
        await fleet.peer.say(CALL)
        await next_of(session, ToolCall)
        fleet.refusals = [forgotten()]
        await fleet.peer.transport.abort()
        assert not (await next_of(session, Reconnected)).restored
        await cancelled.wait()


async def test_history_that_the_caller_gave_is_sent_again(autojump_clock: MockClock) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    async with connected(fleet) as session:
        await session.send("I am Ann.", turn_complete=False)
        await session.send(Content(role="model", parts=[Part(text="Hello Ann!")]), turn_complete=False)
        for _ in range(2):
            await fleet.peer.hear()
        await trio.sleep(1)
        fleet.refusals = [forgotten()]
        await fleet.peer.transport.abort()
        await next_of(session, Reconnected)
        turns = (await fleet.peer.hear())["clientContent"]["turns"]
        assert [turn["role"] for turn in turns] == ["user", "model"]


# An activity that is marked by hand


def by_hand(fleet: Fleet) -> AbstractAsyncContextManager[LiveSession]:
    detection = AutomaticActivityDetection(disabled=True)
    config = LiveGenerationConfig(
        realtime_input_config=RealtimeInputConfig(automatic_activity_detection=detection)
    )
    return model_on(fleet, generation_config=config).connect()


async def test_an_activity_under_way_is_begun_on_the_new_connection_as_well(
    autojump_clock: MockClock,
) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    async with by_hand(fleet) as session:
        await next_of(session, SessionResumptionUpdate)
        async with session.activity():
            assert await fleet.peer.hear() == START
            await trio.sleep(1)  # until the server has confirmed it
            await fleet.peer.transport.abort()
            await next_of(session, Reconnected)
            assert await fleet.peer.hear() == START
        assert await fleet.peer.hear() == END


async def test_the_end_of_an_activity_has_a_beginning_on_its_connection(autojump_clock: MockClock) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    async with by_hand(fleet) as session:
        await next_of(session, SessionResumptionUpdate)
        async with session.activity():
            assert await fleet.peer.hear() == START
            await trio.sleep(1)
            await fleet.peer.transport.abort()
            await next_of(session, Reconnecting)
        report = await next_of(session, Reconnected)
        assert [await fleet.peer.hear(), await fleet.peer.hear()] == [START, END]
        assert report.replayed == 0


async def test_the_beginning_of_an_activity_is_sent_again_once(autojump_clock: MockClock) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    async with by_hand(fleet) as session:
        await next_of(session, SessionResumptionUpdate)
        fleet.peer.freeze()
        fleet.lost_network = True
        async with session.activity():
            await trio.testing.wait_all_tasks_blocked()
            await fleet.peer.transport.abort()
            assert (await next_of(session, Reconnected)).replayed == 1
        assert [await fleet.peer.hear(), await fleet.peer.hear()] == [START, END]
