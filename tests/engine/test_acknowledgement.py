"""Pings that acknowledge inputs: most go out with an input, few by themselves."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from livegen_trio._engine.acknowledgement import PING_INTERVAL
from livegen_trio._engine.checkpoints import EveryNthCheckpoint
from livegen_trio._engine.keepalive import PING_AFTER_IDLE, ping_after_idle, watch_for_silence
from livegen_trio._engine.outbox import Outbox
from livegen_trio._engine.sender import send_inputs
from livegen_trio._resumption.inputs import Kind
from livegen_trio._session.buffering import Buffering
from livegen_trio.transports.memory import memory_transport_pair
from support.raw_websocket import PING, PONG, TEXT, direct_and_raw_server, encode

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from trio.testing import MockClock

    from livegen_trio.transports.base import Transport
    from support.raw_websocket import RawPeer

LARGE = b"x" * 50_000
"""More than the network holds."""


async def come_to_rest() -> None:
    with trio.fail_after(2):
        await trio.testing.wait_all_tasks_blocked()


def keep_on(frame: bytes | str) -> bool:
    return True


async def serve(outbox: Outbox, transport: Transport, *, pings: bool = True) -> None:
    """Do what a connection does, once it is set up."""
    outbox.transmission.start(transport, acknowledges_by_pong=pings)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(transport.deliver, keep_on)
        nursery.start_soon(send_inputs, outbox, transport)
        if pings:
            nursery.start_soon(ping_after_idle, outbox)


@asynccontextmanager
async def connected(*, pings: bool = True) -> AsyncGenerator[tuple[Outbox, RawPeer]]:
    """An outbox at a connection that has been set up, and the peer."""
    async with direct_and_raw_server() as (transport, peer):
        await transport.send(b"setup")
        assert await peer.hear() == (TEXT, b"setup")
        outbox = Outbox(Buffering(), EveryNthCheckpoint())
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(lambda: serve(outbox, transport, pings=pings))
                await come_to_rest()
                yield outbox, peer
                nursery.cancel_scope.cancel()
        finally:
            await transport.abort()  # noqa: ASYNC102 - it doesn't wait


async def test_the_first_input_is_followed_by_a_ping(mock_clock: MockClock) -> None:
    async with connected() as (outbox, peer):
        outbox.put(b"one", Kind.MEDIA)
        assert [await peer.hear(), await peer.hear()] == [(TEXT, b"one"), (PING, b"2")]


async def test_the_first_media_after_an_interval_are_followed_by_a_ping(mock_clock: MockClock) -> None:
    async with connected() as (outbox, peer):
        for frame in (b"one", b"two", b"three"):
            outbox.put(frame, Kind.MEDIA)
        mock_clock.jump(PING_INTERVAL)
        for frame in (b"four", b"five"):
            outbox.put(frame, Kind.MEDIA)
        heard = [await peer.hear() for _ in range(7)]
        assert heard == [
            (TEXT, b"one"),
            (PING, b"2"),
            (TEXT, b"two"),
            (TEXT, b"three"),
            (TEXT, b"four"),
            (PING, b"5"),
            (TEXT, b"five"),
        ]


@pytest.mark.parametrize("kind", [Kind.CONTROL, Kind.ANSWER, Kind.MARK])
async def test_inputs_other_than_media_are_always_followed_by_a_ping(
    kind: Kind, mock_clock: MockClock
) -> None:
    async with connected() as (outbox, peer):
        outbox.put(b"one", Kind.MEDIA)
        outbox.put(b"two", kind)
        heard = [await peer.hear() for _ in range(4)]
        assert heard == [(TEXT, b"one"), (PING, b"2"), (TEXT, b"two"), (PING, b"3")]


async def test_a_pong_acknowledges_at_once(mock_clock: MockClock) -> None:
    async with connected() as (outbox, peer):
        outbox.put(b"one", Kind.MEDIA)
        outbox.put(b"two", Kind.MEDIA)
        assert outbox.ledger.sent.unacknowledged == 2
        await peer.say(encode(PONG, b"2"))
        await come_to_rest()
        assert outbox.ledger.sent.unacknowledged == 1


async def test_the_last_inputs_are_pinged_for_later_and_again_until_a_pong_comes(
    mock_clock: MockClock,
) -> None:
    async with connected() as (outbox, peer):
        outbox.put(b"one", Kind.MEDIA)
        outbox.put(b"two", Kind.MEDIA)
        assert [(await peer.hear())[0] for _ in range(3)] == [TEXT, PING, TEXT]
        for _ in range(3):
            await come_to_rest()
            mock_clock.jump(PING_AFTER_IDLE)
            assert await peer.hear() == (PING, b"3")
        await peer.say(encode(PONG, b"3"))
        await come_to_rest()
        assert outbox.ledger.sent.unacknowledged == 0
        mock_clock.jump(3600)
        await come_to_rest()
        outbox.put(b"three", Kind.MEDIA)
        assert [await peer.hear(), await peer.hear()] == [(TEXT, b"three"), (PING, b"4")]


async def test_while_media_flow_there_are_two_or_three_pings_a_second(mock_clock: MockClock) -> None:
    heard: list[int] = []

    async def hear() -> None:
        while True:
            opcode, _ = await peer.hear()
            heard.append(opcode)

    async with connected() as (outbox, peer), trio.open_nursery() as nursery:
        nursery.start_soon(hear)
        for _ in range(500):  # ten seconds
            outbox.put(b"media", Kind.MEDIA)
            mock_clock.jump(0.02)
            await come_to_rest()
        nursery.cancel_scope.cancel()
    assert heard.count(TEXT) == 500
    assert 20 <= heard.count(PING) <= 25


async def test_where_the_server_reports_what_it_has_read_no_ping_is_sent_and_no_pong_counts(
    mock_clock: MockClock,
) -> None:
    async with connected(pings=False) as (outbox, peer):
        outbox.put(b"one", Kind.CONTROL)
        outbox.transmission.ping()
        assert [await peer.hear(), await peer.hear()] == [(TEXT, b"one"), (PING, b"2")]
        await peer.say(encode(PONG, b"2"))
        mock_clock.jump(PING_AFTER_IDLE)
        outbox.put(b"two", Kind.CONTROL)
        await come_to_rest()
        outbox.put(b"three", Kind.MEDIA)
        assert [await peer.hear(), await peer.hear()] == [(TEXT, b"two"), (TEXT, b"three")]
        assert outbox.ledger.sent.unacknowledged == 3


async def test_a_ping_that_can_not_go_out_at_once_follows_what_is_being_sent(mock_clock: MockClock) -> None:
    async with connected() as (outbox, peer):
        outbox.put(LARGE, Kind.MEDIA)
        outbox.transmission.ping()
        outbox.put(b"behind it", Kind.MEDIA)
        heard = [await peer.hear() for _ in range(4)]
        assert heard == [(TEXT, LARGE), (PING, b"2"), (PING, b"2"), (TEXT, b"behind it")]


async def test_the_sender_pings_for_what_it_sends(autojump_clock: MockClock) -> None:
    ours, theirs = memory_transport_pair()
    outbox = Outbox(Buffering(), EveryNthCheckpoint())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(theirs.deliver, keep_on)
        await ours.send(b"setup")
        nursery.start_soon(serve, outbox, ours)
        await come_to_rest()
        for kind, unacknowledged in ((Kind.MEDIA, 0), (Kind.MEDIA, 1), (Kind.CONTROL, 0)):
            outbox.put(b"input", kind)
            await come_to_rest()
            assert outbox.ledger.sent.unacknowledged == unacknowledged
        nursery.cancel_scope.cancel()


async def test_a_ping_that_keeps_the_connection_alive_goes_out_at_once(mock_clock: MockClock) -> None:
    async with direct_and_raw_server() as (transport, peer):
        outbox = Outbox(Buffering(), EveryNthCheckpoint())
        outbox.transmission.start(transport, acknowledges_by_pong=True)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(lambda: watch_for_silence(transport, outbox, interval=20, limit=60))
            await come_to_rest()
            mock_clock.jump(20)
            assert await peer.hear() == (PING, b"0")
            nursery.cancel_scope.cancel()
        await transport.abort()
