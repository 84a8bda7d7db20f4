"""One blocking call for many tasks: run once, in a thread that none of them owns."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from livegen_trio.backends._shared_call import SharedCall

if TYPE_CHECKING:
    from collections.abc import Generator


class Work:
    """A function that blocks until it is let go, and counts its calls."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.calls = 0
        self.begun = threading.Event()
        self.may_end = threading.Event()

    def __call__(self) -> int:
        self.calls += 1
        self.begun.set()
        self.may_end.wait()
        if self.error:
            raise self.error
        return self.calls


@pytest.fixture
def work() -> Generator[Work]:
    work = Work()
    yield work
    work.may_end.set()


async def wait_for_begin(work: Work) -> None:
    await trio.to_thread.run_sync(work.begun.wait)


async def join(call: SharedCall[int], results: list[int]) -> None:
    results.append(await call.join())


async def test_who_comes_while_it_runs_has_its_result(work: Work) -> None:
    call = SharedCall(work)
    results: list[int] = []
    async with trio.open_nursery() as nursery:
        for _ in range(50):
            nursery.start_soon(join, call, results)
        await wait_for_begin(work)
        await trio.testing.wait_all_tasks_blocked()
        assert not results, "the event loop went on, and they wait"
        work.may_end.set()
    assert (work.calls, results) == (1, [1] * 50)


async def test_who_comes_afterwards_has_it_called_again(work: Work) -> None:
    work.may_end.set()
    call = SharedCall(work)
    assert [await call.join(), await call.join()] == [1, 2]


async def test_a_task_is_cancelled_at_once_and_the_others_have_the_result_all_the_same(work: Work) -> None:
    call = SharedCall(work)
    results: list[int] = []
    async with trio.open_nursery() as nursery:
        with trio.CancelScope() as first:
            async with trio.open_nursery() as impatient:
                impatient.start_soon(join, call, results)
                await wait_for_begin(work)
                nursery.start_soon(join, call, results)
                await trio.testing.wait_all_tasks_blocked()
                first.cancel()
        assert first.cancelled_caught, "before the call has ended"
        assert not results
        work.may_end.set()
    assert (work.calls, results) == (1, [1])


async def test_a_cancelled_task_never_begins_a_second_call_during_the_first(work: Work) -> None:
    call = SharedCall(work)
    for _ in range(3):
        with trio.move_on_after(0) as scope:
            await call.join()
        assert scope.cancelled_caught
    await wait_for_begin(work)
    work.may_end.set()
    await call.join()
    assert work.calls <= 2  # the first may have ended before the last came


async def test_an_error_is_raised_in_each_task_and_the_next_call_is_a_new_one(work: Work) -> None:
    work.error = ZeroDivisionError("of the function")
    call = SharedCall(work)
    caught: list[BaseException] = []

    async def fail() -> None:
        try:
            await call.join()
        except ZeroDivisionError as error:
            caught.append(error)

    async with trio.open_nursery() as nursery:
        for _ in range(2):
            nursery.start_soon(fail)
        await wait_for_begin(work)
        await trio.testing.wait_all_tasks_blocked()
        work.may_end.set()
    assert caught == [work.error] * 2
    work.error = None
    assert await call.join() == 2


def test_a_call_may_outlive_the_run_that_began_it(work: Work) -> None:
    call = SharedCall(work)

    async def give_up() -> None:
        with trio.move_on_after(0):
            await call.join()

    trio.run(give_up)
    work.begun.wait()
    work.may_end.set()
    assert trio.run(call.join) in (1, 2)
    assert trio.run(call.join) in (2, 3)


def test_runs_in_several_threads_share_it(work: Work) -> None:
    call = SharedCall(work)
    results: list[int] = []
    entered = threading.Barrier(3)

    async def run() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(join, call, results)
            await trio.testing.wait_all_tasks_blocked()
            entered.wait()

    threads = [threading.Thread(target=trio.run, args=(run,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    entered.wait()  # now both wait for the same call
    work.may_end.set()
    for thread in threads:
        thread.join()
    assert (work.calls, results) == (1, [1, 1])


async def test_its_thread_does_not_keep_a_process_from_ending(work: Work) -> None:
    with trio.move_on_after(0):
        await SharedCall(work).join()
    await wait_for_begin(work)
    assert all(thread.daemon for thread in threading.enumerate() if thread.name == "livegen-trio")
