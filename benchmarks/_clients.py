"""Clients that are compared end to end, each in a process of its own: `python _clients.py NAME OPTIONS_AS_JSON`.

All do the same: open sessions, then send chunks of speech and take the speech that answers each, as bytes. What is
printed is the CPU time that this process took for a pair of these, as JSON, without what opening the sessions cost.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import selectors
import socket
import ssl
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

MODEL: Final = "gemini-2.5-flash-native-audio-preview-12-2025"
_READ_SIZE: Final = 65_536
MIME_TYPE: Final = "audio/pcm;rate=16000"
PATH: Final = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"


@dataclass(frozen=True, slots=True)
class Options:
    """What a client is told.

    Attributes:
        port: Where the server listens.
        authority: A file with the certificate to trust; None without TLS.
        sessions: How many of them.
        chunk_ms: How much speech a message has.
        pairs: Messages sent and received, a session.
        paced: Whether chunks are sent in real time, so that lateness is measured, and not CPU time alone.
        transport: The transport of ours to use.
    """

    port: int
    authority: str | None
    sessions: int
    chunk_ms: int
    pairs: int
    paced: bool = False
    idle: bool = False
    transport: str | None = None

    @property
    def chunk(self) -> bytes:
        """Speech of 16 kHz."""
        return bytes(32 * self.chunk_ms)

    @property
    def answer_size(self) -> int:
        """The bytes of speech, of 24 kHz, in an answer."""
        return 48 * self.chunk_ms

    @property
    def tls(self) -> ssl.SSLContext | None:
        """Trusts the server."""
        return None if self.authority is None else ssl.create_default_context(cafile=self.authority)

    def url(self, scheme: str) -> str:
        """The server's, with an `s` if there is TLS."""
        return f"{scheme}{'' if self.authority is None else 's'}://127.0.0.1:{self.port}"


