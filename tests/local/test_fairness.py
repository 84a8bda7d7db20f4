"""One client's work doesn't hold up the others."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import trio
import trio.testing

from livegen_trio.local._fairness import WorkQueue, WorkShare

if TYPE_CHECKING:
    from trio.testing import MockClock


async def test_a_client_within_its_share_waits_for_nobody() -> None:
    queue = WorkQueue()
    one, greedy = WorkShare(queue), WorkShare(queue)
    with one.held(), greedy.held():
        greedy.charge(10)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(greedy.wait_turn)
            with trio.fail_after(0.2):
                await one.wait_turn()
            nursery.cancel_scope.cancel()


async def test_greedy_clients_are_let_through_one_by_one(autojump_clock: MockClock) -> None:
    queue = WorkQueue()
    through: list[int] = []

    async def work(number: int) -> None:
        share = WorkShare(queue)
        share.charge(1)
        for _ in range(3):
            await share.wait_turn()
            through.append(number)

    async with trio.open_nursery() as nursery:
        for number in range(3):
            nursery.start_soon(work, number)
    assert sorted(through[:3]) == sorted(through[3:6]) == sorted(through[6:]) == [0, 1, 2]


async def test_the_queue_rests_only_if_there_are_others(autojump_clock: MockClock) -> None:
    queue = WorkQueue()
    share, other = WorkShare(queue), WorkShare(queue)
    with share.held():
        start = trio.current_time()
        share.charge(0.1)
        await share.wait_turn()
        assert trio.current_time() == start
        with other.held():
            share.charge(0.1)
            await share.wait_turn()
            assert 0.2 < trio.current_time() - start < 0.4


async def test_costly_work_of_a_new_client_waits_like_that_of_an_old_one(autojump_clock: MockClock) -> None:
    queue = WorkQueue()
    greedy, returning = WorkShare(queue), WorkShare(queue)
    with greedy.held(), returning.held():
        greedy.charge(0.1)
        start = trio.current_time()
        await returning.wait_turn()
        assert trio.current_time() == start
        await returning.wait_turn(is_costly=True)
        assert trio.current_time() - start > 0.2


async def test_work_is_measured() -> None:
    queue = WorkQueue()
    share = WorkShare(queue)
    with share.held():
        with share.working():
            time.sleep(0.02)  # noqa: ASYNC251 - work that doesn't wait for anything
        assert share._allowance < 0
        await trio.sleep(0.1)
        await share.wait_turn()
        assert share._allowance > 0
