"""One suite of behaviour for every event loop: the session is the same to its user on all of them."""

from __future__ import annotations

import contextvars
import threading
from typing import TYPE_CHECKING, Any

import anyio
import anyio.lowlevel
import pytest
import sniffio
import trio

from livegen_trio import (
    AutomaticActivityDetection,
    Blob,
    Buffering,
    FunctionDeclaration,
    FunctionResponse,
    HandshakeError,
    LiveGenerationConfig,
    LiveSession,
    LocalBackend,
    LocalProtocolError,
    RealtimeInputConfig,
    Reconnected,
    ServerContent,
    SessionClosedError,
    SetupRejectedError,
    ToolCall,
    ToolCallCancellation,
    ToolContext,
    ToolError,
    ToolFailed,
    get_live_generative_model,
    tool,
)
from livegen_trio.anyio import connect, event_stream, input_stream
from livegen_trio.local import text_engines
from livegen_trio.stores import MemoryResumeStore
from livegen_trio.testing import Close, Connection, Emit, Expect, HangUp, Refusal, ScriptedServer, Stall
from support.event_loops import on_every_loop, until

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager

    from livegen_trio import ResumeState, ServerEvent
    from livegen_trio.testing import Step

FAILING = Buffering(media="fail", media_bytes=10_000)
DROPPING = Buffering(media="drop_oldest", media_bytes=10_000)
TURN_COMPLETE = {"serverContent": {"turnComplete": True}}
INTERRUPTED = {"serverContent": {"interrupted": True}}
HANDLE = {"sessionResumptionUpdate": {"newHandle": "h1", "resumable": True}}
ANY_CONTENT: dict[str, Any] = {"clientContent": {}}
PCM = "audio/pcm;rate=24000"


def said(words: str, **more: Any) -> dict[str, Any]:
    return {"serverContent": {"modelTurn": {"parts": [{"text": words}]}, **more}}


def call(call_id: str, name: str, **args: object) -> dict[str, Any]:
    return {"toolCall": {"functionCalls": [{"id": call_id, "name": name, "args": args}]}}


def answer(call_id: str, **response: object) -> dict[str, Any]:
    return {"toolResponse": {"functionResponses": [{"id": call_id, "response": response}]}}


def playing(*steps: Step, **more: Any) -> ScriptedServer:
    return ScriptedServer(Connection(*steps), **more)


def connected(
    server: ScriptedServer, *, model: dict[str, Any] | None = None, **options: Any
) -> AbstractAsyncContextManager[LiveSession]:
    return connect(get_live_generative_model("m", backend=server.backend, **(model or {})), **options)


def text_of(event: ServerEvent) -> str:
    assert isinstance(event, ServerContent)
    return event.text


# Conversation


@on_every_loop
async def test_a_conversation_with_the_embedded_server() -> None:
    backend = LocalBackend(engines=text_engines())
    config = LiveGenerationConfig(response_modalities=["TEXT"])
    model = get_live_generative_model("gemini-2.0-flash-live-001", backend=backend, generation_config=config)
    async with connect(model) as session:
        assert isinstance(session, LiveSession)
        first = await session.ask("Hello")
        second = await session.ask("What is two plus three?")
    assert first.text
    assert second.text
    assert session.is_closed


@on_every_loop
async def test_events_come_one_by_one_and_turn_by_turn() -> None:
    server = playing(
        Expect(ANY_CONTENT),
        Emit(said("one"), said("two"), TURN_COMPLETE, said("three"), TURN_COMPLETE, said("four")),
        Close(),
    )
    async with server.playing(), connected(server) as session:
        await session.send("Hello")
        assert text_of(await session.receive()) == "one"
        turns = session.turns()
        assert await (await anext(turns)).text() == "two"
        async for turn in turns:
            assert [piece async for piece in turn.text()] == ["three"]
            break
        assert [text_of(event) async for event in session] == ["four"]


