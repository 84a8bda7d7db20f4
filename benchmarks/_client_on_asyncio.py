"""This library on asyncio, by its public API: `python _client_on_asyncio.py OPTIONS_AS_JSON`."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

import trio
import uvloop
from _client_ours import model_of
from _measuring import Measurement, Options, told

from livegen_trio import LiveSession, ServerContent, SessionClosedError
from livegen_trio.anyio import connect

if TYPE_CHECKING:
    from livegen_trio import LiveGenerativeModel


class Client:
    """So many sessions at once."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._chunk = options.chunk
        self._measurement = Measurement(options)
        self._sessions: list[LiveSession] = []
        self._sent_at: dict[LiveSession, deque[float]] = {}
        self._opened = asyncio.Semaphore(0)
        self._ready = asyncio.Event()
        self._finished = asyncio.Event()

    async def run(self) -> None:
        """Open them, converse, and close them."""
        options = self._options
        model = model_of(options)
        async with asyncio.TaskGroup() as group:
            for _ in range(options.sessions):
                group.create_task(self._hold(model))
                await self._opened.acquire()
            self._measurement.begin()
            self._ready.set()
            if options.mode == "paced":
                for some, delay in options.shifts(self._sessions):
                    group.create_task(self._speak(some, delay))

    async def _hold(self, model: LiveGenerativeModel) -> None:
        with suppress(SessionClosedError):  # it could not keep up, and is told what was not sent
            async with connect(model) as session:
                self._sessions.append(session)
                self._sent_at[session] = deque()
                self._opened.release()
                await self._ready.wait()
                if self._options.mode == "paced":
                    await self._hear(session)
                else:
                    await self._converse(session)
                if self._measurement.finish_session():
                    self._finished.set()
                await self._finished.wait()

    async def _converse(self, session: LiveSession) -> None:
        for _ in range(self._options.pairs):
            await session.send_audio_realtime(self._chunk)
            event = await session.receive()
            assert isinstance(event, ServerContent)
            self._measurement.received(event.audio[0].data)

    async def _hear(self, session: LiveSession) -> None:
        sent_at = self._sent_at[session]
        with suppress(TimeoutError):
            async with asyncio.timeout(self._options.patience):
                for _ in range(self._options.pairs):
                    event = await session.receive()
                    assert isinstance(event, ServerContent)
                    self._measurement.received(event.audio[0].data, sent_at.popleft())

    async def _speak(self, sessions: list[LiveSession], delay: float) -> None:
        due = time.perf_counter() + delay
        for _ in range(self._options.pairs):
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            due += self._options.interval
            for session in sessions:
                self._sent_at[session].append(time.perf_counter())
                with suppress(trio.ClosedResourceError, SessionClosedError):  # its time is up
                    await session.send_audio_realtime(self._chunk)


def main() -> None:
    """On the event loop that the options name."""
    options = told()
    loop_factory = uvloop.new_event_loop if options.loop == "uvloop" else None
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(Client(options).run())


if __name__ == "__main__":
    main()
