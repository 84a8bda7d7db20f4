"""A user's tools on every event loop: all of them run where their user lives, and so does what they call."""

from __future__ import annotations

import asyncio
import contextvars
import math
import sys
import threading
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import anyio.lowlevel
import mcp
import pytest
import sniffio
import trio
from mcp.server import MCPServer
from mcp.server.mcpserver import Context  # noqa: TC002 - looked at when a tool is declared

from livegen_trio import (
    FunctionCall,
    GeminiBackend,
    LiveSession,
    ToolContext,
    ToolFailed,
    get_live_generative_model,
    tool,
)
from livegen_trio.anyio import connect, create_auth_token
from livegen_trio.local import CallTool, LocalBackend, Say
from livegen_trio.testing import Connection, Emit, Expect, ScriptedServer
from support.event_loops import on_asyncio, on_every_loop, until
from support.live_client import text_engines

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from livegen_trio import Content

LANGUAGE: contextvars.ContextVar[str] = contextvars.ContextVar("LANGUAGE", default="none")
STATION = str(Path(__file__).parent.parent / "support" / "mcp_server.py")
MODEL = "gemini-2.5-flash-native-audio-preview-12-2025"
CANCELLATION = {"toolCallCancellation": {"ids": ["1"]}}


def call(call_id: str, name: str, **args: object) -> dict[str, Any]:
    return {"toolCall": {"functionCalls": [{"id": call_id, "name": name, "args": args}]}}


def answer(call_id: str, **response: object) -> dict[str, Any]:
    return {"toolResponse": {"functionResponses": [{"id": call_id, "response": response}]}}


def a_piece(call_id: str, output: object) -> dict[str, Any]:
    piece = {"id": call_id, "response": {"output": output}, "willContinue": True}
    return {"toolResponse": {"functionResponses": [piece]}}


def all_is_said(call_id: str) -> dict[str, Any]:
    return {"toolResponse": {"functionResponses": [{"id": call_id, "scheduling": "SILENT"}]}}


@asynccontextmanager
async def playing(*steps: Any, tools: Sequence[Any], **options: Any) -> AsyncGenerator[LiveSession]:
    """A session with *tools*, until the server has played *steps*."""
    server = ScriptedServer(Connection(*steps))
    model = get_live_generative_model("m", backend=server.backend, tools=tools)
    expected = 1 + sum(isinstance(step, Expect) for step in steps)
    async with server.playing(), connect(model, **options) as session:
        yield session
        await until(lambda: len(server.connected[0].heard) == expected)


def here() -> tuple[int, str]:
    return threading.get_ident(), sniffio.current_async_library()


# Answers that come bit by bit


@on_every_loop
async def test_an_async_generator_runs_in_one_task_and_context_on_the_callers_loop() -> None:
    home = here()
    tasks = []

    async def count() -> AsyncGenerator[object]:
        tasks.append(anyio.get_current_task().id)
        LANGUAGE.set("Breton")
        await anyio.lowlevel.checkpoint()
        yield here() == home
        tasks.append(anyio.get_current_task().id)
        yield LANGUAGE.get()
        tasks.append(anyio.get_current_task().id)

    steps = [
        Emit(call("1", "count")),
        Expect(a_piece("1", output=True)),
        Expect(a_piece("1", "Breton")),
        Expect(all_is_said("1")),
    ]
    async with playing(*steps, tools=[count]):
        await until(lambda: len(tasks) == 3)
    assert len(set(tasks)) == 1


@on_every_loop
async def test_scopes_of_anyio_and_context_managers_work_across_the_yields_of_a_generator() -> None:
    left: list[str] = []

    @asynccontextmanager
    async def connection() -> AsyncGenerator[None]:
        try:
            yield
        finally:
            await anyio.lowlevel.checkpoint()  # noqa: ASYNC102 - what it is about
            left.append("connection")

    async def watch() -> AsyncGenerator[object]:
        async with connection(), anyio.create_task_group() as tasks:
            with anyio.move_on_after(0.02) as scope:
                yield "begun"  # noqa: ASYNC119 - what it is about
                await anyio.sleep_forever()
            yield scope.cancelled_caught  # noqa: ASYNC101, ASYNC119 - the same
            tasks.cancel_scope.cancel()

    steps = [
        Emit(call("1", "watch")),
        Expect(a_piece("1", "begun")),
        Expect(a_piece("1", output=True)),
        Expect(all_is_said("1")),
    ]
    async with playing(*steps, tools=[watch]):
        await until(lambda: left == ["connection"])


