"""What is particular to the transport that is straight on a socket."""

from __future__ import annotations

import gc
import os
import socket
from contextlib import asynccontextmanager, suppress
from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import pytest
import trio
import trio.testing
from hypothesis import given, settings, strategies as st

from livegen_trio.transports._dial.wire import Wire
from livegen_trio.transports._direct.framing import CloseFrame, Framing, FramingError, Ping
from livegen_trio.transports._direct.masking import mask_in_python
from livegen_trio.transports._direct.transport import DirectTransport, upgrade_wire
from livegen_trio.transports.base import MAX_MESSAGE_SIZE, ConnectionClosed
from support.frame_strategies import SIZES, mutated_streams, pieces, valid_streams
from support.raw_websocket import (
    BINARY,
    CLOSE,
    CONTINUATION,
    ENDPOINT,
    PING,
    PONG,
    TEXT,
    RawPeer,
    accept,
    accepting,
    direct_and_raw_server,
    encode,
    encode_close,
    socket_pair,
)
from support.tls_by_hand import CLIENT, NAME, SERVER, encrypted_by_hand

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Generator

    from livegen_trio.transports._direct.framing import Event
    from support.frame_strategies import Said

Role = Literal["leads", "follows"]
LARGE: Final = b"x" * 50_000
"""More than the network holds."""


@pytest.fixture(autouse=True)
def _nothing_leaks() -> Generator[None]:
    """An unclosed socket is a warning once it is collected, and a warning is an error."""
    yield
    gc.collect()


@pytest.fixture(params=["leads", "follows"])
def role(request: pytest.FixtureRequest) -> Role:
    """Whether the task that delivers reads by itself, or that of another connection reads for it."""
    chosen: Role = request.param
    return chosen


@asynccontextmanager
async def opened(
    *after: bytes, role: Role = "leads", max_message_size: int = MAX_MESSAGE_SIZE
) -> AsyncGenerator[tuple[DirectTransport, RawPeer]]:
    """A transport and its peer. Both, and all that was delivered meanwhile, are ended behind the block."""
    async with direct_and_raw_server() as (leader, _), trio.open_nursery() as leading:
        if role == "follows":
            leading.start_soon(leader.deliver, keep_on)
            await trio.testing.wait_all_tasks_blocked()
        async with direct_and_raw_server(*after, max_message_size=max_message_size) as (transport, peer):
            await trio.testing.wait_all_tasks_blocked()  # the peer has said what it had to
            yield transport, peer
            await transport.abort()
        leading.cancel_scope.cancel()
        await leader.abort()


@asynccontextmanager
async def bare(sock: type[socket.socket] = socket.socket) -> AsyncGenerator[tuple[DirectTransport, RawPeer]]:
    """The same without an upgrade, on a socket of that kind."""
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    transport = DirectTransport(Wire(sock(fileno=ours.detach())), Framing(max_message_size=MAX_MESSAGE_SIZE))
    async with trio.SocketStream(trio.socket.from_stdlib_socket(theirs)) as stream:
        yield transport, RawPeer(stream)
        await transport.abort()


class Narrow(socket.socket):
    """A socket that takes one byte at a time, so that each is a place to be interrupted."""

    def send(self, data: bytes | bytearray | memoryview, flags: int = 0, /) -> int:  # type: ignore[override] # it takes any buffer
        return super().send(bytes(data[:1]), flags)


def keep_on(frame: bytes | str) -> bool:
    """Take every frame."""
    return True


async def deliver_all(transport: DirectTransport, frames: list[bytes | str]) -> ConnectionClosed:
    """Deliver until the end, which must come."""

    def take(frame: bytes | str) -> bool:
        frames.append(frame)
        return True

    with pytest.raises(ConnectionClosed) as caught:
        await transport.deliver(take)
    return caught.value


async def delivered_by(transport: DirectTransport) -> tuple[list[bytes | str], tuple[int, str, str]]:
    """All frames, and how it ended."""
    frames: list[bytes | str] = []
    closed = await deliver_all(transport, frames)
    return frames, (closed.code, closed.reason, closed.initiator)


async def ending_of(operation: Awaitable[object]) -> tuple[int, str, str]:
    """How the connection ended, as an operation raises it."""
    with pytest.raises(ConnectionClosed) as caught:
        await operation
    return caught.value.code, caught.value.reason, caught.value.initiator


async def expect_ending(operation: Callable[[], Awaitable[object]], ending: tuple[int, str, str]) -> None:
    assert await ending_of(operation()) == ending


async def hear_all(peer: RawPeer) -> list[tuple[int, bytes]]:
    """Whole frames, up to the end of the stream, which must be between two of them."""
    frames: list[tuple[int, bytes]] = []
    with pytest.raises(EOFError) as caught:
        while True:
            frames.append(await peer.hear())
    assert caught.value.args == (b"",)
    return frames


async def come_to_rest() -> None:
    """Wait until no task runs any more, which must be soon."""
    with trio.fail_after(2):
        await trio.testing.wait_all_tasks_blocked()


class Cancelling(trio.abc.Instrument):
    """Cancels *scope* when the task that made it is about to run for the nth time."""

    def __init__(self, scope: trio.CancelScope, n: int) -> None:
        self._scope = scope
        self._left = n
        self._task = trio.lowlevel.current_task()

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        if task is self._task:
            self._left -= 1
            if self._left == 0:
                self._scope.cancel()


async def cancelled_at(n: int, operation: Callable[[], Awaitable[object]]) -> bool:
    """Whether the operation could be cancelled at the nth checkpoint that it comes to."""
    with trio.CancelScope() as scope:
        instrument = Cancelling(scope, n)
        if n == 0:
            scope.cancel()
        trio.lowlevel.add_instrument(instrument)
        try:
            await operation()
        finally:
            trio.lowlevel.remove_instrument(instrument)
    return scope.cancelled_caught


