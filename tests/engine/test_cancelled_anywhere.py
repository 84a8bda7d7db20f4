"""A session cancelled at every step of its tasks in turn: it ends in time, with nothing left, and nothing is raised."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from livegen_trio import GeminiBackend, Reconnected, ResumeState, ServerContent, SetupRejectedError
from livegen_trio.audio import AudioConversation, VirtualSpeaker
from livegen_trio.transports.base import ConnectionClosed
from support.loopback import setups
from support.peer import HANDLE, SETUP_COMPLETE, TURN_COMPLETE, Fleet, model_on, text
from support.talking import SECOND, spoken

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from livegen_trio.transports._trio_websocket.transport import TrioWebSocketTransport

CLOSE_TIMEOUT = 2.0
CALL = {"toolCall": {"functionCalls": [{"id": "c1", "name": "look_up", "args": {}}]}}


class CancelAtStep(trio.abc.Instrument):
    """Cancels a scope after so many steps of any tasks."""

    def __init__(self, step: int, scope: trio.CancelScope) -> None:
        self.steps_left = step
        self.scope = scope
        self.cancelled_at: float | None = None

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        self.steps_left -= 1
        if not self.steps_left:
            self.cancelled_at = trio.current_time()
            self.scope.cancel()


class Talkative(Fleet):
    """Answers the first message with a call, and the answer to that with words."""

    def __init__(self) -> None:
        super().__init__(SETUP_COMPLETE, HANDLE)
        self.lost_network = True

    async def _answer_setup(self) -> None:
        await super()._answer_setup()
        peer = self.peer
        with suppress(trio.EndOfChannel, ConnectionClosed):
            while True:
                message = await peer.hear()
                if "clientContent" in message:
                    await peer.say(text("Let me see."), CALL)
                elif "toolResponse" in message:
                    await peer.say(text("Rain."), TURN_COMPLETE)


async def look_up() -> str:
    """Look something up."""
    await trio.sleep(0.5)
    return "rain"


async def converse_over_a_reconnection(fleet: Fleet) -> None:
    async with model_on(fleet, tools=[look_up]).connect(close_timeout=CLOSE_TIMEOUT) as session:
        assert (await session.ask("What is the weather?")).text == "Let me see.Rain."
        await fleet.peer.transport.abort()
        while not isinstance(await session.receive(), Reconnected):
            pass
        await session.send_audio_realtime(bytes(640))
        await session.resume_session()
        await session.send("And tomorrow?")
        await trio.sleep(0.1)


async def leave_a_dead_peer(fleet: Fleet) -> None:
    async with model_on(fleet, tools=[look_up]).connect(close_timeout=CLOSE_TIMEOUT) as session:
        await session.send("What is the weather?")
        await trio.sleep(0.1)
        fleet.peer.freeze()


async def take_over(fleet: Fleet) -> None:
    fleet.refusals = [SetupRejectedError(code=1011, reason="Internal error encountered.", retryable=True)] * 2
    state = ResumeState(model="models/test", handle="h1", taken_at=0.0)
    async with model_on(fleet).connect(session_resumption=state, close_timeout=CLOSE_TIMEOUT) as session:
        assert isinstance(await session.receive(), Reconnected)


async def go_on_while_the_server_is_away(fleet: Fleet) -> None:
    async with model_on(fleet).connect(close_timeout=CLOSE_TIMEOUT) as session:
        await session.send_audio_realtime(bytes(640))
        fleet.refusals = [
            SetupRejectedError(code=1011, reason="Internal error encountered.", retryable=True)
        ] * 2
        await fleet.peer.transport.abort()
        while not isinstance(await session.receive(), Reconnected):
            pass


async def speak_aloud(fleet: Fleet) -> None:
    speak, microphone = trio.open_memory_channel[bytes](10)
    async with (
        model_on(fleet, tools=[look_up]).connect(close_timeout=CLOSE_TIMEOUT) as session,
        AudioConversation(session, source=microphone, sink=VirtualSpeaker()) as conversation,
    ):
        await speak.send(bytes(640))
        await session.send("What is the weather?")
        async for event in conversation:
            if isinstance(event, ServerContent) and event.turn_complete:
                break
        await fleet.peer.say(spoken(SECOND))
        await trio.sleep(0.1)


async def cancelled_at(step: int, scenario: Callable[[Fleet], Awaitable[None]]) -> bool:
    """Run the scenario, and return whether it was cancelled before its end."""
    fleet = Talkative()
    tasks = trio.lowlevel.current_statistics().tasks_living
    with trio.fail_after(60), trio.CancelScope() as scope:
        instrument = CancelAtStep(step, scope)
        trio.lowlevel.add_instrument(instrument)
        try:
            await scenario(fleet)
        finally:
            trio.lowlevel.remove_instrument(instrument)
    assert trio.lowlevel.current_statistics().tasks_living == tasks
    if instrument.cancelled_at is not None:
        assert trio.current_time() <= instrument.cancelled_at + CLOSE_TIMEOUT
    for peer in fleet.peers:
        with pytest.raises(ConnectionClosed), trio.fail_after(1):
            while True:
                await peer.transport.receive()
    return instrument.cancelled_at is not None


@pytest.mark.parametrize(
    "scenario",
    [converse_over_a_reconnection, leave_a_dead_peer, take_over, go_on_while_the_server_is_away, speak_aloud],
)
def test_a_session_can_be_cancelled_at_every_step(scenario: Callable[[Fleet], Awaitable[None]]) -> None:
    step = 1
    while trio.run(cancelled_at, step, scenario, clock=trio.testing.MockClock(autojump_threshold=0)):
        step += 1
    assert step > 50


# Over sockets


async def test_a_session_over_sockets_can_be_cancelled_at_every_step() -> None:
    ended: list[ConnectionClosed] = []

    async def serve(transport: TrioWebSocketTransport) -> None:
        try:
            for greeting in (SETUP_COMPLETE, HANDLE):
                await transport.send(json.dumps(greeting).encode())
            while True:
                message: dict[str, Any] = json.loads(await transport.receive())
                if "clientContent" in message:
                    await transport.send(json.dumps(text("Rain.")).encode())
                    await transport.send(json.dumps(TURN_COMPLETE).encode())
        except ConnectionClosed as closed:
            ended.append(closed)

    async with setups(serve) as port:
        model = model_on(GeminiBackend(api_key="k", base_url=f"ws://127.0.0.1:{port}"))
        step, tasks = 1, trio.lowlevel.current_statistics().tasks_living
        while True:
            with trio.fail_after(5), trio.CancelScope() as scope:
                instrument = CancelAtStep(step, scope)
                trio.lowlevel.add_instrument(instrument)
                try:
                    async with model.connect(close_timeout=CLOSE_TIMEOUT) as session:
                        assert (await session.ask("What is the weather?")).text == "Rain."
                finally:
                    trio.lowlevel.remove_instrument(instrument)
            if instrument.cancelled_at is None:
                break
            step += 1
        with trio.fail_after(5):  # the server notices a broken connection a moment later
            while trio.lowlevel.current_statistics().tasks_living > tasks:  # noqa: ASYNC110 - no event tells of it
                await trio.sleep(0.01)
    assert step > 50