@on_every_loop
async def test_everything_that_can_be_sent_arrives_in_order() -> None:
    detection = RealtimeInputConfig(automatic_activity_detection=AutomaticActivityDetection(disabled=True))
    heard: list[dict[str, Any]] = [
        {"clientContent": {"turns": [{"parts": [{"text": "a"}]}]}},
        {"realtimeInput": {"activityStart": {}}},
        {"realtimeInput": {"audio": {"mimeType": "audio/pcm;rate=16000", "data": "AQI="}}},
        {"realtimeInput": {"audio": {"mimeType": PCM, "data": "AwQ="}}},
        {"realtimeInput": {"video": {"mimeType": "image/jpeg", "data": "BQ=="}}},
        {"realtimeInput": {"text": "b"}},
        {"realtimeInput": {"audio": {"data": "BgY="}}},
        {"realtimeInput": {"activityEnd": {}}},
        {"toolResponse": {"functionResponses": [{"id": "9"}]}},
    ]
    server = playing(*(Expect(message) for message in heard))
    options = {"generation_config": LiveGenerationConfig(realtime_input_config=detection)}
    async with server.playing(), connected(server, model=options) as session:
        await session.send("a", turn_complete=False)
        async with session.activity():
            await session.send_audio_realtime(b"\1\2")
            await session.send_audio_realtime(Blob(mime_type=PCM, data=b"\3\4"))
            await session.send_video_realtime(memoryview(b"\5"))
            await session.send_text_realtime("b")
            chunk = bytearray(b"\6\6")
            await session.send_audio_realtime(chunk)
            chunk[:] = b"\0\0"  # a buffer may be used again at once
            await session.send_audio_realtime(b"")
        await until(lambda: len(server.connected[0].heard) == 9)  # answers would go first
        await session.send_function_responses([FunctionResponse(id="9", name="f", response={})])


@on_every_loop
async def test_a_stream_of_media_is_sent_and_its_end() -> None:
    async def microphone() -> Any:
        for number in range(3):
            await anyio.lowlevel.checkpoint()
            yield bytes([number, 0])

    audio = [Expect({"realtimeInput": {"audio": {"data": data}}}) for data in ("AAA=", "AQA=", "AgA=")]
    server = playing(*audio, Expect({"realtimeInput": {"audioStreamEnd": True}}))
    async with server.playing(), connected(server) as session:
        await session.send_media_stream(microphone())
        await session.end_audio()


@on_every_loop
async def test_samples_stay_whole_and_a_stream_of_empty_chunks_lets_others_run() -> None:
    async def microphone() -> Any:
        yield b"\1"
        while not others:
            yield b""
        yield b"\2"

    others: list[str] = []

    async def run_beside() -> None:
        await anyio.lowlevel.checkpoint()
        others.append("ran")

    server = playing(Expect({"realtimeInput": {"audio": {"data": "AQI="}}}))
    async with server.playing(), connected(server) as session, anyio.create_task_group() as tasks:
        tasks.start_soon(run_beside)
        await session.send_media_stream(microphone())


@on_every_loop
async def test_the_context_is_updated() -> None:
    async def late(city: str) -> str:
        return city

    update = {"systemInstruction": {"parts": [{"text": "x"}]}, "tools": {"tools": [{}]}}
    server = playing(
        Expect({"contextUpdate": update}),
        Emit(call("1", "late", city="Rome")),
        Expect(answer("1", output="Rome")),
    )
    async with server.playing(), connected(server) as session:
        await session.update_context(system_instruction="x", tools=[late])
        assert isinstance(await session.receive(), ToolCall)
        await until(lambda: len(server.connected[0].heard) == 3)


@on_every_loop
async def test_what_is_known_of_a_session_is_up_to_date() -> None:
    usage = {"usageMetadata": {"totalTokenCount": 7}}
    server = playing(Emit(HANDLE, usage, said("x")))
    async with server.playing(), connected(server) as session:
        assert not session.is_closed
        for _ in range(3):
            await session.receive()
        assert session.resumption_handle == "h1"
        assert session.usage.total_token_count == 7
        state = session.resume_state()
        assert state is not None
        assert state.handle == "h1"
        assert session.statistics().unread_events == 0
    assert session.is_closed
    assert "closed" in repr(session)


@on_every_loop
async def test_ask_skips_what_is_left_of_earlier_turns() -> None:
    server = playing(
        Emit(said("old"), said("older", turnComplete=True), said("cut")),
        Expect(ANY_CONTENT),
        Emit(INTERRUPTED, TURN_COMPLETE, said("new", turnComplete=True)),
    )
    async with server.playing(), connected(server) as session:
        assert text_of(await session.receive()) == "old"
        await until(lambda: session.statistics().unread_events == 2)
        result = await session.ask("Hello")
        assert result.text == "new"


