"""The event loops that the suite of behaviour runs on are those that it names, and hide no failure."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
import sniffio

from support.event_loops import ON_EVERY_LOOP

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Run = Callable[[Callable[[], Awaitable[None]]], None]

every_loop = pytest.mark.parametrize("run", ON_EVERY_LOOP.values(), ids=ON_EVERY_LOOP)


@every_loop
def test_what_a_test_raises_is_raised_as_it_is(run: Run) -> None:
    async def main() -> None:
        raise error

    error = AssertionError("the test fails")
    with pytest.raises(AssertionError) as caught:
        run(main)
    assert caught.value is error


@every_loop
def test_a_failure_that_is_no_exception_to_a_web_server_is_raised(run: Run) -> None:
    async def main() -> None:
        pytest.fail("so it does")

    with pytest.raises(pytest.fail.Exception, match="so it does"):
        run(main)


@every_loop
def test_a_test_runs_once_on_the_loop_that_is_named(run: Run, request: pytest.FixtureRequest) -> None:
    async def main() -> None:
        library = sniffio.current_async_library()
        found.append("uvloop" if library == "asyncio" and is_uvloop() else library)

    found: list[str] = []
    run(main)
    [name] = found
    assert name in request.node.callspec.id


def is_uvloop() -> bool:
    return type(asyncio.get_running_loop()).__module__.partition(".")[0] == "uvloop"
