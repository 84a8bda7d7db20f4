"""A voice relay for browsers: a WebSocket on which PCM comes in, 16 kHz, and PCM goes out, 24 kHz; both 16-bit mono.

uvicorn browser_relay:app                                  (asyncio, or uvloop)
hypercorn --worker-class trio browser_relay:app            (Trio)

The handler is the same on either event loop. It asks the embedded server; with GeminiBackend() in place of
LocalBackend(), and a key in GEMINI_API_KEY, it asks Gemini. LIVE_URL names an embedded server that runs elsewhere.
"""

from __future__ import annotations

import os

import anyio
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from livegen_trio import (
    AudioTranscriptionConfig,
    LiveGenerationConfig,
    LiveSession,
    LocalBackend,
    ServerContent,
    get_live_generative_model,
)
from livegen_trio.anyio import connect

model = get_live_generative_model(
    "gemini-2.5-flash-native-audio-preview-12-2025",
    backend=LocalBackend(os.environ.get("LIVE_URL")),
    generation_config=LiveGenerationConfig(
        response_modalities=["AUDIO"], output_audio_transcription=AudioTranscriptionConfig()
    ),
)


async def relay(browser: WebSocket) -> None:
    """Converse with one browser, until it leaves."""
    await browser.accept()
    async with connect(model) as session, anyio.create_task_group() as tasks:
        tasks.start_soon(play, session, browser)
        try:
            while True:
                await session.send_audio_realtime(await browser.receive_bytes())
        except WebSocketDisconnect:
            tasks.cancel_scope.cancel()


async def play(session: LiveSession, browser: WebSocket) -> None:
    """Hand on what the model says; an interruption tells the browser to play no more of it."""
    async for event in session:
        if not isinstance(event, ServerContent):
            continue
        if event.interrupted:
            await browser.send_json({"interrupted": True})
        for blob in event.audio:
            await browser.send_bytes(blob.data)
        if event.output_transcription is not None:
            await browser.send_json({"said": event.output_transcription.text})
        if event.turn_complete:
            await browser.send_json({"turn_complete": True})


app = Starlette(routes=[WebSocketRoute("/live", relay)])