@on_every_loop
async def test_what_may_not_be_sent_is_refused_where_it_is_sent() -> None:
    server = playing(Expect({"realtimeInput": {"text": "still"}}))
    async with server.playing(), connected(server) as session:
        with pytest.raises(LocalProtocolError, match="nothing"):
            await session.send("")
        with pytest.raises(LocalProtocolError, match="is no audio"):
            await session.send_audio_realtime(b"\1\2", mime_type="image/png")
        with pytest.raises(TypeError):
            await session.send_audio_realtime("text")  # type: ignore[arg-type] # the bad input
        with pytest.raises(LocalProtocolError, match="activity is detected"):
            async with session.activity():
                pass
        await session.send_text_realtime("still")


@on_every_loop
async def test_two_tasks_cant_receive_at_once() -> None:
    server = playing()
    async with server.playing(), connected(server) as session, anyio.create_task_group() as tasks:
        tasks.start_soon(session.receive)
        await anyio.wait_all_tasks_blocked()
        with pytest.raises(trio.BusyResourceError):
            await session.receive()
        tasks.cancel_scope.cancel()


@on_every_loop
async def test_the_views_of_anyio_work_on_the_session() -> None:
    server = playing(Expect(ANY_CONTENT), Emit(said("Hi")), Close(1011))
    async with server.playing(), connected(server) as session:
        await input_stream(session).send("Hello")
        events = event_stream(session)
        assert text_of(await events.receive()) == "Hi"
        with pytest.raises(anyio.BrokenResourceError):
            await events.receive()


# Tools

LANGUAGE: contextvars.ContextVar[str] = contextvars.ContextVar("LANGUAGE", default="none")


@on_every_loop
async def test_an_async_tool_runs_on_the_callers_loop_in_the_callers_context() -> None:
    home = threading.get_ident(), sniffio.current_async_library()

    async def where() -> dict[str, object]:
        await anyio.lowlevel.checkpoint()
        here = threading.get_ident(), sniffio.current_async_library()
        return {"at_home": here == home, "language": LANGUAGE.get()}

    server = playing(Emit(call("1", "where")), Expect(answer("1", at_home=True, language="Welsh")))
    LANGUAGE.set("Welsh")
    async with server.playing(), connected(server, model={"tools": [where]}):
        await until(lambda: len(server.connected[0].heard) == 2)


@on_every_loop
async def test_a_sync_tool_runs_in_a_thread_of_its_own_in_the_callers_context() -> None:
    home = threading.get_ident()

    def where() -> dict[str, object]:
        return {"at_home": threading.get_ident() == home, "language": LANGUAGE.get()}

    server = playing(Emit(call("1", "where")), Expect(answer("1", at_home=False, language="Welsh")))
    LANGUAGE.set("Welsh")
    async with server.playing(), connected(server, model={"tools": [where]}):
        await until(lambda: len(server.connected[0].heard) == 2)


@on_every_loop
async def test_a_function_that_returns_a_coroutine_is_awaited_on_the_callers_loop() -> None:
    home = threading.get_ident()

    async def work() -> bool:
        await anyio.lowlevel.checkpoint()
        return threading.get_ident() == home

    def decorated() -> Any:
        return work()

    server = playing(Emit(call("1", "decorated")), Expect(answer("1", output=True)))
    async with server.playing(), connected(server, model={"tools": [decorated]}):
        await until(lambda: len(server.connected[0].heard) == 2)


@on_every_loop
async def test_a_failing_tool_is_answered_for_and_the_session_goes_on() -> None:
    async def fails() -> None:
        await anyio.lowlevel.checkpoint()
        raise ValueError("secret")

    server = playing(
        Emit(call("1", "fails")),
        Expect(answer("1", error="fails failed (ValueError)")),
        Emit(said("so sorry")),
    )
    async with server.playing(), connected(server, model={"tools": [fails]}) as session:
        assert isinstance(await session.receive(), ToolCall)
        failed = await session.receive()
        assert isinstance(failed, ToolFailed)
        assert isinstance(failed.error, ValueError)
        assert text_of(await session.receive()) == "so sorry"


