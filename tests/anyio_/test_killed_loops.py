"""However an asyncio loop ends, nothing of its sessions is left: seen from outside of its process."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trio

from livegen_trio.testing import Connection, Emit, ScriptedServer, ServerEnd

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

PROGRAM = Path(__file__).parents[1] / "support" / "dying_program.py"
PATIENCE = 20.0  # seconds
PROMPTLY = 10.0  # the start of a process is in it where nothing is sent
CALL: dict[str, Any] = {"toolCall": {"functionCalls": [{"id": "1", "name": "tool", "args": {}}]}}
CLOSED = [1000, 1000]
NOT_CLOSED = [1006, 1006]
NOISE = ("never awaited", "destroyed", "never retrieved", "was never", "livegen_trio", "Fatal Python error")

without_uvloop = pytest.mark.skipif(find_spec("uvloop") is None, reason="uvloop is not for this Python")
every_loop = pytest.mark.parametrize("loop", ["asyncio", pytest.param("uvloop", marks=without_uvloop)])
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="it is about POSIX's signals")


@dataclass(frozen=True)
class End:
    """What was seen of the program's."""

    returncode: int
    complaints: str
    close_codes: list[int]


async def end_of(way: str, loop: str, sent: signal.Signals | None = None) -> End:
    """Run the program until it ends, in the given way or by a signal."""
    server = ScriptedServer(Connection(Emit(CALL), listen), Connection(listen))
    with trio.fail_after(PATIENCE):
        async with server.listening() as url, program(way, loop, url) as process:
            if sent is not None:
                await held(process)
                process.send_signal(sent)
            returncode, complaints = await end(process)
            await until_closed(server)
    return End(returncode, complaints, [end.closed.code for end in server.connected])


@asynccontextmanager
async def program(*arguments: str) -> AsyncGenerator[trio.Process]:
    """The program in a process."""
    command = [sys.executable, str(PROGRAM), *arguments]
    pipe = subprocess.PIPE
    process = await trio.lowlevel.open_process(command, stdin=pipe, stdout=pipe, stderr=pipe)
    try:
        yield process
    finally:
        process.kill()
        with trio.CancelScope(shield=True):
            await process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            assert stream is not None
            await trio.aclose_forcefully(stream)


async def held(process: trio.Process) -> None:
    """Wait until the program is in the middle of its sessions."""
    assert await process.stdout.receive_some() == b"held\n"


async def end(process: trio.Process) -> tuple[int, str]:
    """The program's return code, and what it has to complain of. It may end now, if it has waited for that."""
    await process.stdin.aclose()
    with trio.fail_after(PROMPTLY):
        complaints = b"".join([piece async for piece in process.stderr])
        return await process.wait(), complaints.decode()


async def until_closed(server: ScriptedServer) -> None:
    while not all(end.closed for end in server.connected):  # noqa: ASYNC110 - there is no event for it
        await trio.sleep(0.001)


async def listen(server: ServerEnd) -> None:
    while await server.hear_or_end() is not None:
        pass


def is_free_of_noise(complaints: str) -> bool:
    return not any(words in complaints for words in NOISE)


# Loops that end as asyncio has it


@every_loop
async def test_an_unhandled_error_is_all_that_is_reported(loop: str) -> None:
    seen = await end_of("an error", loop)
    assert (seen.returncode, seen.close_codes) == (1, CLOSED)
    assert seen.complaints.count("Traceback (most recent call last)") == 2  # the group's and its own
    assert "ZeroDivisionError: the user's own" in seen.complaints
    assert is_free_of_noise(seen.complaints)


@every_loop
@pytest.mark.parametrize("way", ["sys.exit", "sys.exit in a callback"])
async def test_sys_exit_closes_the_sessions_and_is_silent(way: str, loop: str) -> None:
    assert await end_of(way, loop) == End(3, "", CLOSED)


@every_loop
async def test_sys_exit_in_a_task_closes_the_sessions(loop: str) -> None:
    seen = await end_of("sys.exit in a task", loop)
    assert (seen.returncode, seen.close_codes) == (3, CLOSED)
    assert "livegen_trio" not in seen.complaints  # asyncio may have one, of the group's task