class TestOpening:
    async def test_waits_through_the_answers_that_are_not_the_last(self) -> None:
        hints = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>; rel=preload\r\n\r\n"
        wire, theirs = socket_pair()
        peer = RawPeer(theirs)
        async with theirs, trio.open_nursery() as nursery:
            nursery.start_soon(accepting_after, peer, hints, encode(TEXT, b"one"))
            transport = await upgrade_wire(wire, ENDPOINT)
            assert await transport.receive() == b"one"
            await transport.abort()


class TestSendingAtOnce:
    async def test_goes_out_without_a_wait_and_in_order_with_other_sends(self) -> None:
        async with opened() as (transport, peer):
            assert transport.send_nowait(b"one")
            await transport.send(b"two")
            assert transport.send_nowait(b"three")
            await transport.ping()
            assert transport.send_nowait(b"four")
            heard = [await peer.hear() for _ in range(5)]
        assert heard == [(TEXT, b"one"), (TEXT, b"two"), (TEXT, b"three"), (PING, b"3"), (TEXT, b"four")]

    async def test_takes_a_ping_along_that_asks_about_it_too(self) -> None:
        async with opened() as (transport, peer):
            await transport.send(b"one")
            assert transport.send_nowait(b"two", ping=True)
            assert transport.ping_nowait()
            heard = [await peer.hear() for _ in range(4)]
        assert heard == [(TEXT, b"one"), (TEXT, b"two"), (PING, b"2"), (PING, b"2")]

    async def test_takes_a_ping_along_in_front_that_asks_about_what_came_before(self) -> None:
        async with opened() as (transport, peer):
            await transport.send(b"one")
            assert transport.send_nowait(b"two", ping_first=True, ping=True)
            heard = [await peer.hear() for _ in range(4)]
        assert heard == [(TEXT, b"one"), (PING, b"1"), (TEXT, b"two"), (PING, b"2")]

    async def test_a_ping_that_the_network_takes_in_part_is_written_later(self) -> None:
        async with bare(Narrow) as (transport, peer), trio.open_nursery() as nursery:
            nursery.start_soon(transport.deliver, keep_on)
            await come_to_rest()
            assert transport.ping_nowait()
            assert not transport.ping_nowait()
            assert await peer.hear() == (PING, b"0")
            await come_to_rest()
            nursery.cancel_scope.cancel()

    async def test_sends_nothing_while_something_is_still_to_be_written(self) -> None:
        async with opened() as (transport, peer), trio.open_nursery() as nursery:
            assert transport.send_nowait(LARGE)
            assert not transport.send_nowait(b"never", ping=True)
            assert not transport.ping_nowait()
            nursery.start_soon(transport.send, b"next")
            assert [await peer.hear(), await peer.hear()] == [(TEXT, LARGE), (TEXT, b"next")]
            assert transport.send_nowait(b"last")
            assert await peer.hear() == (TEXT, b"last")

    async def test_sends_nothing_once_the_peer_has_ended(self) -> None:
        async with opened(encode_close(1001)) as (transport, peer):
            await delivered_by(transport)
            assert not transport.send_nowait(b"never")
            assert not transport.ping_nowait()
            await transport.abort()
            assert await hear_all(peer) == [(CLOSE, b"\x03\xe9")]

    async def test_sends_nothing_once_we_have_ended(self) -> None:
        async with opened() as (transport, peer):
            await transport.abort()
            assert not transport.send_nowait(b"never")
            assert await hear_all(peer) == []

    async def test_sends_nothing_where_nothing_can_be_written(self) -> None:
        async with opened(encode(TEXT, b"last words")) as (transport, peer):
            await peer.hang_up()
            transport.send_nowait(b"into the void")
            assert not transport.send_nowait(b"never")
            assert not transport.ping_nowait()
            assert await ending_of(transport.send(b"never")) == (1006, "", "server")
            assert await transport.receive() == b"last words"

    async def test_has_the_rest_written_later_by_the_task_that_delivers(self, role: Role) -> None:
        async with opened(role=role) as (transport, peer), trio.open_nursery() as nursery:
            nursery.start_soon(transport.deliver, keep_on)
            await come_to_rest()
            assert transport.send_nowait(LARGE)
            assert await peer.hear() == (TEXT, LARGE)
            assert transport.send_nowait(b"next")
            assert await peer.hear() == (TEXT, b"next")
            await come_to_rest()
            nursery.cancel_scope.cancel()

    async def test_has_the_rest_written_also_if_it_was_begun_before_anybody_delivers(
        self, role: Role
    ) -> None:
        async with opened(role=role) as (transport, peer), trio.open_nursery() as nursery:
            assert transport.send_nowait(LARGE)
            nursery.start_soon(transport.deliver, keep_on)
            assert await peer.hear() == (TEXT, LARGE)
            await come_to_rest()
            nursery.cancel_scope.cancel()


