"""How tools are carried out: with a context, as a stream, with consent, by hand; and what is told when one fails."""

from __future__ import annotations

import logging
import math
from collections.abc import AsyncIterator  # noqa: TC003 - annotations are read at run time here
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import pytest
import trio
import trio.testing

from livegen_trio import (
    ConfigError,
    FirebaseBackend,
    FunctionCall,
    FunctionDeclaration,
    FunctionResponse,
    GeminiBackend,
    LiveSession,
    ModelProfile,
    Reconnected,
    Tool,
    ToolCall,
    ToolCallUnanswered,
    ToolContext,
    ToolError,
    ToolFailed,
    VertexBackend,
    get_live_generative_model,
    tool,
)
from livegen_trio.types import ComputerUse
from support.peer import (
    HANDLE,
    SETUP_COMPLETE,
    TURN_COMPLETE,
    Fleet,
    Peer,
    PeerBackend,
    conversation,
    model_on,
    text,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trio.testing import MockClock

T = TypeVar("T")


def call(call_id: str, name: str, **args: Any) -> dict[str, Any]:
    return {"toolCall": {"functionCalls": [{"id": call_id, "name": name, "args": args}]}}


def cancellation(*ids: str) -> dict[str, Any]:
    return {"toolCallCancellation": {"ids": list(ids)}}


async def answer(peer: Peer) -> Mapping[str, Any]:
    """The one response in the next message, without what names the call."""
    [response] = (await peer.hear())["toolResponse"]["functionResponses"]
    return {key: value for key, value in response.items() if key not in ("id", "name")}


async def next_of(session: LiveSession, kind: type[T]) -> T:
    async for event in session:
        if isinstance(event, kind):
            return event
    raise AssertionError("the session has ended")


async def add(a: int, b: int) -> int:
    """The sum."""
    await trio.lowlevel.checkpoint()
    return a + b


# What a tool may know of its call


async def test_a_tool_may_ask_for_its_context_which_is_not_declared() -> None:
    async def who(context: ToolContext, place: str) -> dict[str, object]:
        await trio.lowlevel.checkpoint()
        return {"call": context.call_id, "args": context.call.args, "is_open": not context.session.is_closed}

    async with conversation(tools=[who]) as (_, peer):
        await peer.say(call("1", "who", place="here"))
        assert await answer(peer) == {
            "response": {"call": "1", "args": {"place": "here"}, "is_open": True},
        }


def test_only_the_other_parameters_are_declared() -> None:
    def who(place: str, context: ToolContext) -> None: ...

    [declared] = model_on(PeerBackend(), tools=[who]).tools
    [function] = declared.function_declarations
    assert function.parameters_json_schema is not None
    assert function.parameters_json_schema["properties"] == {"place": {"type": "string"}}


def test_a_context_has_to_be_a_named_parameter() -> None:
    def who(context: ToolContext, /) -> None: ...

    with pytest.raises(
        ToolError, match=r"^parameter 'context' of who can't be declared: it has to be a named one"
    ):
        model_on(PeerBackend(), tools=[who])


async def test_a_tool_can_speak_into_its_session() -> None:
    async def greet(context: ToolContext) -> None:
        await context.session.send_text_realtime("Hello from the tool.")

    async with conversation(tools=[greet]) as (_, peer):
        await peer.say(call("1", "greet"))
        heard = [await peer.hear(), await peer.hear()]
    assert {"realtimeInput": {"text": "Hello from the tool."}} in heard


async def test_a_tool_knows_its_deadline(autojump_clock: MockClock) -> None:
    seen: list[object] = []

    @tool(timeout=5)
    async def work(context: ToolContext) -> None:
        seen.append(context.deadline - trio.current_time())
        try:
            await trio.sleep_forever()
        finally:
            seen.append(context.cancelled)

    async with conversation(tools=[work]) as (session, peer):
        await peer.say(call("1", "work"))
        assert await answer(peer) == {"response": {"error": "work took longer than 5 s, and was given up"}}
        assert (
            str((await next_of(session, ToolFailed)).error) == "work took longer than 5 s, and was given up"
        )
    assert seen == [5, "it took longer than its timeout"]


async def test_a_tool_knows_why_it_is_cancelled() -> None:
    seen: list[object] = []

    async def work(context: ToolContext) -> None:
        seen.append(context.deadline)
        seen.append(context.cancelled)
        try:
            await trio.sleep_forever()
        finally:
            seen.append(context.cancelled)

    async with conversation(tools=[work]) as (_, peer):
        await peer.say(call("1", "work"), call("2", "work"))
        await trio.testing.wait_all_tasks_blocked()
        await peer.say(cancellation("1"))
        await trio.testing.wait_all_tasks_blocked()
    assert seen == [math.inf, None] * 2 + ["the server cancelled the call", "the session has ended"]


async def test_a_tool_that_finishes_knows_that_nobody_waits(autojump_clock: MockClock) -> None:
    seen = []

    @tool(on_interrupt="finish")
    async def write(context: ToolContext) -> str:
        await trio.sleep(5)
        seen.append(context.cancelled)
        return "written"

    async with conversation(tools=[write]) as (_, peer):
        await peer.say(call("1", "write"))
        await trio.testing.wait_all_tasks_blocked()
        await peer.say(cancellation("1"))
        await trio.sleep(10)
        assert peer.unheard == 0
    assert seen == ["the server cancelled the call"]


async def test_an_id_may_be_used_again_while_a_cancelled_call_finishes(autojump_clock: MockClock) -> None:
    @tool(on_interrupt="finish")
    async def write(seconds: float) -> float:
        await trio.sleep(seconds)
        return seconds

    async with conversation(tools=[write]) as (_, peer):
        await peer.say(call("1", "write", seconds=5))
        await trio.testing.wait_all_tasks_blocked()
        await peer.say(cancellation("1"), call("1", "write", seconds=2))
        assert await answer(peer) == {"response": {"output": 2}}


# Tools that answer more than once


async def test_what_a_tool_yields_is_told_as_it_comes_and_then_ends_silently(
    autojump_clock: MockClock,
) -> None:
    async def countdown(start: int) -> AsyncIterator[int]:
        for number in range(start, 0, -1):
            yield number
            await trio.sleep(1)

    async with conversation(tools=[countdown]) as (session, peer):
        await peer.say(call("1", "countdown", start=2))
        start = trio.current_time()
        assert await answer(peer) == {"response": {"output": 2}, "willContinue": True}
        assert await answer(peer) == {"response": {"output": 1}, "willContinue": True}
        assert trio.current_time() - start == 1
        assert [pending.id for pending in session.pending_calls] == ["1"]
        assert await answer(peer) == {"scheduling": "SILENT"}
        assert session.pending_calls == ()


def test_a_tool_that_yields_is_declared_as_one_that_nobody_waits_for() -> None:
    async def count() -> AsyncIterator[int]:
        yield 1

    [declared] = model_on(PeerBackend(), tools=[count]).tools
    assert declared.function_declarations[0].behavior == "NON_BLOCKING"


async def test_a_stream_of_nothing_is_answered() -> None:
    async def nothing() -> AsyncIterator[int]:
        await trio.lowlevel.checkpoint()
        for number in range(0):
            yield number

    async with conversation(tools=[nothing]) as (_, peer):
        await peer.say(call("1", "nothing"))
        assert await answer(peer) == {"response": {"output": None}}


async def test_a_stream_that_fails_ends_with_an_error() -> None:
    async def fail() -> AsyncIterator[int]:
        yield 1
        raise ToolError("the sensor is gone")

    async with conversation(tools=[fail]) as (_, peer):
        await peer.say(call("1", "fail"))
        assert (await answer(peer))["willContinue"]
        assert await answer(peer) == {"response": {"error": "the sensor is gone"}}


async def test_a_cancelled_stream_is_closed_and_says_no_more() -> None:
    closed = trio.Event()

    async def ticks() -> AsyncIterator[str]:
        try:
            yield "tick"
            await trio.sleep_forever()
        finally:
            closed.set()

    async with conversation(tools=[ticks]) as (_, peer):
        await peer.say(call("1", "ticks"))
        await peer.hear()
        await peer.say(cancellation("1"))
        await closed.wait()
        await trio.testing.wait_all_tasks_blocked()
        assert peer.unheard == 0


async def test_a_tool_tells_its_progress() -> None:
    @tool(behavior="NON_BLOCKING", scheduling="WHEN_IDLE")
    async def work(context: ToolContext) -> str:
        await context.progress({"percent": 50}, scheduling="SILENT")
        await context.progress("nearly")
        return "done"

    async with conversation(tools=[work]) as (_, peer):
        await peer.say(call("1", "work"))
        answers = [await answer(peer) for _ in range(3)]
    assert answers == [
        {"response": {"percent": 50}, "scheduling": "SILENT", "willContinue": True},
        {"response": {"output": "nearly"}, "scheduling": "WHEN_IDLE", "willContinue": True},
        {"response": {"output": "done"}, "scheduling": "WHEN_IDLE"},
    ]


async def test_a_tool_that_the_model_waits_for_has_no_progress_to_tell() -> None:
    async def work(context: ToolContext) -> None:
        await context.progress(1)

    async with conversation(tools=[work]) as (_, peer):
        await peer.say(call("1", "work"))
        assert 'behavior="NON_BLOCKING"' in (await answer(peer))["response"]["error"]


def test_a_stream_can_not_be_waited_for() -> None:
    @tool(behavior="BLOCKING")
    async def count() -> AsyncIterator[int]:
        yield 1

    with pytest.raises(ToolError, match=r"^count yields, so the model can't wait for its one answer"):
        model_on(PeerBackend(), tools=[count])


def test_a_stream_is_refused_where_a_call_has_one_answer() -> None:
    async def count() -> AsyncIterator[int]:
        yield 1

    backend = VertexBackend(project="p", api_key=None)
    with pytest.raises(ConfigError, match=r"^the tool count can't be used here: .*will_continue"):
        get_live_generative_model("gemini-live-2.5-flash", backend=backend, tools=[count])


def test_scheduling_is_refused_where_the_model_takes_none() -> None:
    @tool(scheduling="SILENT")
    def note(text: str) -> None: ...

    backend = GeminiBackend(api_key="KEY")
    with pytest.raises(ConfigError, match=r"^the tool note can't be used here: m takes no scheduling"):
        get_live_generative_model("m", backend=backend, tools=[note], profile=ModelProfile(scheduling=False))


async def test_a_tool_may_return_a_whole_response() -> None:
    def look() -> FunctionResponse:
        return FunctionResponse(response={"seen": True}, scheduling="INTERRUPT", name="other")

    async with conversation(tools=[look]) as (_, peer):
        await peer.say(call("1", "look"))
        [response] = (await peer.hear())["toolResponse"]["functionResponses"]
    assert response == {"id": "1", "name": "look", "response": {"seen": True}, "scheduling": "INTERRUPT"}


# What is told when a call fails


async def test_the_caller_is_told_of_a_tool_that_fails(caplog: pytest.LogCaptureFixture) -> None:
    def fail(word: str) -> None:
        raise RuntimeError("with a s3cret")

    async with conversation(tools=[fail]) as (session, peer):
        await peer.say(call("1", "fail", word="hm"))
        failed = await next_of(session, ToolFailed)
    assert failed.call == FunctionCall(id="1", name="fail", args={"word": "hm"})
    assert failed.message == "fail failed (RuntimeError)"
    assert isinstance(failed.error, RuntimeError)
    assert "s3cret" not in repr(failed)
    assert "the tool fail failed" in caplog.text


async def test_the_caller_is_told_of_arguments_that_do_not_fit() -> None:
    async with conversation(tools=[add]) as (session, peer):
        await peer.say(call("1", "add", a=1))
        failed = await next_of(session, ToolFailed)
        assert await answer(peer) == {"response": {"error": failed.message}}
    assert "missing required field `b`" in failed.message
    assert isinstance(failed.error, ToolError)


async def test_a_function_that_does_not_exist_is_answered_with_those_that_do() -> None:
    async with conversation(tools=[add, FunctionDeclaration(name="mine")]) as (session, peer):
        await peer.say(call("1", "subtract"))
        words = "there is no function 'subtract'; there are: add, mine"
        assert await answer(peer) == {"response": {"error": words}}
        assert (await next_of(session, ToolFailed)).message == words


async def test_asking_goes_on_where_the_model_calls_what_does_not_exist() -> None:
    async with conversation(tools=[add]) as (session, peer), trio.open_nursery() as nursery:

        @nursery.start_soon
        async def converse() -> None:
            await peer.hear()
            await peer.say(call("1", "subtract"))
            await peer.hear()
            await peer.say(text("Then not."), TURN_COMPLETE)

        assert (await session.ask("What is 2 - 1?")).text == "Then not."


@pytest.mark.parametrize("tools", [[], [add, Tool(computer_use=ComputerUse())]])
async def test_what_is_declared_elsewhere_is_left_to_the_caller(tools: list[object]) -> None:
    async with conversation(tools=tools) as (session, peer):
        await peer.say(call("1", "open_web_browser"))
        await next_of(session, ToolCall)
        await trio.testing.wait_all_tasks_blocked()
        assert peer.unheard == 0


# By hand


async def test_in_manual_mode_every_call_is_the_callers() -> None:
    async with conversation(tools=[add], connect={"tool_execution": "manual"}) as (session, peer):
        await peer.say(call("1", "add", a=1, b=2))
        event = await next_of(session, ToolCall)
        assert list(session.pending_calls) == event.function_calls
        await session.send_function_responses([FunctionResponse(id="1", name="add", response={"sum": 3})])
        assert await answer(peer) == {"response": {"sum": 3}}
        assert session.pending_calls == ()


async def test_a_call_that_is_not_answered_is_reported(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with conversation(tools=[add], connect={"tool_execution": "manual"}) as (session, peer):
        await peer.say(call("1", "add"), call("2", "add"), call("3", "add"))
        await session.send_function_responses([FunctionResponse(id="1", name="add")])
        await peer.say(cancellation("3"))
        unanswered = await next_of(session, ToolCallUnanswered)
        assert (unanswered.call.id, unanswered.seconds, trio.current_time()) == ("2", 30, 30)
        with trio.move_on_after(100):
            pytest.fail(f"of calls that were answered: {await next_of(session, ToolCallUnanswered)}")
    assert "the call 2 of add is not answered" in caplog.text


async def test_a_declared_function_that_is_not_answered_is_reported(autojump_clock: MockClock) -> None:
    async with conversation(tools=[FunctionDeclaration(name="mine")]) as (session, peer):
        await peer.say(call("1", "mine"))
        assert (await next_of(session, ToolCallUnanswered)).call.name == "mine"


async def test_asking_raises_where_the_call_is_the_callers() -> None:
    connect = {"tool_execution": "manual"}
    async with conversation(tools=[add], connect=connect) as (session, peer), trio.open_nursery() as nursery:

        @nursery.start_soon
        async def call_it() -> None:
            await peer.hear()
            await peer.say(call("1", "add"))

        with pytest.raises(ToolError, match="which no tool of this session carries out"):
            await session.ask("What is 2 - 1?")


async def yes(call: FunctionCall) -> bool:
    await trio.lowlevel.checkpoint()
    return True


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"tool_execution": "by hand"}, 'tool_execution is "auto" or "manual"'),
        ({"tool_execution": "manual", "approve": yes}, "there is nothing to approve"),
    ],
)
async def test_options_that_make_no_sense_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        async with model_on(PeerBackend(), tools=[add]).connect(**options):
            pass


