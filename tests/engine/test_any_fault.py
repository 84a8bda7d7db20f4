"""Any conversation, on any network: what was sent was heard, or is reported; and nothing hangs or is left behind.

A machine of Hypothesis' choosing: connections break at random bytes, in every way, while texts, speech and answers of
tools are on their way. The server is one of ours, with the WebSocket and all; the clock is virtual.
"""

from __future__ import annotations

import json
import os
import struct
from base64 import b64decode
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import trio
import trio.testing
from hypothesis import HealthCheck, given, settings, strategies as st

from livegen_trio import (
    Backend,
    HandshakeError,
    LiveError,
    Reconnected,
    Reconnection,
    SessionClosedError,
    ToolCall,
    ToolCallCancellation,
    get_live_generative_model,
)
from livegen_trio.testing import Fault, FaultyStream
from livegen_trio.transports._trio_websocket.transport import serve_websocket_stream, upgrade_client_stream
from livegen_trio.transports.base import ConnectionClosed, Endpoint, Progress, Transport

if TYPE_CHECKING:
    from livegen_trio import LiveSession, ServerEvent

EXAMPLES = int(os.environ.get("SOAK_EXAMPLES", "2000"))
PATIENCE = 300.0
"""Virtual seconds, in which every broken connection is found out and replaced."""

PATIENT = Reconnection(give_up_after=PATIENCE)
ENDPOINT = Endpoint("ws://test/", ())
FAULTS = st.builds(
    Fault,
    st.sampled_from(["cut", "cut", "stall", "half close", "garbage"]),
    st.sampled_from(["to server", "to client"]),
    st.integers(0, 2500),
)
ACTIONS = st.lists(
    st.one_of(
        st.sampled_from(["say", "say", "speak", "speak", "call", "revoke", "go away", "cancelled say"]),
        st.floats(0, 15),  # a pause, in seconds
    ),
    max_size=25,
)


@dataclass
class Server:
    """Remembers all that it has heard, on whatever connection.

    Attributes:
        heard: The numbers that came on each connection, in order: of control, and of speech.
        answered: How often each call was answered.
        revoked: The calls that were cancelled.
    """

    heard: list[tuple[list[int], list[int]]] = field(default_factory=list)
    answered: Counter[str] = field(default_factory=Counter)
    revoked: list[str] = field(default_factory=list)
    pending: deque[str] = field(default_factory=deque)
    done: set[int] = field(default_factory=set)

    @property
    def numbers(self) -> Counter[int]:
        return Counter(number for lanes in self.heard for lane in lanes for number in lane)

    async def serve(self, stream: trio.abc.Stream) -> None:
        async with trio.open_nursery() as nursery:
            try:
                request = await serve_websocket_stream(stream, nursery=nursery)
                transport = await request.accept()
                await self.converse(transport, nursery)
            except (ConnectionClosed, LiveError, trio.BrokenResourceError):
                pass  # that is what is tested
            nursery.cancel_scope.cancel()

    async def converse(self, transport: Transport, nursery: trio.Nursery) -> None:
        await transport.receive()
        lanes: tuple[list[int], list[int]] = ([], [])
        self.heard.append(lanes)
        handle = f"h{len(self.heard)}"
        await say(transport, {"setupComplete": {}})
        await say(transport, {"sessionResumptionUpdate": {"newHandle": handle, "resumable": True}})
        while True:
            try:
                message = json.loads(await transport.receive())
            except ValueError:
                await transport.aclose(1007, "garbage")  # noqa: ASYNC120 - then the cancellation counts
                raise ConnectionClosed(1007) from None
            if "realtimeInput" in message:
                data = b64decode(message["realtimeInput"]["audio"]["data"])
                lanes[1].append(struct.unpack(">I", data[:4])[0])
            elif "toolResponse" in message:
                for response in message["toolResponse"]["functionResponses"]:
                    self.answered[response["id"]] += 1
            else:
                number, words = message["clientContent"]["turns"][0]["parts"][0]["text"].split()
                lanes[0].append(int(number))
                if int(number) not in self.done:
                    self.done.add(int(number))
                    await self.act(transport, nursery, number, words)

    async def act(self, transport: Transport, nursery: trio.Nursery, number: str, words: str) -> None:
        match words:
            case "call":
                self.pending.append(f"c{number}")
                call = {"id": f"c{number}", "name": "work", "args": {"number": int(number)}}
                await say(transport, {"toolCall": {"functionCalls": [call]}})
            case "revoke" if self.pending:
                self.revoked.append(self.pending.popleft())
                await say(transport, {"toolCallCancellation": {"ids": self.revoked[-1:]}})
            case "away":
                await say(transport, {"goAway": {"timeLeft": "8s"}})
                nursery.start_soon(close_late, transport)
            case _:
                await say(transport, {"serverContent": {"modelTurn": {"parts": [{"text": words}]}}})
                await say(transport, {"serverContent": {"turnComplete": True}})


async def say(transport: Transport, message: dict[str, Any]) -> None:
    await transport.send(json.dumps(message).encode())


