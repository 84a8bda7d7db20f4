"""Function calls in an audio conversation: who answers them, when, and what becomes of those that nobody waits for."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from livegen_trio import FunctionCall, FunctionDeclaration, FunctionResponse, ToolCall, ToolCallCancellation
from support.talking import talk

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trio.testing import MockClock

    from support.talking import Talk


def call(*ids: str, name: str = "look", **more: Any) -> dict[str, Any]:
    return {"toolCall": {"functionCalls": [{"id": one, "name": name, **more} for one in ids]}}


def cancelled(*ids: str) -> dict[str, Any]:
    return {"toolCallCancellation": {"ids": list(ids)}}


async def answer_in(talking: Talk) -> dict[str, Any]:
    """The one response in the client's next message."""
    [response] = (await talking.peer.hear())["toolResponse"]["functionResponses"]
    assert isinstance(response, dict)
    return response


LOOK = {"tools": [FunctionDeclaration(name="look")]}


async def test_a_response_needs_no_id_and_no_name() -> None:
    async def handle(called: FunctionCall) -> FunctionResponse:
        await trio.lowlevel.checkpoint()
        return FunctionResponse(response={"seen": called.args["at"]}, scheduling="SILENT")

    async with talk(function_calling_handler=handle, model=LOOK) as talking:
        await talking.say(call("1", args={"at": "me"}))
        assert await answer_in(talking) == {
            "id": "1",
            "name": "look",
            "response": {"seen": "me"},
            "scheduling": "SILENT",
        }


async def test_a_mapping_is_what_is_in_a_response() -> None:
    async def handle(called: FunctionCall) -> Mapping[str, object]:
        await trio.lowlevel.checkpoint()
        return {"seen": 1}

    async with talk(function_calling_handler=handle, model=LOOK) as talking:
        await talking.say(call("1"))
        assert await answer_in(talking) == {"id": "1", "name": "look", "response": {"seen": 1}}


async def test_the_user_sees_handled_calls_as_well(autojump_clock: MockClock) -> None:
    async def handle(called: FunctionCall) -> Mapping[str, object]:
        await trio.sleep(1)
        return {}

    async with talk(function_calling_handler=handle, model=LOOK) as talking:
        await talking.say(call("1"), cancelled("1"))
        kinds = [type(event) for event in await talking.unread()]
    assert kinds == [ToolCall, ToolCallCancellation]


async def test_functions_of_the_session_are_not_handled(autojump_clock: MockClock) -> None:
    handled: list[str] = []

    async def handle(called: FunctionCall) -> Mapping[str, object]:
        await trio.lowlevel.checkpoint()
        handled.append(called.name)
        return {}

    def now() -> str:
        """The time."""
        return "noon"

    async with talk(function_calling_handler=handle, model={"tools": [now, *LOOK["tools"]]}) as talking:
        await talking.peer.say(call("1", name="now"), call("2"))
        answers = [await answer_in(talking), await answer_in(talking)]
    assert sorted(answer["name"] for answer in answers) == ["look", "now"]
    assert handled == ["look"]


async def test_calls_in_pieces_and_calls_that_come_twice_are_handled_once(autojump_clock: MockClock) -> None:
    handled: list[Mapping[str, object]] = []

    async def handle(called: FunctionCall) -> Mapping[str, object]:
        handled.append(called.args)
        await trio.sleep(1)
        return {}

    async with talk(function_calling_handler=handle, model=LOOK) as talking:
        await talking.say(call("1", willContinue=True), call("1", args={"at": "me"}), call("1"))
        await trio.sleep(2)
    assert handled == [{"at": "me"}]


async def test_calls_without_ids_are_all_handled(autojump_clock: MockClock) -> None:
    async def handle(called: FunctionCall) -> Mapping[str, object]:
        await trio.sleep(1)
        return {}

    async with talk(function_calling_handler=handle, model=LOOK) as talking:
        await talking.say({"toolCall": {"functionCalls": [{"name": "look"}, {"name": "look"}]}})
        for _ in range(2):
            assert "id" not in await answer_in(talking)


async def test_a_cancelled_call_ends_at_once_and_is_not_answered(autojump_clock: MockClock) -> None:
    ended: list[tuple[str | None, float]] = []

    async def handle(called: FunctionCall) -> Mapping[str, object]:
        try:
            await trio.sleep(10)
        finally:
            ended.append((called.id, trio.current_time()))
        return {}

    async with talk(function_calling_handler=handle, model=LOOK) as talking:
        await talking.say(call("1", "2"))
        await trio.sleep(1)
        await talking.say(cancelled("1", "7"))
        assert ended == [("1", 1)]
        assert (await answer_in(talking))["id"] == "2"


