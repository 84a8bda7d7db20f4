"""Sending and receiving without waiting still lets other tasks run, and be cancelled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from livegen_trio._engine.checkpoints import EveryNthCheckpoint
from support.peer import conversation, text

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from livegen_trio import LiveSession


async def send(session: LiveSession) -> None:
    await session.send_audio_realtime(bytes(640))


async def receive(session: LiveSession) -> None:
    await session.receive()


def test_others_run_at_every_eighth_time_in_a_row() -> None:
    switching = EveryNthCheckpoint()
    assert [switching.is_due() for _ in range(16)] == ([False] * 7 + [True]) * 2


def test_others_that_have_run_meanwhile_need_not_run_again() -> None:
    switching = EveryNthCheckpoint()
    for _ in range(7):
        switching.is_due()
    switching.reset()
    assert [switching.is_due() for _ in range(8)] == [False] * 7 + [True]


@pytest.mark.parametrize("step", [send, receive])
async def test_a_loop_that_never_waits_lets_others_run(
    step: Callable[[LiveSession], Awaitable[None]],
) -> None:
    async with conversation() as (session, peer):
        await peer.say(*(text("more") for _ in range(100)))
        await trio.testing.wait_all_tasks_blocked()
        turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                await trio.lowlevel.checkpoint()
                turns += 1

        async with trio.open_nursery() as nursery:
            nursery.start_soon(count)
            for _ in range(80):
                await step(session)
            nursery.cancel_scope.cancel()
        assert turns >= 8  # the order of tasks is random


@pytest.mark.parametrize("step", [send, receive])
async def test_a_loop_that_never_waits_is_cancelled_at_once(
    step: Callable[[LiveSession], Awaitable[None]],
) -> None:
    async with conversation() as (session, peer):
        await peer.say(*(text("more") for _ in range(100)))
        await trio.testing.wait_all_tasks_blocked()
        steps = 0
        with trio.CancelScope() as scope:
            for steps in range(80):
                if steps == 3:
                    scope.cancel()
                await step(session)
        assert steps == 3
