"""Frames that are handed over as they arrive: by one task for all connections of a run, each in its own context."""

from __future__ import annotations

from contextlib import AsyncExitStack
from contextvars import ContextVar
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from livegen_trio.transports.base import ConnectionClosed
from support.raw_websocket import (
    BINARY,
    CLOSE,
    PING,
    PONG,
    TEXT,
    RawPeer,
    direct_and_raw_server,
    encode,
    encode_close,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from livegen_trio.transports._direct.transport import DirectTransport

NAME: ContextVar[str] = ContextVar("name")
BIG = b'{"x": "' + b"y" * 300_000 + b'"}'


class Listener:
    """Delivers from a transport, and keeps what came."""

    def __init__(self, transport: DirectTransport, name: str = "", *, stop_at: bytes | None = None) -> None:
        self.transport = transport
        self.heard: list[bytes | str] = []
        self.names: list[str] = []
        self.ending: ConnectionClosed | None = None
        self.scope = trio.CancelScope()
        self._name = name
        self._stop_at = stop_at

    async def run(self) -> None:
        NAME.set(self._name)
        with self.scope:
            try:
                await self.transport.deliver(self._take)
            except ConnectionClosed as closed:
                self.ending = closed

    def _take(self, frame: bytes | str) -> bool:
        self.heard.append(frame)
        self.names.append(NAME.get())
        return frame != self._stop_at


async def quiet() -> None:
    await trio.testing.wait_all_tasks_blocked(0.01)


async def fleet(stack: AsyncExitStack, count: int) -> list[tuple[Listener, RawPeer]]:
    pairs = [await stack.enter_async_context(direct_and_raw_server()) for _ in range(count)]
    return [(Listener(transport, str(number)), peer) for number, (transport, peer) in enumerate(pairs)]


async def test_frames_are_handed_over_in_order_with_those_that_came_with_the_answer() -> None:
    async with (
        direct_and_raw_server(encode(BINARY, b"zero")) as (transport, peer),
        trio.open_nursery() as nursery,
    ):
        listener = Listener(transport)
        nursery.start_soon(listener.run)
        await peer.say(encode(TEXT, b"one"), encode(BINARY, b"two"))
        await peer.say(encode(BINARY, b"three"), encode_close(1000))
    assert listener.heard == [b"zero", b"one", b"two", b"three"]
    assert listener.ending is not None
    assert (listener.ending.code, listener.ending.initiator) == (1000, "server")
    await transport.aclose()


async def test_each_connection_is_served_in_the_context_of_its_own_task_whichever_reads() -> None:
    async with AsyncExitStack() as stack:
        members = await fleet(stack, 3)
        async with trio.open_nursery() as nursery:
            for listener, _ in members:
                nursery.start_soon(listener.run)
                await quiet()
            for _, peer in members:
                await peer.say(encode(BINARY, b"hello"))
            await quiet()
            nursery.cancel_scope.cancel()
        for number, (listener, _) in enumerate(members):
            assert (listener.heard, listener.names) == ([b"hello"], [str(number)])
            await listener.transport.abort()


@pytest.mark.parametrize("how", ["cancelled", "closed by the peer", "aborted", "stopped"])
@pytest.mark.parametrize("which", [0, 1])
async def test_the_others_are_served_on_when_one_ends(how: str, which: int) -> None:
    async with AsyncExitStack() as stack:
        members = await fleet(stack, 3)
        leaver, peer = members[which]
        if how == "stopped":
            leaver = Listener(leaver.transport, stop_at=b"stop")
            members[which] = leaver, peer
        async with trio.open_nursery() as nursery:
            for listener, _ in members:
                nursery.start_soon(listener.run)
                await quiet()
            match how:
                case "cancelled":
                    leaver.scope.cancel()
                case "closed by the peer":
                    await peer.say(encode_close(1001))
                case "aborted":
                    await leaver.transport.abort()
                case _:
                    await peer.say(encode(BINARY, b"stop"))
            others = [pair for pair in members if pair[0] is not leaver]
            for _, other in others:
                await other.say(encode(BINARY, b"still there?"))
            await quiet()
            assert [listener.heard for listener, _ in others] == [[b"still there?"]] * 2
            nursery.cancel_scope.cancel()
        for listener, _ in members:
            await listener.transport.abort()


async def test_what_comes_behind_the_last_frame_that_was_wanted_is_kept() -> None:
    async with direct_and_raw_server() as (transport, peer):
        await peer.say(encode(BINARY, b"one"), encode(BINARY, b"stop"), encode(BINARY, b"later"))
        listener = Listener(transport, stop_at=b"stop")
        await listener.run()
        assert listener.heard == [b"one", b"stop"]
        assert await transport.receive() == b"later"
        await transport.abort()


@pytest.mark.parametrize("error", [ValueError("a bug"), KeyboardInterrupt()])
async def test_an_error_of_a_callback_is_raised_in_the_task_that_delivers_to_it(error: BaseException) -> None:
    def take(frame: bytes | str) -> bool:
        raise error

    async with AsyncExitStack() as stack:
        (leader, _), (follower, peer) = await fleet(stack, 2)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(leader.run)
            await quiet()
            await peer.say(encode(BINARY, b"hello"))
            with pytest.raises(type(error)) as caught:
                await follower.transport.deliver(take)
            assert caught.value is error
            assert leader.ending is None
            nursery.cancel_scope.cancel()
        for listener in (leader, follower):
            await listener.transport.abort()


async def test_a_frame_that_the_network_takes_in_part_is_finished_without_another_send() -> None:
    async with direct_and_raw_server() as (transport, peer), trio.open_nursery() as nursery:
        listener = Listener(transport)
        nursery.start_soon(listener.run)
        await quiet()
        assert transport.send_nowait(BIG)
        assert not transport.send_nowait(b"{}")
        assert await peer.hear_long() == BIG
        await quiet()
        assert transport.send_nowait(b"{}")
        assert await peer.hear() == (TEXT, b"{}")
        await peer.say(encode_close(1000))
    await transport.aclose()


async def test_a_send_that_is_cancelled_half_way_is_sent_whole() -> None:
    async with direct_and_raw_server() as (transport, peer):
        with trio.move_on_after(0.01) as scope:
            await transport.send(BIG)
        assert scope.cancelled_caught
        async with trio.open_nursery() as nursery:
            nursery.start_soon(transport.send, b"{}")
            assert await peer.hear_long() == BIG
            assert await peer.hear() == (TEXT, b"{}")
        await transport.abort()


async def test_a_ping_is_answered_between_the_pieces_of_a_message_and_a_pong_confirms() -> None:
    async with direct_and_raw_server() as (transport, peer), trio.open_nursery() as nursery:
        delivered: list[int] = []
        transport.watch_delivery(delivered.append)
        listener = Listener(transport)
        nursery.start_soon(listener.run)
        await peer.say(encode(TEXT, b"on", fin=False), encode(PING, b"?"), encode(0, b"ce"))
        assert await peer.hear() == (PONG, b"?")
        await transport.send(b"{}")
        await transport.ping()
        assert await peer.hear() == (TEXT, b"{}")
        opcode, payload = await peer.hear()
        assert opcode == PING
        for foreign in (b"what?", b"999999999999"):
            await peer.say(encode(PONG, foreign))
        await peer.say(encode(PONG, payload))
        await quiet()
        assert (delivered[-1], listener.heard) == (1, [b"once"])
        await peer.say(encode_close(1000))
    await transport.aclose()


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (encode(TEXT, b"{}", rsv=4), 1002),
        (encode(TEXT, b"\xff\xfe"), 1007),
        (encode(BINARY, bytes(2000)), 1009),
    ],
)
async def test_what_breaks_the_protocol_ends_it_after_what_came_before(wrong: bytes, code: int) -> None:
    async with (
        direct_and_raw_server(max_message_size=1000) as (transport, peer),
        trio.open_nursery() as nursery,
    ):
        listener = Listener(transport)
        nursery.start_soon(listener.run)
        await peer.say(encode(BINARY, b"fine"), wrong, encode(BINARY, b"lost"))
        await quiet()
        assert listener.heard == [b"fine"]
        assert listener.ending is not None
        assert (listener.ending.code, listener.ending.initiator) == (code, "local")
        nursery.start_soon(transport.aclose)
        opcode, payload = await peer.hear()
        assert (opcode, int.from_bytes(payload[:2], "big")) == (CLOSE, code)
        await peer.hang_up()


