"""A Live server on a real socket that cuts its first connection, and knows what it has heard.

Frames of speech carry their number in their first four bytes.
"""

from __future__ import annotations

import json
import socket
import struct
from base64 import urlsafe_b64decode
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import trio

from livegen_trio.transports._trio_websocket.transport import serve_websocket_stream
from livegen_trio.transports.base import ConnectionClosed

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncGenerator

    from livegen_trio.transports._trio_websocket.transport import TrioWebSocketTransport

Cut: TypeAlias = Literal["close", "stall", "abort", "go away"]

FRAMES: Final = 60
FRAME_SECONDS: Final = 0.02
MIME_TYPE: Final = "audio/pcm;rate=16000"
_URL_SAFE: Final = str.maketrans("+/", "-_")
_CUT_AFTER: Final = 1.0  # seconds
_TIME_LEFT: Final = 10.0


def frame(number: int) -> bytes:
    """20 ms of silence, with a number."""
    return struct.pack(">I", number) + bytes(636)


@dataclass
class CuttingServer:
    """Server that cuts its first connection.

    Attributes:
        cut: How the first connection ends: by a Close; by silence; by a TCP reset; or by a Close ten seconds after it
            was announced.
        refusals: How many upgrades are refused with 503 after that.
        heard: The frames of each connection, by their numbers, in order.
    """

    cut: Cut
    refusals: int = 0
    heard: list[list[int]] = field(default_factory=list)

    @property
    def missing(self) -> set[int]:
        """The frames that never were heard."""
        return set(range(FRAMES)) - {number for numbers in self.heard for number in numbers}

    @property
    def repeated(self) -> int:
        """How many frames were heard more often than once."""
        numbers = [number for numbers in self.heard for number in numbers]
        return len(numbers) - len(set(numbers))

    @asynccontextmanager
    async def serve(self, *, tls: ssl.SSLContext | None = None) -> AsyncGenerator[int]:
        """Listen on a port of this machine, until the block is left."""
        async with trio.open_nursery() as nursery:
            (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
            await nursery.start(partial(trio.serve_listeners, partial(self._handle, tls=tls), [listener]))
            yield listener.socket.getsockname()[1]
            nursery.cancel_scope.cancel(reason="the block was left")

    async def _handle(self, tcp: trio.SocketStream, *, tls: ssl.SSLContext | None) -> None:
        stream: trio.abc.Stream = tcp
        if tls is not None:
            stream = trio.SSLStream(tcp, tls, server_side=True, https_compatible=True)
        async with trio.open_nursery() as nursery:
            with suppress(ConnectionClosed, trio.BrokenResourceError):
                request = await serve_websocket_stream(stream, nursery=nursery)
                if self.heard and self.refusals:
                    self.refusals -= 1
                    await request.refuse(503, b"{}")
                else:
                    await self._converse(await request.accept(), tcp)
            nursery.cancel_scope.cancel(reason="the connection has ended")

    async def _converse(self, transport: TrioWebSocketTransport, tcp: trio.SocketStream) -> None:
        await transport.receive()
        await transport.send(b'{"setupComplete": {}}')
        await transport.send(b'{"sessionResumptionUpdate": {"newHandle": "h", "resumable": true}}')
        is_first = not self.heard
        self.heard.append([])
        numbers = self.heard[-1]
        if not is_first:
            await self._listen(transport, numbers)
            return
        numbers.append(_number(await transport.receive()))
        with trio.move_on_after(_CUT_AFTER):
            await self._listen(transport, numbers)
        await self._cut(transport, tcp, numbers)

    async def _listen(self, transport: TrioWebSocketTransport, numbers: list[int]) -> None:
        while True:
            numbers.append(_number(await transport.receive()))

    async def _cut(
        self, transport: TrioWebSocketTransport, tcp: trio.SocketStream, numbers: list[int]
    ) -> None:
        match self.cut:
            case "close":
                await transport.aclose(1001, "The server is going away.")
            case "abort":
                tcp.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                tcp.socket.close()  # a reset, with what was not read
            case "stall":
                await trio.sleep_forever()  # the kernel goes on to take bytes
            case "go away":
                await transport.send(json.dumps({"goAway": {"timeLeft": f"{_TIME_LEFT}s"}}).encode())
                with trio.move_on_after(_TIME_LEFT):
                    await self._listen(transport, numbers)
                await transport.aclose(1008, "Connection aborted because the client failed to close it.")


def _number(message: bytes | str) -> int:
    envelope = json.loads(message)
    realtime = envelope.get("realtimeInput") or envelope["realtime_input"]  # google-genai writes either
    return int.from_bytes(urlsafe_b64decode(realtime["audio"]["data"].translate(_URL_SAFE))[:4], "big")
