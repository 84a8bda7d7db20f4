"""What is lost when a connection is cut: sixty numbered frames of speech, sent by this library and by google-genai.

The server cuts its first connection after a second, in five ways. google-genai doesn't reconnect by itself; so it gets
the loop that its users write: on an error, the end of what it receives, or a goAway, connect again with the newest
handle, and go on with the next frame. What it accepted and nobody heard is lost, and nothing tells.

    python benchmarks/reconnect.py
"""

from __future__ import annotations

import argparse
import asyncio
import json
import ssl
import threading
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

import trio
import trustme
from _cutting_server import FRAME_SECONDS, FRAMES, MIME_TYPE, Cut, CuttingServer, frame
from google import genai
from google.genai import types

from livegen_trio import (
    GeminiBackend,
    LiveError,
    LiveSession,
    Reconnected,
    Reconnection,
    get_live_generative_model,
)

if TYPE_CHECKING:
    from collections.abc import Generator

    from google.genai.live import AsyncSession

MODEL: Final = "gemini-3.8-live"
PATIENCE: Final = 20.0  # seconds for one run
CASES: Final[tuple[tuple[Cut, int], ...]] = (
    ("close", 0),
    ("close", 1),
    ("abort", 0),
    ("stall", 0),
    ("go away", 0),
)


@dataclass
class Result:
    """What came of one run.

    Attributes:
        case: How the connection was cut.
        client: Who spoke.
        lost: Frames that were accepted and never heard.
        unreported: Those of them that nothing told of.
        repeated: Frames that were heard more often than once.
        seconds: How long it took.
        end: How it ended.
    """

    case: str
    client: str
    lost: int
    unreported: int
    repeated: int
    seconds: float
    end: str


# This library


async def with_livegen_trio(port: int, trusting: ssl.SSLContext) -> tuple[int, str]:
    """Speak; returns how many frames were reported as lost, and how it ended."""
    backend = GeminiBackend(api_key="k", base_url=f"wss://127.0.0.1:{port}", ssl_context=trusting)
    model = get_live_generative_model(MODEL, backend=backend)
    reported = 0

    async def listen(session: LiveSession) -> None:
        nonlocal reported
        async for event in session:
            if isinstance(event, Reconnected):
                reported += event.unacknowledged + event.dropped + event.quarantined

    connecting = model.connect(
        reconnection=Reconnection(delays=(0.1,)),
        keepalive_interval=0.5,
        keepalive_timeout=1,
        close_timeout=0.5,
    )
    try:
        with trio.fail_after(PATIENCE):
            async with connecting as session, trio.open_nursery() as nursery:
                nursery.start_soon(listen, session)
                for number in range(FRAMES):
                    await session.send_audio_realtime(frame(number), mime_type=MIME_TYPE)
                    await trio.sleep(FRAME_SECONDS)
                await trio.sleep(2)  # as long as it may take to find out about a stall
                nursery.cancel_scope.cancel()
    except LiveError as exc:
        return reported, f"{type(exc).__name__}"
    return reported, "reconnected"


# google-genai


class PeerClient:
    """google-genai, and the loop around it."""

    def __init__(self, port: int, trusting: ssl.SSLContext) -> None:
        self._client = genai.Client(
            api_key="k",
            http_options=types.HttpOptions(
                base_url=f"https://127.0.0.1:{port}", async_client_args={"ssl": trusting}
            ),
        )
        self._handle: str | None = None
        self._number = 0

    async def run(self) -> str:
        """Speak, and connect again as often as it takes; returns how it ended."""
        connections = 0
        while self._number < FRAMES:
            connections += 1
            if connections > 10:
                return "gave up"
            try:
                async with self._client.aio.live.connect(model=MODEL, config=self._config()) as session:
                    await self._converse(session)
            except Exception as exc:  # noqa: BLE001 - its errors are of many libraries
                if self._number == FRAMES:
                    return type(exc).__name__
                await asyncio.sleep(0.1)
        return "reconnected" if connections > 1 else "noticed nothing"

    def _config(self) -> types.LiveConnectConfig:
        return types.LiveConnectConfig(session_resumption=types.SessionResumptionConfig(handle=self._handle))

    async def _converse(self, session: AsyncSession) -> None:
        listening = asyncio.create_task(self._listen(session))
        try:
            while self._number < FRAMES and not listening.done():
                blob = types.Blob(data=frame(self._number), mime_type=MIME_TYPE)
                await session.send_realtime_input(audio=blob)
                self._number += 1
                await asyncio.sleep(FRAME_SECONDS)
            if not listening.done():
                await asyncio.wait([listening], timeout=2)
        finally:
            listening.cancel()
        if listening.done() and not listening.cancelled():
            listening.result()

    async def _listen(self, session: AsyncSession) -> None:
        while True:
            async for message in session.receive():
                update = message.session_resumption_update
                if update is not None and update.new_handle:
                    self._handle = update.new_handle
                if message.go_away is not None:
                    return


# Both


def measure(cut: Cut, refusals: int, client: str, contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> Result:
    """One run."""
    server = CuttingServer(cut, refusals)
    serving, trusting = contexts
    began = time.perf_counter()
    with listening(server, serving) as port:
        if client == "livegen_trio":
            reported, end = trio.run(with_livegen_trio, port, trusting)
        else:
            reported, end = 0, asyncio.run(_bounded(PeerClient(port, trusting)))
    lost = len(server.missing)
    return Result(
        case=cut + (" and a 503" if refusals else ""),
        client=client,
        lost=lost,
        unreported=max(0, lost - reported),
        repeated=server.repeated,
        seconds=round(time.perf_counter() - began, 1),
        end=end,
    )


async def _bounded(peer: PeerClient) -> str:
    try:
        async with asyncio.timeout(PATIENCE):
            return await peer.run()
    except TimeoutError:
        return "hung"


@contextmanager
def listening(server: CuttingServer, context: ssl.SSLContext) -> Generator[int]:
    """Serve in a thread of its own."""
    ready = threading.Event()
    running: list[tuple[int, trio.Event, trio.lowlevel.TrioToken]] = []

    async def run() -> None:
        done = trio.Event()
        async with server.serve(tls=context) as port:
            running.append((port, done, trio.lowlevel.current_trio_token()))
            ready.set()
            await done.wait()

    thread = threading.Thread(target=trio.run, args=(run,))
    thread.start()
    if not ready.wait(10):
        raise RuntimeError("the server did not start")
    [(port, done, token)] = running
    try:
        yield port
    finally:
        token.run_sync_soon(done.set)
        thread.join()


def tls_contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """For the server and for its clients."""
    authority = trustme.CA()
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(serving)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    return serving, trusting


def main() -> None:
    """Measure all cases, and print them."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--json", action="store_true", help="print everything as JSON as well")
    arguments = parser.parse_args()
    contexts = tls_contexts()
    results = [
        measure(cut, refusals, client, contexts)
        for cut, refusals in CASES
        for client in ("google-genai", "livegen_trio")
    ]
    print(f"{'case':<17} {'client':<14} {'lost':>5} {'unreported':>11} {'repeated':>9} {'seconds':>8}  end")
    for one in results:
        print(
            f"{one.case:<17} {one.client:<14} {one.lost:>5} {one.unreported:>11} {one.repeated:>9} "
            f"{one.seconds:>8}  {one.end}"
        )
    if arguments.json:
        print(json.dumps([asdict(result) for result in results]))


if __name__ == "__main__":
    main()