class TestSending:
    async def test_waits_while_another_task_delivers_and_writes_for_it(self, role: Role) -> None:
        async with opened(role=role) as (transport, peer), trio.open_nursery() as nursery:
            nursery.start_soon(transport.deliver, keep_on)
            await come_to_rest()
            async with trio.open_nursery() as sending:
                for n in range(3):
                    sending.start_soon(transport.send, b"%d" % n * 30_000)
                heard = {await peer.hear() for _ in range(3)}
            assert heard == {(TEXT, b"%d" % n * 30_000) for n in range(3)}
            await come_to_rest()
            nursery.cancel_scope.cancel()

    async def test_from_many_tasks_sends_whole_frames(self) -> None:
        async with opened() as (transport, peer), trio.open_nursery() as nursery:
            for n in range(5):
                nursery.start_soon(transport.send, b"%d" % n * 20_000)
            heard = {await peer.hear() for _ in range(5)}
        assert heard == {(TEXT, b"%d" % n * 20_000) for n in range(5)}

    @pytest.mark.parametrize("attempt", range(10))
    async def test_that_is_being_written_when_a_task_begins_to_deliver_leaves_it_at_rest(
        self, role: Role, attempt: int
    ) -> None:
        # Ten attempts, since it is chance which of the two tasks writes the end of it.
        async with opened(role=role) as (transport, peer), trio.open_nursery() as nursery:
            nursery.start_soon(transport.send, b"x" * 9000)
            await come_to_rest()
            nursery.start_soon(transport.deliver, keep_on)
            await come_to_rest()
            assert await peer.hear() == (TEXT, b"x" * 9000)
            await come_to_rest()
            nursery.cancel_scope.cancel()

    async def test_goes_on_by_itself_when_the_task_that_delivered_is_cancelled(self, role: Role) -> None:
        async with opened(role=role) as (transport, peer), trio.open_nursery() as nursery:
            async with trio.open_nursery() as delivering:
                delivering.start_soon(transport.deliver, keep_on)
                await come_to_rest()
                nursery.start_soon(transport.send, LARGE)
                await come_to_rest()
                delivering.cancel_scope.cancel()
            assert await peer.hear() == (TEXT, LARGE)

    async def test_where_nothing_can_be_written_leaves_the_peers_close_to_the_task_that_delivers(
        self, role: Role
    ) -> None:
        async with opened(role=role) as (transport, peer), trio.open_nursery() as nursery:
            nursery.start_soon(expect_ending, lambda: transport.deliver(keep_on), (1008, "enough", "server"))
            await come_to_rest()
            peer.stop_listening()
            assert transport.send_nowait(b"into the void")  # nobody knows yet
            assert await ending_of(transport.send(b"never")) == (1006, "", "server")
            assert not transport.send_nowait(b"never")
            await come_to_rest()
            await peer.say(encode_close(1008, b"enough"))

    async def test_goes_on_in_another_task_when_one_is_cancelled(self) -> None:
        async with opened() as (transport, peer), trio.open_nursery() as nursery:
            async with trio.open_nursery() as cancelled:
                cancelled.start_soon(transport.send, LARGE)
                await come_to_rest()
                nursery.start_soon(transport.send, b"next")
                await come_to_rest()
                cancelled.cancel_scope.cancel()
            assert [await peer.hear(), await peer.hear()] == [(TEXT, LARGE), (TEXT, b"next")]

    async def test_fails_when_the_peer_hangs_up_during_it(self, role: Role) -> None:
        async with opened(role=role) as (transport, peer), trio.open_nursery() as nursery:
            nursery.start_soon(expect_ending, lambda: transport.deliver(keep_on), (1006, "", "server"))
            await come_to_rest()
            nursery.start_soon(transport.send, LARGE)  # which need not know what becomes of it
            await come_to_rest()
            nursery.start_soon(expect_ending, lambda: transport.send(b"next"), (1006, "", "server"))
            await come_to_rest()
            await peer.hang_up()


class TestDelivering:
    async def test_hands_over_what_came_with_the_upgrade_first(self, role: Role) -> None:
        async with opened(encode(TEXT, b"one"), encode(BINARY, b"two"), role=role) as (transport, peer):
            await peer.say(encode(TEXT, b"three"), encode_close(1000))
            assert await delivered_by(transport) == ([b"one", b"two", b"three"], (1000, "", "server"))

    async def test_hands_over_frames_in_order_however_they_come(self, role: Role) -> None:
        frames: list[bytes | str] = [b"%d" % n * n for n in range(300)]
        async with opened(role=role) as (transport, peer), trio.open_nursery() as nursery:
            said = b"".join(encode(TEXT, b"%d" % n * n) for n in range(300)) + encode_close(1000)
            nursery.start_soon(say_in_pieces, peer, said, 777)
            assert await delivered_by(transport) == (frames, (1000, "", "server"))

    async def test_takes_frames_byte_by_byte(self, role: Role) -> None:
        said = (
            encode(TEXT, b"first", fin=False) + encode(CONTINUATION, b", last") + encode_close(4000, b"bye")
        )
        async with opened(role=role) as (transport, peer), trio.open_nursery() as nursery:
            nursery.start_soon(say_in_pieces, peer, said, 1)
            assert await delivered_by(transport) == ([b"first, last"], (4000, "bye", "server"))

    async def test_ends_when_no_more_is_wanted_and_the_rest_is_still_received(self, role: Role) -> None:
        async with opened(role=role) as (transport, peer), trio.open_nursery() as nursery:
            nursery.start_soon(transport.deliver, b"two".__ne__)
            await come_to_rest()
            await peer.say(*(encode(TEXT, word) for word in (b"one", b"two", b"three")), encode_close(1000))
            await come_to_rest()
            assert not nursery.child_tasks
            assert await transport.receive() == b"three"
            assert await ending_of(transport.receive()) == (1000, "", "server")

    async def test_ends_within_what_came_with_the_upgrade(self, role: Role) -> None:
        async with opened(encode(TEXT, b"one"), encode(TEXT, b"two"), role=role) as (transport, _):
            await transport.deliver(b"one".__ne__)
            assert await transport.receive() == b"two"

    async def test_can_be_done_again_after_it_has_ended(self, role: Role) -> None:
        async with opened(role=role) as (transport, peer):
            for _ in range(3):
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(transport.deliver, b"stop".__ne__)
                    await come_to_rest()
                    await peer.say(encode(TEXT, b"stop"))
            await peer.say(encode(TEXT, b"once more"), encode_close(1000))
            assert await delivered_by(transport) == ([b"once more"], (1000, "", "server"))

    async def test_hands_over_nothing_after_it_was_cancelled(self, role: Role) -> None:
        frames: list[bytes | str] = []
        async with opened(role=role) as (transport, peer):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(deliver_all, transport, frames)
                await come_to_rest()
                nursery.cancel_scope.cancel()
            await peer.say(encode(TEXT, b"late"))
            await transport.send(b"looks at what has come, too")
            assert await transport.receive() == b"late"
        assert frames == []

    async def test_answers_what_it_can_of_a_flood_and_comes_to_rest(self, role: Role) -> None:
        async with opened(role=role) as (transport, peer), trio.open_nursery() as nursery:
            nursery.start_soon(transport.deliver, keep_on)
            assert transport.send_nowait(LARGE)
            for n in range(20):
                await peer.say(*(encode(PING, b"%d" % (n * 100 + k)) for k in range(100)))
                await come_to_rest()
            assert len(transport._wire.unsent) < len(LARGE) + 200  # memory is what it is about
            assert await peer.hear() == (TEXT, LARGE)
            assert await peer.hear() == (PONG, b"1999")  # one answers them all
            await come_to_rest()
            nursery.cancel_scope.cancel()

    async def test_is_at_rest_after_a_close_although_a_copy_of_the_socket_is_open(self, role: Role) -> None:
        # As in a forked process. The system goes on reporting what happens there.
        async with opened(role=role) as (transport, peer), opened() as (other, _):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(other.deliver, keep_on)
                nursery.start_soon(expect_ending, lambda: transport.deliver(keep_on), (1006, "", "local"))
                await come_to_rest()
                copy = os.dup(transport._wire.sock.fileno())
                await transport.abort()
                await peer.say(b"nobody reads this")
                await come_to_rest()
                nursery.cancel_scope.cancel()
            os.close(copy)


