"""The task that reads for all, with members that are no connections."""

from __future__ import annotations

import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING

import trio
import trio.testing

from livegen_trio.transports._direct.pump import pump_of_this_run

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from livegen_trio.transports._direct.pump import Pump


class Bell:
    """A member that calls a function when it is rung, and then is finished."""

    def __init__(self, on_ring: Callable[[Bell], object]) -> None:
        self.sock, self._other = socket.socketpair()
        self.sock.setblocking(False)
        self.is_finished = False
        self.wants_to_write = False
        self.rings = 0
        self._on_ring = on_ring

    def ring(self) -> None:
        self._other.send(b"!")

    def on_ready(self, now: float) -> None:
        self.rings += len(self.sock.recv(100))
        self._on_ring(self)

    def close(self) -> None:
        self.sock.close()
        self._other.close()


def finish(pump: Pump, *bells: Bell) -> None:
    for bell in bells:
        bell.is_finished = True
        pump.release(bell)


@contextmanager
def bells(count: int, on_ring: Callable[[Bell], object]) -> Generator[list[Bell]]:
    made = [Bell(on_ring) for _ in range(count)]
    yield made
    for bell in made:
        bell.close()


async def test_a_member_that_another_has_finished_is_not_called_although_it_was_ready_too() -> None:
    with bells(2, lambda _: finish(pump, *both)) as both:
        pump = pump_of_this_run()
        async with trio.open_nursery() as nursery:
            for bell in both:
                nursery.start_soon(pump.serve, bell)
            await trio.testing.wait_all_tasks_blocked()
            for bell in both:
                bell.ring()
        assert sorted(bell.rings for bell in both) == [0, 1]


async def test_another_member_leads_when_the_leader_is_finished() -> None:
    with bells(5, lambda bell: finish(pump, bell)) as all_of_them:
        pump = pump_of_this_run()
        async with trio.open_nursery() as nursery:
            for bell in all_of_them:
                nursery.start_soon(pump.serve, bell)
                await trio.testing.wait_all_tasks_blocked()
            for left, bell in enumerate(all_of_them):
                assert len(nursery.child_tasks) == 5 - left
                bell.ring()
                await trio.testing.wait_all_tasks_blocked()
        assert [bell.rings for bell in all_of_them] == [1] * 5


async def test_a_pump_ends_with_its_last_member_and_the_next_one_gets_another() -> None:
    pump = pump_of_this_run()
    assert pump_of_this_run() is pump
    with bells(1, lambda bell: finish(pump, bell)) as (bell,):
        bell.ring()
        await pump.serve(bell)
    assert pump_of_this_run() is not pump
