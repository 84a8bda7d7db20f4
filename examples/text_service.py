"""A service on Trio: each client that connects by TCP converses in lines of text, in a session of its own.

    python text_service.py 8090
    nc 127.0.0.1 8090

SIGTERM and Ctrl+C end it gracefully: nobody new is let in, whoever waits for an answer gets it, and every session says
goodbye. It asks the embedded server; with GeminiBackend() in place of LocalBackend(), and a key in GEMINI_API_KEY, it
asks Gemini. LIVE_URL names an embedded server that runs elsewhere.
"""

from __future__ import annotations

import os
import signal
import sys
from functools import partial

import trio

from livegen_trio import (
    LiveError,
    LiveGenerationConfig,
    LiveGenerativeModel,
    LiveSession,
    LocalBackend,
    get_live_generative_model,
)

GRACE = 20.0
"""Seconds that answers may take when the service is told to end."""

LONGEST_LINE = 10_000


class Service:
    """All clients, each in a task of its own."""

    def __init__(self, model: LiveGenerativeModel) -> None:
        self._model = model
        self._is_ending = False
        self._idle: set[trio.CancelScope] = set()

    async def run(self, port: int) -> None:
        """Serve until a signal comes, and then to the end of the answers under way."""
        with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
            async with trio.open_nursery() as clients:
                async with trio.open_nursery() as door:
                    serve = partial(trio.serve_tcp, host="127.0.0.1", handler_nursery=clients)
                    [listener] = await door.start(serve, self._serve, port)
                    print(f"listening on port {listener.socket.getsockname()[1]}", flush=True)
                    await anext(signals)
                    door.cancel_scope.cancel()
                self._is_ending = True
                for scope in self._idle:
                    scope.cancel()
                clients.cancel_scope.deadline = trio.current_time() + GRACE

    async def _serve(self, client: trio.SocketStream) -> None:
        """Converse with one client. What goes wrong there is nobody else's concern."""
        unread = bytearray()
        try:
            async with client, self._model.connect() as session:
                while (line := await self._line(client, unread)) is not None:
                    if line:
                        await answer(session, line, client)
        except (LiveError, trio.BrokenResourceError) as exc:
            print(f"a client was lost: {exc}", file=sys.stderr)

    async def _line(self, client: trio.SocketStream, unread: bytearray) -> str | None:
        """What the client writes next; None if it leaves, or the service is to end."""
        while b"\n" not in unread:
            heard = await self._hear(client)
            if not heard or len(unread) > LONGEST_LINE:
                return None
            unread += heard
        line, _, rest = unread.partition(b"\n")
        unread[:] = rest
        return None if self._is_ending else line.decode(errors="replace").strip()

    async def _hear(self, client: trio.SocketStream) -> bytes:
        with trio.CancelScope() as idle:
            if self._is_ending:
                return b""
            self._idle.add(idle)
            try:
                return bytes(await client.receive_some())
            finally:
                self._idle.discard(idle)
        return b""  # it was cancelled


async def answer(session: LiveSession, line: str, client: trio.SocketStream) -> None:
    """Have a line answered, word by word as the model says it."""
    await session.send(line)
    turn = await anext(session.turns())
    async for words in turn.text():
        await client.send_all(words.encode())
    await client.send_all(b"\n")


if __name__ == "__main__":
    config = LiveGenerationConfig(response_modalities=["TEXT"])
    backend = LocalBackend(os.environ.get("LIVE_URL"))
    service = Service(
        get_live_generative_model("gemini-live-2.5-flash-preview", backend=backend, generation_config=config)
    )
    trio.run(service.run, int(sys.argv[1]))
