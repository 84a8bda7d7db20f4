"""This library, by its public API, with all of its guarantees: `python _client_ours.py OPTIONS_AS_JSON`."""

from __future__ import annotations

import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

import trio
from _measuring import MODEL, Measurement, Options, tell_memory, told

from livegen_trio import (
    GeminiBackend,
    LiveSession,
    ServerContent,
    SessionClosedError,
    get_live_generative_model,
)

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
        self._ready = trio.Event()
        self._finished = trio.Event()

    async def run(self) -> None:
        """Open them, converse, and close them."""
        options = self._options
        model = model_of(options)
        async with trio.open_nursery() as nursery:
            for _ in range(options.sessions):
                await nursery.start(self._hold, model)
            if options.mode == "idle":
                tell_memory()
                nursery.cancel_scope.cancel()
            else:
                self._begin(nursery)

    def _begin(self, nursery: trio.Nursery) -> None:
        self._measurement.begin()
        self._ready.set()
        if self._options.mode == "paced":
            for some, delay in self._options.shifts(self._sessions):
                nursery.start_soon(self._speak, some, delay)

    async def _hold(self, model: LiveGenerativeModel, *, task_status: trio.TaskStatus[None]) -> None:
        with suppress(SessionClosedError):  # it could not keep up, and is told what was not sent
            async with model.connect() as session:
                self._sessions.append(session)
                self._sent_at[session] = deque()
                task_status.started()
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
        with trio.move_on_after(self._options.patience):
            for _ in range(self._options.pairs):
                event = await session.receive()
                assert isinstance(event, ServerContent)
                self._measurement.received(event.audio[0].data, sent_at.popleft())

    async def _speak(self, sessions: list[LiveSession], delay: float) -> None:
        due = trio.current_time() + delay
        for _ in range(self._options.pairs):
            await trio.sleep_until(due)
            due += self._options.interval
            for session in sessions:
                self._sent_at[session].append(time.perf_counter())
                with suppress(trio.ClosedResourceError, SessionClosedError):  # its time is up
                    await session.send_audio_realtime(self._chunk)


def model_of(options: Options) -> LiveGenerativeModel:
    """Whom to talk to."""
    backend = GeminiBackend(
        api_key="KEY",
        base_url=options.url("ws"),
        ssl_context=options.tls,
        proxy=None,
        transport=options.transport,
    )
    return get_live_generative_model(MODEL, backend=backend)


if __name__ == "__main__":
    trio.run(Client(told()).run)
