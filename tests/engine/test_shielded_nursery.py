"""The nursery of a session's connections: cancelled by `cancel` alone, and never left behind."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from livegen_trio._engine.shielded_nursery import ShieldedNursery


async def serve(ended: list[str], *, task_status: trio.TaskStatus[None]) -> None:
    try:
        await trio.lowlevel.checkpoint()
        task_status.started()
        await trio.sleep_forever()
    finally:
        ended.append("serve")


async def test_tasks_in_it_outlive_the_cancellation_of_their_surroundings(
    autojump_clock: trio.testing.MockClock,
) -> None:
    tasks, ended = ShieldedNursery(), list[str]()
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(tasks.run)
            shielded = await tasks.wait_open()
            await shielded.start(serve, ended)
            scope.cancel()
            with trio.CancelScope(shield=True):
                await trio.sleep(1)
            assert ended == []
            tasks.cancel("the test is over")
    assert ended == ["serve"]
    assert tasks.finished.is_set()


async def test_a_start_into_it_can_be_cancelled_until_it_has_started(
    autojump_clock: trio.testing.MockClock,
) -> None:
    tasks, ended = ShieldedNursery(), list[str]()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(tasks.run)
        shielded = await tasks.wait_open()
        with trio.CancelScope() as scope:
            scope.cancel()
            await shielded.start(serve, ended)
        assert ended == ["serve"]
        tasks.release()


async def test_it_ends_when_it_is_released_and_its_tasks_have_ended(
    autojump_clock: trio.testing.MockClock,
) -> None:
    tasks = ShieldedNursery()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(tasks.run)
        (await tasks.wait_open()).start_soon(trio.sleep, 3)
        tasks.release()
    assert trio.current_time() == 3


async def test_it_can_be_cancelled_before_it_is_open() -> None:
    tasks = ShieldedNursery()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(tasks.run)
        tasks.cancel("nobody needs it")
    assert tasks.finished.is_set()


async def test_what_a_task_in_it_raises_comes_out_bare() -> None:
    async def fail() -> None:
        await trio.lowlevel.checkpoint()
        raise ValueError("a bug")

    tasks = ShieldedNursery()
    with pytest.RaisesGroup(
        pytest.RaisesExc(ValueError, match="a bug")
    ):  # one group: that of the nursery here
        async with trio.open_nursery() as nursery:
            nursery.start_soon(tasks.run)
            (await tasks.wait_open()).start_soon(fail)
    assert tasks.finished.is_set()
