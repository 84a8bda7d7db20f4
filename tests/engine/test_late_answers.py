"""Tool calls that run while the connection changes: the user hears their results, and no later input is swallowed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from livegen_trio import (
    FunctionDeclaration,
    FunctionResponse,
    Reconnected,
    Reconnection,
    ResumeState,
    SessionResumptionUpdate,
    SetupRejectedError,
    ToolCall,
    get_live_generative_model,
)
from support.peer import HANDLE, SETUP_COMPLETE, Fleet, heard_text, model_on

if TYPE_CHECKING:
    from trio.testing import MockClock

    from livegen_trio import LiveGenerativeModel, LiveSession

CALL = {"toolCall": {"functionCalls": [{"id": "c1", "name": "look_up", "args": {}}]}}
MINE = FunctionDeclaration(name="look_up")
AS_CONTENT = Reconnection(late_answers="as_content")


async def look_up() -> str:
    """Take a while."""
    await trio.sleep(10)
    return "rain"


async def next_of(session: LiveSession, kind: type[Any]) -> Any:
    """The next event of a kind; others are passed over."""
    while not isinstance(event := await session.receive(), kind):
        pass
    return event


async def settled(fleet: Fleet) -> list[tuple[str, dict[str, Any]]]:
    """The answers in the next message, by the calls' ids."""
    answers = (await fleet.peer.hear())["toolResponse"]["functionResponses"]
    return [(answer["id"], answer["response"]) for answer in answers]


def model_of(name: str, fleet: Fleet) -> LiveGenerativeModel:
    return get_live_generative_model(name, backend=fleet, tools=[look_up])


@pytest.mark.parametrize(
    "name",
    ["gemini-3.8-live", "gemini-3.8-live-extended-thinking", "gemini-2.5-flash-native-audio-preview-12-2025"],
)
async def test_a_model_that_takes_no_late_answers_gets_the_result_as_content(
    name: str, autojump_clock: MockClock
) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE, CALL)
    async with model_of(name, fleet).connect() as session:
        await next_of(session, ToolCall)
        fleet.replies = (SETUP_COMPLETE, HANDLE)
        await trio.sleep(1)
        await fleet.peer.transport.abort()
        report = await next_of(session, Reconnected)
        assert [(call.id, call.name) for call in report.calls] == [("c1", "look_up")]
        # At once, so that what the user says next is answered.
        assert await settled(fleet) == [
            ("c1", {"output": "not finished yet; the result follows as a message"})
        ]
        await session.send("Are you there?")
        assert await heard_text(fleet.peer) == "Are you there?"
        result = await heard_text(fleet.peer)
        assert "look_up" in result
        assert '{"output":"rain"}' in result
        assert trio.current_time() == 10
        assert session.pending_calls == ()


async def test_an_unknown_model_gets_the_answer(autojump_clock: MockClock) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE, CALL)
    async with model_of("unheard-of", fleet).connect() as session:
        await next_of(session, ToolCall)
        fleet.replies = (SETUP_COMPLETE, HANDLE)
        await fleet.peer.transport.abort()
        assert len((await next_of(session, Reconnected)).calls) == 1
        assert await settled(fleet) == [("c1", {"output": "rain"})]


async def test_the_policy_has_the_last_word(autojump_clock: MockClock) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE, CALL)
    policy = Reconnection(late_answers="as_response")
    async with model_of("gemini-3.8-live", fleet).connect(reconnection=policy) as session:
        await next_of(session, ToolCall)
        fleet.replies = (SETUP_COMPLETE, HANDLE)
        await fleet.peer.transport.abort()
        await next_of(session, Reconnected)
        assert await settled(fleet) == [("c1", {"output": "rain"})]


async def test_an_answer_that_may_be_lost_with_the_connection_is_sent_again_and_follows_as_content(
    autojump_clock: MockClock,
) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE, CALL)
    fleet.lost_network = True
    async with model_on(fleet, tools=[MINE]).connect(reconnection=AS_CONTENT) as session:
        await next_of(session, ToolCall)
        fleet.replies = (SETUP_COMPLETE, HANDLE)
        fleet.peer.freeze()
        answer = FunctionResponse(id="c1", name="look_up", response={"output": "rain"})
        await session.send_function_responses([answer])
        await trio.testing.wait_all_tasks_blocked()
        await fleet.peer.transport.abort()
        report = await next_of(session, Reconnected)
        assert (report.replayed, report.calls) == (1, ())
        assert await settled(fleet) == [("c1", {"output": "rain"})]
        assert '{"output":"rain"}' in await heard_text(fleet.peer)


