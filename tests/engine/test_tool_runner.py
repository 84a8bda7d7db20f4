"""Functions that the model calls: carried out beside the conversation, and cancelled when it says so."""

from __future__ import annotations

import logging
import math
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from livegen_trio import (
    FunctionDeclaration,
    FunctionResponse,
    LocalProtocolError,
    SessionClosedError,
    ToolCall,
    ToolError,
    ToolFailed,
    tool,
)
from livegen_trio.transports.base import ConnectionClosed
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


# More calls than any model makes


def many(count: int, name: str = "double") -> dict[str, Any]:
    return calls(*((str(number), name, {"number": number}) for number in range(count)))


async def answers(peer: Any, count: int) -> dict[str, dict[str, Any]]:
    """The next *count* responses, by their ids."""
    known: dict[str, dict[str, Any]] = {}
    while len(known) < count:
        for one in (await peer.hear())["toolResponse"]["functionResponses"]:
            known[one["id"]] = one["response"]
    return known


async def test_calls_of_one_message_beyond_a_limit_are_refused_with_an_answer() -> None:
    async with conversation(tools=[double]) as (session, peer):
        await peer.say(many(600))
        known = await answers(peer, 600)
        assert isinstance(await session.receive(), ToolCall)
        failed = await session.receive()
    refused = {int(one) for one, response in known.items() if "error" in response}
    assert refused == set(range(256, 600))
    assert known["599"]["error"] == "too many calls at once; make at most 256, and wait for their answers"
    assert isinstance(failed, ToolFailed)
    assert failed.call.id == "256"


async def test_refusals_go_out_in_small_messages_one_at_a_time() -> None:
    sizes: list[int] = []
    async with conversation(tools=[double]) as (_, peer):
        for _ in range(3):
            await peer.say(many(500, "missing"))
        while sum(sizes) < 244:  # those beyond 256; a call that came twice is answered once
            responses = (await peer.hear())["toolResponse"]["functionResponses"]
            if responses[0]["response"]["error"].startswith("too many"):
                sizes.append(len(responses))
    assert max(sizes) == 64


async def test_so_are_calls_beyond_a_limit_of_those_that_wait() -> None:
    async with conversation(tools=[FunctionDeclaration(name="mine")]) as (session, peer):
        for begin in range(0, 1280, 256):
            await peer.say(
                calls(*((str(number), "mine", {}) for number in range(begin, begin + 256))),
            )
        known = await answers(peer, 256)
        assert set(map(int, known)) == set(range(1024, 1280))
        assert len(session.pending_calls) == 1024


async def test_calls_that_finish_after_their_cancellation_count_as_well(autojump_clock: MockClock) -> None:
    @tool(on_interrupt="finish")
    async def stubborn(number: int) -> int:
        await trio.sleep(60)
        return number

    async with conversation(tools=[stubborn]) as (_, peer):
        for begin in range(0, 256 * 9, 256):
            ids = [str(number) for number in range(begin, begin + 256)]
            await peer.say(calls(*((one, "stubborn", {"number": 1}) for one in ids)))
            await trio.sleep(0.1)
            if begin < 2048:
                await peer.say({"toolCallCancellation": {"ids": ids}})
                await trio.sleep(0.1)
        with trio.fail_after(10):
            known = await answers(peer, 256)
    assert set(map(int, known)) == set(range(2048, 2304))


async def test_a_flood_of_calls_whose_answers_are_not_read_ends_the_session() -> None:
    with pytest.raises(SessionClosedError, match="more than 65536 calls that wait") as caught:
        async with conversation(tools=[FunctionDeclaration(name="mine")]) as (session, peer):
            peer.freeze()
            with suppress(ConnectionClosed):  # as soon as it is too many
                for begin in range(0, 100_000, 5000):
                    await peer.say(calls(*((str(one), "mine", {}) for one in range(begin, begin + 5000))))
            async for _ in session:
                pass
    assert (caught.value.code, caught.value.initiator) == (1008, "local")


async def test_a_function_that_is_not_there_is_answered_with_some_of_those_that_are() -> None:
    given = [FunctionDeclaration(name=f"f{number:03}") for number in range(500)]
    async with conversation(tools=[*given, double]) as (_, peer):
        await peer.say(calls(("1", "x" * 1000, {})))
        [response] = (await peer.hear())["toolResponse"]["functionResponses"]
    assert len(response["response"]["error"]) < 500
    assert response["response"]["error"].endswith("f062, 437 more")


