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
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

import trio.lowlevel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")

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
        mode: "busy" sends a chunk as soon as the last one is answered; "paced" in real time, so that lateness shows;
            "idle" only holds the sessions.
        transport: The transport of ours to use.
    """

    port: int
    authority: str | None
    sessions: int
    chunk_ms: int
    pairs: int
    mode: str = "busy"
    transport: str = "direct"

    @property
    def patience(self) -> float:
        """Seconds that a paced client has in all."""
        return self.pairs * self.chunk_ms / 1000 + 2

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

    def shifts(self, sessions: list[T]) -> list[tuple[list[T], float]]:
        """Which of *sessions* speak at the same time, a millisecond apart from the next, and when."""
        count = self.chunk_ms
        return [(sessions[n::count], n / 1000) for n in range(count) if sessions[n::count]]

    def url(self, scheme: str) -> str:
        """The server's, with an `s` if there is TLS."""
        return f"{scheme}{'' if self.authority is None else 's'}://127.0.0.1:{self.port}"


class Measurement:
    """The time from when all sessions are open until all have done, and how late what was received was."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._unfinished = options.sessions
        self._received = 0
        self.latenesses: list[float] = []
        self.begin()

    def begin(self) -> None:
        """All sessions are open."""
        self._cpu = time.process_time()
        self._wall = time.perf_counter()

    @property
    def is_running(self) -> bool:
        """Whether a session has not done yet."""
        return self._unfinished > 0

    def received(self, speech: bytes, sent_at: float | None = None) -> None:
        """Some speech was received, whose question went out then."""
        assert len(speech) == self._options.answer_size
        self._received += 1
        if sent_at is not None:
            self.latenesses.append(time.perf_counter() - sent_at)

    def finish_session(self) -> None:
        """A session has done, and is still open. After the last of them, print what it came to."""
        self._unfinished -= 1
        if self._unfinished:
            return
        cpu = time.process_time() - self._cpu
        wall = time.perf_counter() - self._wall
        pairs = self._options.sessions * self._options.pairs
        self.latenesses.sort()
        result = {
            "us_a_pair": 1e6 * cpu / pairs,
            "load": cpu / wall,
            "delivered": self._received / pairs,
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

    from livegen_trio import GeminiBackend, LiveSession, ServerContent, get_live_generative_model

    backend = GeminiBackend(
        api_key="KEY",
        base_url=options.url("ws"),
        ssl_context=options.tls,
        proxy=None,
        transport=options.transport,
    )
    model = get_live_generative_model(MODEL, backend=backend)
    chunk = options.chunk
    sessions: list[LiveSession] = []
    sent_at: dict[LiveSession, deque[float]] = {}

    async def hold(*, task_status: trio.TaskStatus[None]) -> None:
        async with model.connect() as session:
            sessions.append(session)
            task_status.started()
            await ready.wait()
            await (hear(session) if options.mode == "paced" else converse(session))
            measurement.finish_session()
            await finished.wait()

    async def converse(session: LiveSession) -> None:
        for _ in range(options.pairs):
            await session.send_audio_realtime(chunk)
            measurement.received(speech(await session.receive()))

    async def hear(session: LiveSession) -> None:
        waiting = sent_at[session] = deque()
        with trio.move_on_after(options.patience):
            for _ in range(options.pairs):
                data = speech(await session.receive())
                measurement.received(data, waiting.popleft())

    def speech(event: object) -> bytes:
        assert isinstance(event, ServerContent)
        return event.audio[0].data

    async def speak(some: list[LiveSession], delay: float) -> None:
        due = trio.current_time() + delay
        for _ in range(options.pairs):
            await trio.sleep_until(due)
            due += options.chunk_ms / 1000
            for session in some:
                sent_at[session].append(time.perf_counter())
                await session.send_audio_realtime(chunk)

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            for _ in range(options.sessions):
                await nursery.start(hold)
            if options.mode == "idle":
                await trio.sleep(0.5)
                _report_idle(options)
                nursery.cancel_scope.cancel()
                return
            measurement.begin()
            ready.set()
            if options.mode == "paced":
                await trio.lowlevel.checkpoint()
                async with trio.open_nursery() as speaking:
                    for some, delay in options.shifts(sessions):
                        speaking.start_soon(speak, some, delay)
                await trio.sleep(options.patience / 10)
            else:
                while measurement.is_running:
                    await trio.sleep(0.001)
            finished.set()

    ready, finished = trio.Event(), trio.Event()
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
        ready, finished = asyncio.Event(), asyncio.Event()
        opened = asyncio.Semaphore(0)
        sessions: list[genai.live.AsyncSession] = []
        sent_at: dict[genai.live.AsyncSession, deque[float]] = {}

        async def hold() -> None:
            async with client.aio.live.connect(model=MODEL, config=config) as session:
                sessions.append(session)
                opened.release()
                await ready.wait()
                await (hear(session) if options.mode == "paced" else converse(session))
                measurement.finish_session()
                await finished.wait()

        async def converse(session: genai.live.AsyncSession) -> None:
            messages = session.receive()
            for _ in range(options.pairs):
                await session.send_realtime_input(audio=blob)
                measurement.received(speech(await anext(messages)))

        async def hear(session: genai.live.AsyncSession) -> None:
            waiting = sent_at[session] = deque()
            left = options.pairs
            with suppress(TimeoutError):
                async with asyncio.timeout(options.patience):
                    async for message in session.receive():
                        measurement.received(speech(message), waiting.popleft())
                        left -= 1
                        if not left:
                            break

        def speech(message: types.LiveServerMessage) -> bytes:
            return message.server_content.model_turn.parts[0].inline_data.data

        async def speak(some: list[genai.live.AsyncSession], delay: float) -> None:
            due = time.perf_counter() + delay
            for _ in range(options.pairs):
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                due += options.chunk_ms / 1000
                for session in some:
                    sent_at[session].append(time.perf_counter())
                    await session.send_realtime_input(audio=blob)

        async with asyncio.TaskGroup() as group:
            for _ in range(options.sessions):
                group.create_task(hold())
                await opened.acquire()
            if options.mode == "idle":
                await asyncio.sleep(0.5)
                _report_idle(options)
                os._exit(0)
            measurement.begin()
            ready.set()
            if options.mode == "paced":
                await asyncio.sleep(0)
                await asyncio.sleep(0)
                async with asyncio.TaskGroup() as speaking:
                    for some, delay in options.shifts(sessions):
                        speaking.create_task(speak(some, delay))
                await asyncio.sleep(options.patience / 10)
            else:
                while measurement.is_running:
                    await asyncio.sleep(0.001)
            finished.set()

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
        ready, finished = asyncio.Event(), asyncio.Event()
        opened = asyncio.Semaphore(0)
        chunk = options.chunk

        async def hold() -> None:
            async with connect(options.url("ws") + PATH, ssl=options.tls, compression=None) as connection:
                await connection.send('{"setup": {}}')
                await connection.recv()
                opened.release()
                await ready.wait()
                for _ in range(options.pairs):
                    await connection.send(_encode(chunk).decode())
                    measurement.received(_decode(await connection.recv()))
                measurement.finish_session()
                await finished.wait()

        async with asyncio.TaskGroup() as group:
            for _ in range(options.sessions):
                group.create_task(hold())
                await opened.acquire()
            measurement.begin()
            ready.set()
            while measurement.is_running:
                await asyncio.sleep(0.001)
            finished.set()

    asyncio.run(main())


def floor(options: Options, measurement: Measurement) -> None:
    """Bare sockets, JSON and base64: what no client in Python gets below."""
    selector = selectors.DefaultSelector()
    socks = [_bare_socket(options) for _ in range(options.sessions)]
    states = [FloorState(options.pairs) for _ in socks]
    for sock, state in zip(socks, states, strict=True):
        selector.register(sock, selectors.EVENT_READ, state)
    chunk = options.chunk
    measurement.begin()
    if options.mode == "paced":
        shifts = [
            (delay + shift * options.chunk_ms / 1000, some)
            for shift in range(options.pairs)
            for some, delay in options.shifts(list(zip(socks, states, strict=True)))
        ]
    else:
        shifts = [(0.0, list(zip(socks, states, strict=True)))]
    begun, upcoming, unfinished = time.perf_counter(), iter(shifts), options.sessions
    due, some = next(upcoming)
    while unfinished:
        now = time.perf_counter() - begun
        while now >= due:
            for sock, state in some:
                state.sent_at.append(time.perf_counter())
                sock.send(_frame(_encode(chunk)))
            due, some = next(upcoming, (float("inf"), []))
        for key, _ in selector.select(min(1.0, max(0.0, due - now))):
            state, sock = key.data, key.fileobj
            for message in state.messages(sock.recv(_READ_SIZE)):
                paced = options.mode == "paced"
                measurement.received(_decode(message), state.sent_at.popleft() if paced else None)
                state.left -= 1
                if not state.left:
                    unfinished -= 1
                    measurement.finish_session()
                elif not paced:
                    sock.send(_frame(_encode(chunk)))


class FloorState:
    """What is known of one bare socket."""

    def __init__(self, pairs: int) -> None:
        self.left = pairs
        self.sent_at: deque[float] = deque()
        self._data = b""

    def messages(self, data: bytes) -> Iterator[bytes]:
        """Those that are complete now."""
        self._data += data
        while len(self._data) >= 4:
            size = int.from_bytes(self._data[2:4], "big")
            if len(self._data) < 4 + size:
                return
            yield self._data[4 : 4 + size]
            self._data = self._data[4 + size :]


def _bare_socket(options: Options) -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", options.port))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if options.tls is not None:
        sock = options.tls.wrap_socket(sock, server_hostname="127.0.0.1")
    sock.sendall(b"GET / HTTP/1.1\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
    while b"\r\n\r\n" not in sock.recv(4096):
        pass
    sock.sendall(_frame(b'{"setup": {}}'))
    sock.recv(4096)
    sock.setblocking(False)
    return sock


def _report_idle(options: Options) -> None:
    sys.stdout.write(json.dumps({"rss_kb": _resident_kb(), "sessions": options.sessions}) + "\n")
    sys.stdout.flush()


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