class Measurement:
    """The time from when all sessions are open to the end, and how late what was received was."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self.latenesses: list[float] = []
        self.begin()

    def begin(self) -> None:
        """All sessions are open."""
        self._cpu = time.process_time()
        self._wall = time.perf_counter()

    def report(self) -> None:
        """Print what it came to."""
        cpu = time.process_time() - self._cpu
        wall = time.perf_counter() - self._wall
        pairs = self._options.sessions * self._options.pairs
        self.latenesses.sort()
        delivered = len(self.latenesses) if self._options.paced else pairs
        result = {
            "us_a_pair": 1e6 * cpu / pairs,
            "load": cpu / wall,
            "delivered": delivered / pairs,
            "p50_ms": self._percentile(50),
            "p99_ms": self._percentile(99),
            "rss_kb": _resident_kb(),
        }
        sys.stdout.write(json.dumps(result) + "\n")

    def _percentile(self, percent: int) -> float | None:
        if not self.latenesses:
            return None
        return 1000 * self.latenesses[min(len(self.latenesses) - 1, len(self.latenesses) * percent // 100)]


def _resident_kb() -> int:
    with open("/proc/self/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024


def ours(options: Options, measurement: Measurement) -> None:
    """This library, by its public API, with all of its guarantees."""
    import trio

    from livegen_trio import GeminiBackend, ServerContent, get_live_generative_model

    transport = {} if options.transport is None else {"transport": options.transport}
    backend = GeminiBackend(
        api_key="KEY", base_url=options.url("ws"), ssl_context=options.tls, proxy=None, **transport
    )
    model = get_live_generative_model(MODEL, backend=backend)
    chunk = options.chunk

    async def converse(*, task_status: trio.TaskStatus[None]) -> None:
        async with model.connect() as session:
            task_status.started()
            await ready.wait()
            if options.paced:
                await in_real_time(session)
            elif options.idle:
                await trio.sleep(1)
            else:
                for _ in range(options.pairs):
                    await session.send_audio_realtime(chunk)
                    event = await session.receive()
                    assert isinstance(event, ServerContent)
                    assert len(event.audio[0].data) == options.answer_size

    async def in_real_time(session: object) -> None:
        sent: list[float] = []
        async with trio.open_nursery() as nursery:
            nursery.start_soon(hear, session, sent)
            due = trio.current_time() + 0.001 * (id(session) // 64 % options.chunk_ms)
            for _ in range(options.pairs):
                await trio.sleep_until(due)
                due += options.chunk_ms / 1000
                sent.append(time.perf_counter())
                await session.send_audio_realtime(chunk)
            with trio.move_on_after(1):
                await trio.sleep_forever()
            nursery.cancel_scope.cancel()

    async def hear(session: object, sent: list[float]) -> None:
        for number in range(options.pairs):
            event = await session.receive()
            assert len(event.audio[0].data) == options.answer_size
            measurement.latenesses.append(time.perf_counter() - sent[number])

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            for _ in range(options.sessions):
                await nursery.start(converse)
            measurement.begin()
            ready.set()
        measurement.report()

    ready = trio.Event()
    trio.run(main)


def google_genai(options: Options, measurement: Measurement) -> None:
    """The official client."""
    from google import genai
    from google.genai import types

    if options.tls is None:
        _have_google_genai_dial_without_tls()
    client = genai.Client(
        api_key="KEY",
        http_options=types.HttpOptions(
            base_url=options.url("http"),
            async_client_args={} if options.tls is None else {"ssl": options.tls},
            api_version="v1beta",
        ),
    )
    config = types.LiveConnectConfig(response_modalities=[types.Modality.AUDIO])
    blob = types.Blob(data=options.chunk, mime_type=MIME_TYPE)

    async def main() -> None:
        ready = asyncio.Event()
        opened = asyncio.Semaphore(0)

        async def converse() -> None:
            async with client.aio.live.connect(model=MODEL, config=config) as session:
                opened.release()
                await ready.wait()
                if options.paced:
                    await in_real_time(session)
                    return
                if options.idle:
                    await asyncio.sleep(1)
                    return
                messages = session.receive()
                for _ in range(options.pairs):
                    await session.send_realtime_input(audio=blob)
                    message = await anext(messages)
                    assert (
                        len(message.server_content.model_turn.parts[0].inline_data.data)
                        == options.answer_size
                    )

        async def in_real_time(session: object) -> None:
            sent: list[float] = []
            hearing = asyncio.create_task(hear(session, sent))
            due = time.perf_counter() + 0.001 * (id(session) // 64 % options.chunk_ms)
            for _ in range(options.pairs):
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                due += options.chunk_ms / 1000
                sent.append(time.perf_counter())
                await session.send_realtime_input(audio=blob)
            await asyncio.wait([hearing], timeout=1)
            hearing.cancel()

        async def hear(session: object, sent: list[float]) -> None:
            number = 0
            async for message in session.receive():
                assert len(message.server_content.model_turn.parts[0].inline_data.data) == options.answer_size
                measurement.latenesses.append(time.perf_counter() - sent[number])
                number += 1
                if number == options.pairs:
                    return

        async with asyncio.TaskGroup() as group:
            for _ in range(options.sessions):
                group.create_task(converse())
                await opened.acquire()
            measurement.begin()
            ready.set()
        measurement.report()

    asyncio.run(main())


def _have_google_genai_dial_without_tls() -> None:
    """It always writes `wss://`."""
    from google.genai import live

    dial = live.ws_connect
    live.ws_connect = lambda url, **options: dial(
        url.replace("wss://", "ws://"), additional_headers=options["additional_headers"]
    )


def websockets(options: Options, measurement: Measurement) -> None:
    """The WebSocket library that the official client stands on, and nothing around it."""
    from websockets.asyncio.client import connect

    async def main() -> None:
        ready = asyncio.Event()
        opened = asyncio.Semaphore(0)
        chunk = options.chunk

        async def converse() -> None:
            async with connect(options.url("ws") + PATH, ssl=options.tls, compression=None) as connection:
                await connection.send('{"setup": {}}')
                await connection.recv()
                opened.release()
                await ready.wait()
                for _ in range(options.pairs):
                    await connection.send(_encode(chunk).decode())
                    assert len(_decode(await connection.recv())) == options.answer_size

        async with asyncio.TaskGroup() as group:
            for _ in range(options.sessions):
                group.create_task(converse())
                await opened.acquire()
            measurement.begin()
            ready.set()
        measurement.report()

    asyncio.run(main())


def floor(options: Options, measurement: Measurement) -> None:
    """Bare sockets, JSON and base64: what no client in Python gets below."""
    tls = options.tls
    selector = selectors.DefaultSelector()
    for _ in range(options.sessions):
        sock = socket.create_connection(("127.0.0.1", options.port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is not None:
            sock = tls.wrap_socket(sock, server_hostname="127.0.0.1")
        sock.sendall(b"GET / HTTP/1.1\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
        while b"\r\n\r\n" not in sock.recv(4096):
            pass
        sock.sendall(_frame(b'{"setup": {}}'))
        sock.recv(4096)
        sock.setblocking(False)
        selector.register(sock, selectors.EVENT_READ, [options.pairs, b""])
    chunk = options.chunk
    measurement.begin()
    for key in selector.get_map().values():
        key.fileobj.send(_frame(_encode(chunk)))
    unfinished = options.sessions
    while unfinished:
        for key, _ in selector.select():
            state, sock = key.data, key.fileobj
            state[1] += sock.recv(_READ_SIZE)
            data = state[1]
            size = int.from_bytes(data[2:4], "big")
            if len(data) < 4 + size:
                continue
            assert len(_decode(data[4 : 4 + size])) == options.answer_size
            state[1] = data[4 + size :]
            state[0] -= 1
            if state[0]:
                sock.send(_frame(_encode(chunk)))
            else:
                unfinished -= 1
    measurement.report()


def _encode(chunk: bytes) -> bytes:
    data = base64.b64encode(chunk)
    return b'{"realtimeInput":{"audio":{"mimeType":"audio/pcm;rate=16000","data":"%b"}}}' % data


def _decode(message: bytes) -> bytes:
    content = json.loads(message)["serverContent"]
    return base64.b64decode(content["modelTurn"]["parts"][0]["inlineData"]["data"])


def _frame(payload: bytes) -> bytes:
    """Masked with zeros, which costs nothing and is allowed."""
    size = len(payload)
    if size < 126:
        return bytes((0x81, 0x80 | size)) + bytes(4) + payload
    return b"\x81\xfe" + size.to_bytes(2, "big") + bytes(4) + payload


CLIENTS: Final[dict[str, Callable[[Options, Measurement], None]]] = {
    "livegen_trio": ours,
    "google-genai": google_genai,
    "websockets": websockets,
    "floor": floor,
}


def main() -> None:
    """Run by the benchmarks."""
    options = Options(**json.loads(sys.argv[2]))
    CLIENTS[sys.argv[1]](options, Measurement(options))


if __name__ == "__main__":
    main()
