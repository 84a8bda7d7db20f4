"""A hundred sessions in real time over TLS, half of them on Trio and half on asyncio, on connections that break.

    nox -s soak -- load            ten minutes
    python tests/soak/load.py 60   a minute

Each session speaks a numbered chunk ten times a second, and gets it back. The server, a process of its own, ends each
connection after a random time, in a random way. At the end, what each session sent is compared with what the server
heard: a chunk that it never heard has to be in a `Reconnected` that was received, in the error of the ending, or, if
the last connection may have it, unacknowledged by the session's statistics. The exit code is 1 if one isn't, or if the
statistics count less, or if memory or files grow.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import random
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
from base64 import b64decode
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import anyio
import trio
import trustme

from livegen_trio import (
    GeminiBackend,
    LiveError,
    Reconnected,
    Reconnection,
    SessionClosedError,
    get_live_generative_model,
)
from livegen_trio.anyio import connect
from livegen_trio.transports._trio_websocket.transport import serve_websocket_stream
from livegen_trio.transports.base import ConnectionClosed

if TYPE_CHECKING:
    from livegen_trio import LiveSession
    from livegen_trio.transports._trio_websocket.transport import TrioWebSocketTransport

SESSIONS: Final = 50  # of each loop
CHUNK_SECONDS: Final = 0.1
MEAN_LIFETIME: Final = 20.0  # seconds of a connection
SETTLING: Final = 30.0  # seconds at most for what is still on its way at the end
SAMPLES: Final = 20  # of memory and files, over the whole run
WARM_UP: Final = 0.3  # of the run, after which memory has to be flat
GROWTH: Final = 0.05


# The server


@dataclass
class Server:
    """Remembers the numbers that it has heard of each session, by the session's name."""

    heard: dict[str, set[int]] = field(default_factory=dict)
    endings: dict[str, int] = field(default_factory=dict)

    async def serve(self, tls: ssl.SSLContext) -> None:
        """Print the port, serve until standard input ends, and print what was heard."""
        async with trio.open_nursery() as nursery:
            (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
            nursery.start_soon(trio.serve_listeners, partial(self._handle, tls=tls), [listener])
            print(listener.socket.getsockname()[1], flush=True)
            await trio.to_thread.run_sync(sys.stdin.read)
            nursery.cancel_scope.cancel()
        report = {name: sorted(numbers) for name, numbers in self.heard.items()}
        print(json.dumps({"heard": report, "endings": self.endings}))

    async def _handle(self, tcp: trio.SocketStream, *, tls: ssl.SSLContext) -> None:
        stream = trio.SSLStream(tcp, tls, server_side=True, https_compatible=True)
        async with trio.open_nursery() as nursery:
            with suppress(ConnectionClosed, LiveError, trio.BrokenResourceError, trio.ClosedResourceError):
                request = await serve_websocket_stream(stream, nursery=nursery)
                await self._converse(await request.accept(), tcp)
            nursery.cancel_scope.cancel()

    async def _converse(self, transport: TrioWebSocketTransport, tcp: trio.SocketStream) -> None:
        setup = json.loads(await transport.receive())["setup"]
        name = setup["systemInstruction"]["parts"][0]["text"]
        numbers = self.heard.setdefault(name, set())
        await transport.send(b'{"setupComplete": {}}')
        await transport.send(b'{"sessionResumptionUpdate": {"newHandle": "h", "resumable": true}}')
        with trio.move_on_after(random.expovariate(1 / MEAN_LIFETIME)):
            await self._echo(transport, numbers)
        ending = random.choice(("close", "abort", "stall", "go away"))
        self.endings[ending] = self.endings.get(ending, 0) + 1
        match ending:
            case "close":
                await transport.aclose(1011, "Internal error encountered.")
            case "abort":
                tcp.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                tcp.socket.close()  # a reset, with what was not read
            case "stall":
                await trio.sleep(30)  # the kernel goes on to take bytes
            case _:
                await transport.send(b'{"goAway": {"timeLeft": "5s"}}')
                with trio.move_on_after(5):
                    await self._echo(transport, numbers)

    async def _echo(self, transport: TrioWebSocketTransport, numbers: set[int]) -> None:
        while True:
            audio = json.loads(await transport.receive())["realtimeInput"]["audio"]
            numbers.add(struct.unpack(">I", b64decode(audio["data"])[:4])[0])
            part = {"inlineData": {"data": audio["data"], "mimeType": "audio/pcm;rate=24000"}}
            await transport.send(json.dumps({"serverContent": {"modelTurn": {"parts": [part]}}}).encode())


# The clients


@dataclass
class Sent:
    """The account of one session."""

    chunks: int = 0
    received: int = 0
    reconnections: int = 0
    reported: int = 0
    raised: int = 0
    open: int = 0
    counted: int = 0
    error: str = ""


async def speak(session: LiveSession, sent: Sent, seconds: float) -> None:
    """Speak for *seconds*, by the clock, and receive what comes back."""

    async def listen() -> None:
        async for event in session:
            if isinstance(event, Reconnected):
                sent.reconnections += 1
                sent.reported += event.given_up
            else:
                sent.received += 1

    async with anyio.create_task_group() as group:
        group.start_soon(listen)
        begun = anyio.current_time()
        while anyio.current_time() < begun + seconds:
            await session.send_audio_realtime(struct.pack(">I", sent.chunks) + bytes(3196))
            sent.chunks += 1
            await anyio.sleep(max(0, begun + sent.chunks * CHUNK_SECONDS - anyio.current_time()))
        with anyio.move_on_after(SETTLING):
            while open_inputs(session):  # noqa: ASYNC110 - statistics are to be looked at
                await anyio.sleep(0.1)
        group.cancel_scope.cancel()  # as a user does: what is reported now is not received any more


def open_inputs(session: LiveSession) -> int:
    """Inputs that are not known to have arrived."""
    statistics = session.statistics()
    return statistics.unsent_frames + statistics.unacknowledged_frames


async def hold(name: str, port: int, authority: str, seconds: float, sent: Sent, *, on_trio: bool) -> None:
    """Hold one session."""
    trusting = ssl.create_default_context(cafile=authority)
    backend = GeminiBackend(api_key="k", base_url=f"wss://127.0.0.1:{port}", ssl_context=trusting)
    model = get_live_generative_model("gemini-3.8-live", backend=backend, system_instruction=name)
    options: dict[str, Any] = {
        "reconnection": Reconnection(delays=(0.2, 1.0)),
        "keepalive_interval": 1,
        "keepalive_timeout": 3,
    }
    await anyio.sleep(random.uniform(0, 1))
    session: LiveSession | None = None
    try:
        async with model.connect(**options) if on_trio else connect(model, **options) as session:
            await speak(session, sent, seconds)
    except SessionClosedError as exc:
        sent.raised = exc.unsent + exc.lost
        if exc.phase != "closing":
            sent.error = f"{type(exc).__name__}: {exc}"
    except Exception as exc:  # noqa: BLE001 - a finding, whatever it is
        sent.error = f"{type(exc).__name__}: {exc}"
    if session is None:
        return
    statistics = session.statistics()
    sent.open = statistics.unacknowledged_frames
    sent.counted = open_inputs(session) + statistics.given_up_frames


async def hold_all(loop: str, port: int, authority: str, seconds: float) -> None:
    """Hold the sessions of one loop, and print their accounts and what the process took meanwhile."""
    accounts = {f"{loop}-{number}": Sent() for number in range(SESSIONS)}
    samples: list[tuple[int, int]] = []
    async with anyio.create_task_group() as group:
        for name, sent in accounts.items():
            group.start_soon(partial(hold, name, port, authority, seconds, sent, on_trio=loop == "trio"))
        for _ in range(SAMPLES):
            await anyio.sleep(seconds / SAMPLES)
            samples.append((resident(), len(os.listdir("/proc/self/fd"))))
    print(
        json.dumps({"accounts": {name: asdict(sent) for name, sent in accounts.items()}, "samples": samples})
    )


def resident() -> int:
    """The memory of this process, in KiB."""
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1])