# With consent


async def test_a_call_is_carried_out_once_it_is_approved(autojump_clock: MockClock) -> None:
    asked = []

    async def approve(call: FunctionCall) -> bool:
        asked.append((call.name, call.args))
        await trio.sleep(60)
        return True

    async with conversation(tools=[add], connect={"approve": approve}) as (_, peer):
        await peer.say(call("1", "add", a=1, b=2))
        assert await answer(peer) == {"response": {"output": 3}}
        assert trio.current_time() == 60
    assert asked == [("add", {"a": 1, "b": 2})]


async def test_a_call_that_is_not_approved_is_answered_so() -> None:
    async def approve(call: FunctionCall) -> bool:
        await trio.lowlevel.checkpoint()
        return False

    async with conversation(tools=[add], connect={"approve": approve}) as (_, peer):
        await peer.say(call("1", "add", a=1, b=2))
        assert await answer(peer) == {"response": {"error": "the user did not allow this call"}}


async def test_a_question_for_consent_is_withdrawn_with_the_call() -> None:
    withdrawn = trio.Event()

    async def approve(call: FunctionCall) -> bool:
        try:
            await trio.sleep_forever()
        finally:
            withdrawn.set()

    async with conversation(tools=[add], connect={"approve": approve}) as (_, peer):
        await peer.say(call("1", "add", a=1, b=2), cancellation("1"))
        await withdrawn.wait()
        await trio.testing.wait_all_tasks_blocked()
        assert peer.unheard == 0


