"""What only runs on Trio says in one line what to use on asyncio, and where no loop runs at all."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from livegen_trio import LocalBackend, create_auth_token, firebase, get_live_generative_model, local
from livegen_trio.audio import StreamSpeaker, VirtualSpeaker, stream_pcm
from livegen_trio.local import LocalServer, text_engines
from livegen_trio.testing import Connection, ScriptedServer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractAsyncContextManager

    from livegen_trio.transports.base import Transport


def model_on_firebase() -> firebase.LiveGenerativeModel:
    app = firebase.FirebaseApp(project_id="p", api_key="k", app_id="a")
    return firebase.get_live_generative_model(firebase.get_ai(app), "gemini-3.8-live")


async def enter(block: AbstractAsyncContextManager[object]) -> None:
    async with block:
        pytest.fail("it was opened")


def transport() -> Transport:
    stand_in: Transport = object()  # type: ignore[assignment] # likewise
    return stand_in


def server() -> LocalServer:
    return LocalServer(text_engines())


def model_connect() -> Awaitable[object]:
    return enter(get_live_generative_model("m", backend=LocalBackend()).connect())


ENTRIES: dict[str, tuple[Callable[[], Awaitable[object]], str]] = {
    "model.connect": (model_connect, "on asyncio use livegen_trio.anyio.connect(model)"),
    "create_auth_token": (create_auth_token, "on asyncio use livegen_trio.anyio.create_auth_token()"),
    "firebase's model.connect": (
        lambda: enter(model_on_firebase().connect()),
        "on asyncio use livegen_trio.anyio.connect(), with a model on livegen_trio.FirebaseBackend",
    ),
    "local.serve": (lambda: local.serve(0), "on asyncio use LocalBackend()"),
    "LocalServer.serve": (lambda: server().serve(0), "on asyncio use LocalBackend()"),
    "LocalServer.converse": (
        lambda: server().converse(transport()),
        "on asyncio use LocalBackend()",
    ),
    "LocalServer.serve_stream": (
        lambda: server().serve_stream(trio.testing.memory_stream_pair()[0]),
        "on asyncio use LocalBackend()",
    ),
    "ScriptedServer.listening": (
        lambda: enter(ScriptedServer(Connection()).listening()),
        "on asyncio give its backend's models to livegen_trio.anyio.connect",
    ),
    "ScriptedServer.play": (
        lambda: ScriptedServer(Connection()).play(Connection(), transport()),
        "on asyncio give its backend's models to livegen_trio.anyio.connect",
    ),
    "stream_pcm": (
        lambda: stream_pcm(bytes(640), 16_000).receive(),
        "on asyncio send the chunks between calls of asyncio.sleep()",
    ),
    "VirtualSpeaker": (
        lambda: VirtualSpeaker().write(bytes(640), 24_000),
        "on asyncio write the sound between calls of asyncio.sleep()",
    ),
    "StreamSpeaker": (
        lambda: StreamSpeaker(trio.testing.memory_stream_pair()[0]).write(bytes(640), 24_000),
        "on asyncio write the sound between calls of asyncio.sleep()",
    ),
}
every_entry = pytest.mark.parametrize(("call", "advice"), ENTRIES.values(), ids=ENTRIES)


def check(caught: pytest.ExceptionInfo[RuntimeError], advice: str) -> None:
    words = str(caught.value)
    assert " needs Trio: " in words
    assert advice in words
    assert "\n" not in words


@every_entry
def test_on_asyncio_it_says_what_to_use_there(call: Callable[[], Awaitable[object]], advice: str) -> None:
    async def main() -> None:
        await call()

    with pytest.raises(RuntimeError) as caught:
        asyncio.run(main())
    check(caught, advice)


@every_entry
def test_without_any_loop_it_says_the_same(call: Callable[[], Awaitable[object]], advice: str) -> None:
    awaiting = call().__await__()
    with pytest.raises(RuntimeError) as caught:
        next(awaiting)
    check(caught, advice)


@every_entry
async def test_a_thread_of_trio_is_no_task_of_trio(
    call: Callable[[], Awaitable[object]], advice: str
) -> None:
    with pytest.raises(RuntimeError) as caught:
        await trio.to_thread.run_sync(lambda: next(call().__await__()))
    check(caught, advice)