class TestWhoeverTakes:
    async def test_does_it_in_the_context_of_the_task_that_delivers(self, role: Role) -> None:
        whose: ContextVar[str] = ContextVar("whose", default="the leader's")
        seen: list[str] = []

        def take(frame: bytes | str) -> bool:
            seen.append(whose.get())
            whose.set(whose.get() + "!")
            return True

        async with opened(encode(TEXT, b"one"), role=role) as (transport, peer):
            whose.set("its own")
            async with trio.open_nursery() as nursery:
                nursery.start_soon(transport.deliver, take)
                await come_to_rest()
                whose.set("somebody else's")
                await peer.say(encode(TEXT, b"two"), encode(TEXT, b"three"))
                await come_to_rest()
                nursery.cancel_scope.cancel()
        assert seen == ["its own", "its own!", "its own!!"]

    @pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, GeneratorExit])
    async def test_may_fail_which_comes_out_of_its_own_task_and_loses_no_other_frame(
        self, role: Role, error: type[BaseException]
    ) -> None:
        def take(frame: bytes | str) -> bool:
            if frame == b"two":
                raise error
            return True

        async with opened(role=role) as (transport, peer):
            with trio.fail_after(2):
                await peer.say(*(encode(TEXT, word) for word in (b"one", b"two", b"three", b"four")))
                with pytest.raises(error):
                    await transport.deliver(take)
                assert await transport.receive() == b"three"
                await transport.deliver(b"four".__ne__)  # it has failed once

    async def test_may_fail_on_what_came_with_the_upgrade(self, role: Role) -> None:
        def take(frame: bytes | str) -> bool:
            raise ValueError

        async with opened(encode(TEXT, b"one"), encode(TEXT, b"two"), role=role) as (transport, _):
            with pytest.raises(ValueError, match=r"^$"):
                await transport.deliver(take)
            assert await transport.receive() == b"two"

    async def test_may_send_at_once(self, role: Role) -> None:
        async with opened(role=role) as (transport, peer), trio.open_nursery() as nursery:

            def answer(frame: bytes | str) -> bool:
                assert isinstance(frame, bytes)
                return transport.send_nowait(frame.upper() * 10_000)

            nursery.start_soon(transport.deliver, answer)
            await peer.say(encode(TEXT, b"a"))
            assert await peer.hear() == (TEXT, b"A" * 10_000)
            await peer.say(encode(TEXT, b"b"))
            assert await peer.hear() == (TEXT, b"B" * 10_000)
            nursery.cancel_scope.cancel()

    async def test_is_not_asked_any_more_once_it_has_said_enough(self, role: Role) -> None:
        async with opened(role=role) as (transport, peer):
            await peer.say(encode(TEXT, b"one"), encode(PING, b"still answered"), encode(TEXT, b"two"))
            taken: list[bytes | str] = []
            await transport.deliver(taken.append)  # type: ignore[arg-type] # None is as good as False
            assert taken == [b"one"]
            assert await peer.hear() == (PONG, b"still answered")
            assert await transport.receive() == b"two"


