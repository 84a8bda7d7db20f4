"""The server ends when it is cancelled: at any checkpoint of any of its tasks, and while clients connect."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from livegen_trio.local import LocalServer, Say
from livegen_trio.local._conversation import CLOSE_TIMEOUT
from livegen_trio.transports._trio_websocket.transport import upgrade_client_stream
from livegen_trio.transports.base import Endpoint
from support.live_client import Client, audio, said, setup, sound, speech_engines, text_engines

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

GEMINI = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"


class CancelAt(trio.abc.Instrument):
    """Cancels a scope before a number of task steps."""

    def __init__(self, scope: trio.CancelScope, steps: int) -> None:
        self._scope = scope
        self._steps = steps
        self.cancelled_at: float | None = None

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self._steps -= 1
        if self._steps == 0:
            self.cancelled_at = trio.current_time()
            self._scope.cancel()


async def converse_over(stream: trio.abc.Stream) -> None:
    """A client that stays as long as it may."""
    try:
        async with trio.open_nursery() as nursery:
            transport = await upgrade_client_stream(
                stream, Endpoint(f"ws://localhost{GEMINI}"), nursery=nursery
            )
            client = Client(transport)
            await client.say(setup(sessionResumption={}), said("Hi"), audio(sound(0.2)))
            await client.hear_close()
            await transport.abort()
    except* Exception:  # noqa: BLE001
        pass  # it was in the middle of something


async def serve_until_cancelled(steps: int, talk: Callable[[trio.abc.Stream], Awaitable[None]]) -> bool:
    """Serve one client, and cancel the server before a number of steps. Returns whether it came to that."""
    server = LocalServer(text_engines(lambda _: Say("Hi")))
    scope = trio.CancelScope()
    cancel = CancelAt(scope, steps)
    ours, theirs = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(talk, ours)
        trio.lowlevel.add_instrument(cancel)
        with trio.move_on_after(60), scope:
            await server.serve_stream(theirs)
        trio.lowlevel.remove_instrument(cancel)
        nursery.cancel_scope.cancel()
        if cancel.cancelled_at is not None:
            assert trio.current_time() - cancel.cancelled_at <= 2 * CLOSE_TIMEOUT
    return cancel.cancelled_at is not None


@pytest.mark.parametrize("begin", [0, 1, 2, 3])
def test_a_server_can_be_cancelled_at_any_step(begin: int) -> None:
    for steps in range(begin + 1, 300, 4):
        clock = trio.testing.MockClock(autojump_threshold=0)
        if not trio.run(serve_until_cancelled, steps, converse_over, clock=clock):
            break
    else:
        return
    assert steps > 30


async def test_a_server_that_is_cancelled_before_it_begins_ends() -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    with trio.fail_after(2), trio.CancelScope() as scope:
        scope.cancel()
        await LocalServer(text_engines()).serve_stream(theirs)
    await trio.aclose_forcefully(ours)


async def test_a_server_ends_under_a_storm_of_connects() -> None:
    async def storm(port: int) -> None:
        while True:
            try:
                async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
                    await stream.send_all(f"GET {GEMINI} HTTP/1.1\r\nHost: localhost\r\n".encode())
            except (OSError, trio.BrokenResourceError):
                return

    for _ in range(5):
        async with trio.open_nursery() as clients:
            async with trio.open_nursery() as nursery:
                [address] = await nursery.start(LocalServer(text_engines()).serve, 0)
                for _ in range(10):
                    clients.start_soon(storm, address.port)
                await trio.sleep(0.05)
                with trio.fail_after(3 * CLOSE_TIMEOUT, shield=True):
                    nursery.cancel_scope.cancel()
                    await trio.lowlevel.cancel_shielded_checkpoint()
            clients.cancel_scope.cancel()


@pytest.mark.parametrize("work", ["transcription", "synthesis"])
async def test_work_of_the_engines_is_abandoned(work: str) -> None:
    engines = speech_engines()
    released = threading.Event()
    begun = trio.Event()
    token = trio.lowlevel.current_trio_token()

    def block(*_: object) -> bytes:
        token.run_sync_soon(begun.set)
        released.wait(20)
        return b""

    target = engines.recognizer if work == "transcription" else engines.synthesizer
    setattr(target, "transcribe" if work == "transcription" else "synthesize", block)
    server = LocalServer(engines)
    try:
        async with trio.open_nursery() as nursery:
            [address] = await nursery.start(partial(server.serve, 0))
            stream = await trio.open_tcp_stream(*address)
            nursery.start_soon(_speak, stream)
            await begun.wait()
            start = trio.current_time()
            nursery.cancel_scope.cancel()
        assert trio.current_time() - start < 4 * CLOSE_TIMEOUT
    finally:
        released.set()


async def _speak(stream: trio.abc.Stream) -> None:
    async with trio.open_nursery() as nursery:
        transport = await upgrade_client_stream(stream, Endpoint(f"ws://localhost{GEMINI}"), nursery=nursery)
        client = Client(transport)
        manual = {"automaticActivityDetection": {"disabled": True}}
        await client.say(setup("models/gemini-3.8-live", realtimeInputConfig=manual))
        await client.say({"realtimeInput": {"activityStart": {}}}, audio(sound(0.5)))
        await client.say({"realtimeInput": {"activityEnd": {}}})
        await client.hear_close()