@on_asyncio
async def test_timeouts_and_task_groups_of_asyncio_work_across_the_yields_of_a_generator() -> None:
    async def watch() -> AsyncGenerator[object]:
        async with asyncio.TaskGroup() as tasks:
            other = tasks.create_task(asyncio.sleep(0, "by another task"))
            try:
                async with asyncio.timeout(0.02):
                    yield "begun"  # noqa: ASYNC119 - what it is about
                    await asyncio.sleep(60)
            except TimeoutError:
                yield "too late"  # noqa: ASYNC101, ASYNC119 - the same
            yield await other  # noqa: ASYNC101, ASYNC119 - the same

    pieces = [Expect(a_piece("1", piece)) for piece in ("begun", "too late", "by another task")]
    async with playing(Emit(call("1", "watch")), *pieces, Expect(all_is_said("1")), tools=[watch]):
        pass


@on_every_loop
async def test_a_generator_that_the_server_cancels_cleans_up_where_it_ran() -> None:
    home = here()
    sleeping = anyio.Event()
    ended: list[object] = []

    async def watch(context: ToolContext) -> AsyncGenerator[str]:
        try:
            yield "begun"
            sleeping.set()
            await anyio.sleep_forever()
        except anyio.get_cancelled_exc_class():
            ended.append("cancelled")
            raise
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.sleep(0.001)
            ended.extend((here() == home, context.cancelled))

    steps = [
        Emit(call("1", "watch")),
        Expect(a_piece("1", "begun")),
        Expect({"realtimeInput": {"text": "it sleeps"}}),
        Emit(CANCELLATION, call("2", "add", a=1, b=2)),
        Expect(answer("2", output=3)),
    ]

    async def add(a: int, b: int) -> int:
        await anyio.lowlevel.checkpoint()
        return a + b

    async with playing(*steps, tools=[watch, add]) as session:
        await sleeping.wait()
        await session.send_text_realtime("it sleeps")
        await until(lambda: len(ended) == 3)
    assert ended == ["cancelled", True, "the server cancelled the call"]


@on_every_loop
async def test_leaving_the_session_ends_a_generator_before_the_block_is_left() -> None:
    ended: list[str] = []

    async def watch() -> AsyncGenerator[str]:
        try:
            yield "begun"
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.sleep(0.02)
            ended.append("clean")

    async with playing(Emit(call("1", "watch")), Expect(a_piece("1", "begun")), tools=[watch]):
        pass
    assert ended == ["clean"]


@on_every_loop
async def test_a_generator_that_fails_is_answered_for() -> None:
    async def watch() -> AsyncGenerator[str]:
        yield "begun"
        raise ValueError("secret")

    steps = [
        Emit(call("1", "watch")),
        Expect(a_piece("1", "begun")),
        Expect(answer("1", error="watch failed (ValueError)")),
    ]
    async with playing(*steps, tools=[watch]) as session:
        assert isinstance((await first(session, ToolFailed)).error, ValueError)


async def first(session: LiveSession, kind: type[Any]) -> Any:
    while not isinstance(event := await session.receive(), kind):
        pass
    return event


# What a tool may know


@on_every_loop
async def test_a_tools_session_is_the_callers_own() -> None:
    sessions: list[object] = []

    async def tell(context: ToolContext) -> str:
        sessions.append(context.session)
        await context.session.send_text_realtime("from a tool")
        await until(lambda: not context.session.statistics().unsent_frames)  # answers would go first
        return "told"

    steps = [
        Emit(call("1", "tell")),
        Expect({"realtimeInput": {"text": "from a tool"}}),
        Expect(answer("1", output="told")),
    ]
    async with playing(*steps, tools=[tell]) as session:
        await until(lambda: sessions)
        assert sessions == [session]


@on_every_loop
async def test_a_tool_may_be_called_before_the_block_has_begun() -> None:
    async def tell(context: ToolContext) -> str:
        await context.session.send_text_realtime("at once")
        await until(lambda: not context.session.statistics().unsent_frames)
        return "done"

    server = ScriptedServer(
        Connection(
            Emit(call("1", "tell")),
            Expect({"realtimeInput": {"text": "at once"}}),
            Expect(answer("1", output="done")),
        )
    )
    model = get_live_generative_model("m", backend=server.backend, tools=[tell])
    async with server.playing():
        context = connect(model)
        session = await context.__aenter__()
        await until(lambda: len(server.connected[0].heard) == 3)
        assert not session.is_closed
        await context.__aexit__(None, None, None)