@on_every_loop
async def test_a_tool_that_the_server_takes_back_is_cancelled_and_cleans_up() -> None:
    steps: list[str] = []

    async def slow() -> None:
        steps.append("begun")
        try:
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.sleep(0.001)
                steps.append("cleaned up")

    async def begun(_server: object) -> None:
        await until(lambda: steps)

    server = playing(
        Emit(call("1", "slow")),
        begun,
        Emit({"toolCallCancellation": {"ids": ["1"]}}),
        Expect(ANY_CONTENT),
    )
    async with server.playing(), connected(server, model={"tools": [slow]}) as session:
        assert isinstance(await session.receive(), ToolCall)
        assert isinstance(await session.receive(), ToolCallCancellation)
        await until(lambda: len(steps) == 2)
        await session.send("what was cancelled is not answered")
    assert steps == ["begun", "cleaned up"]


@on_every_loop
async def test_leaving_the_session_cancels_its_tools_and_waits_for_them() -> None:
    steps: list[str] = []

    async def slow() -> None:
        steps.append("begun")
        try:
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.sleep(0.005)
                steps.append("cleaned up")

    server = playing(Emit(call("1", "slow")))
    async with server.playing(), connected(server, model={"tools": [slow]}):
        await until(lambda: steps)
    assert steps == ["begun", "cleaned up"]


@on_every_loop
async def test_a_tool_may_use_the_session_that_called_it() -> None:
    sessions: list[LiveSession] = []

    async def note() -> str:
        await sessions[0].send("noted", turn_complete=False)
        return "done"

    server = playing(
        Expect(ANY_CONTENT),
        Emit(call("1", "note")),
        Expect({"clientContent": {"turns": [{"parts": [{"text": "noted"}]}]}}),
        Expect(answer("1", output="done")),
        Emit(said("fine", turnComplete=True)),
    )
    async with server.playing(), connected(server, model={"tools": [note]}) as session:
        sessions.append(session)
        assert (await session.ask("Note it")).text == "fine"


@on_every_loop
async def test_a_tool_may_use_the_session_of_its_context_and_tell_how_far_it_is() -> None:
    @tool(behavior="NON_BLOCKING")
    async def search(context: ToolContext) -> str:
        await context.progress("so far")
        await context.session.send("noted", turn_complete=False)
        assert context.cancelled is None
        assert context.session.statistics().unread_events >= 0
        return "done"

    server = playing(
        Emit(call("1", "search")),
        Expect(answer("1", output="so far")),
        Expect({"clientContent": {"turns": [{"parts": [{"text": "noted"}]}]}}),
        Expect(answer("1", output="done")),
    )
    async with server.playing(), connected(server, model={"tools": [search]}):
        await until(lambda: len(server.connected[0].heard) == 4)


@on_every_loop
async def test_a_tool_that_takes_too_long_can_see_it_as_it_is_cancelled() -> None:
    reasons: list[str | None] = []

    @tool(timeout=0.005)
    async def slow(context: ToolContext) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            reasons.append(context.cancelled)

    server = playing(Emit(call("1", "slow")), Expect(answer("1")))
    async with server.playing(), connected(server, model={"tools": [slow]}):
        await until(lambda: reasons)
        await until(lambda: len(server.connected[0].heard) == 2)
    assert reasons == ["it took longer than its timeout"]


@on_every_loop
async def test_calls_may_be_answered_by_hand_and_ask_says_when_they_have_to_be() -> None:
    server = playing(
        Emit(call("1", "f")),
        Expect(answer("1", a=1)),
        Emit(said("thanks", turnComplete=True)),
        Expect(ANY_CONTENT),
        Emit(call("2", "f")),
    )
    options = {"tools": [FunctionDeclaration(name="f")]}
    async with server.playing(), connected(server, model=options) as session:
        assert isinstance(await session.receive(), ToolCall)
        await session.send_function_responses([FunctionResponse(id="1", name="f", response={"a": 1})])
        assert text_of(await session.receive()) == "thanks"
        with pytest.raises(ToolError, match="'f'"):
            await session.ask("Again")


# Interruption


@on_every_loop
async def test_an_interruption_is_known_before_its_event_is_received_and_stale_sound_is_left_out() -> None:
    def spoken(data: str) -> dict[str, Any]:
        parts = [{"inlineData": {"mimeType": PCM, "data": data}}]
        return {"serverContent": {"modelTurn": {"parts": parts}}}

    server = playing(Emit(spoken("AQI="), spoken("AwQ="), INTERRUPTED, spoken("BQY="), TURN_COMPLETE))
    async with server.playing(), connected(server) as session:
        await until(lambda: session.audio_epoch == 1)
        turn = await anext(session.turns())
        assert await turn.audio() == b"\5\6"
        assert (await turn.collect()).interrupted


# Cancellation