# The comparison


def compare(loop: str, client: dict[str, Any], heard: dict[str, list[int]]) -> bool:
    """Print a row for the sessions of one loop; returns whether all is well."""
    accounts: dict[str, dict[str, Any]] = client["accounts"]
    lost = unreported = 0
    for name, sent in accounts.items():
        missing = sent["chunks"] - len(heard.get(name, []))
        lost += missing
        unreported += max(0, missing - sent["reported"] - sent["raised"] - sent["open"])
        unreported += max(0, missing - sent["counted"])
    errors = [sent["error"] for sent in accounts.values() if sent["error"]]
    samples = client["samples"][math.floor(len(client["samples"]) * WARM_UP) :]
    half = len(samples) // 2
    memory = [max(kib for kib, _ in part) for part in (samples[:half], samples[half:])]
    files = [max(count for _, count in part) for part in (samples[:half], samples[half:])]
    total = {
        key: sum(sent[key] for sent in accounts.values())
        for key in ("chunks", "reconnections", "reported", "raised", "open")
    }
    row = (
        *(
            loop,
            len(accounts),
            total["chunks"],
            total["reconnections"],
            lost,
            total["reported"],
            total["raised"],
            total["open"],
            unreported,
        ),
        *(f"{memory[0] / 1024:.0f} -> {memory[1] / 1024:.0f}", f"{files[0]} -> {files[1]}", len(errors)),
    )
    print("| " + " | ".join(map(str, row)) + " |")
    for error in errors[:3]:
        print("  ", error, file=sys.stderr)
    return not (
        unreported or errors or memory[1] > memory[0] * (1 + GROWTH) or files[1] > files[0] + SESSIONS
    )