class TestPings:
    async def test_of_the_peer_are_answered_also_between_fragments(self, role: Role) -> None:
        async with (
            opened(encode(PING, b"at once"), role=role) as (transport, peer),
            trio.open_nursery() as nursery,
        ):
            assert await peer.hear() == (PONG, b"at once")
            frames: list[bytes | str] = []
            nursery.start_soon(deliver_all, transport, frames)
            await peer.say(encode(TEXT, b"first", fin=False), encode(PING, b"between"))
            assert await peer.hear() == (PONG, b"between")
            await peer.say(encode(CONTINUATION, b", last"), encode(PING))
            assert await peer.hear() == (PONG, b"")
            assert frames == [b"first, last"]
            nursery.cancel_scope.cancel()

    async def test_of_the_peer_are_answered_however_little_the_network_takes(self, role: Role) -> None:
        async with opened(role=role), bare(Narrow) as (transport, peer), trio.open_nursery() as nursery:
            nursery.start_soon(transport.deliver, keep_on)
            await come_to_rest()
            await peer.say(encode(PING, b"still there?"))
            with trio.fail_after(2):
                assert await peer.hear() == (PONG, b"still there?")
            await come_to_rest()
            nursery.cancel_scope.cancel()

    async def test_of_the_peer_behind_the_last_frame_that_is_wanted_are_answered_before_the_next_send(
        self, role: Role
    ) -> None:
        async with opened(role=role), bare(Narrow) as (transport, peer):
            await peer.say(encode(TEXT, b"last"), encode(PING, b"still there?"))
            await transport.deliver(b"last".__ne__)
            await transport.send(b"next")
            assert [await peer.hear(), await peer.hear()] == [(PONG, b"still there?"), (TEXT, b"next")]

    async def test_that_are_answered_report_how_many_frames_were_read(self, role: Role) -> None:
        async with opened(role=role) as (transport, peer), trio.open_nursery() as nursery:
            delivered: list[int] = []
            transport.watch_delivery(delivered.append)
            nursery.start_soon(transport.deliver, keep_on)
            await transport.send(b"one")
            assert transport.send_nowait(b"two")
            await transport.ping()
            *_, (opcode, payload) = [await peer.hear() for _ in range(3)]
            assert opcode == PING
            assert delivered == []
            await peer.say(encode(PONG, payload))
            await come_to_rest()
            assert delivered == [2]
            nursery.cancel_scope.cancel()

    @pytest.mark.parametrize("payload", [b"", b"hello", b"-1", b"1.5", b"\xb2", b"\xff", b"7" * 125])
    async def test_that_we_did_not_send_may_be_answered_with_anything(self, payload: bytes) -> None:
        async with opened() as (transport, peer), trio.open_nursery() as nursery:
            delivered: list[int] = []
            transport.watch_delivery(delivered.append)
            nursery.start_soon(transport.deliver, keep_on)
            await transport.send(b"one")
            await peer.say(encode(PONG, payload))
            await come_to_rest()
            assert delivered == [1] * payload.isdigit()  # never more than were sent
            nursery.cancel_scope.cancel()


class TestThePeersClose:
    @pytest.mark.parametrize("code", [1000, 1001, 1003, 1007, 1008, 1011, 1013, 3000, 4999])
    async def test_is_answered_with_its_code_and_reason(self, role: Role, code: int) -> None:
        async with opened(role=role) as (transport, peer):
            await peer.say(encode(TEXT, b"last"), encode_close(code, b"because"), encode(TEXT, b"never"))
            assert await delivered_by(transport) == ([b"last"], (code, "because", "server"))
            assert await peer.hear() == (CLOSE, code.to_bytes(2, "big") + b"because")
            await transport.aclose(1000, "not this")
            assert await hear_all(peer) == []

    async def test_without_a_code_is_answered_without_one(self) -> None:
        async with opened(encode(CLOSE)) as (transport, peer):
            assert await delivered_by(transport) == ([], (1005, "", "server"))
            assert await peer.hear() == (CLOSE, b"")

    async def test_with_the_longest_reason_is_answered(self) -> None:
        async with opened(encode_close(1011, b"x" * 123)) as (transport, peer):
            assert (await delivered_by(transport))[1] == (1011, "x" * 123, "server")
            assert await peer.hear() == (CLOSE, b"\x03\xf3" + b"x" * 123)

    async def test_is_answered_to_a_peer_that_reads_late(
        self, autojump_clock: trio.testing.MockClock
    ) -> None:
        async with opened() as (transport, peer):
            assert transport.send_nowait(LARGE)
            await peer.say(encode_close(1001))
            await delivered_by(transport)
            with trio.move_on_after(1):
                await transport.aclose()
            assert len(await peer.hear_end()) < len(
                LARGE
            )  # the peer has said the last word, and is not waited for


class TestErrorsOfThePeer:
    @pytest.mark.parametrize(
        ("wrong", "code"),
        [
            (encode(TEXT, b"x", rsv=4), 1002),
            (encode(CONTINUATION, b"x"), 1002),
            (encode(TEXT, b"x", mask=True), 1002),
            (encode(3), 1002),
            (encode(PING, b"x" * 126), 1002),
            (encode(CLOSE, b"\x03"), 1002),
            (encode_close(1005), 1002),
            (encode(TEXT, b"\xff"), 1007),
            (encode_close(1000, b"\xff"), 1007),
            (encode(BINARY, b"x" * 1001), 1009),
            (encode(TEXT, b"x" * 600, fin=False) + encode(CONTINUATION, b"x" * 600), 1009),
            (encode(BINARY, b"")[:1] + b"\x7f\x7f" + b"\xff" * 7, 1009),
        ],
    )
    async def test_end_the_connection_with_a_close_code_when_it_is_closed(
        self, role: Role, wrong: bytes, code: int
    ) -> None:
        async with opened(role=role, max_message_size=1000) as (transport, peer):
            await peer.say(encode(TEXT, b"fine"), wrong, encode(TEXT, b"never"))
            frames, ending = await delivered_by(transport)
            assert frames == [b"fine"]
            assert ending[0::2] == (code, "local")
            assert await ending_of(transport.send(b"never")) == ending
            async with trio.open_nursery() as nursery:
                nursery.start_soon(transport.aclose)
                assert await peer.hear() == (CLOSE, code.to_bytes(2, "big") + ending[1].encode())
                await peer.say(encode_close(code))  # which we can't read any more
                await peer.say_end()
            assert await ending_of(transport.receive()) == ending

    async def test_while_we_close_do_not_keep_us_from_ending(self) -> None:
        async with opened() as (transport, peer), trio.open_nursery() as nursery:
            nursery.start_soon(transport.aclose, 4000)
            assert await peer.hear() == (CLOSE, b"\x0f\xa0")
            await peer.say(encode(TEXT, b"\xff"))
            await peer.say_end()
        assert await ending_of(transport.receive()) == (4000, "", "local")


