"""The WebSocket library that the official client stands on, with nothing around it but JSON and base64."""

from __future__ import annotations

import asyncio

from _bare import decode, encode
from _measuring import PATH, Measurement, Options, told
from websockets.asyncio.client import connect


class Client:
    """So many connections at once."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._measurement = Measurement(options)
        self._opened = asyncio.Semaphore(0)
        self._ready = asyncio.Event()
        self._finished = asyncio.Event()

    async def run(self) -> None:
        """Open them, converse, and close them."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._options.sessions):
                group.create_task(self._hold())
                await self._opened.acquire()
            self._measurement.begin()
            self._ready.set()

    async def _hold(self) -> None:
        options, chunk = self._options, self._options.chunk
        async with connect(options.url("ws") + PATH, ssl=options.tls, compression=None) as connection:
            await connection.send('{"setup": {}}')
            await connection.recv()
            self._opened.release()
            await self._ready.wait()
            for _ in range(options.pairs):
                await connection.send(encode(chunk).decode())
                self._measurement.received(decode(await connection.recv(decode=False)))
            if self._measurement.finish_session():
                self._finished.set()
            await self._finished.wait()


if __name__ == "__main__":
    asyncio.run(Client(told()).run())
