"""Events that wait: how much memory they may take, and who is slow when they take more."""

from __future__ import annotations

import gc
import tracemalloc
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from livegen_trio import ServerContent
from livegen_trio._engine.checkpoints import EveryNthCheckpoint
from livegen_trio._engine.inbox import Inbox
from livegen_trio._protocol.codec import decode_server_message
from livegen_trio._session.buffering import Buffering
from livegen_trio.types import Transcription

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trio.testing import MockClock

    from livegen_trio import ServerEvent

WORD = b'{"serverContent":{"outputTranscription":{"text":"a"}}}'
EMPTY_PARTS = b'{"serverContent":{"modelTurn":{"parts":[' + b"{}," * 18_000 + b"{}]}}}"


def word() -> Sequence[ServerEvent]:
    return [ServerContent(output_transcription=Transcription(text="a"))]


async def test_a_small_bound_is_one_on_memory() -> None:
    bound = 8 * 2**20
    inbox = Inbox(bound, EveryNthCheckpoint())
    gc.collect()
    tracemalloc.start()
    try:
        while inbox.put(decode_server_message(EMPTY_PARTS), EMPTY_PARTS):
            assert inbox.unread_bytes <= bound
        assert tracemalloc.get_traced_memory()[0] < 2 * bound
    finally:
        tracemalloc.stop()
    assert "not received from" in inbox.explain_full()


@pytest.mark.parametrize("frame", [WORD, EMPTY_PARTS], ids=["words", "empty parts"])
async def test_the_default_bound_takes_less_than_512_mebibytes(frame: bytes) -> None:
    """By a hundredth of it, since the rest is the same."""
    inbox = Inbox(Buffering().event_bytes // 100, EveryNthCheckpoint())
    gc.collect()
    tracemalloc.start()
    try:
        while inbox.put(decode_server_message(frame), frame):
            pass
        assert tracemalloc.get_traced_memory()[0] < 512 * 2**20 / 100 + len(frame) * 100
    finally:
        tracemalloc.stop()


async def flood(inbox: Inbox, rounds: int, size: int) -> None:
    """Put a burst of events in each round of the event loop, as a fast server does."""
    for _ in range(rounds):
        for _ in range(size):
            assert inbox.put(word(), WORD), inbox.explain_full()
        await trio.lowlevel.checkpoint()


async def test_a_consumer_that_only_receives_is_not_starved_by_a_fast_server(
    autojump_clock: MockClock,
) -> None:
    inbox = Inbox(2**20, EveryNthCheckpoint())
    received = 0
    async with trio.open_nursery() as nursery:
        nursery.start_soon(flood, inbox, 200, 500)
        for _ in range(200 * 500):
            await inbox.receive()
            received += 1
    assert received == 100_000


async def test_a_consumer_that_takes_long_lets_other_tasks_run_all_the_same(mock_clock: MockClock) -> None:
    inbox = Inbox(2**24, EveryNthCheckpoint())
    await flood(inbox, 1, 1_000)
    rounds = 0

    async def count() -> None:
        nonlocal rounds
        while True:
            await trio.lowlevel.checkpoint()
            rounds += 1

    async with trio.open_nursery() as nursery:
        nursery.start_soon(count)
        for _ in range(400):
            await inbox.receive()
            mock_clock.jump(0.002)
        nursery.cancel_scope.cancel()
    assert rounds >= 400 // 8 - 5


@pytest.mark.parametrize("is_waiting", [True, False])
async def test_an_ending_says_that_the_server_was_too_fast(is_waiting: bool, mock_clock: MockClock) -> None:
    inbox = Inbox(1_000, EveryNthCheckpoint())
    inbox.put(word(), b"x" * 900)
    if is_waiting:
        await inbox.receive()
    else:
        inbox.pace.note_received()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(inbox.receive)
        await trio.testing.wait_all_tasks_blocked()
        if is_waiting:
            inbox.is_receiving = True
        assert not inbox.put(word(), b"x" * 1_100)
        assert "the server sends faster than the session is received from" in inbox.explain_full()
        nursery.cancel_scope.cancel()


async def test_an_ending_says_that_the_session_was_not_received_from(mock_clock: MockClock) -> None:
    inbox = Inbox(1_000, EveryNthCheckpoint())
    inbox.pace.note_received()
    inbox.put(word(), b"x" * 900)
    mock_clock.jump(20)
    assert not inbox.put(word(), b"x" * 200)
    assert inbox.explain_full() == (
        "too many events wait unread (1 of 0.0 MiB, the oldest for 20.0 s): the session was not received from"
    )