async def test_consent_that_can_not_be_asked_for_is_none(caplog: pytest.LogCaptureFixture) -> None:
    async def approve(call: FunctionCall) -> bool:
        raise OSError("the window is closed")

    async with conversation(tools=[add], connect={"approve": approve}) as (session, peer):
        await peer.say(call("1", "add", a=1, b=2))
        assert await answer(peer) == {"response": {"error": "add failed (OSError)"}}
        assert isinstance((await next_of(session, ToolFailed)).error, OSError)
    assert any(record.levelno == logging.WARNING for record in caplog.records)


# On later connections


async def test_a_later_connection_begins_with_the_newest_instruction_and_tools(
    autojump_clock: MockClock,
) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    async with model_on(fleet, system_instruction="Be brief.", tools=[add]).connect() as session:
        await session.update_context(system_instruction="Be kind.", tools=[FunctionDeclaration(name="mine")])
        await fleet.peer.hear()
        await session.update_context(system_instruction="Be very kind.")
        await fleet.peer.hear()
        await fleet.peer.transport.abort()
        await next_of(session, Reconnected)
    assert fleet.setups[1]["tools"] == [{"functionDeclarations": [{"name": "mine"}]}]
    assert fleet.setups[1]["systemInstruction"]["parts"] == [{"text": "Be very kind."}]


