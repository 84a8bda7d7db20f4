"""URLs below a base URL, and how a WebSocket backend dials its endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio

from livegen_trio import Backend, ConfigError, HandshakeError, WebSocketBackend
from livegen_trio.backends.base import websocket_url
from livegen_trio.transports.base import Endpoint, Progress, Transport
from livegen_trio.types import Setup

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


@pytest.mark.parametrize(
    ("base_url", "url"),
    [
        ("wss://host", "wss://host/ws/method"),
        ("ws://host:8080", "ws://host:8080/ws/method"),
        ("https://host", "wss://host/ws/method"),
        ("http://host", "ws://host/ws/method"),
        ("HTTPS://Host", "wss://Host/ws/method"),
        ("wss://host/", "wss://host/ws/method"),
        ("wss://host/proxy/gemini/", "wss://host/proxy/gemini/ws/method"),
        ("wss://host/@scope", "wss://host/@scope/ws/method"),
        ("ws://[::1]:8080", "ws://[::1]:8080/ws/method"),
        ("ws://127.0.0.1:65535", "ws://127.0.0.1:65535/ws/method"),
    ],
)
def test_a_path_goes_below_a_base_url(base_url: str, url: str) -> None:
    assert websocket_url(base_url, "/ws/method") == url


@pytest.mark.parametrize(
    "base_url",
    [
        "",
        "host",
        "host:8080",
        "/path",
        "ftp://host",
        "file:///etc/passwd",
        "wss://",
        "wss:host",
        "wss://:8080",
        "wss://host:port",
        "wss://host:65536",
        "wss://host:0",
        "wss://host:-1",
        "wss://[::1",
        "wss://[nonsense]",
        "wss://ho st",
        "wss://host\n",
        " wss://host",
    ],
)
def test_what_is_no_base_url_is_refused_with_how_to_write_one(base_url: str) -> None:
    with pytest.raises(ConfigError, match=r"no base URL; write wss://host or ws://host:port$") as caught:
        websocket_url(base_url, "/ws/method")
    assert str(caught.value).startswith(repr(base_url))


@pytest.mark.parametrize(
    "base_url",
    [
        "wss://host?key=SECRET",
        "wss://host/path?key=SECRET",
        "wss://host#SECRET",
        "wss://user:SECRET@host",
        "wss://:SECRET@host",
        "wss://SECRET@host:port",
        "//user:SECRET@host",
        "user:SECRET@host",
        "host?key=SECRET",
        "wss://host:port?key=SECRET",
    ],
)
def test_secrets_in_a_base_url_are_refused_and_not_repeated(base_url: str) -> None:
    with pytest.raises(ConfigError, match="secrets belong into headers") as caught:
        websocket_url(base_url, "/ws/method")
    assert "SECRET" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


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


async def test_a_websocket_backend_dials_its_endpoint_anew_each_time() -> None:
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

    Lenient().check_setup(Setup(model="any"))