@on_every_loop
@pytest.mark.parametrize("steps", [*range(12), 20, 40])
async def test_a_connect_that_is_cancelled_at_any_step_leaves_nothing_behind(steps: int) -> None:
    server = ScriptedServer(Connection())
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_cancel_after, steps, tasks.cancel_scope)
        async with connected(server):
            await anyio.sleep_forever()
    assert tasks.cancel_scope.cancelled_caught


@on_every_loop
@pytest.mark.parametrize("steps", range(6))
async def test_a_cancelled_receive_loses_no_event(steps: int) -> None:
    server = playing(Expect(ANY_CONTENT), Emit(said("one"), said("two")))
    async with server.playing(), connected(server) as session:
        await session.send("Hello")
        received: list[str] = []
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_cancel_after, steps, tasks.cancel_scope)
            received.extend([text_of(await session.receive()) for _ in range(1)])
        while len(received) < 2:
            received.append(text_of(await session.receive()))
        assert received == ["one", "two"]


@on_every_loop
@pytest.mark.parametrize("steps", range(8))
async def test_a_send_that_is_cancelled_at_any_step_has_sent_the_whole_or_nothing(steps: int) -> None:
    heard: list[object] = []

    async def listen(server: Any) -> None:
        while (message := await server.hear_or_end()) is not None:
            heard.append(message["clientContent"]["turns"][0]["parts"][0]["text"])

    server = playing(listen)
    async with server.playing(), connected(server) as session:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_cancel_after, steps, tasks.cancel_scope)
            await session.send("first")
        await session.send("second")
    assert heard in (["second"], ["first", "second"])


@on_every_loop
async def test_a_scope_that_is_already_cancelled_lets_nothing_be_sent() -> None:
    server = playing(Expect({"realtimeInput": {"text": "end"}}))
    async with server.playing(), connected(server) as session:
        with anyio.CancelScope() as scope:
            scope.cancel()
            await session.send_audio_realtime(b"\1\2")
        with anyio.CancelScope() as scope:
            scope.cancel()
            await session.send("x")
        await session.send_text_realtime("end")


@on_every_loop
@pytest.mark.parametrize("steps", range(10))
async def test_an_ask_that_is_cancelled_at_any_step_leaves_the_session_usable(steps: int) -> None:
    async def echo(server: Any) -> None:
        while (message := await server.hear_or_end()) is not None:
            words = message["clientContent"]["turns"][0]["parts"][0]["text"]
            await Emit(said(f"{words}!", turnComplete=True))(server)

    server = playing(echo)
    async with server.playing(), connected(server) as session:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_cancel_after, steps, tasks.cancel_scope)
            await session.ask("first")
        await session.send("second")
        answers: list[str] = []
        while "second!" not in answers:
            answers.append((await (await anext(session.turns())).collect()).text)
        assert answers in (["second!"], ["first!", "second!"])


@on_every_loop
async def test_a_cancelled_body_closes_the_connection_in_order() -> None:
    server = playing()
    with anyio.CancelScope() as scope:
        async with connected(server) as session:
            scope.deadline = anyio.current_time() + 0.005
            await session.receive()
    assert scope.cancelled_caught
    closed = server.connected[0].closed
    assert closed is not None
    assert closed.code == 1000


@on_every_loop
async def test_leaving_takes_no_longer_than_it_may_if_it_is_cancelled_or_the_peer_is_dead() -> None:
    server = playing(Stall())
    with anyio.move_on_after(0.01) as scope:
        async with connected(server, close_timeout=0.02):
            await until(lambda: server.connected)
            scope.cancel()
    assert scope.cancelled_caught


async def _cancel_after(steps: int, scope: anyio.CancelScope) -> None:
    for _ in range(steps):
        await anyio.lowlevel.checkpoint()
    scope.cancel()


# Connecting that fails


@on_every_loop
async def test_a_refused_connection_raises_bare() -> None:
    server = ScriptedServer(Refusal(403))
    with pytest.raises(HandshakeError) as caught:
        async with connected(server):
            pytest.fail("the body of a failed connect ran")
    assert caught.value.status_code == 403


@on_every_loop
async def test_a_refused_setup_raises_bare() -> None:
    server = ScriptedServer(Connection(Close(1007, "Request contains an invalid argument."), accept=None))
    with pytest.raises(SetupRejectedError) as caught:
        async with connected(server):
            pytest.fail("the body of a failed connect ran")
    assert caught.value.code == 1007