async def test_an_answer_between_two_connections_goes_out_and_follows_as_content(
    autojump_clock: MockClock,
) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE, CALL)
    async with model_on(fleet, tools=[MINE]).connect(reconnection=AS_CONTENT) as session:
        await next_of(session, ToolCall)
        fleet.replies = (SETUP_COMPLETE, HANDLE)
        fleet.pause = 1
        await fleet.peer.transport.abort()
        await trio.sleep(0.5)
        await session.send_function_responses([FunctionResponse(name="look_up", response={"output": "rain"})])
        assert [call.id for call in (await next_of(session, Reconnected)).calls] == ["c1"]
        assert len((await fleet.peer.hear())["toolResponse"]["functionResponses"]) == 1
        assert '{"output":"rain"}' in await heard_text(fleet.peer)


async def test_a_call_over_two_changes_is_settled_once_on_each_connection(autojump_clock: MockClock) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE, CALL)
    fleet.lost_network = True
    async with model_on(fleet, tools=[MINE]).connect(reconnection=AS_CONTENT) as session:
        await next_of(session, ToolCall)
        fleet.replies = (SETUP_COMPLETE, HANDLE)
        for _ in range(2):
            await fleet.peer.transport.abort()
            await next_of(session, Reconnected)
            [(call_id, _)] = await settled(fleet)
            assert call_id == "c1"
        await trio.sleep(1)
        await session.send_function_responses([FunctionResponse(name="look_up", response={"output": "rain"})])
        assert '{"output":"rain"}' in await heard_text(fleet.peer)
        assert fleet.peer.unheard == 0


async def test_answers_to_other_calls_stay_answers(autojump_clock: MockClock) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE, CALL)
    async with model_on(fleet, tools=[MINE]).connect(reconnection=AS_CONTENT) as session:
        await next_of(session, ToolCall)
        fleet.replies = (SETUP_COMPLETE, HANDLE)
        await fleet.peer.transport.abort()
        await next_of(session, Reconnected)
        await fleet.peer.hear()
        await fleet.peer.say({"toolCall": {"functionCalls": [{"id": "c2", "name": "look_up", "args": {}}]}})
        await next_of(session, ToolCall)
        answers = [FunctionResponse(id=one, name="look_up", response={"output": one}) for one in ("c1", "c2")]
        await session.send_function_responses(answers)
        assert await settled(fleet) == [("c2", {"output": "c2"})]
        assert '{"output":"c1"}' in await heard_text(fleet.peer)


async def test_a_silent_result_asks_for_no_reply(autojump_clock: MockClock) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE, CALL)
    async with model_on(fleet, tools=[MINE]).connect(reconnection=AS_CONTENT) as session:
        await next_of(session, ToolCall)
        fleet.replies = (SETUP_COMPLETE, HANDLE)
        await fleet.peer.transport.abort()
        await next_of(session, Reconnected)
        await fleet.peer.hear()
        silent = FunctionResponse(id="c1", name="look_up", response={}, scheduling="SILENT")
        await session.send_function_responses([silent])
        assert not (await fleet.peer.hear())["clientContent"].get("turnComplete")


async def test_a_forgotten_session_has_no_late_answers(autojump_clock: MockClock) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE, CALL)
    policy = Reconnection(late_answers="as_content", when_forgotten="fresh")
    async with model_on(fleet, tools=[MINE]).connect(reconnection=policy) as session:
        await next_of(session, ToolCall)
        fleet.replies = (SETUP_COMPLETE, HANDLE)
        fleet.refusals = [SetupRejectedError(code=1008, reason="BidiGenerateContent session not found")]
        await fleet.peer.transport.abort()
        report = await next_of(session, Reconnected)
        assert (report.restored, report.calls) == (False, ())
        await session.send_function_responses([FunctionResponse(id="c1", name="look_up", response={})])
        await session.send("Hello")
        assert await heard_text(fleet.peer) == "Hello"


async def test_calls_that_are_taken_over_are_settled_as_well(autojump_clock: MockClock) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE, CALL)
    async with model_on(fleet, tools=[MINE]).connect() as session:
        await next_of(session, SessionResumptionUpdate)
        await next_of(session, ToolCall)
        state = session.resume_state()
    assert isinstance(state, ResumeState)
    fleet.replies = (SETUP_COMPLETE, HANDLE)
    model = model_of("gemini-3.8-live", fleet)
    state = ResumeState(
        model=model.model, handle=state.handle, taken_at=state.taken_at, pending_calls=state.pending_calls
    )
    async with model.connect(session_resumption=state) as session:
        assert [call.id for call in (await next_of(session, Reconnected)).calls] == ["c1"]
        assert (await settled(fleet))[0][0] == "c1"
        assert '{"output":"rain"}' in await heard_text(fleet.peer)
