"""A program that holds two sessions open on asyncio, and whose loop ends in a given way.

python dying_program.py WAY LOOP URL

In one session a tool runs, the other is listened to. "held" is printed when both are so.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from livegen_trio import LocalBackend, get_live_generative_model
from livegen_trio.anyio import connect

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping
    from contextlib import AbstractAsyncContextManager

    from livegen_trio import LiveSession


class Held:
    """Both sessions."""

    def __init__(self) -> None:
        self.is_tool_running = asyncio.Event()
        self.are_open = asyncio.Barrier(3)

    async def wait(self) -> None:
        """Wait until they are open, and the tool runs."""
        await self.are_open.wait()
        await self.is_tool_running.wait()

    async def tool(self) -> None:
        """Run for ever."""
        self.is_tool_running.set()
        await asyncio.Event().wait()

    def connect(self) -> AbstractAsyncContextManager[LiveSession]:
        """A session, whichever of them."""
        model = get_live_generative_model("m", backend=LocalBackend(url), tools=[self.tool])
        return connect(model, close_timeout=1.0)

    async def listen(self) -> None:
        """Be in a session."""
        async with self.connect() as session:
            await self.are_open.wait()
            async for _ in session:
                pass


def report(news: str) -> None:
    sys.stdout.write(f"{news}\n")
    sys.stdout.flush()


def new_loop() -> asyncio.AbstractEventLoop:
    if loop_name == "asyncio":
        return asyncio.new_event_loop()
    import uvloop  # which is not everywhere

    return uvloop.new_event_loop()


def run(main: Coroutine[None, None, None]) -> None:
    """What `asyncio.run` does, on either loop."""
    with suppress(asyncio.CancelledError), asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(main)


# Ends of a loop that runs as it should


async def until(end: Callable[[asyncio.TaskGroup], object]) -> None:
    """Be in the middle of it all, until the end."""
    held = Held()
    async with asyncio.TaskGroup() as group:
        group.create_task(held.listen())
        group.create_task(held.listen())
        await held.wait()
        end(group)
        report("held")
        await asyncio.Event().wait()


def fail(_group: asyncio.TaskGroup) -> None:
    raise ZeroDivisionError("the user's own")


def leave(_group: asyncio.TaskGroup) -> None:
    sys.exit(3)


def leave_from_a_task(group: asyncio.TaskGroup) -> None:
    async def task() -> None:
        leave(group)

    group.create_task(task())


def leave_from_a_callback(group: asyncio.TaskGroup) -> None:
    asyncio.get_running_loop().call_soon(leave, group)


def leave_at_once(_group: asyncio.TaskGroup) -> None:
    os._exit(3)


def leave_on_sigterm(group: asyncio.TaskGroup) -> None:
    signal.signal(signal.SIGTERM, lambda *_: leave(group))


def cancel_on_sigterm(_group: asyncio.TaskGroup) -> None:
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)


def wait_for_a_signal(_group: asyncio.TaskGroup) -> None:
    pass


# Ends of a loop that are none


async def hold(then: Callable[[], object]) -> None:
    """Leave tasks behind, in the middle of sessions."""
    held = Held()
    tasks.extend(asyncio.create_task(held.listen()) for _ in range(2))
    await held.wait()
    then()


tasks: Final[list[asyncio.Task[None]]] = []


def stop() -> asyncio.AbstractEventLoop:
    loop = new_loop()
    tasks.append(loop.create_task(hold(loop.stop)))
    loop.run_forever()
    return loop


def stop_and_close() -> None:
    stop().close()


def stop_and_live_on() -> None:
    stop().close()
    tasks.clear()
    report("held")
    sys.stdin.read()
    gc.collect()


def stop_and_go_on() -> None:
    loop = stop()
    for task in tasks:
        task.cancel()
    loop.run_until_complete(asyncio.wait(tasks))
    loop.close()


def leave_open() -> None:
    async def open_both() -> None:
        held = Held()
        for _ in range(2):
            session = held.connect()
            await session.__aenter__()
            left_open.append(session)
        await held.is_tool_running.wait()

    loop = new_loop()
    loop.run_until_complete(open_both())
    loop.close()


left_open: Final[list[AbstractAsyncContextManager[LiveSession]]] = []


def end_beside_a_thread() -> None:
    """The main thread ends while a loop runs in another, which keeps no process alive."""

    async def hold_on() -> None:
        await hold(over.set)
        await asyncio.Event().wait()

    over = threading.Event()
    threading.Thread(target=run, args=[hold_on()], daemon=True).start()
    over.wait()


ENDS: Final[Mapping[str, Callable[[asyncio.TaskGroup], object]]] = {
    "an error": fail,
    "sys.exit": leave,
    "sys.exit in a task": leave_from_a_task,
    "sys.exit in a callback": leave_from_a_callback,
    "sys.exit on SIGTERM": leave_on_sigterm,
    "task.cancel on SIGTERM": cancel_on_sigterm,
    "a signal": wait_for_a_signal,
    "os._exit": leave_at_once,
}
NO_ENDS: Final[Mapping[str, Callable[[], object]]] = {
    "loop.stop": stop,
    "loop.stop and close": stop_and_close,
    "loop.stop and a life without": stop_and_live_on,
    "loop.stop and another run": stop_and_go_on,
    "sessions left open": leave_open,
    "the main thread's end": end_beside_a_thread,
}

if __name__ == "__main__":
    _, way, loop_name, url = sys.argv
    signal.signal(signal.SIGINT, signal.default_int_handler)  # the runner of the tests may ignore it
    if way in ENDS:
        run(until(ENDS[way]))
    else:
        NO_ENDS[way]()
