"""What only the transport in memory does: it has no network, and no task of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from livegen_trio.transports.base import ConnectionClosed, Transport
from livegen_trio.transports.memory import memory_transport_pair

if TYPE_CHECKING:
    from trio.testing import MockClock


async def ending_of(transport: Transport) -> tuple[int, str, str]:
    with pytest.raises(ConnectionClosed) as caught:
        await transport.receive()
    return caught.value.code, caught.value.reason, caught.value.initiator


async def test_an_end_that_nobody_receives_from_takes_some_frames_and_then_no_more(
    autojump_clock: MockClock,
) -> None:
    transport, _peer = memory_transport_pair()
    sent = 0
    with trio.move_on_after(10):
        while True:
            await transport.send(b"{}")
            sent += 1
    assert sent == 64


async def test_a_cancelled_send_has_sent_nothing(autojump_clock: MockClock) -> None:
    transport, peer = memory_transport_pair()
    for _ in range(64):
        await transport.send(b"first")
    with trio.move_on_after(10):
        await transport.send(b"never")
    assert [await peer.receive() for _ in range(64)] == [b"first"] * 64
    await transport.send(b"next")
    assert await peer.receive() == b"next"


async def test_a_frame_is_the_very_bytes_given() -> None:
    transport, peer = memory_transport_pair()
    await transport.send(b"\xff\x00")
    assert await peer.receive() == b"\xff\x00"


async def test_a_close_that_was_cancelled_before_it_was_said_is_a_broken_connection_to_the_peer() -> None:
    transport, peer = memory_transport_pair()
    await peer.send(b"waiting")
    with trio.CancelScope() as scope:
        scope.cancel()
        await peer.aclose(1008, "quota")
    assert await ending_of(peer) == (1008, "quota", "local")
    with pytest.raises(ConnectionClosed) as caught:
        await transport.send(b"{}")
    assert caught.value.code == 1006
    assert await transport.receive() == b"waiting"
    assert await ending_of(transport) == (1006, "", "server")


async def test_a_send_says_the_peers_code_while_its_close_is_behind_other_frames(
    autojump_clock: MockClock,
) -> None:
    transport, peer = memory_transport_pair()
    await peer.send(b"waiting")
    with trio.move_on_after(1):
        await peer.aclose(1008, "quota")
    with pytest.raises(ConnectionClosed) as caught:
        await transport.send(b"{}")
    assert (caught.value.code, caught.value.reason) == (1008, "quota")
    assert await transport.receive() == b"waiting"
    assert await ending_of(transport) == (1008, "quota", "server")


async def test_closing_drops_a_frame_that_comes_for_a_receive_that_waits() -> None:
    transport, peer = memory_transport_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(expect_ending, transport, (4001, "", "local"))
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(transport.aclose, 4001)
        await trio.testing.wait_all_tasks_blocked()
        await peer.send(b"late")
        assert await ending_of(peer) == (4001, "", "server")


async def test_closing_after_the_peer_did_is_no_ending_of_our_own(autojump_clock: MockClock) -> None:
    transport, peer = memory_transport_pair()
    with trio.move_on_after(1):
        await peer.aclose(1008, "quota")
    await transport.aclose(4000, "mine")
    assert await ending_of(transport) == (1008, "quota", "server")


async def test_closing_waits_for_room_for_the_close(autojump_clock: MockClock) -> None:
    transport, peer = memory_transport_pair()
    for _ in range(64):
        await transport.send(b"{}")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(transport.aclose, 4001)
        await trio.sleep(5)
        for _ in range(64):
            await peer.receive()
        assert await ending_of(peer) == (4001, "", "server")


async def test_a_close_that_found_no_room_was_not_said(autojump_clock: MockClock) -> None:
    transport, peer = memory_transport_pair()
    for _ in range(64):
        await transport.send(b"{}")
    with trio.move_on_after(1):
        await transport.aclose(4001)
    assert await ending_of(transport) == (4001, "", "local")
    for _ in range(64):
        await peer.receive()
    assert await ending_of(peer) == (1006, "", "server")


async def test_closing_ends_when_the_peer_aborts_meanwhile() -> None:
    transport, peer = memory_transport_pair()
    for _ in range(64):
        await transport.send(b"{}")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(transport.aclose, 4001)
        await trio.testing.wait_all_tasks_blocked()
        await peer.abort()
    assert await ending_of(transport) == (4001, "", "local")


async def expect_ending(transport: Transport, ending: tuple[int, str, str]) -> None:
    assert await ending_of(transport) == ending