@on_every_loop
async def test_progress_is_reported_from_a_tool_and_from_its_callbacks() -> None:
    @tool(behavior="NON_BLOCKING")
    async def order(dish: str, context: ToolContext) -> str:
        await context.progress("asked")
        async with anyio.create_task_group() as tasks:  # noqa: ASYNC112 - what it calls is another task
            tasks.start_soon(context.progress, f"cooking {dish}")
        return "served"

    steps = [
        Emit(call("1", "order", dish="soup")),
        Expect(a_piece("1", "asked")),
        Expect(a_piece("1", "cooking soup")),
        Expect(answer("1", output="served")),
    ]
    async with playing(*steps, tools=[order]):
        pass


@on_every_loop
async def test_a_sync_tool_reports_its_progress_by_trio_and_knows_what_has_become_of_its_call() -> None:
    known: list[object] = []

    @tool(behavior="NON_BLOCKING", timeout=60)
    def order(context: ToolContext) -> str:
        trio.from_thread.run(context.progress, "asked")
        known.extend((context.cancelled, context.deadline < math.inf))
        return "served"

    steps = [Emit(call("1", "order")), Expect(a_piece("1", "asked")), Expect(answer("1", output="served"))]
    async with playing(*steps, tools=[order]):
        pass
    assert known == [None, True]


@on_every_loop
async def test_a_deadline_is_measured_by_the_clock_of_the_tools_loop() -> None:
    left: list[float] = []

    @tool(timeout=60)
    async def look(context: ToolContext) -> str:
        await anyio.lowlevel.checkpoint()
        left.append(context.deadline - anyio.current_time())
        return "seen"

    async def unbounded(context: ToolContext) -> bool:
        await anyio.lowlevel.checkpoint()
        return context.deadline == math.inf

    steps = [
        Emit(call("1", "look")),
        Expect(answer("1", output="seen")),
        Emit(call("2", "unbounded")),
        Expect(answer("2", output=True)),
    ]
    async with playing(*steps, tools=[look, unbounded]):
        await until(lambda: left)
    assert 50 < left[0] <= 60.1


@on_every_loop
async def test_a_tool_that_takes_too_long_is_cancelled_and_knows_why() -> None:
    reasons: list[str | None] = []

    @tool(timeout=0.02)
    async def sleep(context: ToolContext) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            reasons.append(context.cancelled)

    error = "sleep took longer than 0.02 s, and was given up"
    async with playing(Emit(call("1", "sleep")), Expect(answer("1", error=error)), tools=[sleep]):
        pass
    assert reasons == ["it took longer than its timeout"]


@on_every_loop
async def test_a_tool_that_finishes_learns_that_nobody_waits() -> None:
    begun, goes_on = anyio.Event(), anyio.Event()
    reasons: list[str | None] = []

    @tool(on_interrupt="finish")
    async def order(context: ToolContext) -> str:
        begun.set()
        await goes_on.wait()
        reasons.append(context.cancelled)
        return "served"

    def still_wanted(context: ToolContext) -> str | None:
        return context.cancelled

    steps = [
        Emit(call("1", "order"), CANCELLATION, call("2", "still_wanted")),
        Expect(answer("2", output=None)),
    ]
    async with playing(*steps, tools=[order, still_wanted]) as session:
        await begun.wait()
        await until(lambda: not session.pending_calls)
        goes_on.set()
        await until(lambda: reasons)
    assert reasons == ["the server cancelled the call"]


# Consent


@on_every_loop
async def test_consent_is_asked_for_on_the_callers_loop() -> None:
    home = here()
    asked: list[object] = []

    def approve(wanted: FunctionCall) -> Any:
        asked.append(here() == home)  # not yet a coroutine

        async def answered() -> bool:
            await anyio.lowlevel.checkpoint()
            asked.append(here() == home)
            return wanted.name == "open_door"

        return answered()

    async def open_door() -> str:
        await anyio.lowlevel.checkpoint()
        return "open"

    async def open_safe() -> str:
        await anyio.lowlevel.checkpoint()
        return "open"

    steps = [
        Emit(call("1", "open_door")),
        Expect(answer("1", output="open")),
        Emit(call("2", "open_safe")),
        Expect(answer("2", error="the user did not allow this call")),
    ]
    async with playing(*steps, tools=[open_door, open_safe], approve=approve):
        pass
    assert asked == [True] * 4


@on_every_loop
async def test_asking_for_consent_is_cancelled_with_the_call() -> None:
    asked = anyio.Event()
    ended: list[str] = []

    async def approve(wanted: FunctionCall) -> bool:
        if wanted.id != "1":
            return True
        asked.set()
        try:
            await anyio.sleep_forever()
        finally:
            ended.append("nobody waits")
        raise AssertionError

    async def look() -> str:
        await anyio.lowlevel.checkpoint()
        return "seen"

    steps = [
        Emit(call("1", "look")),
        Expect({"realtimeInput": {"text": "asking"}}),
        Emit(CANCELLATION, call("2", "look")),
        Expect(answer("2", output="seen")),
    ]
    async with playing(*steps, tools=[look], approve=approve) as session:
        await asked.wait()
        await session.send_text_realtime("asking")
        await until(lambda: ended)


