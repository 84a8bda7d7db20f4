"""What every transport does alike: one suite for all of them."""

from __future__ import annotations

import gc
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Literal

import pytest
import trio
import trio.testing

from livegen_trio.transports._dial.wire import Wire
from livegen_trio.transports._direct.transport import upgrade_wire
from livegen_trio.transports._trio_websocket.transport import serve_websocket_stream, upgrade_client_stream
from livegen_trio.transports.base import ConnectionClosed, Transport
from livegen_trio.transports.memory import memory_transport_pair
from support.raw_websocket import (
    ENDPOINT,
    PONG,
    TEXT,
    client_and_raw_server,
    direct_and_raw_server,
    encode,
    server_and_raw_client,
    socket_pair,
    stream_pair,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable
    from contextlib import AbstractAsyncContextManager

    from trio.testing import MockClock

    from support.raw_websocket import RawPeer

Kind = Literal["memory", "client", "server", "direct"]
every_operation = pytest.mark.parametrize("operation", ["send", "receive", "ping"])


@pytest.fixture(params=["memory", "client", "server", "direct"])
def kind(request: pytest.FixtureRequest) -> Kind:
    """The transport under test: one in memory, or either end of a WebSocket."""
    chosen: Kind = request.param
    return chosen


@asynccontextmanager
async def transports(kind: Kind, *, lockstep: bool = False) -> AsyncGenerator[tuple[Transport, Transport]]:
    """A transport and its peer.

    Nothing is cancelled behind the block, so a test hangs if it leaves a task. In *lockstep* the network holds
    nothing: a frame that the peer does not take blocks its sender.
    """
    if kind == "memory":
        yield memory_transport_pair()
        return
    at_client: trio.abc.Stream | Wire
    at_client, at_server = socket_pair() if kind == "direct" else stream_pair(lockstep=lockstep)
    async with trio.open_nursery() as nursery:
        accepted: list[Transport] = []

        async def serve() -> None:
            request = await serve_websocket_stream(at_server, nursery=nursery)
            accepted.append(await request.accept())

        nursery.start_soon(serve)
        client: Transport
        if isinstance(at_client, Wire):
            client = await upgrade_wire(at_client, ENDPOINT)
        else:
            client = await upgrade_client_stream(at_client, ENDPOINT, nursery=nursery)
        await trio.testing.wait_all_tasks_blocked()
        yield (accepted[0], client) if kind == "server" else (client, accepted[0])


@asynccontextmanager
async def transport_with_dead_peer(kind: Kind) -> AsyncGenerator[Transport]:
    """A transport whose peer takes some bytes, and says nothing any more."""
    if kind == "memory":
        transport, _peer = memory_transport_pair()
        yield transport
        return
    if kind == "direct":
        async with direct_and_raw_server() as (websocket, _raw):
            yield websocket
        return
    open_one = client_and_raw_server if kind == "client" else server_and_raw_client
    async with open_one() as (websocket, _raw):
        yield websocket


async def operate(transport: Transport, operation: str) -> None:
    """Do one of the operations."""
    if operation == "send":
        await transport.send(b"{}")
    elif operation == "ping":
        await transport.ping()
    else:
        await transport.receive()


async def ending_of(transport: Transport, operation: str = "receive") -> tuple[int, str, str]:
    """How the connection ended, as an operation raises it."""
    with pytest.raises(ConnectionClosed) as caught:
        await operate(transport, operation)
    return caught.value.code, caught.value.reason, caught.value.initiator


async def receive_all(transport: Transport) -> list[bytes | str]:
    """Frames until the end, which must come."""
    frames: list[bytes | str] = []
    with pytest.raises(ConnectionClosed):
        while True:
            frames.append(await transport.receive())
    return frames


async def send_until_closed(transport: Transport) -> None:
    """Send for ever, more than any network holds."""
    with pytest.raises(ConnectionClosed):
        while True:
            await transport.send(b"{}")


async def at_once(*functions: Callable[[], Awaitable[object]]) -> None:
    """Run them at the same time."""
    async with trio.open_nursery() as nursery:
        for function in functions:
            nursery.start_soon(function)


class TestFrames:
    async def test_arrive_whole_and_in_order(self, kind: Kind) -> None:
        frames = [b'{"n":%d}' % n for n in range(200)]
        async with transports(kind) as (transport, peer):

            async def send() -> None:
                for frame in frames:
                    await transport.send(frame)
                await transport.aclose()

            async with trio.open_nursery() as nursery:
                nursery.start_soon(send)
                received = await receive_all(peer)
            await peer.aclose()
        assert [as_bytes(frame) for frame in received] == frames

    async def test_of_many_megabytes_arrive(self, kind: Kind) -> None:
        frame = b'"' + bytes(range(32, 64)) * (5 * 2**15) + b'"'
        async with transports(kind) as (transport, peer):
            await transport.send(frame)
            assert as_bytes(await peer.receive()) == frame
            await at_once(transport.aclose, peer.aclose)

    async def test_go_both_ways_at_once(self, kind: Kind) -> None:
        async with transports(kind, lockstep=True) as (transport, peer):

            async def send(end: Transport) -> None:
                for n in range(50):
                    await end.send(b"%d" % n)

            async def receive(end: Transport) -> None:
                for n in range(50):
                    assert as_bytes(await end.receive()) == b"%d" % n

            async with trio.open_nursery() as nursery:
                for end in (transport, peer):
                    nursery.start_soon(send, end)
                    nursery.start_soon(receive, end)
            await at_once(transport.aclose, peer.aclose)

    async def test_that_nobody_received_yet_are_not_lost_to_a_cancelled_receive(
        self, kind: Kind, autojump_clock: MockClock
    ) -> None:
        async with transports(kind) as (transport, peer):
            for n in range(5):
                await peer.send(b"%d" % n)
                with trio.CancelScope() as scope:
                    scope.cancel()
                    await transport.receive()
            with trio.move_on_after(0):
                await transport.receive()
            received = [as_bytes(await transport.receive()) for _ in range(5)]
            await at_once(transport.aclose, peer.aclose)
        assert received == [b"0", b"1", b"2", b"3", b"4"]

    async def test_wait_for_a_receive_that_was_cancelled_while_it_was_blocked(
        self, kind: Kind, autojump_clock: MockClock
    ) -> None:
        async with transports(kind) as (transport, peer):
            with trio.move_on_after(1):
                await transport.receive()
            await peer.send(b"late")
            assert as_bytes(await transport.receive()) == b"late"
            await at_once(transport.aclose, peer.aclose)


class TestThePeersEnd:
    @every_operation
    async def test_is_the_same_error_from_every_operation(self, kind: Kind, operation: str) -> None:
        async with transports(kind) as (transport, peer):

            async def close() -> None:
                await peer.aclose(1007, "bad field")

            async with trio.open_nursery() as nursery:
                nursery.start_soon(close)
                endings = [await ending_of(transport)]
            endings += [await ending_of(transport, operation) for _ in range(3)]
            await transport.aclose(1000, "finished")
            endings += [await ending_of(transport, operation)]
            await transport.abort()
            endings += [await ending_of(transport, operation)]
        assert set(endings) == {(1007, "bad field", "server")}

    async def test_is_raised_by_a_send_if_no_task_has_received_it(
        self, kind: Kind, autojump_clock: MockClock
    ) -> None:
        async with transports(kind) as (transport, peer):

            async def close() -> None:
                with trio.move_on_after(1):
                    await peer.aclose(1007, "bad field")

            await close()
            assert await ending_of(transport, "send") == (1007, "bad field", "server")
            await transport.aclose()

    async def test_comes_after_the_frames_before_it(self, kind: Kind) -> None:
        async with transports(kind) as (transport, peer):

            async def say_and_close() -> None:
                for n in range(10):
                    await peer.send(b"%d" % n)
                await peer.aclose(4001, "done")

            async with trio.open_nursery() as nursery:
                nursery.start_soon(say_and_close)
                await trio.testing.wait_all_tasks_blocked()
                received = await receive_all(transport)
            assert await ending_of(transport) == (4001, "done", "server")
            await transport.aclose()
        assert [as_bytes(frame) for frame in received] == [b"%d" % n for n in range(10)]

    async def test_without_a_close_comes_after_the_frames_before_it(self, kind: Kind) -> None:
        async with transports(kind) as (transport, peer):
            for n in range(10):
                await peer.send(b"%d" % n)
            await peer.abort()
            received = await receive_all(transport)
            assert await ending_of(transport) == (1006, "", "server")
            await transport.aclose()
        assert [as_bytes(frame) for frame in received] == [b"%d" % n for n in range(10)]

    async def test_leaves_the_frames_before_it_to_be_received_when_a_send_has_failed(
        self, kind: Kind
    ) -> None:
        async with transports(kind) as (transport, peer):
            await peer.send(b"first")
            await peer.send(b"second")
            await peer.abort()
            await send_until_closed(transport)
            received = await receive_all(transport)
            assert await ending_of(transport, "send") == (1006, "", "server")
            await transport.aclose()
        assert [as_bytes(frame) for frame in received] == [b"first", b"second"]

    @every_operation
    async def test_wakes_the_tasks_that_wait(self, kind: Kind, operation: str) -> None:
        async with transports(kind, lockstep=True) as (transport, peer):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(send_until_closed, transport)
                await trio.testing.wait_all_tasks_blocked()
                nursery.start_soon(ending_of, transport, operation)
                await trio.testing.wait_all_tasks_blocked()
                await peer.abort()
            await transport.aclose()


class TestClosing:
    @every_operation
    async def test_is_the_same_error_from_every_operation(self, kind: Kind, operation: str) -> None:
        async with transports(kind) as (transport, peer):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(receive_all, peer)
                await transport.aclose(4000, "enough")
            endings = [await ending_of(transport, operation) for _ in range(3)]
            await transport.aclose(1000, "once more")
            await transport.abort()
            endings.append(await ending_of(transport, operation))
            assert await ending_of(peer) == (4000, "enough", "server")
            await peer.aclose()
        assert set(endings) == {(4000, "enough", "local")}

    async def test_takes_no_time_with_a_peer_that_receives(
        self, kind: Kind, autojump_clock: MockClock
    ) -> None:
        async with transports(kind) as (transport, peer):
            started = trio.current_time()
            await at_once(transport.aclose, lambda: receive_all(peer))
            assert trio.current_time() == started
            await peer.aclose()

    async def test_has_a_code_and_a_reason_of_its_own_accord(self, kind: Kind) -> None:
        async with transports(kind) as (transport, peer):
            await at_once(transport.aclose, lambda: receive_all(peer))
            assert await ending_of(transport) == (1000, "", "local")
            assert await ending_of(peer) == (1000, "", "server")
            await peer.aclose()

    async def test_wakes_a_receive_that_waits(self, kind: Kind) -> None:
        async with transports(kind) as (transport, peer):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(receive_all, peer)
                nursery.start_soon(receive_all, transport)
                await trio.testing.wait_all_tasks_blocked()
                await transport.aclose()
            await peer.aclose()

    async def test_gives_up_frames_that_wait_unread(self, kind: Kind) -> None:
        async with transports(kind) as (transport, peer):
            for _ in range(5):
                await peer.send(b"unread")
            async with trio.open_nursery() as nursery:
                nursery.start_soon(receive_all, peer)
                await transport.aclose(1000, "bye")
            assert await ending_of(transport) == (1000, "bye", "local")
            assert await ending_of(peer) == (1000, "bye", "server")
            await peer.aclose()

    async def test_from_both_sides_at_once_ends_both(self, kind: Kind, autojump_clock: MockClock) -> None:
        async with transports(kind) as (transport, peer):
            started = trio.current_time()
            await at_once(lambda: transport.aclose(4001), lambda: peer.aclose(4002))
            assert trio.current_time() == started
            # In memory there is no distance, so one of them is always the first.
            assert await ending_of(transport) in {(4001, "", "local"), (4002, "", "server")}
            assert await ending_of(peer) in {(4002, "", "local"), (4001, "", "server")}

    async def test_waits_for_the_answer_as_long_as_the_caller_lets_it(
        self, kind: Kind, autojump_clock: MockClock
    ) -> None:
        async with transport_with_dead_peer(kind) as transport:
            started = trio.current_time()
            with pytest.raises(trio.TooSlowError), trio.fail_after(3):
                await transport.aclose()
            assert trio.current_time() == started + 3
            assert await ending_of(transport, "send") == (1000, "", "local")

    async def test_is_bounded_also_while_another_error_is_on_its_way(
        self, kind: Kind, autojump_clock: MockClock
    ) -> None:
        # trio-websocket's own closing swallows a cancellation there (trio#1559).
        async with transport_with_dead_peer(kind) as transport:
            with pytest.raises(trio.TooSlowError):
                await close_in_the_wake_of_an_error(transport)

    async def test_twice_at_once_waits_once(self, kind: Kind) -> None:
        async with transports(kind) as (transport, peer):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(transport.aclose, 1000, "first")
                nursery.start_soon(transport.aclose, 1000, "first")
                await trio.testing.wait_all_tasks_blocked()
                assert await ending_of(peer) == (1000, "first", "server")
            await peer.aclose()

    async def test_in_a_cancelled_scope_ends_the_connection(self, kind: Kind) -> None:
        async with transports(kind) as (transport, peer):
            with trio.CancelScope() as scope:
                scope.cancel()
                await transport.aclose(1000, "never said")
            assert scope.cancelled_caught
            assert await ending_of(transport) == (1000, "never said", "local")
            await receive_all(peer)
            await peer.aclose()

    async def test_gets_through_to_a_peer_that_is_sending(self, kind: Kind) -> None:
        async with transports(kind, lockstep=True) as (transport, peer):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(send_until_closed, peer)
                nursery.start_soon(receive_all, peer)
                await trio.testing.wait_all_tasks_blocked()
                await transport.aclose(4000)
            assert await ending_of(peer) == (4000, "", "server")
            await peer.aclose()

    async def test_cuts_a_long_reason_between_two_characters(self, kind: Kind) -> None:
        async with transports(kind) as (transport, peer):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(receive_all, peer)
                await transport.aclose(4000, "x" + "é" * 100)
            assert await ending_of(transport) == (4000, "x" + "é" * 61, "local")
            assert await ending_of(peer) == (4000, "x" + "é" * 61, "server")
            await peer.aclose()

    async def test_takes_a_reason_that_utf_8_has_no_bytes_for(self, kind: Kind) -> None:
        async with transports(kind) as (transport, peer):
            await at_once(lambda: transport.aclose(4000, "half a \ud83d"), lambda: receive_all(peer))
            assert await ending_of(peer) == (4000, "half a ?", "server")
            await peer.aclose()


class TestAborting:
    @every_operation
    async def test_is_the_same_error_from_every_operation(self, kind: Kind, operation: str) -> None:
        async with transports(kind) as (transport, peer):
            await transport.abort()
            endings = [await ending_of(transport, operation) for _ in range(3)]
            await transport.aclose(1000, "too late")
            endings.append(await ending_of(transport, operation))
            assert await ending_of(peer) == (1006, "", "server")
            await peer.aclose()
        assert set(endings) == {(1006, "", "local")}

    async def test_wakes_a_blocked_receive(self, kind: Kind) -> None:
        async with transport_with_dead_peer(kind) as transport, trio.open_nursery() as nursery:
            nursery.start_soon(receive_all, transport)
            await trio.testing.wait_all_tasks_blocked()
            await transport.abort()

    async def test_wakes_a_blocked_send(self, kind: Kind) -> None:
        async with transports(kind, lockstep=True) as (transport, peer):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(send_until_closed, transport)
                await trio.testing.wait_all_tasks_blocked()
                await transport.abort()
            assert await ending_of(transport, "send") == (1006, "", "local")
            await peer.abort()

    async def test_ends_a_close_that_waits_for_a_dead_peer(self, kind: Kind) -> None:
        async with transport_with_dead_peer(kind) as transport, trio.open_nursery() as nursery:
            nursery.start_soon(transport.aclose)
            await trio.testing.wait_all_tasks_blocked()
            await transport.abort()

    async def test_can_be_done_again_and_from_a_cancelled_scope(self, kind: Kind) -> None:
        async with transport_with_dead_peer(kind) as transport:
            with trio.CancelScope() as scope:
                scope.cancel()
                await transport.abort()
            await transport.abort()
            assert await ending_of(transport, "send") == (1006, "", "local")


class TestPing:
    async def test_shows_in_last_heard(self, kind: Kind, autojump_clock: MockClock) -> None:
        async with transports(kind) as (transport, peer), trio.open_nursery() as nursery:
            nursery.start_soon(receive_all, peer)
            nursery.start_soon(receive_all, transport)
            await trio.sleep(10)
            assert trio.current_time() - transport.last_heard >= 10
            await transport.ping()
            await trio.testing.wait_all_tasks_blocked()
            assert transport.last_heard == trio.current_time()
            await transport.aclose()
            await peer.aclose()

    async def test_is_answered_once_the_frames_before_it_are_received(
        self, kind: Kind, autojump_clock: MockClock
    ) -> None:
        async with transports(kind) as (transport, peer):
            for _ in range(5):
                await transport.send(b"unread")
            await transport.ping()
            await trio.sleep(10)
            assert transport.last_heard < trio.current_time()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(receive_all, peer)
                nursery.start_soon(receive_all, transport)
                await trio.testing.wait_all_tasks_blocked()
                assert transport.last_heard == trio.current_time()
                await transport.aclose()
            await peer.aclose()

    async def test_does_not_wait_for_a_dead_peer_and_is_not_taken_for_life(
        self, kind: Kind, autojump_clock: MockClock
    ) -> None:
        async with transport_with_dead_peer(kind) as transport:
            heard = transport.last_heard
            for _ in range(3):
                await trio.sleep(20)
                await transport.ping()
            assert transport.last_heard == heard
            await transport.abort()

    async def test_is_no_frame_to_the_peer(self, kind: Kind) -> None:
        async with transports(kind) as (transport, peer):
            await transport.ping()
            await transport.send(b"frame")
            assert as_bytes(await peer.receive()) == b"frame"
            await at_once(transport.aclose, peer.aclose)

    async def test_raises_the_ending_also_when_all_tasks_of_the_connection_are_gone(
        self, kind: Kind, autojump_clock: MockClock
    ) -> None:
        async with transports(kind) as (transport, peer):
            await peer.abort()
            await receive_all(transport)
            await trio.sleep(1)
            assert await ending_of(transport, "ping") == (1006, "", "server")
            await transport.aclose()


class TestDeliveryNotes:
    async def test_come_in_order_with_the_frames(self, kind: Kind) -> None:
        async with transports(kind) as (transport, peer):
            order: list[bytes | int] = []
            transport.watch_delivery(order.append)
            await peer.send(b"one")
            await peer.send(b"two")
            async with trio.open_nursery() as nursery:
                await transport.send(b"question")
                await transport.ping()
                nursery.start_soon(receive_all, peer)
                await trio.testing.wait_all_tasks_blocked()
                await peer.send(b"three")
                while b"three" not in order:
                    order.append(as_bytes(await transport.receive()))
                await at_once(transport.aclose, peer.aclose)
        assert order == [b"one", b"two", 1, b"three"]

    async def test_come_in_order_with_the_frames_that_are_delivered(self, kind: Kind) -> None:
        async with transports(kind) as (transport, peer):
            order: list[bytes | int] = []
            transport.watch_delivery(order.append)

            def take(frame: bytes | str) -> bool:
                order.append(as_bytes(frame))
                return as_bytes(frame) != b"three"

            await peer.send(b"one")
            async with trio.open_nursery() as nursery:
                nursery.start_soon(receive_all, peer)
                await transport.ping()
                await transport.send(b"question")
                await transport.ping()
                nursery.start_soon(transport.deliver, take)
                await trio.testing.wait_all_tasks_blocked()
                await peer.send(b"two")
                await trio.testing.wait_all_tasks_blocked()
                await transport.ping()
                await trio.testing.wait_all_tasks_blocked()
                await peer.send(b"three")
                await trio.testing.wait_all_tasks_blocked()
                await at_once(transport.aclose, peer.aclose)
        assert order == [b"one", 0, 1, b"two", 1, b"three"]


@pytest.mark.parametrize("attempt", range(20))  # the order in which tasks run is by chance
@pytest.mark.parametrize("open_one", [client_and_raw_server, direct_and_raw_server])
async def test_pongs_and_frames_that_arrive_at_once_are_reported_in_order(
    open_one: Callable[[], AbstractAsyncContextManager[tuple[Transport, RawPeer]]], attempt: int
) -> None:
    async with open_one() as (transport, peer):
        order: list[bytes | int] = []
        transport.watch_delivery(order.append)
        await transport.ping()
        await transport.send(b"question")
        await transport.ping()

        def take(frame: bytes | str) -> bool:
            order.append(as_bytes(frame))
            return as_bytes(frame) != b"three"

        async with trio.open_nursery() as nursery:
            nursery.start_soon(transport.deliver, take)
            await trio.testing.wait_all_tasks_blocked()
            await peer.say(
                encode(TEXT, b"one"),
                encode(PONG, b"0"),
                encode(TEXT, b"two"),
                encode(PONG, b"1"),
                encode(TEXT, b"three"),
            )
        assert order == [b"one", 0, b"two", 1, b"three"]
        await transport.abort()


async def test_last_heard_is_when_the_last_frame_came(kind: Kind, autojump_clock: MockClock) -> None:
    async with transports(kind) as (transport, peer):
        for _ in range(3):
            await trio.sleep(5)
            await peer.send(b"frame")
            await transport.receive()
            assert transport.last_heard == trio.current_time()
        await at_once(transport.aclose, peer.aclose)


async def test_an_end_leaves_nothing_for_the_garbage_collector_to_complain_of(kind: Kind) -> None:
    async with transports(kind) as (transport, peer):
        await transport.abort()
        await peer.abort()
    del transport, peer
    gc.collect()


async def close_in_the_wake_of_an_error(transport: Transport) -> None:
    """What a `finally` does, with an error on its way."""
    try:
        raise ValueError
    except ValueError:
        with trio.fail_after(1):
            await transport.aclose()


def as_bytes(frame: bytes | str) -> bytes:
    """A frame's bytes: what a client sends is text on a WebSocket."""
    return frame.encode() if isinstance(frame, str) else frame