@every_loop
async def test_a_keyboard_interrupt_closes_the_sessions(loop: str) -> None:
    seen = await end_of("a signal", loop, signal.SIGINT)
    assert (seen.returncode, seen.close_codes) == (-signal.SIGINT, CLOSED)
    assert seen.complaints.splitlines()[-1] == "KeyboardInterrupt"
    assert is_free_of_noise(seen.complaints)


@every_loop
@pytest.mark.parametrize(("way", "code"), [("sys.exit on SIGTERM", 3), ("task.cancel on SIGTERM", 0)])
async def test_a_sigterm_that_is_handled_closes_the_sessions(way: str, code: int, loop: str) -> None:
    assert await end_of(way, loop, signal.SIGTERM) == End(code, "", CLOSED)


@every_loop
@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGKILL])
async def test_a_process_that_is_killed_leaves_no_connection_open(sent: signal.Signals, loop: str) -> None:
    assert await end_of("a signal", loop, sent) == End(-sent, "", NOT_CLOSED)


@every_loop
async def test_a_process_that_exits_at_once_leaves_no_connection_open(loop: str) -> None:
    assert await end_of("os._exit", loop) == End(3, "", NOT_CLOSED)


# Loops that just stop


@every_loop
@pytest.mark.parametrize("way", ["loop.stop", "loop.stop and close", "loop.stop and another run"])
async def test_a_loop_that_is_stopped_in_the_middle_leaves_no_session_open(way: str, loop: str) -> None:
    assert await end_of(way, loop) == End(0, "", CLOSED)


@every_loop
async def test_sessions_that_nobody_leaves_are_closed(loop: str) -> None:
    assert await end_of("sessions left open", loop) == End(0, "", CLOSED)


@every_loop
async def test_a_loop_in_a_thread_that_keeps_no_process_alive_ends_with_the_process(loop: str) -> None:
    assert await end_of("the main thread's end", loop) == End(0, "", CLOSED)


@every_loop
async def test_sessions_of_a_closed_loop_are_closed_while_the_process_lives_on(loop: str) -> None:
    server = ScriptedServer(Connection(Emit(CALL), listen), Connection(listen))
    with trio.fail_after(PATIENCE):
        async with server.listening() as url, program("loop.stop and a life without", loop, url) as process:
            await held(process)
            await until_closed(server)
            assert process.poll() is None
            returncode, complaints = await end(process)
    assert returncode == 0
    # asyncio warns of the user's tasks, which nobody has cancelled, and of no other.
    assert complaints.count("Task was destroyed") == complaints.count("coro=<Held.listen()") == 2


# A network that ends as well


@every_loop
async def test_a_dead_network_holds_up_no_exit(loop: str) -> None:
    server = ScriptedServer(Connection(Emit(CALL), listen), Connection(listen))
    with trio.fail_after(PATIENCE):
        async with server.listening() as url, trio.open_nursery() as nursery:
            wire = Wire(url)
            address = await nursery.start(wire.serve)
            async with program("sys.exit on SIGTERM", loop, address) as process:
                await held(process)
                wire.cut()
                process.send_signal(signal.SIGTERM)
                ended = await end(process)
            nursery.cancel_scope.cancel()
    assert ended == (3, "")


class Wire:
    """A network in front of a server, that can be cut without notice."""

    def __init__(self, url: str) -> None:
        self._port = int(url.rpartition(":")[2])
        self._is_cut = False

    def cut(self) -> None:
        self._is_cut = True

    async def serve(self, *, task_status: trio.TaskStatus[str]) -> None:
        [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
        task_status.started(f"ws://127.0.0.1:{listener.socket.getsockname()[1]}")
        await trio.serve_listeners(self._join, [listener])

    async def _join(self, client: trio.SocketStream) -> None:
        async with (
            await trio.open_tcp_stream("127.0.0.1", self._port) as server,
            trio.open_nursery() as nursery,
        ):
            nursery.start_soon(self._carry, client, server)
            await self._carry(server, client)

    async def _carry(self, here: trio.SocketStream, there: trio.SocketStream) -> None:
        async for data in here:
            if self._is_cut:
                await trio.sleep_forever()
            await there.send_all(data)