# In the form that is read there


def weather(unit: Literal["C", "F"] = "C") -> None: ...


def test_functions_are_declared_as_json_schemas_where_these_are_read() -> None:
    [declared] = model_on(PeerBackend(), tools=[weather]).tools
    [function] = declared.function_declarations
    assert (function.parameters is None, function.parameters_json_schema is None) == (True, False)


@pytest.mark.parametrize(
    "options",
    [
        {"backend": GeminiBackend(api_key="KEY"), "profile": ModelProfile(json_schema=False)},
        {"backend": FirebaseBackend(api_key="KEY", project_id="project", app_id="1:2:web:3")},
    ],
)
def test_functions_are_declared_in_the_subset_of_openapi_elsewhere(options: dict[str, Any]) -> None:
    [declared] = get_live_generative_model("gemini-live-x", tools=[weather], **options).tools
    [function] = declared.function_declarations
    assert (function.parameters is None, function.parameters_json_schema is None) == (False, True)


async def test_an_update_is_in_the_same_form(autojump_clock: MockClock) -> None:
    async with conversation(tools=[], profile=ModelProfile(json_schema=False)) as (session, peer):
        await session.update_context(tools=[weather])
        [declared] = (await peer.hear())["contextUpdate"]["tools"]["tools"]
    assert set(declared["functionDeclarations"][0]) == {"name", "parameters"}
