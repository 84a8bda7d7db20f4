"""What only asyncio has - `task.cancel`, `asyncio.timeout`, `TaskGroup`, `wait_for` - reaches a session."""

from __future__ import annotations

import asyncio
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
import trio

from livegen_trio import ServerContent, SessionClosedError, ToolContext, get_live_generative_model
from livegen_trio.anyio import connect
from livegen_trio.testing import Close, Connection, Emit, Expect, ScriptedServer, Stall
from support.event_loops import on_asyncio, until

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from livegen_trio import LiveSession
    from livegen_trio.testing import Step

ANY_CONTENT: dict[str, Any] = {"clientContent": {}}


def said(words: str, **more: Any) -> dict[str, Any]:
    return {"serverContent": {"modelTurn": {"parts": [{"text": words}]}, **more}}


def playing(*steps: Step, **more: Any) -> ScriptedServer:
    return ScriptedServer(Connection(*steps, **more))


def connected(server: ScriptedServer, **options: Any) -> AbstractAsyncContextManager[LiveSession]:
    tools = options.pop("tools", ())
    return connect(get_live_generative_model("m", backend=server.backend, tools=tools), **options)


def close_code(server: ScriptedServer) -> int | None:
    [end] = server.connected
    return None if end.closed is None else end.closed.code


# task.cancel


@on_asyncio
async def test_a_cancelled_task_has_closed_its_connection_when_it_ends() -> None:
    async def converse() -> None:
        async with connected(server) as session:
            opened.set()
            await session.receive()

    server = playing()
    opened = asyncio.Event()
    task = asyncio.create_task(converse())
    await opened.wait()
    task.cancel("enough")
    with pytest.raises(asyncio.CancelledError, match="enough"):
        await task
    assert task.cancelled()
    assert close_code(server) == 1000


@on_asyncio
async def test_a_task_that_is_cancelled_again_and_again_waits_for_the_end_all_the_same() -> None:
    async def slow() -> None:
        steps.append("begins")
        try:
            await asyncio.Event().wait()
        finally:
            steps.append("begins to clean up")
            await asyncio.sleep(0.01)  # noqa: ASYNC102 - what it is about
            steps.append("cleaned up")

    async def converse() -> None:
        async with connected(server, tools=[slow]) as session:
            await session.receive()
            await session.receive()

    steps: list[str] = []
    server = playing(Emit({"toolCall": {"functionCalls": [{"id": "1", "name": "slow", "args": {}}]}}))
    task = asyncio.create_task(converse())
    await until(lambda: steps)
    for _ in range(5):
        task.cancel()
        await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert steps == ["begins", "begins to clean up", "cleaned up"]
    assert close_code(server) == 1000


@on_asyncio
@pytest.mark.parametrize("steps", [*range(8), 12, 20])
async def test_a_task_cancelled_at_any_step_of_connecting_or_leaving_leaves_nothing_behind(
    steps: int,
) -> None:
    async def converse() -> None:
        async with connected(server):
            pass

    server = playing()
    others = asyncio.all_tasks()
    task = asyncio.create_task(converse())
    for _ in range(steps):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert asyncio.all_tasks() == others


@on_asyncio
async def test_a_cancellation_that_was_caught_leaves_the_session_usable() -> None:
    async def converse() -> str:
        async with connected(server) as session:
            opened.set()
            try:
                await session.receive()
            except asyncio.CancelledError:  # noqa: ASYNC103 - what it is about
                current = asyncio.current_task()
                assert current is not None
                current.uncancel()
            return (await session.ask("Are you there?")).text

    server = playing(Expect(ANY_CONTENT), Emit(said("yes", turnComplete=True)))
    opened = asyncio.Event()
    task = asyncio.create_task(converse())
    await opened.wait()
    task.cancel()
    assert await task == "yes"


# asyncio.timeout and wait_for


@on_asyncio
async def test_a_timeout_around_a_session_closes_it() -> None:
    server = playing()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(None) as timeout, connected(server) as session:
            timeout.reschedule(asyncio.get_running_loop().time() + 0.005)
            await session.receive()
    assert close_code(server) == 1000


@on_asyncio
async def test_a_timeout_while_connecting_leaves_nothing_behind() -> None:
    server = playing(Stall(), accept=None)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01), connected(server):
            pytest.fail("nobody has answered")