async def close_late(transport: Transport) -> None:
    await trio.sleep(8)
    await transport.aclose(1008, "Connection aborted because the client failed to close it.")


class BreakingBackend(Backend):
    """Dials the server over streams in memory, the first few of which break."""

    def __init__(self, server: Server, nursery: trio.Nursery, faults: list[list[Fault]]) -> None:
        self.server = server
        self.nursery = nursery
        self.faults = deque(faults)

    def resource_name(self, model: str) -> str:
        return model

    async def dial(self, nursery: trio.Nursery, progress: Progress) -> Transport:
        ours, theirs = trio.testing.memory_stream_pair()
        self.nursery.start_soon(self.server.serve, theirs)
        faults = self.faults.popleft() if self.faults else []
        return await upgrade_client_stream(FaultyStream(ours, faults), ENDPOINT, nursery=nursery)


@dataclass
class Client:
    """Inputs that were accepted, and those that have arrived."""

    accepted: list[int] = field(default_factory=list)
    reports: list[Reconnected] = field(default_factory=list)
    called: Counter[str] = field(default_factory=Counter)
    cancelled: set[str] = field(default_factory=set)
    begun: Counter[int] = field(default_factory=Counter)
    finished: Counter[int] = field(default_factory=Counter)
    ending: SessionClosedError | None = None

    async def work(self, number: int) -> int:
        """Work for a while."""
        self.begun[number] += 1
        try:
            await trio.sleep(number % 7)
        finally:
            self.finished[number] += 1
        return number

    async def do(self, session: LiveSession, number: int, action: str | float) -> None:
        if isinstance(action, float):
            await trio.sleep(action)
            return
        if action == "speak":
            await session.send_audio_realtime(struct.pack(">I", number) + bytes(60))
        elif action == "cancelled say":
            with trio.CancelScope() as scope:
                scope.cancel()
                await session.send(f"{number} never")
            assert scope.cancelled_caught
            return
        else:
            await session.send(f"{number} {action.split()[-1]}")
        self.accepted.append(number)

    def note(self, event: ServerEvent) -> None:
        match event:
            case Reconnected():
                self.reports.append(event)
            case ToolCall(function_calls=calls):
                self.called.update(call.id or "" for call in calls)
            case ToolCallCancellation(ids=ids):
                self.cancelled.update(ids)
            case _:
                pass

    async def converse(self, backend: Backend, actions: list[str | float]) -> None:
        model = get_live_generative_model("m", backend=backend, tools=[self.work])
        async with model.connect(reconnection=PATIENT, close_timeout=5) as session:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self.receive, session)
                for number, action in enumerate(actions):
                    await self.do(session, number, action)
                await trio.sleep(PATIENCE)
                nursery.cancel_scope.cancel()

    async def receive(self, session: LiveSession) -> None:
        async for event in session:
            self.note(event)


async def converse(
    server: Server, client: Client, faults: list[list[Fault]], actions: list[str | float]
) -> None:
    """The conversation; it ends when nothing of either side is left."""
    with trio.fail_after(PATIENCE * 10):
        async with trio.open_nursery() as nursery:
            backend = BreakingBackend(server, nursery, faults)
            try:
                await client.converse(backend, actions)
            except* SessionClosedError as group:
                client.ending = _first_of(group)
            except* HandshakeError:
                assert not client.accepted  # there was no session


def _first_of(group: BaseExceptionGroup[SessionClosedError]) -> SessionClosedError:
    first = group.exceptions[0]
    return _first_of(first) if isinstance(first, BaseExceptionGroup) else first


ONE_FAULT_EACH_WAY = st.lists(FAULTS, max_size=2, unique_by=lambda fault: fault.direction)


@given(faults=st.lists(ONE_FAULT_EACH_WAY, max_size=4), actions=ACTIONS)
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
def test_what_was_sent_was_heard_or_is_reported(
    faults: list[list[Fault]], actions: list[str | float]
) -> None:
    server, client = Server(), Client()
    trio.run(converse, server, client, faults, actions, clock=trio.testing.MockClock(autojump_threshold=0))
    heard = server.numbers
    assert set(heard) <= set(client.accepted)  # and nothing of what was cancelled
    for lanes in server.heard:
        for lane in lanes:
            assert lane == sorted(set(lane))
    assert client.finished == client.begun
    assert set(client.begun.values()) <= {1}
    assert set(server.answered) <= {f"c{number}" for number in client.begun}
    missing = len(set(client.accepted) - set(heard))
    reported = sum(one.given_up + one.dropped for one in client.reports)
    if (ending := client.ending) is not None:
        assert missing <= reported + ending.unsent + ending.unacknowledged + ending.lost
        return
    assert missing <= reported
    again = heard.total() - len(heard) + server.answered.total() - len(server.answered)
    assert again <= sum(one.replayed for one in client.reports)
    unanswered = sum(not server.answered[call_id] for call_id in client.called.keys() - client.cancelled)
    assert missing + unanswered <= reported  # an answer may be quarantined as well, after three connections