async def test_the_id_of_a_cancelled_call_may_be_used_again(autojump_clock: MockClock) -> None:
    async def handle(called: FunctionCall) -> Mapping[str, object]:
        with trio.CancelScope(shield=called.args["at"] == "once"):
            await trio.sleep(10)
        return {}

    async with talk(function_calling_handler=handle, model=LOOK) as talking:
        await talking.say(call("1", args={"at": "once"}), cancelled("1"), call("1", args={"at": "again"}))
        assert await answer_in(talking) == {"id": "1", "name": "look"}


@pytest.mark.parametrize("flaw", ["raises", "answers nonsense", "answers nothing"])
async def test_a_handler_that_fails_is_an_error_to_the_model_and_the_conversation_goes_on(
    flaw: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def handle(called: FunctionCall) -> Any:
        await trio.lowlevel.checkpoint()
        if flaw == "raises" and called.id == "1":
            raise ValueError("a secret")
        return {"answers nonsense": {"it": object()}, "answers nothing": None}.get(flaw, {"fine": 1})

    async with talk(function_calling_handler=handle, model=LOOK) as talking:
        await talking.say(call("1"))
        answer = await answer_in(talking)
        assert list(answer["response"]) == ["error"]
        assert answer["response"]["error"].startswith("look failed (")
        assert "secret" not in str(answer)
        [record] = [record for record in caplog.records if record.levelno >= logging.WARNING]
        assert record.getMessage() == "the handler of look failed"
        await talking.say(call("2"))
        assert (await answer_in(talking))["id"] == "2"


async def test_an_answer_that_somebody_gave_already_is_not_sent(caplog: pytest.LogCaptureFixture) -> None:
    async def handle(called: FunctionCall) -> FunctionResponse:
        await talking.session.send_function_responses([FunctionResponse(id="1", name="look")])
        return FunctionResponse()

    async with talk(function_calling_handler=handle, model=LOOK) as talking:
        await talking.say(call("1"))
        assert await answer_in(talking) == {"id": "1", "name": "look"}
        assert "an answer was not sent" in caplog.text
        await talking.say(call("2"))


async def test_leaving_ends_the_calls_and_answers_them(autojump_clock: MockClock) -> None:
    async def handle(called: FunctionCall) -> Mapping[str, object]:
        await trio.sleep(10)
        return {}

    async with talk(function_calling_handler=handle, model=LOOK) as talking:
        await talking.say(call("1", "2"))
        await trio.sleep(1)
        await talking.conversation.stop()
        assert trio.current_time() == 1
        answers = [await answer_in(talking), await answer_in(talking)]
    assert {answer["id"] for answer in answers} == {"1", "2"}
    assert {answer["response"]["error"] for answer in answers} == {
        "the conversation was left before the call was carried out"
    }


async def test_calls_that_were_answered_are_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    async def handle(called: FunctionCall) -> Mapping[str, object]:
        await trio.lowlevel.checkpoint()
        return {}

    both = {"tools": [FunctionDeclaration(name=name) for name in ("look", "listen")]}
    async with talk(function_calling_handler=handle, model=both) as talking:
        # Without an id a call is known by its name, whose oldest one it is taken for.
        await talking.say(call("1", "2"), {"toolCall": {"functionCalls": [{"name": "listen"}]}})
        await talking.conversation.stop()
        await talking.session.send("afterwards")
        for _ in range(3):
            await answer_in(talking)
        assert "clientContent" in await talking.peer.hear()
    assert caplog.text == ""


async def test_the_end_of_the_session_ends_the_calls(autojump_clock: MockClock) -> None:
    ended: list[float] = []

    async def handle(called: FunctionCall) -> Mapping[str, object]:
        try:
            await trio.sleep(10)
        finally:
            ended.append(trio.current_time())
        return {}

    async with talk(function_calling_handler=handle, model=LOOK) as talking:
        await talking.say(call("1"))
        await trio.sleep(1)
        await talking.peer.close()
        assert [type(event) async for event in talking.conversation] == [ToolCall]
        await trio.sleep(1)
    assert ended == [1]


async def test_an_answer_that_comes_as_the_session_ends_is_nobodys(autojump_clock: MockClock) -> None:
    async def handle(called: FunctionCall) -> Mapping[str, object]:
        with trio.CancelScope(shield=True):
            await trio.sleep(10)
        return {}

    async with talk(function_calling_handler=handle, model=LOOK) as talking:
        await talking.say(call("1"))
        await talking.session.aclose()
        await trio.sleep(20)
