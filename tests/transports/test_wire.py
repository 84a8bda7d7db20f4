"""Bytes through a socket that never blocks, plain and in TLS, at every chunking and to every end."""

from __future__ import annotations

import gc
import socket
import ssl
import struct
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import pytest
import trio
import trio.testing
import trustme
from hypothesis import given, settings, strategies as st

from livegen_trio.transports._dial.wire import Wire
from support.authority import client_context
from support.raw_websocket import socket_pair
from support.tls_by_hand import CLIENT, NAME, SERVER, PeerByHand, encrypted_by_hand

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

MUCH: Final = bytes(range(256)) * 1200
"""More than the network holds, and than one read takes."""

plain_and_tls = pytest.mark.parametrize("tls", [False, True], ids=["plain", "TLS"])


@pytest.fixture(autouse=True)
def _nothing_leaks() -> Generator[None]:
    """An unclosed socket is a warning once it is collected, and a warning is an error."""
    yield
    gc.collect()


class Slowly(trio.abc.HalfCloseableStream):
    """A stream whose bytes go out one by one, each after the one before has been taken."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        for byte in bytes(data):
            await self._stream.send_all(bytes([byte]))
            await trio.testing.wait_all_tasks_blocked()

    async def send_eof(self) -> None:
        await self._stream.send_eof()

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        return await self._stream.receive_some(max_bytes)

    async def aclose(self) -> None:
        await self._stream.aclose()


class Hesitant(socket.socket):
    """A socket of which every other read is in vain, as the system may well have it."""

    _reads = 0

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        self._reads += 1
        if self._reads % 2:
            raise BlockingIOError
        return super().recv(bufsize, flags)


def as_server(stream: trio.abc.Stream) -> trio.SSLStream[trio.abc.Stream]:
    return trio.SSLStream(stream, SERVER, server_side=True, https_compatible=True)


async def encrypt(wire: Wire, stream: trio.abc.Stream) -> trio.SSLStream[trio.abc.Stream]:
    """TLS between both ends; gives the peer's."""
    theirs = as_server(stream)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(theirs.do_handshake)
        await wire.start_tls(CLIENT, NAME)
    return theirs


@asynccontextmanager
async def wires(*, tls: bool, slowly: bool = False) -> AsyncGenerator[tuple[Wire, trio.abc.Stream]]:
    """A wire and its peer's end. Both are closed behind the block."""
    wire, bare = socket_pair()
    theirs: trio.abc.Stream = Slowly(bare) if slowly else bare
    try:
        if tls:
            theirs = await encrypt(wire, theirs)
        yield wire, theirs
    finally:
        wire.close()
        await trio.aclose_forcefully(bare)


