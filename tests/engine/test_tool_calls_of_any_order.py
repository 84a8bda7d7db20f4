"""Tool calls under pressure: cancelled at every checkpoint, by hundreds, and over changes of the connection."""

from __future__ import annotations

import random
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from livegen_trio import Reconnected, Reconnection
from support.peer import SETUP_COMPLETE, Fleet, Peer, conversation, model_on, next_content, text

if TYPE_CHECKING:
    from trio.testing import MockClock

    from livegen_trio import LiveSession

CHECKPOINTS = 12
CALLS = 200
CONNECTIONS = 4
HANDLE = {"sessionResumptionUpdate": {"newHandle": "h1", "resumable": True}}


def call(call_id: str, **args: Any) -> dict[str, Any]:
    return {"toolCall": {"functionCalls": [{"id": call_id, "name": "work", "args": args}]}}


@pytest.mark.parametrize("cancelled_after", range(CHECKPOINTS + 4))
async def test_a_tool_is_cancelled_at_any_checkpoint_or_has_answered(
    cancelled_after: int, autojump_clock: MockClock
) -> None:
    ended = []

    async def work() -> str:
        try:
            for _ in range(CHECKPOINTS):
                await trio.sleep(1)
        finally:
            ended.append(trio.current_time())
        return "done"

    async with conversation(tools=[work]) as (session, peer):
        await peer.say(call("1"))
        await trio.sleep(cancelled_after + 0.5)
        await peer.say({"toolCallCancellation": {"ids": ["1"]}}, text("All right."))
        await trio.sleep(CHECKPOINTS + 1)
        has_answered = cancelled_after >= CHECKPOINTS
        assert ended == [CHECKPOINTS if has_answered else cancelled_after + 0.5]
        assert peer.unheard == has_answered
        for _ in range(2):
            await session.receive()
        assert (await next_content(session)).text == "All right."
        await session.send("And now?")
        if has_answered:
            assert "toolResponse" in await peer.hear()
        assert "clientContent" in await peer.hear()


async def test_a_tool_that_blocks_delays_nothing_else(autojump_clock: MockClock) -> None:
    async def work(seconds: float) -> float:
        await trio.sleep(seconds)
        return seconds

    async with conversation(tools=[work], connect={"keepalive_interval": 1}) as (session, peer):
        await peer.say(call("slow", seconds=10), call("quick", seconds=0))
        answer = await peer.hear()
        assert answer["toolResponse"]["functionResponses"][0]["id"] == "quick"
        await peer.say({"serverContent": {"interrupted": True}})
        await trio.testing.wait_all_tasks_blocked()
        assert session.audio_epoch == 1
        await session.send_audio_realtime(bytes(640))
        assert "realtimeInput" in await peer.hear()
        assert trio.current_time() == 0


class Service:
    """Calls a function two hundred times, a quarter of them on each connection, and takes some calls back."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.chances = random.Random(7)
        self.answers: dict[str, list[dict[str, Any]]] = {}
        self.revoked: set[str] = set()

    async def serve(self) -> None:
        for connection in range(CONNECTIONS):
            peer = await self.fleet.dialled(connection + 1)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self.hear, peer)
                await peer.say(HANDLE)
                for number in range(CALLS)[connection::CONNECTIONS]:
                    await self.call(peer, number)
                await trio.sleep(10)
                if connection < CONNECTIONS - 1:
                    await peer.close(1011, "Internal error encountered.")

    async def call(self, peer: Peer, number: int) -> None:
        seconds = self.chances.uniform(0, 30)
        await peer.say(call(str(number), number=number, seconds=seconds))
        if seconds > 20 and number % 3 == 0:
            self.revoked.add(str(number))
            await peer.say({"toolCallCancellation": {"ids": [str(number)]}})

    async def hear(self, peer: Peer) -> None:
        while True:
            try:
                message = await peer.hear()
            except trio.EndOfChannel:
                return
            for response in message.get("toolResponse", {}).get("functionResponses", ()):
                self.answers.setdefault(response["id"], []).append(response["response"])


class Tool:
    """Knows how often it was begun and ended."""

    def __init__(self) -> None:
        self.begun: Counter[int] = Counter()
        self.ended: Counter[int] = Counter()

    async def work(self, number: int, seconds: float) -> int:
        self.begun[number] += 1
        try:
            await trio.sleep(seconds)
        finally:
            self.ended[number] += 1
        if number % 5 == 0:
            raise ValueError(number)
        return number


async def reports_of(session: LiveSession, reports: list[Reconnected]) -> None:
    async for event in session:
        reports += [event] if isinstance(event, Reconnected) else []


async def test_each_of_two_hundred_calls_has_one_outcome_over_three_lost_connections(
    autojump_clock: MockClock,
) -> None:
    """A call ends by its result, an error, or the server's cancellation, whatever becomes of the connection."""
    fleet, tool = Fleet(SETUP_COMPLETE), Tool()
    service = Service(fleet)
    reports: list[Reconnected] = []
    connecting = model_on(fleet, tools=[tool.work]).connect(reconnection=Reconnection(delays=(0.5,)))
    async with connecting as session, trio.open_nursery() as nursery:
        nursery.start_soon(reports_of, session, reports)
        nursery.start_soon(service.serve)
        await trio.sleep(300)
        nursery.cancel_scope.cancel()

    assert len(reports) == CONNECTIONS - 1
    assert set(tool.begun.values()) == {1}
    assert tool.ended == tool.begun
    assert service.revoked
    assert set(service.answers) == {str(number) for number in range(CALLS)} - service.revoked
    for call_id, outcomes in service.answers.items():
        failed = int(call_id) % 5 == 0
        expected = {"error": "work failed (ValueError)"} if failed else {"output": int(call_id)}
        assert all(outcome == expected for outcome in outcomes)
    sent_again = sum(len(outcomes) - 1 for outcomes in service.answers.values())
    assert sent_again <= sum(report.replayed for report in reports)
