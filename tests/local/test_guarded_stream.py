"""Floods end their own connection, and say why."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from livegen_trio.local import LocalServer
from livegen_trio.local._fairness import WorkQueue, WorkShare
from livegen_trio.local._guarded_stream import MESSAGE_TIMEOUT, GuardedStream, MemoryBudget
from livegen_trio.local._request import Request
from support.live_client import said, setup, text_engines

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from trio.testing import MockClock

CONTINUATION, TEXT, PING, PONG = 0, 1, 9, 10
REQUEST = (
    b"GET /ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent HTTP/1.1\r\nHost: localhost\r\n"
    b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n%s\r\n"
)


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True) -> bytes:
    size = len(payload)
    if size < 126:
        length = bytes([0x80 | size])
    elif size < 2**16:
        length = b"\xfe" + size.to_bytes(2, "big")
    else:
        length = b"\xff" + size.to_bytes(8, "big")
    return bytes([fin << 7 | opcode]) + length + bytes(4) + payload  # a mask of zeros


def message(content: dict[str, Any]) -> bytes:
    return frame(TEXT, json.dumps(content).encode())


class Vandal:
    """A client that speaks in bytes."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self._received = b""

    async def send(self, data: bytes) -> None:
        await self._stream.send_all(data)

    async def flood(self, data: bytes) -> None:
        """Send *data* again and again, until the server hangs up."""
        try:
            while True:
                await self._stream.send_all(data)
        except trio.BrokenResourceError:
            pass

    async def hear(self) -> tuple[int, bytes]:
        """The next frame: its opcode and payload."""
        head = await self._need(2)
        extended = {126: 2, 127: 8}.get(head[1], 0)
        size = int.from_bytes(await self._need(extended), "big") if extended else head[1]
        return head[0] & 15, await self._need(size)

    async def hear_close(self) -> tuple[int, str]:
        """The Close; what comes before is passed over."""
        while True:
            opcode, payload = await self.hear()
            if opcode == 8:
                return int.from_bytes(payload[:2], "big"), payload[2:].decode()

    async def _need(self, size: int) -> bytes:
        while len(self._received) < size:
            data = await self._stream.receive_some()
            assert data, "the server hung up"
            self._received += bytes(data)
        needed, self._received = self._received[:size], self._received[size:]
        return needed


@asynccontextmanager
async def connected(server: LocalServer, *, headers: bytes = b"") -> AsyncGenerator[Vandal]:
    """A vandal, right behind the upgrade."""
    async with trio.open_nursery() as nursery:
        [address] = await nursery.start(server.serve, 0)
        async with await trio.open_tcp_stream(*address) as stream:
            await stream.send_all(REQUEST % headers)
            vandal = Vandal(stream)
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += await vandal._need(1)
            assert b" 101 " in head, head
            yield vandal
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    "flood",
    [
        frame(PING) * 1000,
        frame(PONG, b"x") * 1000,
        frame(CONTINUATION, b"a", fin=False) * 1000,
        frame(CONTINUATION, b"", fin=False) * 1000,
    ],
    ids=["pings", "pongs", "fragments of a byte", "empty fragments"],
)
async def test_a_flood_of_small_frames_is_closed_with_1008(flood: bytes) -> None:
    async with connected(LocalServer(text_engines())) as vandal, trio.open_nursery() as nursery:
        await vandal.send(message(setup()))
        if flood[0] & 15 == CONTINUATION:
            await vandal.send(frame(TEXT, b"a", fin=False))
        nursery.start_soon(vandal.flood, flood)
        with trio.fail_after(20):
            code, reason = await vandal.hear_close()
        assert code == 1008
        assert reason == "Too many frames that carry little or nothing."
        nursery.cancel_scope.cancel()


async def test_a_busy_client_is_no_flood() -> None:
    async with connected(LocalServer(text_engines())) as client:
        await client.send(message(setup()))
        for _ in range(50):
            await client.send(
                frame(PING) * 10 + frame(TEXT, b'{"realtimeInput":{"audioStreamEnd":true}}') * 20
            )
        await client.send(message(said("Hi")))
        with trio.fail_after(20):
            while b"turnComplete" not in (await client.hear())[1]:
                pass


