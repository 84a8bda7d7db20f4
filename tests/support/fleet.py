"""Two workers of the example of a fleet, a Live server that both dial, and clients."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import trio

from livegen_trio._single_exception import single_exception
from livegen_trio.local import LocalServer, text_engines
from livegen_trio.transports._opening import open_websocket
from livegen_trio.transports.base import ConnectionClosed, Endpoint, Progress, Transport

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

EXAMPLES = Path(__file__).parents[2] / "examples"


class Worker:
    """One process of the example, which may be started again on its port."""

    def __init__(self, server: str, port: int, environment: dict[str, str]) -> None:
        uvicorn = ["-m", "uvicorn", "--log-level", "error", "--app-dir", str(EXAMPLES), "--port", str(port)]
        program = [*uvicorn, "fleet:app"] if server == "uvicorn" else [str(EXAMPLES / "fleet.py"), str(port)]
        self._command = [sys.executable, *program]
        self._environment = {**os.environ, **environment}
        self._port = port
        self.url: str = f"ws://127.0.0.1:{port}/talk/"
        self.process: trio.Process

    async def kill(self) -> None:
        """Kill it, as the system does that runs out of memory."""
        with trio.CancelScope(shield=True):
            self.process.kill()
            await self.process.wait()

    async def start(self) -> None:
        """Start it, and wait until it listens."""
        self.process = await trio.lowlevel.open_process(
            self._command, env=self._environment, stderr=subprocess.DEVNULL
        )
        while True:
            try:
                stream = await trio.open_tcp_stream("127.0.0.1", self._port)
            except OSError:
                assert self.process.poll() is None
                await trio.sleep(0.05)
            else:
                await stream.aclose()
                return


@asynccontextmanager
async def fleet(
    server: str, valkey_port: int, *, live_port: int | None = None
) -> AsyncGenerator[tuple[Worker, Worker]]:
    """Two workers, and the Live server that both dial, unless there is one on a port."""
    async with trio.open_nursery() as nursery:
        if live_port is None:
            [address] = await nursery.start(partial(LocalServer(text_engines()).serve, 0))
            live_port = address.port
        environment = {
            "LIVE_URL": f"ws://127.0.0.1:{live_port}",
            "VALKEY_URL": f"redis://127.0.0.1:{valkey_port}",
        }
        workers = [Worker(server, await free_port(), environment) for _ in range(2)]
        try:
            for worker in workers:
                await worker.start()
            yield workers[0], workers[1]
        finally:
            with trio.move_on_after(5, shield=True):
                for worker in workers:
                    await worker.kill()
            nursery.cancel_scope.cancel()


async def free_port() -> int:
    [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener:
        port: int = listener.socket.getsockname()[1]
        return port


@asynccontextmanager
async def connected(url: str) -> AsyncGenerator[Transport]:
    """A client's connection to a worker."""
    with single_exception():
        async with trio.open_nursery() as nursery:
            client = await open_websocket(Endpoint(url), nursery=nursery, progress=Progress())
            try:
                yield client
            finally:
                with trio.move_on_after(2, shield=True):
                    await client.aclose()
            nursery.cancel_scope.cancel()


async def ask(client: Transport, line: str) -> str:
    """Send a line, and return the answer to it."""
    await client.send(line.encode())
    answer = ""
    while True:
        news = json.loads(await client.receive())
        answer += str(news.get("text", ""))
        if news.get("turn_complete"):
            return answer


async def wait_closed(client: Transport) -> int:
    """Wait for the end of a client's connection, and return its code."""
    try:
        while True:
            await client.receive()
    except ConnectionClosed as closed:
        return closed.code