@on_every_loop
async def test_a_function_for_a_key_is_called_on_the_callers_loop() -> None:
    home = here()
    asked: list[object] = []

    async def key() -> str:
        await anyio.lowlevel.checkpoint()
        asked.append(here() == home)
        raise PermissionError("the vault is closed")

    model = get_live_generative_model("m", backend=GeminiBackend(api_key=key, base_url="ws://127.0.0.1:9"))
    with pytest.raises(PermissionError):
        async with connect(model):
            pass
    with pytest.raises(PermissionError):
        await create_auth_token(model)
    assert asked == [True, True]


# MCP servers


def decide(contents: Sequence[Content]) -> Say | Sequence[CallTool]:
    """Call the function that the user names; else say what a function has answered."""
    last = contents[-1]
    response = last.parts[-1].function_response
    if response is not None:
        return Say(f"It says {response.response}.")
    name, _, city = last.text.partition(" ")
    return [CallTool(name, {"city": city} if city else {})] if name.islower() else Say("All right.")


def station(**options: Any) -> mcp.Client:
    parameters = mcp.StdioServerParameters(command=sys.executable, args=[STATION, "stdio"])
    return mcp.Client(parameters, **options)


def talking(*tools: Any) -> Any:
    return connect(
        get_live_generative_model(MODEL, backend=LocalBackend(engines=text_engines(decide)), tools=tools)
    )


async def happening(client: mcp.Client, what: str) -> None:
    happened: Sequence[str] = ()
    while what not in happened:
        await anyio.sleep(0.01)
        result = await client.call_tool("what_happened")
        assert result.structured_content is not None
        happened = result.structured_content["result"]


@on_every_loop
async def test_a_servers_tool_is_called_and_another_cancelled_half_way() -> None:
    async with station() as client, talking(client) as session:
        assert (await session.ask("weather Paris")).text == "It says {'city': 'Paris', 'celsius': 21}."
        await session.send("measure")
        await happening(client, "begun")
        assert (await session.ask("Never mind!")).text == "All right."
        await happening(client, "cancelled")
        assert (await session.ask("weather Rome")).text == "It says {'city': 'Rome', 'celsius': 21}."


@on_every_loop
async def test_a_low_level_client_is_a_source_of_tools_too() -> None:
    async with station() as client, talking(client.session) as session:
        assert (await session.ask("weather Oslo")).text == "It says {'city': 'Oslo', 'celsius': 21}."


@on_every_loop
async def test_what_a_server_adds_reaches_the_model() -> None:
    more = [Expect({"contextUpdate": {"tools": {"tools": [{}]}}}), Emit(call("1", "rain"))]
    async with station() as client, playing(*more, Expect(answer("1", result="3 mm")), tools=[client]):
        await anyio.wait_all_tasks_blocked()
        await anyio.sleep(0.1)  # until the server knows who listens
        await client.call_tool("repair")


@on_every_loop
async def test_the_list_of_tools_can_be_asked_for_again_by_hand() -> None:
    update = Expect({"contextUpdate": {"tools": {"tools": [{}]}}})
    async with station() as client, playing(update, tools=[client]) as session:
        await session.refresh_tools()


@on_every_loop
async def test_a_tool_of_ones_own_may_use_a_client_and_hand_on_its_progress() -> None:
    async with measuring() as client:

        @tool(behavior="NON_BLOCKING")
        async def measure(context: ToolContext) -> str:
            async def tell(progress: float, total: float | None, message: str | None) -> None:
                await context.progress(f"{progress:g} of {total:g}: {message}")

            await client.call_tool("measure", progress_callback=tell)
            return "calm"

        steps = [
            Emit(call("1", "measure")),
            Expect(a_piece("1", "1 of 2: the gauge is up")),
            Expect(answer("1", output="calm")),
        ]
        async with playing(*steps, tools=[measure]):
            pass


@asynccontextmanager
async def measuring() -> AsyncGenerator[mcp.Client]:
    """A client of a server on the same loop, whose one tool reports its progress."""
    server = MCPServer("gauge")

    @server.tool()
    async def measure(context: Context) -> str:
        await context.report_progress(1, 2, "the gauge is up")
        return "calm"

    async with mcp.Client(server) as client:
        yield client