async def test_a_first_message_that_is_too_large_is_closed_with_1009() -> None:
    async with connected(LocalServer(text_engines())) as vandal, trio.open_nursery() as nursery:
        nursery.start_soon(vandal.flood, frame(TEXT, b" " * 3 * 2**20))
        assert (await vandal.hear_close())[0] == 1009
        nursery.cancel_scope.cancel()


def guarded(stream: trio.abc.Stream, budget: MemoryBudget | None = None) -> tuple[GuardedStream, list[Any]]:
    request = Request(method="GET", path="/", query={}, headers={}, head=b"", rest=b"")
    guard = GuardedStream(stream, request, WorkShare(WorkQueue()), budget or MemoryBudget())
    ends: list[Any] = []
    guard.on_breach(lambda code, reason: ends.append((code, reason)))
    return guard, ends


async def test_a_message_that_takes_too_long_is_closed_with_1008(autojump_clock: MockClock) -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    guard, ends = guarded(theirs)
    await ours.send_all(frame(TEXT, bytes(100))[:-1])
    start = trio.current_time()
    assert await guard.receive_some()
    with trio.move_on_after(1000):
        await guard.receive_some()
    assert ends == [(1008, "A message took too long to arrive.")]
    assert trio.current_time() - start == 1000
    assert MESSAGE_TIMEOUT < 1000


async def test_an_idle_client_may_be_silent_for_as_long_as_it_likes(autojump_clock: MockClock) -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    guard, ends = guarded(theirs)
    await ours.send_all(frame(TEXT, bytes(100)))
    await guard.receive_some()
    with trio.move_on_after(24 * 3600):
        await guard.receive_some()
    assert ends == []


async def test_a_stream_of_large_messages_keeps_one_of_them() -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    guard, ends = guarded(theirs, MemoryBudget(400_000))
    data = frame(TEXT, bytes(100_000)) * 50
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ours.send_all, data)
        received = 0
        while received < len(data):
            received += len(await guard.receive_some(65_536))
    assert ends == []


async def test_a_stream_of_messages_may_go_on_for_long(autojump_clock: MockClock) -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    guard, ends = guarded(theirs)
    started = False
    for _ in range(10):
        await ours.send_all(frame(TEXT, bytes(100))[50 if started else 0 :] + frame(TEXT, bytes(100))[:50])
        started = True
        with trio.move_on_after(0.7 * MESSAGE_TIMEOUT):
            while True:
                await guard.receive_some()
    assert ends == []


async def test_of_several_clients_the_one_with_most_unfinished_bytes_has_to_go() -> None:
    budget = MemoryBudget(1000)
    modest, modest_ends = guarded(theirs := trio.testing.memory_stream_pair()[0], budget)
    del theirs
    ours, theirs_too = trio.testing.memory_stream_pair()
    greedy, greedy_ends = guarded(theirs_too, budget)
    budget.keep(modest, 100)
    await ours.send_all(frame(TEXT, bytes(2000))[:800])
    await greedy.receive_some()
    assert (modest_ends, greedy_ends) == ([], [])
    budget.keep(modest, 300)
    assert modest_ends == []
    assert greedy_ends == [(1013, "The server has too many unfinished messages; try again later.")]


@pytest.mark.parametrize("headers", [b"Origin: https://evil.example\r\n", b"Origin: null\r\n"])
async def test_a_page_of_any_site_can_not_use_a_local_server(headers: bytes) -> None:
    with pytest.RaisesGroup(pytest.RaisesExc(AssertionError, match="403"), flatten_subgroups=True):
        async with connected(LocalServer(text_engines()), headers=headers):
            pass
    async with connected(LocalServer(text_engines(), allowed_origins=["*"]), headers=headers):
        pass


async def test_a_server_with_a_key_refuses_those_without() -> None:
    server = LocalServer(text_engines(), api_key="secret")
    with pytest.RaisesGroup(pytest.RaisesExc(AssertionError, match="401"), flatten_subgroups=True):
        async with connected(server):
            pass
    async with connected(server, headers=b"x-goog-api-key: secret\r\n"):
        pass


async def test_connections_beyond_the_limit_are_refused() -> None:
    server = LocalServer(text_engines(), max_connections=0)
    with pytest.RaisesGroup(pytest.RaisesExc(AssertionError, match="503"), flatten_subgroups=True):
        async with connected(server):
            pass