def tcp_pair() -> tuple[Wire, trio.SocketStream]:
    """The same as `socket_pair`, by TCP, which can be reset."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ours = socket.create_connection(listener.getsockname())
        theirs, _ = listener.accept()
    theirs.setblocking(False)
    return Wire(ours), trio.SocketStream(trio.socket.from_stdlib_socket(theirs))


def reset(stream: trio.SocketStream) -> None:
    """Hang up the rude way."""
    stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    stream.socket.close()


async def hear(wire: Wire, size: int) -> bytes:
    """Read until so many bytes have come."""
    data = b""
    while len(data) < size:
        assert not wire.at_end
        await wire.wait_readable()
        data += wire.receive()
    return data


async def hear_all(wire: Wire) -> bytes:
    """Read until the peer says no more."""
    data = b""
    while not wire.at_end:
        await wire.wait_readable()
        data += wire.receive()
    return data


async def read_exactly(stream: trio.abc.Stream, size: int) -> bytes:
    """What the peer reads."""
    data = b""
    while len(data) < size:
        more = await stream.receive_some(min(5000, size - len(data)))
        assert more
        data += more
    return data


class TestTheTlsHandshake:
    async def test_opens_a_wire_on_which_the_peer_is_who_it_should_be(self) -> None:
        async with wires(tls=True) as (wire, theirs):
            await theirs.send_all(b"hello")
            assert await hear(wire, 5) == b"hello"

    async def test_may_come_byte_by_byte(self) -> None:
        async with wires(tls=True, slowly=True) as (wire, theirs), trio.open_nursery() as nursery:
            nursery.start_soon(theirs.send_all, b"hello")
            assert await hear(wire, 5) == b"hello"

    async def test_goes_on_waiting_when_there_is_nothing_to_read_after_all(self) -> None:
        ours, theirs = socket.socketpair()
        stream = trio.SocketStream(trio.socket.from_stdlib_socket(theirs))
        wire = Wire(Hesitant(fileno=ours.detach()))
        async with stream:
            await (await encrypt(wire, stream)).send_all(b"hello")
            await wire.wait_readable()
            assert wire.receive() == b""
            assert wire.receive() == b"hello"
            wire.close()

    async def test_in_the_older_version_which_ends_with_the_servers_word(self) -> None:
        older = client_context()
        older.maximum_version = ssl.TLSVersion.TLSv1_2
        wire, bare = socket_pair()
        theirs = as_server(bare)
        async with bare, trio.open_nursery() as nursery:
            nursery.start_soon(theirs.do_handshake)
            await wire.start_tls(older, NAME)
            wire.send(b"hello")
            assert await theirs.receive_some() == b"hello"
            wire.close()

    async def test_loses_nothing_that_the_peer_says_in_one_breath_with_it(self) -> None:
        # A server that has the last word in the handshake may refuse a client before it has heard anything.
        context = client_context()
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        wire, bare = socket_pair()
        async with bare, trio.open_nursery() as nursery:
            nursery.start_soon(say_with_the_last_of_the_handshake, bare, b"go away")
            await wire.start_tls(context, NAME)
            assert wire.receive() == b"go away"
            wire.close()

    async def test_with_a_peer_of_another_name_fails_and_sends_an_alert(self) -> None:
        wire, bare = socket_pair()
        async with bare, trio.open_nursery() as nursery:
            nursery.start_soon(expect_refusal, as_server(bare), "bad certificate")
            with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
                await wire.start_tls(CLIENT, "other.test")
            wire.close()

    async def test_with_a_peer_without_a_known_authority_fails_and_sends_an_alert(self) -> None:
        wire, bare = socket_pair()
        async with bare, trio.open_nursery() as nursery:
            nursery.start_soon(expect_refusal, as_server(bare), "unknown ca")
            with pytest.raises(ssl.SSLCertVerificationError):
                await wire.start_tls(client_context(trustme.CA()), NAME)
            wire.close()

    async def test_with_a_peer_that_speaks_something_else_fails(self) -> None:
        wire, bare = socket_pair()
        async with bare:
            await bare.send_all(b"220 mail.test ESMTP\r\n")
            with pytest.raises(ssl.SSLError):
                await wire.start_tls(CLIENT, NAME)
            wire.close()

    @pytest.mark.parametrize("heard", range(4))
    async def test_with_a_peer_that_hangs_up_in_it_fails(self, heard: int) -> None:
        wire, bare = socket_pair()
        async with bare, trio.open_nursery() as nursery:
            nursery.start_soon(hang_up_within_handshake, bare, heard)
            with pytest.raises(ssl.SSLEOFError, match="hung up"):
                await wire.start_tls(CLIENT, NAME)
            wire.close()

    async def test_with_a_peer_that_resets_fails(self) -> None:
        wire, bare = tcp_pair()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(starting_tls_fails, wire, ssl.SSLEOFError)
            await trio.testing.wait_all_tasks_blocked()
            reset(bare)
        wire.close()

    async def test_can_be_cancelled(self) -> None:
        wire, bare = socket_pair()
        async with bare:
            with pytest.raises(trio.TooSlowError), trio.fail_after(0):
                await wire.start_tls(CLIENT, NAME)
            wire.close()

    async def test_ends_when_the_wire_is_closed(self) -> None:
        wire, bare = socket_pair()
        async with bare, trio.open_nursery() as nursery:
            nursery.start_soon(starting_tls_fails, wire, ssl.SSLEOFError)
            await trio.testing.wait_all_tasks_blocked()
            wire.close()


class TestWhatThePeerSays:
    @plain_and_tls
    async def test_is_nothing_until_it_has_said_something(self, tls: bool) -> None:
        async with wires(tls=tls) as (wire, _theirs):
            assert wire.receive() == b""
            assert not wire.at_end

    @plain_and_tls
    async def test_arrives_byte_by_byte_as_it_was_said(self, tls: bool) -> None:
        pieces: list[bytes] = []
        async with wires(tls=tls, slowly=True) as (wire, theirs), trio.open_nursery() as nursery:
            nursery.start_soon(theirs.send_all, b"one by one")
            while len(b"".join(pieces)) < 10:
                await wire.wait_readable()
                pieces.append(wire.receive())
        assert b"".join(pieces) == b"one by one"
        assert len(pieces) >= 10

    @plain_and_tls
    async def test_in_many_pieces_arrives_in_one_read(self, tls: bool) -> None:
        async with wires(tls=tls) as (wire, theirs):
            for piece in (b"one, ", b"two, ", b"three"):
                await theirs.send_all(piece)
            await wire.wait_readable()
            assert wire.receive() == b"one, two, three"

    @plain_and_tls
    async def test_may_be_more_than_a_read_takes(self, tls: bool) -> None:
        async with wires(tls=tls) as (wire, theirs), trio.open_nursery() as nursery:
            nursery.start_soon(theirs.send_all, MUCH)
            assert await hear(wire, len(MUCH)) == MUCH
            assert wire.receive() == b""

    @pytest.mark.parametrize("size", [1, 16_383, 16_384, 16_385, 32_768, 65_535, 65_536, 65_537])
    async def test_in_records_of_every_size_leaves_none_behind(self, size: int) -> None:
        async with wires(tls=True) as (wire, theirs), trio.open_nursery() as nursery:
            nursery.start_soon(theirs.send_all, MUCH[:size])
            assert await hear(wire, size) == MUCH[:size]

    async def test_waits_for_the_rest_of_a_record(self) -> None:
        async with wires(tls=True, slowly=True) as (wire, theirs), trio.open_nursery() as nursery:
            nursery.start_soon(theirs.send_all, b"x" * 100)
            for _ in range(5):
                await wire.wait_readable()
                assert wire.receive() == b""
            assert await hear(wire, 100) == b"x" * 100


class TestThePeersEnd:
    @plain_and_tls
    async def test_comes_behind_what_it_said(self, tls: bool) -> None:
        async with wires(tls=tls) as (wire, theirs):
            await theirs.send_all(b"bye")
            await theirs.aclose()
            assert await hear_all(wire) == b"bye"

    async def test_may_come_by_tls_alone(self) -> None:
        async with encrypted_by_hand() as (wire, peer):
            await peer.say(b"bye")
            await peer.stream.send_all(peer.end())
            assert await hear_all(wire) == b"bye"

    async def test_may_come_by_tcp_alone(self) -> None:
        async with encrypted_by_hand() as (wire, peer):
            await peer.say(b"bye")
            await peer.stream.send_eof()
            assert await hear_all(wire) == b"bye"

    @plain_and_tls
    async def test_may_be_a_reset_and_what_it_said_before_is_heard(self, tls: bool) -> None:
        wire, bare = tcp_pair()
        theirs: trio.abc.Stream = await encrypt(wire, bare) if tls else bare
        await theirs.send_all(b"bye")
        await wire.wait_readable()
        reset(bare)
        assert await hear_all(wire) == b"bye"
        wire.close()

    async def test_may_be_a_record_that_was_tampered_with_and_what_it_said_before_is_heard(self) -> None:
        async with encrypted_by_hand() as (wire, peer):
            await peer.stream.send_all(peer.record(b"bye") + peer.record(b"forged")[:-1] + b"!")
            assert await hear_all(wire) == b"bye"
            with pytest.raises(ssl.SSLError, match="bad record mac"):
                await peer.hear()

    @pytest.mark.parametrize("end", ["close_notify", "forged", "eof"])
    async def test_leaves_us_to_say_what_we_like_without_an_error(self, end: str) -> None:
        async with encrypted_by_hand() as (wire, peer):
            if end == "close_notify":
                await peer.stream.send_all(peer.end())
            elif end == "forged":
                await peer.stream.send_all(peer.record(b"forged")[:-1] + b"!")
            else:
                await peer.stream.send_eof()
            assert await hear_all(wire) == b""
            for _ in range(3):
                wire.send(b"more")
                await wire.drain()

    @plain_and_tls
    async def test_is_no_error_for_a_write_and_what_it_sent_is_still_read(self, tls: bool) -> None:
        async with wires(tls=tls) as (wire, theirs):
            await theirs.send_all(b"you may not")
            await trio.aclose_forcefully(theirs)
            for _ in range(3):
                wire.send(b"may I?")
                await wire.drain()
            assert wire.is_broken
            assert not wire.unsent
            assert not wire.at_end
            assert await hear_all(wire) == b"you may not"

    @plain_and_tls
    async def test_ends_a_drain_that_waits(self, tls: bool) -> None:
        async with wires(tls=tls) as (wire, theirs), trio.open_nursery() as nursery:
            wire.send(MUCH)
            nursery.start_soon(wire.drain)
            await trio.testing.wait_all_tasks_blocked()
            await trio.aclose_forcefully(theirs)
        assert wire.is_broken
        assert not wire.unsent


class TestWriting:
    @plain_and_tls
    async def test_needs_no_wait_for_what_the_network_takes(self, tls: bool) -> None:
        async with wires(tls=tls) as (wire, theirs):
            wire.send(b"at once")
            assert not wire.unsent
            assert await theirs.receive_some() == b"at once"

    @plain_and_tls
    async def test_more_than_the_network_takes_keeps_the_rest_and_the_order(self, tls: bool) -> None:
        async with wires(tls=tls) as (wire, theirs), trio.open_nursery() as nursery:
            wire.send(MUCH)
            wire.send(b"behind")
            assert wire.unsent
            nursery.start_soon(wire.drain)
            assert await read_exactly(theirs, len(MUCH) + 6) == MUCH + b"behind"
            await trio.testing.wait_all_tasks_blocked()
            assert not wire.unsent

    async def test_flush_writes_what_can_be_and_keeps_the_rest(self) -> None:
        async with wires(tls=False) as (wire, theirs):
            wire.send(MUCH)
            fill(wire)
            before = len(wire.unsent)
            head = await read_exactly(theirs, len(MUCH) - before)
            fill(wire)
            assert 0 < len(wire.unsent) < before
            async with trio.open_nursery() as nursery:
                nursery.start_soon(wire.drain)
                assert head + await read_exactly(theirs, before) == MUCH

    @given(data=st.data(), tls=st.booleans())
    @settings(max_examples=30, deadline=None)
    def test_gets_through_byte_for_byte_wherever_draining_is_cancelled(
        self, data: st.DataObject, tls: bool
    ) -> None:
        sizes = st.integers(1, 3000) | st.integers(10_000, 60_000)
        plan = data.draw(st.lists(st.tuples(sizes, st.integers(0, 12)), min_size=1, max_size=6))
        trio.run(self._send_with_cancellations, plan, tls)

    async def _send_with_cancellations(self, plan: list[tuple[int, int]], tls: bool) -> None:
        """Send so many bytes each, and cancel the draining when the peer has read so often."""
        said, heard = b"", bytearray()
        async with wires(tls=tls) as (wire, theirs), trio.open_nursery() as nursery:
            for size, reads in plan:
                data = MUCH[len(said) % 256 :][:size]
                said += data
                wire.send(data)
                with trio.CancelScope() as scope:
                    if reads == 0:
                        scope.cancel()
                    async with trio.open_nursery() as draining:
                        draining.start_soon(read_and_cancel, theirs, heard, reads, scope)
                        await wire.drain()
                        draining.cancel_scope.cancel()
            nursery.start_soon(wire.drain)
            heard += await read_exactly(theirs, len(said) - len(heard))
        assert bytes(heard) == said


class TestClosing:
    async def test_is_noted_and_done_once(self) -> None:
        wire, bare = socket_pair()
        assert not wire.is_closed
        wire.send(MUCH)
        wire.close()
        wire.close()
        assert (wire.is_closed, wire.at_end, wire.is_broken) == (True, True, True)
        assert not wire.unsent
        await trio.aclose_forcefully(bare)

    async def test_ends_every_wait_and_leaves_nothing_to_wait_for(self) -> None:
        wire, bare = socket_pair()
        wire.send(MUCH)
        async with bare, trio.open_nursery() as nursery:
            for wait in (wire.wait_readable, wire.wait_writable):
                nursery.start_soon(wait)
            await trio.testing.wait_all_tasks_blocked()
            wire.close()
            for wait in (wire.wait_readable, wire.wait_writable):
                with trio.testing.assert_checkpoints():
                    await wait()

    async def test_ends_a_handshake_that_waits_for_the_network_to_take_something(self) -> None:
        wire, bare = socket_pair()
        wire.send(MUCH)
        async with bare, trio.open_nursery() as nursery:
            nursery.start_soon(starting_tls_fails, wire, ssl.SSLEOFError)
            await trio.testing.wait_all_tasks_blocked()
            wire.close()

    async def test_ends_a_drain_that_waits(self) -> None:
        wire, bare = socket_pair()
        wire.send(MUCH)
        async with bare, trio.open_nursery() as nursery:
            nursery.start_soon(wire.drain)
            await trio.testing.wait_all_tasks_blocked()
            wire.close()

    async def test_leaves_nothing_to_read_or_write_and_no_error(self) -> None:
        wire, bare = socket_pair()
        await bare.send_all(b"unread")
        wire.close()
        wire.send(b"never")
        wire.flush()
        await wire.drain()
        assert wire.receive() == b""
        assert not wire.unsent
        await trio.aclose_forcefully(bare)


async def say_with_the_last_of_the_handshake(stream: trio.SocketStream, words: bytes) -> None:
    await PeerByHand(stream).shake_hands(last_words=words)


async def hang_up_within_handshake(stream: trio.SocketStream, heard: int) -> None:
    """Before anything is heard; or having heard, and perhaps said, something."""
    if heard == 1:
        await stream.receive_some()
    if heard == 2:
        await stream.send_all(b"\x16")
    if heard == 3:
        await PeerByHand(stream).shake_hands(flights=1)
    await stream.aclose()


async def expect_refusal(theirs: trio.SSLStream[trio.abc.Stream], words: str) -> None:
    """With TLS 1.3, a server hears only after its handshake that the client doesn't trust it."""
    with pytest.raises(trio.BrokenResourceError) as caught:
        await theirs.do_handshake()
        await theirs.receive_some()
    assert words in str(caught.value.__cause__).lower().replace("_", " ")


async def starting_tls_fails(wire: Wire, error: type[OSError]) -> None:
    with pytest.raises(error):
        await wire.start_tls(CLIENT, NAME)


def fill(wire: Wire) -> None:
    """Flush until the network takes no more."""
    before = 0
    while len(wire.unsent) != before:
        before = len(wire.unsent)
        wire.flush()


async def read_and_cancel(
    stream: trio.abc.Stream, heard: bytearray, reads: int, scope: trio.CancelScope
) -> None:
    for _ in range(reads):
        heard += await stream.receive_some(3000)
    scope.cancel()
