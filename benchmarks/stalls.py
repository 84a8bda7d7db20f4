"""The longest time for which one frame stops the event loop, for frames under a MiB and under 16 MiB.

Run it with `nox -s bench -- stalls`. The server is a process of its own; another task of this loop measures how late it
is woken. A frame that holds far too much is refused, which takes time as well.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Final

import trio
from decoding import MEBIBYTE, SHAPES

from livegen_trio import GeminiBackend, LiveError, get_live_generative_model
from livegen_trio.transports._trio_websocket.transport import serve_websocket_stream
from livegen_trio.transports.base import ConnectionClosed

if TYPE_CHECKING:
    from collections.abc import Callable

    from livegen_trio.transports._trio_websocket.transport import TrioWebSocketTransport

TICK: Final = 0.001  # seconds between two looks at the clock
LIMITS: Final = {MEBIBYTE: 60, 16 * MEBIBYTE: 1000}  # milliseconds, for frames below so many bytes


def calls(count: int, *, name: str = "known", first: int = 0, args: dict[str, object] | None = None) -> bytes:
    """A frame of so many calls."""
    made = [{"id": str(first + number), "name": name, "args": args or {}} for number in range(count)]
    return json.dumps({"toolCall": {"functionCalls": made}}).encode()


def cancellations(count: int) -> bytes:
    """A frame that takes so many calls back."""
    return json.dumps({"toolCallCancellation": {"ids": list(map(str, range(count)))}}).encode()


SEQUENCES: Final[dict[str, Callable[[int], list[bytes]]]] = {
    "calls of a known tool": lambda size: [calls(min(size // 60, 9000))],
    "calls of an unknown tool": lambda size: [calls(size // 50, name="unknown")],
    "forty frames of 250 calls": lambda _: [calls(250, first=250 * number) for number in range(40)],
    "forty frames of calls that hang": lambda _: [
        calls(250, name="hang", first=250 * number) for number in range(40)
    ],
    "calls with wrong arguments": lambda _: [
        calls(250, name="hang", args={"number": "x" * 3000}, first=250 * number) for number in range(20)
    ],
    "the same calls twice": lambda size: [calls(min(250, size // 50))] * 40,
    "calls, and their cancellation": lambda size: [calls(250), cancellations(size // 10)],
    **{name: partial(lambda make, size: [make(size)], make) for name, make in SHAPES.items()},
}


async def known() -> str:
    """A tool that answers at once."""
    return "done"


async def hang(number: int = 0) -> None:  # noqa: ARG001 - wrong arguments need one
    """A tool that doesn't answer."""
    await trio.sleep_forever()


async def take_all(transport: TrioWebSocketTransport) -> None:
    """Read what the client sends, so that it isn't held up."""
    with suppress(ConnectionClosed):
        while True:
            await transport.receive()


async def play(name: str, size: int, transport: TrioWebSocketTransport, nursery: trio.Nursery) -> None:
    """Accept the setup, and send the frames of a sequence once."""
    await transport.receive()
    await transport.send(b'{"setupComplete":{}}')
    nursery.start_soon(take_all, transport)
    await trio.sleep(0.2)
    for frame in SEQUENCES[name](size):
        await transport.send(frame)
    await trio.sleep(0.5)
    await transport.send(b'{"serverContent":{"turnComplete":true,"modelTurn":{"parts":[{"text":"over"}]}}}')
    await trio.sleep(60)


async def serve(name: str, size: int) -> None:
    """Serve one session."""

    async def handle(stream: trio.SocketStream) -> None:
        async with trio.open_nursery() as nursery:
            with suppress(ConnectionClosed):  # the client has heard enough
                request = await serve_websocket_stream(stream, nursery=nursery)
                await play(name, size, await request.accept(), nursery)
            nursery.cancel_scope.cancel()

    async with trio.open_nursery() as nursery:
        [listener] = await nursery.start(partial(trio.serve_tcp, handle, 0, host="127.0.0.1"))
        print(listener.socket.getsockname()[1], flush=True)


async def measure(name: str, size: int) -> tuple[float, str]:
    """Receive a sequence; returns the longest stall in milliseconds, and how it ended."""
    command = [sys.executable, __file__, "--serve", name, "--size", str(size)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:  # noqa: ASYNC220, S603
        assert server.stdout is not None
        port = int(server.stdout.readline())
        longest = 0.0
        outcome = "whole"

        async def watch() -> None:
            nonlocal longest
            while True:
                due = trio.current_time() + TICK
                await trio.sleep_until(due)
                longest = max(longest, trio.current_time() - due)

        try:
            async with trio.open_nursery() as nursery:
                backend = GeminiBackend(api_key="k", base_url=f"ws://127.0.0.1:{port}")
                model = get_live_generative_model("gemini-3.8-live", backend=backend, tools=[known, hang])
                async with model.connect(session_resumption=None) as session:
                    await trio.sleep(0.1)
                    nursery.start_soon(watch)
                    with trio.move_on_after(30):
                        async for event in session:
                            if "over" in repr(event)[-400:]:
                                break
                        else:
                            outcome = "ended"
                    nursery.cancel_scope.cancel()
        except* LiveError as group:
            outcome = type(group.exceptions[0]).__name__
        server.kill()
    return 1000 * longest, outcome


async def measure_all(names: list[str]) -> None:
    """Print a row for each sequence and size."""
    print(f"{'frames':34}{'under 1 MiB':>16}{'under 16 MiB':>16}   ended")
    for name in names:
        cells, outcomes = [], []
        for size, limit in LIMITS.items():
            stall, outcome = await measure(name, size - 4096)
            cells.append(f"{stall:10.0f} ms{' !' if stall > limit else '  '}")
            outcomes.append(outcome)
        print(f"{name:34}{cells[0]:>16}{cells[1]:>16}   {', '.join(outcomes)}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    parser.add_argument("--size", type=int, help=argparse.SUPPRESS)
    parser.add_argument("only", nargs="*", help="names of sequences")
    options = parser.parse_args()
    if options.serve:
        trio.run(serve, options.serve, options.size)
    else:
        trio.run(measure_all, options.only or list(SEQUENCES))