# Calls without an id


async def test_calls_without_an_id_have_an_outcome_each() -> None:
    async with conversation(tools=[FunctionDeclaration(name="mine"), double]) as (session, peer):
        same = (None, "double", {"number": 2})
        await peer.say(calls(same, same, (None, "mine", {}), (None, "mine", {})))
        event = await session.receive()
        assert isinstance(event, ToolCall)
        for _ in range(2):
            [response] = (await peer.hear())["toolResponse"]["functionResponses"]
            assert response == {"name": "double", "response": {"output": 4}}
        first, second = session.pending_calls
        assert [first, second] == event.function_calls[2:]
        by_id = FunctionResponse(id=second.id, name="mine", response={"n": 2})
        await session.send_function_responses([by_id])
        assert session.pending_calls == (first,)
        with pytest.raises(LocalProtocolError, match="already answered"):
            await session.send_function_responses([by_id])
        await session.send_function_responses([FunctionResponse(name="mine", response={"n": 1})])
        sent = [(await peer.hear())["toolResponse"]["functionResponses"] for _ in range(2)]
    assert sent == [[{"name": "mine", "response": {"n": 2}}], [{"name": "mine", "response": {"n": 1}}]]


# Threads


async def test_hung_sync_tools_of_one_session_take_no_threads_of_another() -> None:
    released = threading.Event()

    def hang(number: int) -> int:
        released.wait(30)
        return number

    def look() -> str:
        return "here"

    with trio.fail_after(10):
        async with (
            conversation(tools=[hang]) as (_, hanging),
            conversation(tools=[look]) as (_, peer),
        ):
            await hanging.say(many(60, "hang"))
            await trio.testing.wait_all_tasks_blocked(0.05)
            await hanging.say({"toolCallCancellation": {"ids": [str(number) for number in range(60)]}})
            await trio.to_thread.run_sync(lambda: None)
            await peer.say(calls(("1", "look", {})))
            assert (await answers(peer, 1))["1"] == {"output": "here"}
            released.set()


async def test_a_sync_tool_that_gets_no_thread_falls_under_its_timeout(autojump_clock: MockClock) -> None:
    released = threading.Event()

    @tool(timeout=5)
    def hang(number: int) -> int:
        released.wait(30)
        return number

    autojump_clock.autojump_threshold = math.inf
    autojump_clock.rate = 1000
    async with conversation(tools=[hang]) as (_, peer):
        await peer.say(many(40, "hang"))
        known = await answers(peer, 40)
        released.set()
    assert {response["error"] for response in known.values()} == {
        "hang took longer than 5 s, and was given up"
    }


async def test_a_call_that_finishes_after_its_cancellation_leaves_its_id_to_another(
    autojump_clock: MockClock,
) -> None:
    ended = []

    @tool(on_interrupt="finish")
    async def work(number: int) -> int:
        try:
            await trio.sleep(number)
        finally:
            ended.append((number, trio.current_time()))
        return number

    async with conversation(tools=[work]) as (_, peer):
        await peer.say(calls(("1", "work", {"number": 5})))
        await trio.sleep(1)
        await peer.say({"toolCallCancellation": {"ids": ["1"]}}, calls(("1", "work", {"number": 100})))
        await trio.sleep(10)
        await peer.say({"toolCallCancellation": {"ids": ["1"]}})
        await peer.close(1000)
        await trio.sleep(1)
    assert ended == [(5, 5), (100, 11)]


async def test_a_call_that_is_taken_back_while_it_waits_for_its_turn_never_runs(
    autojump_clock: MockClock,
) -> None:
    began = []

    async def work(number: int) -> int:
        began.append(number)
        await trio.sleep(5)
        return number

    async with conversation(tools=[work]) as (_, peer):
        await peer.say(many(70, "work"))
        await trio.sleep(1)
        assert set(began) == {*range(64)}
        await peer.say({"toolCallCancellation": {"ids": ["65", "66", "1"]}})
        known = await answers(peer, 67)
    assert set(began) == {*range(70)} - {65, 66}
    assert set(map(int, known)) == {*range(70)} - {1, 65, 66}
