"""Every event loop that a session is used on: `@on_every_loop`, or `@on_asyncio` for what only asyncio has."""

from __future__ import annotations

import asyncio
import functools
import inspect
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import anyio
import pytest
import trio

from support.web_hosts import run_in_hypercorn, run_in_uvicorn

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    Main = Callable[[], Awaitable[None]]
    Test = Callable[..., Awaitable[None]]

_PATIENCE: Final = 20
"""Seconds for one test: nothing in them takes long, unless it hangs."""


def _with_trio(main: Main) -> None:
    trio.run(main)


def _with_anyio_on_trio(main: Main) -> None:
    anyio.run(main, backend="trio")


def _with_asyncio(main: Main) -> None:
    with asyncio.Runner() as runner:
        runner.run(_as_coroutine(main))


def _with_uvloop(main: Main) -> None:
    uvloop = pytest.importorskip("uvloop")  # not on Windows, nor always on the newest Python
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_as_coroutine(main))


def _with_anyio_on_asyncio(main: Main) -> None:
    anyio.run(main, backend="asyncio")


def _with_uvicorn_on_uvloop(main: Main) -> None:
    pytest.importorskip("uvloop")
    run_in_uvicorn(main, loop="uvloop")


ON_ASYNCIO: Final[Mapping[str, Callable[[Main], None]]] = {
    "asyncio": _with_asyncio,
    "asyncio+uvloop": _with_uvloop,
    "anyio+asyncio": _with_anyio_on_asyncio,
    "uvicorn+asyncio": partial(run_in_uvicorn, loop="asyncio"),
    "uvicorn+uvloop": _with_uvicorn_on_uvloop,
}
ON_EVERY_LOOP: Final = {
    "trio": _with_trio,
    "anyio+trio": _with_anyio_on_trio,
    "hypercorn+trio": run_in_hypercorn,
    **ON_ASYNCIO,
}


def on_every_loop(test: Test) -> Callable[..., None]:
    """Run a test on each event loop. It writes no more than AnyIO has for all of them."""
    return _on(ON_EVERY_LOOP, test)


def on_asyncio(test: Test) -> Callable[..., None]:
    """Run a test on asyncio, with or without AnyIO, uvloop and uvicorn."""
    return _on(ON_ASYNCIO, test)


async def until(condition: Callable[[], object]) -> None:
    """Wait for something that another thread does."""
    while not condition():  # noqa: ASYNC110 - there is no event for it here
        await anyio.sleep(0.001)


def _on(loops: Mapping[str, Callable[[Main], None]], test: Test) -> Callable[..., None]:
    @functools.wraps(test)
    def run(loop: str, **arguments: Any) -> None:
        async def main() -> None:
            with anyio.fail_after(_PATIENCE):
                await test(**arguments)

        loops[loop](main)

    # What pytest is to give: the test's own arguments, and the loop.
    own = inspect.signature(test).parameters.values()
    loop = inspect.Parameter("loop", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    run.__signature__ = inspect.Signature([loop, *own])  # type: ignore[attr-defined] # what it is for
    parametrized: Callable[..., None] = pytest.mark.parametrize("loop", loops)(run)
    return parametrized


async def _as_coroutine(main: Main) -> None:
    await main()
