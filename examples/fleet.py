"""A worker of a fleet: a relay for text, whose conversations go on in another worker when this one stops or dies.

Needs the extra `valkey`, a Valkey or Redis server, starlette, Hypercorn, and uvicorn for these two workers:

    livegen-trio serve --text
    LIVE_URL=ws://127.0.0.1:8080 uvicorn --app-dir examples --port 8001 fleet:app
    LIVE_URL=ws://127.0.0.1:8080 uvicorn --app-dir examples --port 8002 fleet:app

`python examples/fleet.py 8001` serves it by Hypercorn on Trio. VALKEY_URL names a Valkey on another machine.

A client connects to /talk/NAME, by a load balancer that asks /health, and sends lines of text. When its connection ends
with code 1012, it connects again: another worker goes on with the conversation of that name. SIGTERM drains a worker.
"""

from __future__ import annotations

import os
import sys
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import anyio
import coredis
import trio
from hypercorn.config import Config
from hypercorn.trio import serve
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from livegen_trio import (
    LiveGenerationConfig,
    LiveSession,
    LocalBackend,
    ServerContent,
    get_live_generative_model,
)
from livegen_trio.anyio import connect
from livegen_trio.stores import Drain, DrainingError, HandedOverError, LeaseHeldError, LeaseLostError
from livegen_trio.stores.valkey import ValkeyResumeStore

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from starlette.requests import Request

TTL = 6.0  # seconds: how long the conversations of a worker that dies wait for another one
PATIENCE = 15.0  # seconds for which a new worker waits for the one before
RECONNECT, TRY_AGAIN_LATER = 1012, 1013  # close codes

model = get_live_generative_model(
    "gemini-live-2.5-flash-preview",
    backend=LocalBackend(os.environ.get("LIVE_URL")),
    generation_config=LiveGenerationConfig(response_modalities=["TEXT"]),
)
drain = Drain(timeout=10)


async def talk(browser: WebSocket) -> None:
    """Hold one conversation, until the client leaves or another worker takes it over."""
    await browser.accept()
    store: ValkeyResumeStore = browser.app.state.store
    try:
        async with store.lease(browser.path_params["name"], TTL, wait=PATIENCE, drain=drain) as lease:
            async with connect(model, session_resumption=lease) as session:
                await browser.send_json({"begun": "new" if lease.state is None else "again"})
                await relay(session, browser)
    except (DrainingError, HandedOverError, LeaseLostError) as exc:
        await end(browser, RECONNECT, str(exc))
    except LeaseHeldError as exc:
        await end(browser, TRY_AGAIN_LATER, str(exc))


async def relay(session: LiveSession, browser: WebSocket) -> None:
    """Hand lines of text to the model, and its text to the client."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(answer, session, browser)
        try:
            while True:
                await session.send(await browser.receive_text())
        except WebSocketDisconnect:
            tasks.cancel_scope.cancel()


async def answer(session: LiveSession, browser: WebSocket) -> None:
    """Hand on what the model says, turn by turn."""
    async for event in session:
        if isinstance(event, ServerContent):
            await browser.send_json({"text": event.text, "turn_complete": event.turn_complete})


async def end(browser: WebSocket, code: int, reason: str) -> None:
    """Close the client's connection, if it is still there."""
    if browser.client_state is WebSocketState.CONNECTED:
        await browser.close(code, reason[:120])


async def health(_: Request) -> PlainTextResponse:
    """Report to the load balancer whether new conversations are welcome."""
    return PlainTextResponse("draining" if drain.is_draining else "ok", 503 if drain.is_draining else 200)


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncGenerator[None]:
    """Hold the connection to Valkey, and drain on SIGTERM."""
    url = os.environ.get("VALKEY_URL", "redis://127.0.0.1:6379")
    async with coredis.Redis.from_url(url) as client, drain.on_signal():
        app.state.store = ValkeyResumeStore(client)
        yield


app = Starlette(routes=[Route("/health", health), WebSocketRoute("/talk/{name}", talk)], lifespan=lifespan)


def main(port: int) -> None:
    """Serve by Hypercorn on Trio. It leaves signals to its caller, so the drain is what ends it."""
    config = Config()
    config.bind = [f"127.0.0.1:{port}"]
    trio.run(partial(serve, app, config, shutdown_trigger=drain.wait_for_signal))


if __name__ == "__main__":
    main(int(sys.argv[1]))
