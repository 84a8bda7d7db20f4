"""The official client: `python _client_google_genai.py OPTIONS_AS_JSON`."""

from __future__ import annotations

import asyncio
import os
import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from _measuring import MIME_TYPE, MODEL, Measurement, Options, tell_memory, told
from google import genai
from google.genai import live, types
from websockets.exceptions import ConnectionClosed

if TYPE_CHECKING:
    from google.genai.live import AsyncSession


class Client:
    """So many sessions at once."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._blob = types.Blob(data=options.chunk, mime_type=MIME_TYPE)
        self._measurement = Measurement(options)
        self._sessions: list[AsyncSession] = []
        self._sent_at: dict[AsyncSession, deque[float]] = {}
        self._opened = asyncio.Semaphore(0)
        self._ready = asyncio.Event()
        self._finished = asyncio.Event()

    async def run(self) -> None:
        """Open them, converse, and close them."""
        options = self._options
        client = self._client()
        async with asyncio.TaskGroup() as group:
            for _ in range(options.sessions):
                group.create_task(self._hold(client))
                await self._opened.acquire()
            if options.mode == "idle":
                tell_memory()
                os._exit(0)
            self._measurement.begin()
            self._ready.set()
            if options.mode == "paced":
                for some, delay in options.shifts(self._sessions):
                    group.create_task(self._speak(some, delay))

    def _client(self) -> genai.Client:
        options = self._options
        if options.tls is None:
            _dial_without_tls()
        http_options = types.HttpOptions(
            base_url=options.url("http"),
            async_client_args={} if options.tls is None else {"ssl": options.tls},
            api_version="v1beta",
        )
        return genai.Client(api_key="KEY", http_options=http_options)

    async def _hold(self, client: genai.Client) -> None:
        config = types.LiveConnectConfig(response_modalities=[types.Modality.AUDIO])
        async with client.aio.live.connect(model=MODEL, config=config) as session:
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

    async def _converse(self, session: AsyncSession) -> None:
        messages = session.receive()
        for _ in range(self._options.pairs):
            await session.send_realtime_input(audio=self._blob)
            self._measurement.received(_speech(await anext(messages)))

    async def _hear(self, session: AsyncSession) -> None:
        sent_at = self._sent_at[session]
        left = self._options.pairs
        with suppress(TimeoutError):
            async with asyncio.timeout(self._options.patience):
                async for message in session.receive():
                    self._measurement.received(_speech(message), sent_at.popleft())
                    left -= 1
                    if not left:
                        break

    async def _speak(self, sessions: list[AsyncSession], delay: float) -> None:
        due = time.perf_counter() + delay
        for _ in range(self._options.pairs):
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            due += self._options.interval
            for session in sessions:
                self._sent_at[session].append(time.perf_counter())
                with suppress(ConnectionClosed):  # its time is up
                    await session.send_realtime_input(audio=self._blob)


def _speech(message: types.LiveServerMessage) -> bytes:
    content = message.server_content
    assert content is not None
    assert content.model_turn is not None
    assert content.model_turn.parts
    blob = content.model_turn.parts[0].inline_data
    assert blob is not None
    assert blob.data is not None
    return blob.data


def _dial_without_tls() -> None:
    """By itself it always writes `wss://`."""
    dial: Any = vars(live)["ws_connect"]

    def plain(url: str, *, additional_headers: dict[str, str], **_: object) -> object:
        return dial(url.replace("wss://", "ws://"), additional_headers=additional_headers)

    vars(live)["ws_connect"] = plain


if __name__ == "__main__":
    asyncio.run(Client(told()).run())
