"""What comes out of a nursery of ours: one exception, and no group."""

from __future__ import annotations

import pytest
import trio

from livegen_trio._single_exception import InternalError, single_exception


async def raise_error(error: BaseException) -> None:
    with trio.CancelScope(shield=True):  # what another task's error cancels still fails by itself
        await trio.lowlevel.checkpoint()
    raise error


async def test_one_error_comes_out_bare() -> None:
    error = ValueError("mine")
    with pytest.raises(ValueError, match="mine") as caught, single_exception():
        async with trio.open_nursery() as nursery:  # noqa: ASYNC112 - a group of one is the point
            nursery.start_soon(raise_error, error)
    assert caught.value is error


async def test_two_errors_at_once_are_our_fault_and_say_so() -> None:
    with pytest.raises(InternalError, match="report") as caught, single_exception():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(raise_error, ValueError())
            nursery.start_soon(raise_error, KeyError())
    assert isinstance(caught.value.__cause__, ExceptionGroup)


async def test_ctrl_c_wins_over_every_error() -> None:
    with pytest.raises(KeyboardInterrupt), single_exception():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(raise_error, ValueError())
            nursery.start_soon(raise_error, KeyboardInterrupt())


async def test_an_error_wins_over_the_cancellation_that_it_causes() -> None:
    with pytest.raises(ValueError, match="mine"), single_exception():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            raise ValueError("mine")


async def test_a_cancellation_alone_stays_one() -> None:
    with trio.CancelScope() as scope, single_exception():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            scope.cancel()
            await trio.lowlevel.checkpoint()
    assert scope.cancelled_caught
