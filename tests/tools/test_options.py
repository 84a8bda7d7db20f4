"""`@tool(...)`: what a function is told beside its signature."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from livegen_trio import ToolError, tool
from livegen_trio.tools import FunctionTool
from support.peer import conversation, next_content, text

if TYPE_CHECKING:
    from trio.testing import MockClock


def call(*ids: str, name: str = "work", **args: Any) -> dict[str, Any]:
    return {"toolCall": {"functionCalls": [{"id": one, "name": name, "args": args} for one in ids]}}


async def responses(peer: Any, count: int = 1) -> list[dict[str, Any]]:
    return [(await peer.hear())["toolResponse"]["functionResponses"][0] for _ in range(count)]


def test_a_decorated_function_stays_what_it_is() -> None:
    def double(number: int) -> int:
        return 2 * number

    assert tool(double) is double
    assert tool(timeout=1)(double) is double
    assert double(2) == 4


def test_the_declaration_carries_name_and_behavior() -> None:
    @tool(name="look_up", behavior="NON_BLOCKING")
    async def work(city: str) -> str:
        return city

    declaration = FunctionTool(work).declaration
    assert (declaration.name, declaration.behavior) == ("look_up", "NON_BLOCKING")


def test_methods_partials_and_lambdas_have_options_too() -> None:
    class Desk:
        @tool(name="look_up")
        async def work(self, city: str) -> str:
            return city

    @tool(name="double")
    def times(factor: int, number: int) -> int:
        return factor * number

    assert FunctionTool(Desk().work).name == "look_up"
    assert FunctionTool(partial(times, factor=2)).name == "double"
    assert FunctionTool(tool(name="triple")(partial(times, factor=3))).name == "triple"
    assert FunctionTool(tool(name="answer")(lambda: 42)).name == "answer"


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"name": "a b"}, "can't be a tool's name"),
        ({"name": ""}, "can't be a tool's name"),
        ({"timeout": 0}, "a number of seconds above 0"),
        ({"timeout": float("nan")}, "a number of seconds above 0"),
        ({"on_interrupt": "ignore"}, '"cancel" or "finish"'),
        ({"behavior": "BLOCKING", "scheduling": "SILENT"}, "leave out BLOCKING"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ToolError, match=complaint):
        tool(**options)


async def test_the_scheduling_is_in_the_answer() -> None:
    @tool(behavior="NON_BLOCKING", scheduling="WHEN_IDLE")
    async def work() -> int:
        return 1

    async with conversation(tools=[work]) as (_, peer):
        await peer.say(call("1"))
        assert (await responses(peer))[0]["scheduling"] == "WHEN_IDLE"


async def test_a_tool_that_takes_too_long_is_cancelled_and_the_model_told(autojump_clock: MockClock) -> None:
    ended = []

    @tool(timeout=5)
    async def work(seconds: float) -> str:
        try:
            await trio.sleep(seconds)
        finally:
            ended.append(trio.current_time())
        return "done"

    async with conversation(tools=[work]) as (_, peer):
        await peer.say(call("1", seconds=4), call("2", seconds=60))
        done, late = await responses(peer, 2)
    assert done["response"] == {"output": "done"}
    assert late["response"] == {"error": "work took longer than 5 s, and was given up"}
    assert ended == [4, 5]


async def test_a_limiter_is_held_while_the_tool_runs(autojump_clock: MockClock) -> None:
    running = most = 0

    @tool(limiter=trio.CapacityLimiter(2), timeout=1.5)
    async def work() -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await trio.sleep(1)
        running -= 1

    async with conversation(tools=[work]) as (_, peer):
        await peer.say(call(*"123456"))
        answers = await responses(peer, 6)
    assert all("error" not in answer["response"] for answer in answers)  # waiting is not running
    assert most == 2
    assert trio.current_time() == 3


async def test_a_session_carries_out_sixty_four_calls_at_once(autojump_clock: MockClock) -> None:
    async def work() -> None:
        await trio.sleep(1)

    async with conversation(tools=[work]) as (_, peer):
        await peer.say(call(*map(str, range(65))))
        await responses(peer, 64)
        assert trio.current_time() == 1
        await responses(peer)
        assert trio.current_time() == 2


async def test_a_call_that_is_taken_back_may_finish_and_is_not_answered(autojump_clock: MockClock) -> None:
    finished = []

    @tool(on_interrupt="finish")
    async def work() -> None:
        await trio.sleep(5)
        finished.append(trio.current_time())

    async with conversation(tools=[work]) as (session, peer):
        await peer.say(call("1"), {"toolCallCancellation": {"ids": ["1"]}}, text("All right."))
        await session.receive()
        await session.receive()
        assert (await next_content(session)).text == "All right."
        await trio.sleep(10)
        assert finished == [5]
        assert peer.unheard == 0


async def test_the_end_of_the_session_cancels_it_all_the_same(autojump_clock: MockClock) -> None:
    ended = []

    @tool(on_interrupt="finish")
    async def work() -> None:
        try:
            await trio.sleep_forever()
        finally:
            ended.append(trio.current_time())

    async with conversation(tools=[work]) as (session, peer):
        await peer.say(call("1"), {"toolCallCancellation": {"ids": ["1"]}})
        await session.receive()
        await session.receive()
        await trio.testing.wait_all_tasks_blocked()  # so that it has begun
    assert ended == [0]
