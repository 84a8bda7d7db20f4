"""A session belongs to the loop that it was opened on, and says so everywhere else."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import anyio
import anyio.lowlevel
import pytest
import trio

from livegen_trio import FunctionResponse, LiveSession, get_live_generative_model
from livegen_trio.anyio import connect, event_stream, input_stream
from livegen_trio.testing import Connection, Emit, Expect, ScriptedServer
from support.event_loops import on_asyncio

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractAsyncContextManager

OPERATIONS: dict[str, Callable[[LiveSession], Awaitable[object]]] = {
    "receive": lambda session: session.receive(),
    "ask": lambda session: session.ask("Hello"),
    "send": lambda session: session.send("Hello"),
    "send_text_realtime": lambda session: session.send_text_realtime("Hello"),
    "send_audio_realtime": lambda session: session.send_audio_realtime(b"\1\2"),
    "send_video_realtime": lambda session: session.send_video_realtime(b"\1\2"),
    "end_audio": lambda session: session.end_audio(),
    "send_function_responses": lambda session: session.send_function_responses(
        [FunctionResponse(id="1", name="f", response={})]
    ),
    "update_context": lambda session: session.update_context(system_instruction="x"),
    "refresh_tools": lambda session: session.refresh_tools(),
    "resume_session": lambda session: session.resume_session(),
    "aclose": lambda session: session.aclose(),
    "event_stream": lambda session: event_stream(session).receive(),
    "input_stream": lambda session: input_stream(session).send("Hello"),
    "statistics": lambda session: asked(session.statistics),
    "resume_state": lambda session: asked(session.resume_state),
}
IN_ONE_LINE = r"^this session is for the asyncio loop that it was opened on: .*$"


async def asked(question: Callable[[], object]) -> None:
    await anyio.lowlevel.checkpoint()
    question()


def connected(server: ScriptedServer) -> AbstractAsyncContextManager[LiveSession]:
    return connect(get_live_generative_model("m", backend=server.backend))


async def attempt(session: LiveSession) -> None:
    for operation in OPERATIONS.values():
        with pytest.raises(RuntimeError, match=IN_ONE_LINE):
            await operation(session)


@on_asyncio
@pytest.mark.parametrize("run", [asyncio.run, trio.run])
async def test_another_loop_in_another_thread_is_refused_with_advice(run: Any) -> None:
    # An event waits already, and is still there in the end.
    message = {"serverContent": {"turnComplete": True}}
    server = ScriptedServer(Connection(Emit(message), Expect({"realtimeInput": {"text": "home"}})))

    def elsewhere() -> None:
        run(attempt(session)) if run is asyncio.run else run(attempt, session)

    async with server.playing(), connected(server) as session:
        while not session.statistics().unread_events:  # noqa: ASYNC110 - there is no event for it
            await anyio.sleep(0.001)
        await anyio.to_thread.run_sync(elsewhere)
        await session.receive()
        await session.send_text_realtime("home")


def test_a_later_loop_in_the_same_thread_is_another() -> None:
    async def open_and_keep() -> LiveSession:
        session = await block.__aenter__()
        await session.send_text_realtime("opened")
        return session

    server = ScriptedServer(Connection(Expect({"realtimeInput": {}})))
    block = connected(server)
    with asyncio.Runner() as home:
        session = home.run(open_and_keep())
        with asyncio.Runner() as other:
            other.run(attempt(session))
        home.run(block.__aexit__(None, None, None))


@on_asyncio
async def test_another_thread_may_use_a_session_by_way_of_its_loop() -> None:
    server = ScriptedServer(Connection(Expect({"realtimeInput": {"text": "from a thread"}})))
    home = asyncio.get_running_loop()

    def elsewhere() -> None:
        asyncio.run_coroutine_threadsafe(session.send_text_realtime("from a thread"), home).result()

    async with server.playing(), connected(server) as session:
        await anyio.to_thread.run_sync(elsewhere)


def test_a_session_for_asyncio_is_not_opened_where_no_loop_runs() -> None:
    opening = connected(ScriptedServer(Connection())).__aenter__().__await__()
    with pytest.raises(RuntimeError, match="no running event loop"):
        next(opening)
