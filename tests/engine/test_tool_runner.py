"""Functions that the model calls: carried out beside the conversation, and cancelled when it says so."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from livegen_trio import FunctionDeclaration, FunctionResponse, ToolCall, ToolError
from support.peer import conversation, next_content, text

if TYPE_CHECKING:
    from trio.testing import MockClock


def calls(*wanted: tuple[str | None, str, dict[str, Any]]) -> dict[str, Any]:
    return {
        "toolCall": {"functionCalls": [{"id": one, "name": name, "args": args} for one, name, args in wanted]}
    }


async def double(number: int) -> int:
    """Twice as much."""
    await trio.lowlevel.checkpoint()
    return 2 * number


async def test_a_call_is_answered_by_its_id() -> None:
    async with conversation(tools=[double]) as (session, peer):
        await peer.say(calls(("1", "double", {"number": 21})))
        assert await peer.hear() == {
            "toolResponse": {"functionResponses": [{"id": "1", "name": "double", "response": {"output": 42}}]}
        }
        assert isinstance(await session.receive(), ToolCall)


async def test_a_call_without_an_id_is_answered_by_its_name() -> None:
    async with conversation(tools=[double]) as (_, peer):
        await peer.say(calls((None, "double", {"number": 21})))
        answer = (await peer.hear())["toolResponse"]["functionResponses"]
    assert answer == [{"name": "double", "response": {"output": 42}}]


async def test_a_sync_function_runs_in_a_thread() -> None:
    def where() -> dict[str, bool]:
        """Where it runs."""
        return {"in_trio": trio.lowlevel.in_trio_task()}

    async with conversation(tools=[where]) as (_, peer):
        await peer.say(calls(("1", "where", {})))
        answer = (await peer.hear())["toolResponse"]["functionResponses"][0]["response"]
    assert answer == {"in_trio": False}


async def test_a_tool_delays_neither_another_one_nor_the_conversation(autojump_clock: MockClock) -> None:
    async def wait(seconds: float) -> str:
        await trio.sleep(seconds)
        return "done"

    async with conversation(tools=[wait]) as (session, peer):
        await peer.say(
            calls(("long", "wait", {"seconds": 10}), ("short", "wait", {"seconds": 1})), text("hm")
        )
        assert isinstance(await session.receive(), ToolCall)
        assert (await next_content(session)).text == "hm"
        assert trio.current_time() == 0
        order = [(await peer.hear())["toolResponse"]["functionResponses"][0]["id"] for _ in range(2)]
    assert order == ["short", "long"]
    assert trio.current_time() == 10


async def test_a_cancelled_call_ends_with_its_clean_up_and_without_an_answer(
    autojump_clock: MockClock,
) -> None:
    ended = []

    async def wait() -> None:
        try:
            await trio.sleep(10)
        finally:
            ended.append(trio.current_time())

    async with conversation(tools=[wait, double]) as (session, peer):
        await peer.say(calls(("1", "wait", {})))
        await trio.sleep(2)
        await peer.say({"toolCallCancellation": {"ids": ["1", "never heard of"]}})
        await peer.say(calls(("2", "double", {"number": 1})))
        answer = (await peer.hear())["toolResponse"]["functionResponses"]
        assert [response["id"] for response in answer] == ["2"]
        await session.send("still here")
        assert "clientContent" in await peer.hear()
    assert ended == [2]


async def test_a_call_cancelled_in_the_same_frame_never_runs() -> None:
    ran = []

    async def note() -> None:
        await trio.lowlevel.checkpoint()
        ran.append(True)

    async with conversation(tools=[note]) as (_session, peer):
        await peer.say({**calls(("1", "note", {})), "toolCallCancellation": {"ids": ["0"]}})
        await peer.say(calls(("2", "note", {})), {"toolCallCancellation": {"ids": ["2"]}})
        answer = (await peer.hear())["toolResponse"]["functionResponses"]
        await trio.testing.wait_all_tasks_blocked()
    assert [response["id"] for response in answer] == ["1"]
    assert ran == [True]


async def test_leaving_the_session_cancels_its_calls(autojump_clock: MockClock) -> None:
    ended = []

    async def wait() -> None:
        try:
            await trio.sleep_forever()
        finally:
            ended.append(True)

    async with conversation(tools=[wait]) as (_, peer):
        await peer.say(calls(("1", "wait", {}), (None, "wait", {})))
        await trio.testing.wait_all_tasks_blocked()
    assert ended == [True, True]


async def test_the_end_of_the_session_cancels_its_calls(autojump_clock: MockClock) -> None:
    ended = trio.Event()

    async def wait() -> None:
        try:
            await trio.sleep_forever()
        finally:
            ended.set()

    async with conversation(tools=[wait]) as (_session, peer):
        await peer.say(calls(("1", "wait", {})))
        await trio.testing.wait_all_tasks_blocked()
        await peer.close(1000)
        with trio.fail_after(1):
            await ended.wait()


async def test_a_failing_tool_answers_with_an_error_and_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    async def fail() -> None:
        await trio.lowlevel.checkpoint()
        raise ValueError("password is hunter2")

    with caplog.at_level(logging.WARNING):
        async with conversation(tools=[fail, double]) as (_, peer):
            await peer.say(calls(("1", "fail", {}), ("2", "double", {"number": 1})))
            answers = [(await peer.hear())["toolResponse"]["functionResponses"][0] for _ in range(2)]
    by_id = {answer["id"]: answer["response"] for answer in answers}
    assert by_id == {"1": {"error": "fail failed (ValueError)"}, "2": {"output": 2}}
    assert "the tool fail failed" in caplog.text


async def test_a_tool_may_say_what_the_model_should_know() -> None:
    async def book(date: str) -> None:
        await trio.lowlevel.checkpoint()
        raise ToolError(f"{date} is in the past")

    async with conversation(tools=[book]) as (_, peer):
        await peer.say(calls(("1", "book", {"date": "yesterday"})))
        answer = (await peer.hear())["toolResponse"]["functionResponses"][0]["response"]
    assert answer == {"error": "yesterday is in the past"}


async def test_wrong_arguments_are_answered_so_that_the_model_can_mend_them() -> None:
    async with conversation(tools=[double]) as (_, peer):
        await peer.say(calls(("1", "double", {"number": "many"})))
        answer = (await peer.hear())["toolResponse"]["functionResponses"][0]["response"]
    assert "number" in answer["error"]


async def test_calls_of_declared_functions_are_left_to_the_consumer() -> None:
    async with conversation(tools=[FunctionDeclaration(name="mine"), double]) as (session, peer):
        await peer.say(calls(("1", "mine", {}), ("2", "double", {"number": 1})))
        answer = (await peer.hear())["toolResponse"]["functionResponses"]
        event = await session.receive()
    assert [response["id"] for response in answer] == ["2"]
    assert isinstance(event, ToolCall)
    assert [call.name for call in event.function_calls] == ["mine", "double"]


async def test_tools_can_be_replaced_while_one_runs(autojump_clock: MockClock) -> None:
    async def wait() -> str:
        await trio.sleep(5)
        return "old"

    async with conversation(tools=[wait]) as (session, peer):
        await peer.say(calls(("1", "wait", {})))
        await trio.testing.wait_all_tasks_blocked()
        await session.update_context(tools=[double])
        assert "contextUpdate" in await peer.hear()
        await peer.say(calls(("2", "wait", {}), ("3", "double", {"number": 2})))
        answers = [(await peer.hear())["toolResponse"]["functionResponses"][0] for _ in range(3)]
    by_id = {answer["id"]: answer["response"] for answer in answers}
    assert by_id["2"] == {"error": "there is no function 'wait'; there are: double"}
    assert (by_id["1"], by_id["3"], answers[-1]["id"]) == ({"output": "old"}, {"output": 4}, "1")


async def test_a_result_that_comes_after_the_sessions_end_harms_nobody(autojump_clock: MockClock) -> None:
    async def stubborn() -> str:
        with trio.CancelScope(shield=True):
            await trio.sleep(0.5)
        return "late"

    async with conversation(tools=[stubborn]) as (_, peer):
        await peer.say(calls(("1", "stubborn", {})))
        await trio.testing.wait_all_tasks_blocked()


async def test_a_call_that_comes_twice_while_it_runs_has_one_outcome(autojump_clock: MockClock) -> None:
    async def wait() -> str:
        await trio.sleep(1)
        return "done"

    async with conversation(tools=[wait, double]) as (_, peer):
        await peer.say(calls(("1", "wait", {})), calls(("1", "wait", {})))
        await trio.sleep(2)
        await peer.say(calls(("2", "double", {"number": 1})))
        answers = [(await peer.hear())["toolResponse"]["functionResponses"][0]["id"] for _ in range(2)]
    assert answers == ["1", "2"]


async def test_the_id_of_a_cancelled_call_can_be_used_again_while_that_cleans_up(
    autojump_clock: MockClock,
) -> None:
    began = []

    async def work() -> str:
        began.append(trio.current_time())
        try:
            await trio.sleep(5)
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(3)
        return "done"

    async with conversation(tools=[work]) as (_, peer):
        await peer.say(calls(("1", "work", {})))
        await trio.sleep(1)
        await peer.say({"toolCallCancellation": {"ids": ["1"]}}, calls(("1", "work", {})))
        answer = (await peer.hear())["toolResponse"]["functionResponses"]
    assert began == [0, 1]
    assert answer == [{"id": "1", "name": "work", "response": {"output": "done"}}]
    assert trio.current_time() == 9


async def test_a_call_that_was_answered_by_hand_is_not_answered_again(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async def wait() -> str:
        await trio.sleep(1)
        return "done"

    async with conversation(tools=[wait]) as (session, peer):
        await peer.say(calls(("1", "wait", {})))
        await session.receive()
        await session.send_function_responses(
            [FunctionResponse(id="1", name="wait", response={"by": "hand"})]
        )
        await trio.sleep(2)
        await session.send("still here")
        assert (await peer.hear())["toolResponse"]["functionResponses"][0]["response"] == {"by": "hand"}
        assert "clientContent" in await peer.hear()
    assert "not sent" in caplog.text


async def test_a_call_whose_arguments_are_still_to_come_is_not_run_yet() -> None:
    piece = {"id": "1", "name": "double", "willContinue": True}
    async with conversation(tools=[double]) as (_, peer):
        await peer.say({"toolCall": {"functionCalls": [piece]}}, calls(("1", "double", {"number": 4})))
        answer = (await peer.hear())["toolResponse"]["functionResponses"]
    assert answer == [{"id": "1", "name": "double", "response": {"output": 8}}]


async def test_ctrl_c_in_a_tool_leaves_the_block_as_it_is() -> None:
    async def interrupted() -> None:
        await trio.lowlevel.checkpoint()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        async with conversation(tools=[interrupted]) as (_, peer):
            await peer.say(calls(("1", "interrupted", {})))
            await trio.sleep_forever()