class TestClosing:
    async def test_while_another_task_delivers_ends_that_with_the_same(self, role: Role) -> None:
        async with opened(role=role) as (transport, peer), trio.open_nursery() as nursery:
            nursery.start_soon(expect_ending, lambda: transport.deliver(keep_on), (4000, "bye", "local"))
            await come_to_rest()
            nursery.start_soon(transport.aclose, 4000, "bye")
            assert await peer.hear() == (CLOSE, b"\x0f\xa0bye")
            await peer.say(encode(TEXT, b"dropped"), encode(PING, b"unanswered"), encode_close(4000))
            assert await hear_all(peer) == []

    async def test_hands_over_nothing_that_comes_afterwards(self, role: Role) -> None:
        frames: list[bytes | str] = []
        async with opened(role=role) as (transport, peer), trio.open_nursery() as nursery:
            nursery.start_soon(deliver_all, transport, frames)
            await come_to_rest()
            nursery.start_soon(transport.aclose)
            await peer.hear()
            await peer.say(encode(TEXT, b"dropped"), encode_close(1000))
        assert frames == []

    async def test_goes_on_reading_when_the_task_that_delivered_has_been_cancelled(self, role: Role) -> None:
        async with opened(role=role) as (transport, peer), trio.open_nursery() as nursery:
            async with trio.open_nursery() as delivering:
                delivering.start_soon(transport.deliver, keep_on)
                await come_to_rest()
                nursery.start_soon(transport.aclose)
                await peer.hear()
                delivering.cancel_scope.cancel()
            await peer.say(encode_close(1000))

    async def test_goes_on_reading_when_the_task_that_received_has_raised_it(self) -> None:
        async with opened() as (transport, peer), trio.open_nursery() as nursery:
            nursery.start_soon(expect_ending, transport.receive, (1000, "", "local"))
            await come_to_rest()
            nursery.start_soon(transport.aclose)
            await peer.hear()
            await peer.say(encode(PING))  # it wakes the one that receives
            await come_to_rest()
            await peer.say(encode_close(1000))

    async def test_says_that_all_is_well_where_the_code_can_not_be_said(self) -> None:
        async with opened() as (transport, peer), trio.open_nursery() as nursery:
            nursery.start_soon(transport.aclose, 1006)
            assert await peer.hear() == (CLOSE, b"\x03\xe8")
            await peer.say(encode_close(1000))

    async def test_sends_what_waits_before_its_last_word(self, role: Role) -> None:
        async with opened(role=role) as (transport, peer), trio.open_nursery() as nursery:
            nursery.start_soon(ending_of, transport.deliver(keep_on))
            await come_to_rest()
            assert transport.send_nowait(LARGE)
            nursery.start_soon(transport.aclose)
            assert [await peer.hear(), await peer.hear()] == [(TEXT, LARGE), (CLOSE, b"\x03\xe8")]
            await peer.say(encode_close(1000))

    async def test_answers_no_ping_behind_its_last_word(self) -> None:
        async with opened() as (transport, peer), trio.open_nursery() as nursery:
            nursery.start_soon(ending_of, transport.deliver(keep_on))
            await come_to_rest()
            assert transport.send_nowait(LARGE)
            await peer.say(encode(PING, b"unanswered"))
            await come_to_rest()
            nursery.start_soon(transport.aclose)
            await come_to_rest()
            assert [await peer.hear(), await peer.hear()] == [(TEXT, LARGE), (CLOSE, b"\x03\xe8")]
            await peer.say(encode_close(1000))
            assert await hear_all(peer) == []


class TestAborting:
    async def test_wakes_the_tasks_that_wait_in_any_operation(self, role: Role) -> None:
        async with opened(role=role) as (transport, _), trio.open_nursery() as nursery:
            nursery.start_soon(expect_ending, lambda: transport.deliver(keep_on), (1006, "", "local"))
            await come_to_rest()
            nursery.start_soon(transport.send, LARGE)
            await come_to_rest()
            nursery.start_soon(expect_ending, lambda: transport.send(b"next"), (1006, "", "local"))
            nursery.start_soon(expect_ending, transport.ping, (1006, "", "local"))
            await come_to_rest()
            await transport.abort()

    async def test_wakes_the_tasks_that_wait_while_none_delivers(self) -> None:
        async with opened() as (transport, _), trio.open_nursery() as nursery:
            nursery.start_soon(expect_ending, transport.receive, (1006, "", "local"))
            nursery.start_soon(transport.send, LARGE)
            await come_to_rest()
            nursery.start_soon(expect_ending, lambda: transport.send(b"next"), (1006, "", "local"))
            await come_to_rest()
            await transport.abort()

    async def test_is_the_ending_although_frames_wait_unread(self, role: Role) -> None:
        async with opened(encode(TEXT, b"unread"), role=role) as (transport, _):
            await transport.abort()
            assert await delivered_by(transport) == ([], (1006, "", "local"))


class TestInterrupts:
    async def test_come_out_of_a_receive_in_which_they_come_up(self) -> None:
        async with bare(Interrupting) as (transport, peer):
            await peer.say(encode(TEXT, b"one"))
            with pytest.raises(KeyboardInterrupt), trio.fail_after(2):
                await transport.receive()

    async def test_come_out_of_a_send_in_which_they_come_up(self) -> None:
        async with bare(Interrupting) as (transport, _):
            with pytest.raises(KeyboardInterrupt), trio.fail_after(2):
                await transport.send(b"one")

    async def test_come_out_of_a_delivery_in_which_they_come_up(self) -> None:
        async with bare(Interrupting) as (transport, peer):
            await peer.say(encode(TEXT, b"one"))
            with pytest.raises(KeyboardInterrupt), trio.fail_after(2):
                await transport.deliver(keep_on)


class Interrupting(socket.socket):
    """A socket at which somebody hits Ctrl-C whenever it is read from."""

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        raise KeyboardInterrupt


