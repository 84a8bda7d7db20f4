"""How a WebSocket backend dials its endpoint, and what a backend refuses of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio

from livegen_trio import Backend, HandshakeError, WebSocketBackend
from livegen_trio.transports.base import Endpoint, Progress, Transport
from livegen_trio.types import ClientContent, Setup

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


class Nearby(WebSocketBackend):
    """Dials one port of this machine, and counts how often it was asked where that is."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.asked = 0

    def resource_name(self, model: str) -> str:
        return model

    async def endpoint(self) -> Endpoint:
        await trio.lowlevel.checkpoint()
        self.asked += 1
        return Endpoint(f"ws://127.0.0.1:{self.port}/ws/method", (("x-secret", "s"),))


async def once(answer: bytes, use: Callable[[int], Awaitable[Any]]) -> bytes:
    """What was asked of a server that gives one answer, while *use* has its port."""
    heard = b""

    async def serve(stream: trio.SocketStream) -> None:
        nonlocal heard
        async with stream:
            while b"\r\n\r\n" not in heard:
                heard += await stream.receive_some()
            await stream.send_all(answer)

    async with trio.open_nursery() as nursery:
        [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, serve, [listener])
        await use(listener.socket.getsockname()[1])
        nursery.cancel_scope.cancel()
    return heard


async def test_a_websocket_backend_asks_for_its_endpoint_on_each_dial() -> None:
    async def dial(port: int) -> None:
        backend = Nearby(port)
        for _ in range(2):
            progress = Progress()
            async with trio.open_nursery() as nursery:
                with pytest.raises(HandshakeError) as caught:
                    await backend.dial(nursery, progress)
            assert caught.value.status_code == 403
            assert progress.phase == "upgrade"
        assert backend.asked == 2

    heard = await once(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", dial)
    assert heard.startswith(b"GET /ws/method HTTP/1.1\r\n")
    assert b"x-secret: s\r\n" in heard


def test_a_backend_refuses_no_setup_of_itself() -> None:
    class Lenient(Backend):
        def resource_name(self, model: str) -> str:
            return model

        async def dial(self, nursery: trio.Nursery, progress: Progress) -> Transport:
            raise NotImplementedError

    setup = Setup(model="any")
    assert Lenient().prepare_setup(setup) is setup
    Lenient().check_message(ClientContent(turn_complete=True))