@on_every_loop
async def test_a_server_that_never_answers_is_a_timeout() -> None:
    server = ScriptedServer(Connection(Stall(), accept=None))
    with pytest.raises(HandshakeError) as caught:
        async with connected(server, connect_timeout=0.01):
            pytest.fail("the body of a failed connect ran")
    assert caught.value.phase == "setup"


@on_every_loop
async def test_an_exception_of_ones_own_leaves_the_block_as_it_is() -> None:
    server = playing()
    mine = ValueError("mine")
    with pytest.raises(ValueError, match=r"^mine$") as caught:
        async with connected(server):
            raise mine
    assert caught.value is mine
    assert server.connected[0].closed is not None


# The server's end


@on_every_loop
async def test_what_came_before_a_close_is_received_and_then_the_close() -> None:
    server = playing(Emit(said("last words")), Close(1011, "Internal error encountered."))
    async with server.playing(), connected(server) as session:
        assert text_of(await session.receive()) == "last words"
        with pytest.raises(SessionClosedError) as caught:
            await session.receive()
        assert (caught.value.code, caught.value.initiator) == (1011, "server")
        for send in (session.send("x"), session.send_audio_realtime(b"\1\2"), session.end_audio()):
            with pytest.raises(SessionClosedError):
                await send
    assert isinstance(caught.value, trio.BrokenResourceError)


@on_every_loop
async def test_a_break_that_no_call_has_raised_is_raised_on_leaving() -> None:
    server = playing(HangUp())
    with pytest.raises(SessionClosedError):
        async with connected(server) as session:
            await until(lambda: session.is_closed)


@on_every_loop
async def test_an_own_exception_wins_over_a_break_that_no_call_has_raised() -> None:
    server = playing(HangUp())
    with pytest.raises(KeyError):
        async with connected(server) as session:
            await until(lambda: session.is_closed)
            raise KeyError


@on_every_loop
async def test_closing_the_session_by_hand_wakes_the_task_that_receives() -> None:
    server = playing()
    async with server.playing(), connected(server) as session, anyio.create_task_group() as tasks:

        async def receive() -> None:
            with pytest.raises(trio.ClosedResourceError):
                await session.receive()

        tasks.start_soon(receive)
        await anyio.wait_all_tasks_blocked()
        await session.aclose()
        await session.aclose()
        with pytest.raises(trio.ClosedResourceError):
            await session.send("x")
        with pytest.raises(trio.ClosedResourceError):
            await session.send_audio_realtime(b"\1\2")


@on_every_loop
async def test_a_session_that_was_left_says_so() -> None:
    server = playing(Emit(said("unread")))
    async with connected(server) as session:
        await until(lambda: session.statistics().unread_events)
    for operation in (session.receive(), session.send("x"), session.resume_session()):
        with pytest.raises(trio.ClosedResourceError):
            await operation


@on_every_loop
async def test_what_was_accepted_when_the_block_is_left_is_still_sent() -> None:
    sent = [Expect({"realtimeInput": {"audio": {}}})] * 20
    server = playing(*sent, Expect({"realtimeInput": {"text": "the end"}}))
    async with server.playing(), connected(server) as session:
        for _ in range(20):
            await session.send_audio_realtime(bytes(640))
        await session.send_text_realtime("the end")


# Several sessions, and slow ones


@on_every_loop
async def test_three_sessions_at_once_share_one_thread() -> None:
    async def converse(number: int) -> None:
        server = playing(Expect(ANY_CONTENT), Emit(said(f"you are {number}", turnComplete=True)))
        async with server.playing(), connected(server) as session:
            assert (await session.ask(f"I am {number}")).text == f"you are {number}"
            threads = [thread for thread in threading.enumerate() if thread.name == "livegen-trio"]
            assert len(threads) <= 1

    async with anyio.create_task_group() as tasks:
        for number in range(3):
            tasks.start_soon(converse, number)


@on_every_loop
async def test_a_slow_consumer_loses_nothing_and_holds_up_nobody() -> None:
    async def until_heard(server: Any) -> None:
        await server.hear()

    words = [str(number) for number in range(1000)]
    server = playing(Emit(*map(said, words)), until_heard, Emit(INTERRUPTED), Close())
    async with server.playing(), connected(server) as session:
        await session.send("heard all the same")
        await until(lambda: session.audio_epoch == 1)
        await until(lambda: session.is_closed)
        unread = session.statistics()
        assert unread.unread_events == 1001
        assert unread.unread_bytes > 1000
        assert unread.unread_seconds > 0
        assert [text_of(event) for event in [event async for event in session][:-1]] == words
        assert session.statistics().unread_events == session.statistics().unread_bytes == 0