class TestCancelling:
    @pytest.mark.parametrize("delivering", [False, True])
    @pytest.mark.parametrize("operation", ["send", "ping"])
    async def test_leaves_whole_frames_at_every_byte(self, operation: str, delivering: bool) -> None:
        frame = (TEXT, b"frame") if operation == "send" else (PING, b"1")
        seen: set[bool] = set()
        n, was_cancelled = 0, True
        while was_cancelled:
            async with bare(Narrow) as (transport, peer):
                async with trio.open_nursery() as nursery:
                    if delivering:
                        nursery.start_soon(transport.deliver, keep_on)
                    await transport.send(b"before")
                    sending = transport.ping if operation == "ping" else partial(transport.send, b"frame")
                    was_cancelled = await cancelled_at(n, sending)
                    await transport.send(b"after")
                    nursery.cancel_scope.cancel()
                await transport.abort()
                heard = await hear_all(peer)
            assert heard in (
                [(TEXT, b"before"), (TEXT, b"after")],
                [(TEXT, b"before"), frame, (TEXT, b"after")],
            )
            assert was_cancelled or frame in heard
            seen.add(frame in heard)
            n += 1
        assert n > (2 if delivering else 7)  # where another task delivers, it writes, too
        assert seen == {True, False}

    async def test_of_a_close_sends_a_part_of_it_or_the_whole_and_is_raised_as_what_it_was(self) -> None:
        sizes: set[int] = set()
        n, was_cancelled = 0, True
        while was_cancelled:
            heard: list[bytes] = []
            async with bare(Narrow) as (transport, peer):
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(answer_close, peer, heard)
                    was_cancelled = await cancelled_at(n, partial(transport.aclose, 4000, "bye"))
                    assert await ending_of(transport.receive()) == (4000, "bye", "local")
                said = b"".join(heard)
            assert b"\x88\x85".startswith(said[:2])
            assert b"\x0f\xa0bye".startswith(mask_in_python(said[6:], said[2:6]))
            sizes.add(len(said))
            n += 1
        assert sizes == {0, *range(2, 12)}  # before the second byte there is no place to be cancelled

    async def test_of_a_close_gives_up_what_another_task_has_read_meanwhile(self) -> None:
        async with opened() as (transport, peer), trio.open_nursery() as nursery:
            await peer.say(encode(TEXT, b"late"))
            nursery.start_soon(cancelled_at, 1, partial(transport.aclose, 4000))
            nursery.start_soon(ending_of, transport.send(b"looks at what has come, too"))
            await come_to_rest()
            assert await ending_of(transport.receive()) == (4000, "", "local")

    async def test_of_a_receive_loses_nothing_at_every_byte(self) -> None:
        said = b"".join(encode(TEXT, word) for word in (b"one", b"two", b"three"))
        n, was_cancelled = 0, True
        while was_cancelled:
            frames: list[bytes | str] = []
            async with bare() as (transport, peer), trio.open_nursery() as nursery:
                nursery.start_soon(say_in_pieces, peer, said, 1)
                was_cancelled = await cancelled_at(n, partial(receive_three, transport, frames))
                await receive_three(transport, frames)
            assert frames == [b"one", b"two", b"three"]
            n += 1
        assert n > 10

    @pytest.mark.parametrize("then", ["receive", "deliver"])
    async def test_of_a_delivery_loses_nothing_at_every_byte(self, then: str, role: Role) -> None:
        said = b"".join(encode(TEXT, word) for word in (b"one", b"two", b"three"))
        n, was_cancelled = 0, True
        async with opened(role=role):
            while was_cancelled:
                frames: list[bytes | str] = []
                async with bare() as (transport, peer), trio.open_nursery() as nursery:
                    nursery.start_soon(say_in_pieces, peer, said, 1)
                    was_cancelled = await cancelled_at(n, partial(deliver_three, transport, frames))
                    if then == "receive":
                        await receive_three(transport, frames)
                    elif len(frames) < 3:
                        await deliver_three(transport, frames)
                assert frames == [b"one", b"two", b"three"]
                n += 1
        assert n > (10 if role == "leads" else 2)


class TestOverTls:
    async def test_frames_go_both_ways_whichever_task_reads(self, role: Role) -> None:
        async with opened(role=role), over_tls() as (transport, peer), trio.open_nursery() as nursery:
            frames: list[bytes | str] = []
            nursery.start_soon(deliver_all, transport, frames)
            await come_to_rest()
            nursery.start_soon(transport.send, LARGE * 4)
            assert await peer.hear() == (TEXT, LARGE * 4)
            await peer.say(encode(BINARY, LARGE), encode(PING, b"still there?"), encode_close(1000))
            assert await peer.hear() == (PONG, b"still there?")
            assert await peer.hear() == (CLOSE, b"\x03\xe8")
        assert frames == [LARGE]

    async def test_the_end_of_tls_right_behind_the_answer_is_the_end_although_tcp_goes_on(self) -> None:
        async with ended_by_tls(encode(TEXT, b"one")) as transport:
            with trio.fail_after(2):
                assert await delivered_by(transport) == ([b"one"], (1006, "", "server"))

    async def test_the_end_of_tls_right_behind_the_answer_is_raised_by_a_receive(self) -> None:
        async with ended_by_tls(encode(TEXT, b"one")) as transport:
            with trio.fail_after(2):
                assert await transport.receive() == b"one"
                assert await ending_of(transport.receive()) == (1006, "", "server")


@asynccontextmanager
async def over_tls() -> AsyncGenerator[tuple[DirectTransport, RawPeer]]:
    """A transport and its peer, with TLS between them."""
    wire, stream = socket_pair()
    peer = RawPeer(trio.SSLStream(stream, SERVER, server_side=True, https_compatible=True))
    async with stream, trio.open_nursery() as nursery:
        nursery.start_soon(accepting, peer)
        await wire.start_tls(CLIENT, NAME)
        transport = await upgrade_wire(wire, ENDPOINT)
        yield transport, peer
        await transport.abort()


