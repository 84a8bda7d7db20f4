"""The engine over real WebSockets: in memory under the virtual clock, and on real sockets with TLS."""

from __future__ import annotations

import ssl
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing
import trustme

from livegen_trio import (
    ConnectTimeoutError,
    GeminiBackend,
    HandshakeError,
    LiveSession,
    SessionClosedError,
    WebSocketBackend,
)
from livegen_trio.transports._trio_websocket.transport import (
    TrioWebSocketTransport,
    serve_websocket_stream,
    upgrade_client_stream,
)
from livegen_trio.transports.base import Endpoint
from support.peer import SETUP_COMPLETE, TURN_COMPLETE, Peer, model_on, next_content, text

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from livegen_trio.transports.base import Progress, Transport


class StreamBackend(WebSocketBackend):
    """Speaks WebSocket over a stream in memory; the other end is the test's."""

    def __init__(self) -> None:
        self.ours, self.theirs = trio.testing.memory_stream_pair()
        self.peer: Peer

    def resource_name(self, model: str) -> str:
        return f"models/{model}"

    async def endpoint(self) -> Endpoint:
        await trio.lowlevel.checkpoint()
        return Endpoint("ws://memory/live")

    async def dial(self, nursery: trio.Nursery, progress: Progress) -> Transport:
        nursery.start_soon(partial(self._serve, nursery))
        return await upgrade_client_stream(self.ours, await self.endpoint(), nursery=nursery)

    async def _serve(self, nursery: trio.Nursery) -> None:
        request = await serve_websocket_stream(self.theirs, nursery=nursery)
        self.peer = Peer(await request.accept())
        nursery.start_soon(self.peer.read)
        assert "setup" in await self.peer.hear()
        await self.peer.say(SETUP_COMPLETE)


@asynccontextmanager
async def websocket_conversation() -> AsyncGenerator[tuple[LiveSession, StreamBackend]]:
    backend = StreamBackend()
    async with model_on(backend).connect() as session:
        yield session, backend


async def test_a_conversation_over_a_websocket() -> None:
    async with websocket_conversation() as (session, backend):
        await session.send("Hello")
        assert "clientContent" in await backend.peer.hear()
        await backend.peer.say(text("Hi!"), TURN_COMPLETE)
        assert (await next_content(session)).text == "Hi!"
    assert backend.peer.closed is not None
    assert (backend.peer.closed.code, backend.peer.closed.initiator) == (1000, "server")