@on_every_loop
async def test_a_loop_over_events_that_have_arrived_lets_other_tasks_run() -> None:
    rounds = 0

    async def count() -> None:
        nonlocal rounds
        while True:
            rounds += 1
            await anyio.lowlevel.checkpoint()

    server = playing(Emit(*[said("more")] * 1000), Close())
    async with server.playing(), connected(server) as session, anyio.create_task_group() as tasks:
        await until(lambda: session.is_closed)
        tasks.start_soon(count)
        assert len([event async for event in session]) == 1000
        tasks.cancel_scope.cancel()
    assert rounds > 0


@on_every_loop
async def test_a_consumer_that_is_too_slow_loses_the_session_and_what_came_is_kept() -> None:
    server = ScriptedServer(Connection(Emit(*[said("x" * 500)] * 5000)))
    async with connected(server, buffering=Buffering(event_bytes=2**16)) as session:
        await until(lambda: session.is_closed)
        received = 0
        with pytest.raises(SessionClosedError, match="not received from"):
            while True:
                await session.receive()
                received += 1
    assert 100 < received < 5000


@on_every_loop
async def test_media_wait_for_room_and_can_be_cancelled_there() -> None:
    server = playing(Stall())
    options: dict[str, Any] = {"buffering": Buffering(media_bytes=10_000), "close_timeout": 0.0}
    with pytest.raises(SessionClosedError, match="not sent"):
        async with connected(server, **options) as session:
            sent = 0
            while True:
                with anyio.move_on_after(0.1) as scope:
                    await session.send_audio_realtime(bytes(3000))
                if scope.cancelled_caught:
                    break
                sent += 1
                assert sent < 100
            await session.send("control has room of its own")


@on_every_loop
async def test_media_without_room_fail_or_drop_if_they_are_to() -> None:
    server = ScriptedServer(Connection(Stall()), Connection(Stall()))
    with pytest.raises(trio.WouldBlock):
        async with connected(server, buffering=FAILING, close_timeout=0.0) as session:
            for _ in range(200):
                await session.send_audio_realtime(bytes(3000))
    with pytest.raises(SessionClosedError, match="not sent"):
        async with connected(server, buffering=DROPPING, close_timeout=0.0) as session:
            for _ in range(200):
                await session.send_audio_realtime(bytes(3000))
            await until(lambda: session.statistics().dropped_frames > 100)


# Sessions that outlive their connections


@on_every_loop
async def test_a_session_is_resumed_on_another_connection_by_hand() -> None:
    resumed = {"setup": {"sessionResumption": {"handle": "h1"}}}
    server = ScriptedServer(
        Connection(Emit(HANDLE), Close(1008, "refused for good")),
        Connection(Expect(ANY_CONTENT), Emit(said("here again")), setup=resumed),
    )
    async with server.playing(), connected(server) as session:
        with pytest.raises(SessionClosedError):
            while True:
                await session.receive()
        await anyio.wait_all_tasks_blocked()
        await session.resume_session()
        assert not session.is_closed
        await session.send("Are you there?")
        events = [await session.receive(), await session.receive()]
        assert isinstance(events[0], Reconnected)
        assert text_of(events[1]) == "here again"


@on_every_loop
async def test_states_are_kept_in_a_store_as_they_change() -> None:
    store = MemoryResumeStore()

    async def until_kept(is_it: Callable[[ResumeState], bool]) -> None:
        while (state := await store.load("caller")) is None or not is_it(state):  # noqa: ASYNC110
            await anyio.sleep(0.001)

    calls = Emit(call("1", "f"))
    server = playing(Expect(ANY_CONTENT), Emit(HANDLE), Expect(ANY_CONTENT), calls, Expect(ANY_CONTENT))
    options = {"tools": [FunctionDeclaration(name="f")]}
    async with server.playing(), connected(server, model=options) as session:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(session.save_to, store, "caller")
            await session.send("1")
            await until_kept(lambda state: state.handle == "h1" and not state.pending_calls)
            await session.send("2")
            await until_kept(lambda state: len(state.pending_calls) == 1)
            await session.send("3")
            tasks.cancel_scope.cancel()