@asynccontextmanager
async def ended_by_tls(*after: bytes) -> AsyncGenerator[DirectTransport]:
    """A transport whose peer says the end of TLS, and not of TCP, in one breath with its answer."""

    async def answer() -> None:
        request = await peer.hear()
        await peer.stream.send_all(peer.record(accept(request) + b"".join(after)) + peer.end())

    async with encrypted_by_hand() as (wire, peer), trio.open_nursery() as nursery:
        nursery.start_soon(answer)
        yield await upgrade_wire(wire, ENDPOINT)


async def accepting_after(peer: RawPeer, before: bytes, after: bytes) -> None:
    """Say something before the WebSocket is open, and something else in one breath with its answer."""
    request = await peer.hear_http()
    await peer.say(before)
    await trio.testing.wait_all_tasks_blocked()
    await peer.say(accept(request), after)


async def say_in_pieces(peer: RawPeer, data: bytes, size: int) -> None:
    for start in range(0, len(data), size):
        await peer.say(data[start : start + size])


async def answer_close(peer: RawPeer, heard: list[bytes]) -> None:
    """Answer a Close with a reason of three bytes; if less comes than that, it is kept all the same."""
    with suppress(trio.BrokenResourceError):
        try:
            heard.append(await peer.hear_bytes(11))
        except EOFError as error:
            heard.append(error.args[0])
        else:
            await peer.say(encode_close(4000))


async def receive_three(transport: DirectTransport, frames: list[bytes | str]) -> None:
    while len(frames) < 3:
        frames.append(await transport.receive())


async def deliver_three(transport: DirectTransport, frames: list[bytes | str]) -> None:
    def take(frame: bytes | str) -> bool:
        frames.append(frame)
        return len(frames) < 3

    await transport.deliver(take)


Kind = Literal["say", "send", "send at once", "ping"]
Action: TypeAlias = "tuple[Kind, bytes]"


class TestByChance:
    @given(said=valid_streams(), data=st.data(), role=st.sampled_from(["leads", "follows"]))
    @settings(max_examples=60, deadline=None)
    def test_what_is_delivered_is_what_was_said_however_it_comes_and_whatever_we_say_meanwhile(
        self, said: Said, data: st.DataObject, role: Role
    ) -> None:
        says: list[Action] = [("say", piece) for piece in data.draw(pieces(said[1]))]
        kinds: st.SearchStrategy[Kind] = st.sampled_from(["send", "send at once", "ping"])
        for _ in range(data.draw(st.integers(0, 6))):
            at = data.draw(st.integers(0, len(says)))
            says.insert(at, (data.draw(kinds), b"x" * data.draw(SIZES)))
        trio.run(self._talk, says, list(said[0]), role)

    async def _talk(self, actions: list[Action], events: list[Event], role: Role) -> None:
        heard: list[tuple[int, bytes]] = []
        sent: list[bytes] = []
        async with opened(role=role) as (transport, peer):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(hear_into, peer, heard)
                nursery.start_soon(act, transport, peer, actions, sent)
                with trio.fail_after(5):
                    frames, ending = await delivered_by(transport)
                await transport.abort()
        assert frames == [event for event in events if isinstance(event, bytes)]
        assert ending == expected_ending(events)
        answers = [payload for opcode, payload in heard if opcode == PONG]
        asked = [event.payload for event in events if isinstance(event, Ping)]
        assert is_subsequence(answers, asked)
        messages = [payload for opcode, payload in heard if opcode == TEXT]
        assert messages == sent[: len(messages)]
        if ending[0] == 1006:  # nothing was cut off: the peer has heard us out before it hung up
            assert answers[-1:] == asked[-1:]
            assert messages == sent

    @given(said=mutated_streams(), data=st.data(), role=st.sampled_from(["leads", "follows"]))
    @settings(max_examples=60, deadline=None)
    def test_any_bytes_come_to_an_end_and_never_to_a_hang(
        self, said: bytes, data: st.DataObject, role: Role
    ) -> None:
        events = Framing(max_message_size=5000).feed(said)
        trio.run(self._listen, data.draw(pieces(said)), events, role)

    async def _listen(self, said: list[bytes], events: list[Event], role: Role) -> None:
        async with opened(role=role, max_message_size=5000) as (transport, peer):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(act, transport, peer, [("say", piece) for piece in said], [])
                with trio.fail_after(5):
                    frames, ending = await delivered_by(transport)
                await transport.abort()
        assert frames == [event for event in events if isinstance(event, bytes)]
        assert ending == expected_ending(events)


async def act(transport: DirectTransport, peer: RawPeer, actions: list[Action], sent: list[bytes]) -> None:
    """Do what is to be done on both sides, until one of them has ended; then hear the other out, and hang up."""
    with suppress(ConnectionClosed, trio.BrokenResourceError):
        for kind, data in actions:
            if kind == "say":
                await peer.say(data)
            elif kind == "ping":
                await transport.ping()
            elif kind == "send" or not transport.send_nowait(data):
                await transport.send(data)
            if kind.startswith("send"):
                sent.append(data)
        await trio.testing.wait_all_tasks_blocked()
        await peer.say_end()


async def hear_into(peer: RawPeer, heard: list[tuple[int, bytes]]) -> None:
    with suppress(EOFError, trio.BrokenResourceError):
        while True:
            heard.append(await peer.hear())


def expected_ending(events: list[Event]) -> tuple[int, str, str]:
    match events[-1:]:
        case [CloseFrame(code=code, reason=reason)]:
            return code, reason, "server"
        case [FramingError(code=code) as error]:
            return code, str(error), "local"
        case _:
            return 1006, "", "server"


def is_subsequence(some: list[bytes], of: list[bytes]) -> bool:
    rest = iter(of)
    return all(item in rest for item in some)