async def test_the_servers_pings_are_answered_while_the_consumer_sleeps(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with websocket_conversation() as (session, backend):
        for _ in range(60):
            await backend.peer.say(text("unread"))
            await trio.sleep(10)
            asked = trio.current_time()
            await backend.peer.transport.ping()
            await trio.sleep(0.01)
            assert backend.peer.transport.last_heard >= asked
        assert session.statistics().unread_events == 60
        assert not session.is_closed


async def test_events_and_a_close_in_one_burst_are_all_seen(autojump_clock: trio.testing.MockClock) -> None:
    async with websocket_conversation() as (session, backend):
        for number in range(50):
            await backend.peer.say(text(str(number)))
        await backend.peer.close(1011, "Internal error encountered.")
        assert [(await next_content(session)).text for _ in range(50)] == [
            str(number) for number in range(50)
        ]
        with pytest.raises(SessionClosedError) as caught:
            await session.receive()
        assert (caught.value.code, caught.value.reason) == (1011, "Internal error encountered.")


async def test_a_send_cancelled_while_the_network_is_full_leaves_the_stream_valid(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Each message is bigger than what the stream takes at once; half of the sends are cancelled somewhere inside."""
    ours, theirs = trio.testing.lockstep_stream_pair()
    backend = StreamBackend()
    backend.ours, backend.theirs = ours, theirs  # type: ignore[assignment]  # lockstep: a send waits for its reader
    accepted = []
    async with model_on(backend).connect() as session:
        for number in range(40):
            with trio.CancelScope() as scope:
                if number % 2:
                    scope.cancel()
                await session.send_text_realtime(f"{number}:" + "x" * 50_000)
                accepted.append(number)
    heard = []
    for _ in accepted:
        words = (await backend.peer.hear())["realtimeInput"]["text"]
        assert words.endswith("x" * 50_000)
        heard.append(int(words.partition(":")[0]))
    assert heard == accepted == list(range(0, 40, 2))


async def test_a_connection_that_drops_is_a_1006_at_once(autojump_clock: trio.testing.MockClock) -> None:
    async with websocket_conversation() as (session, backend):
        await trio.aclose_forcefully(backend.theirs)
        with pytest.raises(SessionClosedError) as caught:
            await session.receive()
        assert (caught.value.code, caught.value.initiator) == (1006, "server")


async def test_an_oversized_message_is_refused_by_this_side() -> None:
    async with websocket_conversation() as (session, backend):
        await backend.peer.say(text("x" * 2**24))
        with pytest.raises(SessionClosedError) as caught:
            await session.receive()
        assert (caught.value.code, caught.value.initiator) == (1009, "local")


# Real sockets


async def serve_one(
    stream: trio.abc.Stream, *, requests: list[tuple[str, dict[str, str]]], silent: bool = False
) -> None:
    async with trio.open_nursery() as nursery:
        request = await serve_websocket_stream(stream, nursery=nursery)
        requests.append((request.target, {name.decode(): value.decode() for name, value in request.headers}))
        transport: TrioWebSocketTransport = await request.accept()
        peer = Peer(transport)
        nursery.start_soon(peer.read)
        await peer.hear()
        if not silent:
            await peer.say(SETUP_COMPLETE)


async def port_of(nursery: trio.Nursery, server: Callable[..., Awaitable[object]]) -> int:
    listeners: list[Any] = await nursery.start(server)
    first = listeners[0]
    listener = first.transport_listener if isinstance(first, trio.SSLListener) else first
    return int(listener.socket.getsockname()[1])


async def test_the_gemini_backend_says_who_it_is_in_headers_over_tls() -> None:
    authority = trustme.CA()
    server_context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(server_context)
    client_context = ssl.create_default_context()
    authority.configure_trust(client_context)
    requests: list[tuple[str, dict[str, str]]] = []
    async with trio.open_nursery() as nursery:
        handler = partial(serve_one, requests=requests)
        port = await port_of(
            nursery, partial(trio.serve_ssl_over_tcp, handler, 0, server_context, host="127.0.0.1")
        )
        backend = GeminiBackend(
            api_key="the-key", base_url=f"https://localhost:{port}", ssl_context=client_context
        )
        async with model_on(backend).connect():
            pass
        nursery.cancel_scope.cancel()
    ((target, headers),) = requests
    assert target == "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
    assert headers["x-goog-api-key"] == "the-key"


async def test_a_certificate_that_nobody_vouches_for_is_refused_in_phase_tls() -> None:
    server_context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("localhost").configure_cert(server_context)
    async with trio.open_nursery() as nursery:

        async def handler(stream: trio.SSLStream[trio.SocketStream]) -> None:
            with pytest.raises(trio.BrokenResourceError):
                await stream.do_handshake()

        port = await port_of(
            nursery, partial(trio.serve_ssl_over_tcp, handler, 0, server_context, host="127.0.0.1")
        )
        with pytest.raises(HandshakeError) as caught:
            async with model_on(GeminiBackend(api_key="k", base_url=f"wss://localhost:{port}")).connect():
                pass
        nursery.cancel_scope.cancel()
    assert (caught.value.phase, caught.value.retryable) == ("tls", False)


@pytest.mark.parametrize(("upgrades", "phase"), [(False, "upgrade"), (True, "setup")])
async def test_a_peer_that_accepts_tcp_and_then_says_nothing_ends_in_a_timeout(
    upgrades: bool, phase: str
) -> None:
    async def swallow(stream: trio.SocketStream) -> None:
        async for _ in stream:
            pass

    handler = partial(serve_one, requests=[], silent=True) if upgrades else swallow
    async with trio.open_nursery() as nursery:
        port = await port_of(nursery, partial(trio.serve_tcp, handler, 0, host="127.0.0.1"))
        with pytest.raises(ConnectTimeoutError) as caught:
            backend = GeminiBackend(api_key="k", base_url=f"ws://127.0.0.1:{port}")
            async with model_on(backend).connect(connect_timeout=0.3):
                pass
        nursery.cancel_scope.cancel()
    assert caught.value.phase == phase
