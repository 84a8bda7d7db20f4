"""A day of conversation: a new connection every ten minutes, and a consumer that sleeps half of the time."""

from __future__ import annotations

import gc
import tracemalloc
from typing import TYPE_CHECKING

import trio

from livegen_trio import LiveSession, Reconnected, Reconnection, ServerContent
from livegen_trio.transports.base import ConnectionClosed
from support.peer import SETUP_COMPLETE, Fleet, Peer, model_on, text

if TYPE_CHECKING:
    from trio.testing import MockClock

MINUTE = 60.0
HOUR = 60 * MINUTE
DAY = 24 * HOUR
EACH = 20.0
"""Seconds between two inputs."""

SLACK = 256 * 1024
"""Bytes that may come and go."""


class Service:
    """Answers each input with a turn, and ends each connection in another way."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.heard: list[int] = []
        self.said = 0
        self.unsure: set[int] = set()

    async def serve(self) -> None:
        number = 0
        while True:
            number += 1
            peer = await self.fleet.dialled(number)
            await peer.say({"sessionResumptionUpdate": {"newHandle": f"h{number}", "resumable": True}})
            with trio.move_on_after(10 * MINUTE):
                await self.listen(peer)
            await self.end(peer, number)

    async def listen(self, peer: Peer) -> None:
        try:
            while True:
                message = await peer.hear()
                self.heard.append(int(message["realtimeInput"]["text"]))
                self.said += 1
                await peer.say(text(str(self.said)), {"usageMetadata": {"totalTokenCount": 1}})
                await peer.say({"serverContent": {"turnComplete": True}})
        except (trio.EndOfChannel, ConnectionClosed):
            self.unsure.add(self.said)  # the client has left, and perhaps has not heard this

    async def end(self, peer: Peer, number: int) -> None:
        match number % 3:
            case 0:
                await peer.say({"goAway": {"timeLeft": "5s"}})
                with trio.move_on_after(5):
                    await self.listen(peer)
            case 1:
                await peer.transport.abort()
                return
            case _:
                pass
        await peer.close(1011, "Internal error encountered.")


async def test_nothing_is_lost_and_no_memory_is_kept(autojump_clock: MockClock) -> None:
    fleet = Fleet(SETUP_COMPLETE)
    service = Service(fleet)
    sent, received, reports, sizes = 0, [], [], []

    async def speak(session: LiveSession) -> None:
        nonlocal sent
        while True:
            sent += 1
            await session.send_text_realtime(str(sent))
            await trio.sleep(EACH)

    async def doze(session: LiveSession) -> None:
        while True:
            await trio.sleep(5 * MINUTE)
            with trio.move_on_after(5 * MINUTE):
                async for event in session:
                    if isinstance(event, Reconnected):
                        reports.append(event)
                    elif isinstance(event, ServerContent) and event.text:
                        received.append(int(event.text))

    async with model_on(fleet).connect(reconnection=Reconnection(margin=1)) as session:
        async with trio.open_nursery() as nursery:
            for task in (speak, doze):
                nursery.start_soon(task, session)
            nursery.start_soon(service.serve)
            tracemalloc.start()
            try:
                while trio.current_time() < DAY:
                    await trio.sleep(4 * HOUR)
                    fleet.peers[:-1] = [None] * (len(fleet.peers) - 1)  # type: ignore[list-item] # the test's own memory
                    gc.collect()
                    sizes.append(_size_of_the_library())
            finally:
                tracemalloc.stop()
            nursery.cancel_scope.cancel()
        assert len(reports) >= 24 * 6 - 2
        lost = sum(report.unacknowledged + report.dropped + report.quarantined for report in reports)
        missing = set(range(1, sent)) - set(service.heard)
        assert len(missing) <= lost
        assert session.usage.total_token_count is not None
    assert received == sorted(set(received))
    assert set(range(1, received[-1] + 1)) - set(received) <= service.unsure
    assert len(service.unsure) <= 24 * 2
    assert max(sizes[1:]) - min(sizes[1:]) < SLACK


def _size_of_the_library() -> int:
    """Bytes that are held by what the library has allocated."""
    everything = tracemalloc.take_snapshot().filter_traces([tracemalloc.Filter(True, "*/livegen_trio/*")])
    return sum(one.size for one in everything.statistics("filename"))