@on_asyncio
async def test_a_timeout_inside_of_a_session_loses_no_event() -> None:
    server = playing(Expect(ANY_CONTENT), Emit(said("one"), said("two")), Close())
    async with server.playing(), connected(server) as session:
        for _ in range(3):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.001):
                    await session.receive()
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(session.receive(), 0.001)
        await session.send("Hello")
        words = [event.text async for event in session if isinstance(event, ServerContent)]
    assert words == ["one", "two"]


# TaskGroup


@on_asyncio
async def test_a_failing_sibling_closes_the_session_and_is_the_only_error() -> None:
    async def converse() -> None:
        async with connected(server) as session:
            opened.set()
            await session.receive()

    async def fail() -> None:
        await opened.wait()
        raise KeyError("sibling")

    server = playing()
    opened = asyncio.Event()
    with pytest.raises(ExceptionGroup) as caught:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(converse())
            tasks.create_task(fail())
    [error] = caught.value.exceptions
    assert isinstance(error, KeyError)
    assert close_code(server) == 1000


@on_asyncio
async def test_a_group_within_a_session_is_cancelled_by_what_the_session_raises() -> None:
    async def receive(session: LiveSession) -> None:
        async for _ in session:
            pass

    server = playing(Expect(ANY_CONTENT), Close(1011, "no more"))
    with pytest.raises(ExceptionGroup) as caught:
        async with connected(server) as session, asyncio.TaskGroup() as tasks:
            tasks.create_task(receive(session))
            await session.send("Hello")
            await asyncio.Event().wait()
    [error] = caught.value.exceptions
    assert isinstance(error, SessionClosedError)
    assert error.code == 1011


@on_asyncio
async def test_sessions_of_one_group_share_one_thread() -> None:
    async def converse(number: int) -> str:
        server = playing(Expect(ANY_CONTENT), Emit(said(f"number {number}", turnComplete=True)))
        async with server.playing(), connected(server) as session:
            return (await session.ask("Who am I?")).text

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(converse(number)) for number in range(50)]
    assert [task.result() for task in tasks] == [f"number {number}" for number in range(50)]
    assert [thread.name for thread in threading.enumerate()].count("livegen-trio") == 1


# The ways in which a loop can run


def converse_once(server: ScriptedServer, answers: list[str]) -> Any:
    async def converse() -> None:
        async with server.playing(), connected(server) as session:
            answers.append((await session.ask("Hello")).text)

    return converse()


def greeter() -> ScriptedServer:
    return playing(Expect(ANY_CONTENT), Emit(said("Hi", turnComplete=True)))


def test_loops_may_follow_one_another() -> None:
    answers: list[str] = []
    for _ in range(3):
        asyncio.run(converse_once(greeter(), answers))
    assert answers == ["Hi"] * 3


def test_loops_may_run_at_once_in_several_threads() -> None:
    def run() -> None:
        asyncio.run(converse_once(greeter(), answers))

    answers: list[str] = []
    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == ["Hi"] * 4


def test_a_loop_in_debug_mode_has_nothing_to_say(caplog: pytest.LogCaptureFixture) -> None:
    answers: list[str] = []
    asyncio.run(converse_once(greeter(), answers), debug=True)
    assert answers == ["Hi"]
    assert not [message for message in caplog.messages if " took " not in message]  # this machine may be busy


@pytest.mark.skipif(sys.version_info < (3, 12), reason="there are no eager tasks before Python 3.12")
def test_tasks_may_begin_eagerly() -> None:
    async def main() -> None:
        eager: Any = asyncio
        asyncio.get_running_loop().set_task_factory(eager.eager_task_factory)
        await asyncio.gather(*(converse_once(greeter(), answers) for _ in range(3)))

    answers: list[str] = []
    asyncio.run(main())
    assert answers == ["Hi"] * 3


@on_asyncio
async def test_a_sync_tool_reaches_its_session_by_way_of_the_loop() -> None:
    loop = asyncio.get_running_loop()

    def note(context: ToolContext) -> None:
        with pytest.raises(RuntimeError, match="run_coroutine_threadsafe"):
            trio.from_thread.run(context.session.send, "lost")
        sent = asyncio.run_coroutine_threadsafe(context.session.send("noted", turn_complete=False), loop)
        sent.result()

    server = playing(
        Emit({"toolCall": {"functionCalls": [{"id": "1", "name": "note"}]}}),
        Expect({"clientContent": {"turns": [{"parts": [{"text": "noted"}]}]}}),
        Expect({"toolResponse": {"functionResponses": [{"id": "1"}]}}),
    )
    async with server.playing(), connected(server, tools=[note]):
        await until(lambda: len(server.connected[0].heard) == 3)
