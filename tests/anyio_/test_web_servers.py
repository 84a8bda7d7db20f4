"""The relay for browsers, under the web servers and on the event loops that people run it with."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import asynccontextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trio
import trio_websocket

from livegen_trio.local import LocalServer
from livegen_trio.testing import Connection, ScriptedServer, ServerEnd
from livegen_trio.transports._opening import open_websocket
from livegen_trio.transports.base import ConnectionClosed, Endpoint, Progress
from support.live_client import sound, speech_engines

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

EXAMPLES = Path(__file__).parents[2] / "examples"
PATIENCE = 40
CHUNK = 640  # bytes: 20 ms of 16 kHz
SERVERS = {
    "uvicorn on asyncio": ["uvicorn", "--log-level", "error", "--loop", "asyncio", "--port"],
    "uvicorn on uvloop": ["uvicorn", "--log-level", "error", "--loop", "uvloop", "--port"],
    "hypercorn on trio": ["hypercorn", "--log-level", "error", "--worker-class", "trio", "--bind"],
}
without_uvloop = pytest.mark.skipif(find_spec("uvloop") is None, reason="uvloop is not for this Python")
every_server = pytest.mark.parametrize(
    "command",
    [
        pytest.param(command, id=name, marks=without_uvloop if "uvloop" in name else ())
        for name, command in SERVERS.items()
    ],
)
posix = pytest.mark.skipif(
    sys.platform == "win32", reason="SIGTERM is no signal there that a server can handle"
)


@asynccontextmanager
async def relaying(command: list[str], live_url: str) -> AsyncGenerator[tuple[trio.Process, str]]:
    """The example in a web server's process, and its URL."""
    port = await free_port()
    address = str(port) if command[0] == "uvicorn" else f"127.0.0.1:{port}"
    paths = [str(EXAMPLES), *filter(None, [os.environ.get("PYTHONPATH")])]
    async with trio.open_nursery() as nursery:
        run = partial(
            trio.run_process,
            [sys.executable, "-m", *command, address, "browser_relay:app"],
            env={**os.environ, "LIVE_URL": live_url, "PYTHONPATH": os.pathsep.join(paths)},
            stderr=subprocess.STDOUT,
            capture_stdout=False,
            check=False,
        )
        process: trio.Process = await nursery.start(run)
        await until_it_listens(process, port)
        yield process, f"ws://127.0.0.1:{port}/live"
        nursery.cancel_scope.cancel()


async def free_port() -> int:
    [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener:
        port: int = listener.socket.getsockname()[1]
        return port


async def until_it_listens(process: trio.Process, port: int) -> None:
    while process.returncode is None:
        try:
            stream = await trio.open_tcp_stream("127.0.0.1", port)
        except OSError:
            await trio.sleep(0.05)
        else:
            await stream.aclose()
            return
    raise AssertionError(f"the web server has ended with code {process.returncode}")


async def ask_aloud(url: str) -> tuple[int, str]:
    """Be a browser that speaks and listens: how many bytes of speech were heard, and what they said."""
    heard, said = 0, ""
    async with trio_websocket.open_websocket_url(url) as browser:
        speech = sound(1.0, rate=16_000) + bytes(32_000)
        for start in range(0, len(speech), CHUNK):
            await browser.send_message(speech[start : start + CHUNK])
        while True:
            message = await browser.get_message()
            if isinstance(message, bytes):
                heard += len(message)
                continue
            news = json.loads(message)
            said += news.get("said", "")
            if "turn_complete" in news:
                return heard, said


@every_server
async def test_browsers_speak_and_are_answered(command: list[str]) -> None:
    with trio.fail_after(PATIENCE):
        async with trio.open_nursery() as nursery:
            [address] = await nursery.start(LocalServer(speech_engines()).serve, 0)
            async with relaying(command, f"ws://{address.host}:{address.port}") as (_, url):
                answers: list[tuple[int, str]] = []

                async def ask() -> None:
                    answers.append(await ask_aloud(url))

                async with trio.open_nursery() as browsers:
                    for _ in range(3):
                        browsers.start_soon(ask)
            nursery.cancel_scope.cancel()
    assert answers == [(48_000, "You said: hello there")] * 3


@posix
@every_server
async def test_a_server_that_gets_sigterm_leaves_no_session_behind(command: list[str]) -> None:
    async def listen(server: ServerEnd) -> None:
        connected.set()
        while await server.hear_or_end() is not None:
            pass

    connected = trio.Event()
    live = ScriptedServer(Connection(listen))
    with trio.fail_after(PATIENCE):
        async with (
            live.listening() as live_url,
            relaying(command, live_url) as (process, url),
            trio.open_nursery() as nursery,
        ):
            nursery.start_soon(be_left, url)
            await connected.wait()
            process.send_signal(signal.SIGTERM)
            await process.wait()
    [end] = live.connected
    assert end.closed is not None
    assert end.closed.code in (1000, 1001)


async def be_left(url: str) -> None:
    """Be a browser whose server ends."""
    async with trio.open_nursery() as nursery:
        browser = await open_websocket(Endpoint(url), nursery=nursery, progress=Progress())
        with pytest.raises(ConnectionClosed):
            await browser.receive()
        await browser.aclose()