@pytest.mark.parametrize("payload", [b"", b"\x03\xe8", b"\x03\xf3because"])
async def test_a_close_is_answered_with_the_same(payload: bytes) -> None:
    async with direct_and_raw_server() as (transport, peer), trio.open_nursery() as nursery:
        nursery.start_soon(Listener(transport).run)
        await peer.say(encode(CLOSE, payload))
        assert await peer.hear() == (CLOSE, payload)
    await transport.aclose()


async def test_closing_while_another_task_delivers_waits_for_the_answer_and_ends_both() -> None:
    async with direct_and_raw_server() as (transport, peer), trio.open_nursery() as nursery:
        listener = Listener(transport)
        nursery.start_soon(listener.run)
        await quiet()
        nursery.start_soon(transport.aclose, 1000, "bye")
        assert await peer.hear() == (CLOSE, b"\x03\xe8bye")
        await peer.say(encode(BINARY, b"too late"), encode_close(1000, b"bye"))
    assert listener.heard == []
    assert listener.ending is not None
    assert (listener.ending.code, listener.ending.initiator) == (1000, "local")


def test_each_run_has_a_pump_of_its_own() -> None:
    async def converse() -> list[bytes | str]:
        async with direct_and_raw_server() as (transport, peer), trio.open_nursery() as nursery:
            listener = Listener(transport)
            nursery.start_soon(listener.run)
            await peer.say(encode(BINARY, b"hello"), encode_close(1000))
        await transport.aclose()
        return listener.heard

    async def in_threads() -> list[list[bytes | str]]:
        results: list[list[bytes | str]] = []

        async def one(run: Callable[[], list[bytes | str]]) -> None:
            results.append(await trio.to_thread.run_sync(run))

        async with trio.open_nursery() as nursery:
            for _ in range(4):
                nursery.start_soon(one, lambda: trio.run(converse))
        return results

    assert trio.run(in_threads) == [[b"hello"]] * 4
    assert trio.run(converse) == [b"hello"]