def main(seconds: float) -> int:
    """Run the server and both clients; returns the exit code."""
    with tempfile.TemporaryDirectory() as folder:
        authority = trustme.CA()
        certificate, pem = f"{folder}/server.pem", f"{folder}/authority.pem"
        authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(certificate)
        authority.cert_pem.write_to_path(pem)
        server = start("server", certificate)
        assert server.stdin is not None
        assert server.stdout is not None
        port = server.stdout.readline().strip()
        clients = {loop: start(loop, port, pem, str(seconds)) for loop in ("trio", "asyncio")}
        reports = {loop: json.loads(client.communicate()[0]) for loop, client in clients.items()}
        found = json.loads(server.communicate()[0])
    print(f"connections ended by: {found['endings']}")
    columns = [
        "loop",
        "sessions",
        "chunks",
        "reconnections",
        "lost",
        "reported",
        "raised",
        "open",
        "unreported",
    ]
    columns += ["MiB", "files", "errors"]
    print("| " + " | ".join(columns) + " |")
    print("| " + " | ".join("---" for _ in columns) + " |")
    are_well = [compare(loop, report, found["heard"]) for loop, report in reports.items()]
    return 0 if all(are_well) else 1


def start(*arguments: str) -> subprocess.Popen[str]:
    """Start this script in another role."""
    command = [sys.executable, __file__, *arguments]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


match sys.argv[1:]:
    case ["server", pem]:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(pem)
        trio.run(Server().serve, context)
    case ["trio", port, authority, seconds]:
        trio.run(hold_all, "trio", int(port), authority, float(seconds))
    case ["asyncio", port, authority, seconds]:
        asyncio.run(hold_all("asyncio", int(port), authority, float(seconds)))
    case [seconds]:
        sys.exit(main(float(seconds)))
    case _:
        sys.exit(main(600))
