"""Dialling over real sockets: each way to fail says where, why, and whether to try again."""

from __future__ import annotations

import gc
import socket
import struct
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, TypeAlias

import pytest
import trio
import trio.testing
import trustme

from livegen_trio import HandshakeError
from livegen_trio.transports._dial.dialling import open_stream
from livegen_trio.transports._opening import open_websocket
from livegen_trio.transports._trio_websocket.transport import (
    serve_websocket_stream,
)
from livegen_trio.transports._trio_websocket.watched_stream import WatchedStream
from livegen_trio.transports.base import ConnectionClosed, Endpoint, Progress, Transport, TransportName
from support.authority import client_context, server_context
from support.raw_websocket import CLOSE, TEXT, RawPeer, accept, encode, encode_close

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncGenerator, Generator

Handler: TypeAlias = Callable[[trio.abc.Stream], Awaitable[None]]
HEADERS = (("x-goog-api-key", "secret-key"),)

CHOSEN: ContextVar[TransportName] = ContextVar("transport")


@pytest.fixture(autouse=True, params=["direct", "trio-websocket"])
def _transport(request: pytest.FixtureRequest) -> None:
    """Everything here is true of both."""
    CHOSEN.set(request.param)


def endpoint_of(
    url: str,
    headers: tuple[tuple[str, str], ...] = (),
    ssl_context: ssl.SSLContext | None = None,
    proxy: str | None = None,
) -> Endpoint:
    """An endpoint that is dialled by the chosen transport."""
    return Endpoint(url, headers, ssl_context, proxy, CHOSEN.get())


def as_bytes(frame: bytes | str) -> bytes:
    """Text frames are text, or its bytes."""
    return frame if isinstance(frame, bytes) else frame.encode()


@pytest.fixture(autouse=True)
def _nothing_leaks() -> Generator[None]:
    """An unclosed socket is a warning once it is collected, and a warning is an error."""
    yield
    gc.collect()


@asynccontextmanager
async def server(handler: Handler, tls: ssl.SSLContext | None = None) -> AsyncGenerator[int]:
    """A server at a port of this machine that lets *handler* deal with each client."""

    async def handle(stream: trio.SocketStream) -> None:
        encrypted = trio.SSLStream(stream, tls, server_side=True, https_compatible=True) if tls else stream
        try:
            await handler(encrypted)
        except trio.BrokenResourceError:
            pass  # what a client does to us is not the point
        finally:
            await trio.aclose_forcefully(encrypted)

    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        await nursery.start(trio.serve_listeners, handle, listeners)
        yield listeners[0].socket.getsockname()[1]
        nursery.cancel_scope.cancel()


async def failure(url: str, *, tls: ssl.SSLContext | None = None) -> HandshakeError:
    """The error of dialling *url*; checks what holds for all of them."""
    progress = Progress()
    async with trio.open_nursery() as nursery:
        with pytest.raises(HandshakeError) as caught, trio.fail_after(20):
            await open_websocket(endpoint_of(url, HEADERS, tls), nursery=nursery, progress=progress)
        assert not nursery.child_tasks
    error = caught.value
    assert error.phase == progress.phase
    assert "\n" not in str(error)
    assert "secret-key" not in f"{error} {error!r} {error.__cause__!r} {error.__context__!r}"
    return error


async def talk(url: str, *, tls: ssl.SSLContext | None = None) -> str | bytes:
    """Dial *url*, say hello, and return the answer."""
    async with trio.open_nursery() as nursery:
        transport = await open_websocket(endpoint_of(url, HEADERS, tls), nursery=nursery, progress=Progress())
        await transport.send(b"hello")
        answer = await transport.receive()
        await transport.aclose()
    return answer


async def echo(stream: trio.abc.Stream) -> None:
    """Be a good server."""
    async with trio.open_nursery() as nursery:
        transport = await (await serve_websocket_stream(stream, nursery=nursery)).accept()
        with pytest.raises(ConnectionClosed):
            while True:
                frame = await transport.receive()
                await transport.send(frame.encode() if isinstance(frame, str) else frame)
        await transport.aclose()


def answering(answer: bytes) -> Handler:
    """A server that answers the first bytes with *answer*, and hangs up."""

    async def handler(stream: trio.abc.Stream) -> None:
        await stream.receive_some(1)
        await stream.send_all(answer)

    return handler


class Resolver(trio.abc.HostnameResolver):
    """A name service that knows what it is given."""

    def __init__(self, addresses: list[str] | Exception | None) -> None:
        self._addresses = addresses

    async def getaddrinfo(  # type: ignore[override]  # typeshed's union of families is not worth repeating
        self, host: bytes | None, port: bytes | str | int | None, *_: int
    ) -> list[tuple[int, int, int, str, tuple[str, int]]]:
        if self._addresses is None:
            await trio.sleep_forever()
        await trio.lowlevel.checkpoint()
        if isinstance(self._addresses, Exception):
            raise self._addresses
        assert isinstance(port, int)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port)) for ip in self._addresses or []]

    async def getnameinfo(
        self, sockaddr: tuple[str, int] | tuple[str, int, int, int], flags: int
    ) -> tuple[str, str]:
        raise NotImplementedError


class TestReaching:
    async def test_a_server(self) -> None:
        async with server(echo) as port:
            assert await talk(f"ws://127.0.0.1:{port}/live") == b"hello"

    async def test_a_server_over_tls(self) -> None:
        async with server(echo, server_context("127.0.0.1")) as port:
            assert await talk(f"wss://127.0.0.1:{port}/live", tls=client_context()) == b"hello"

    async def test_a_server_by_name_at_the_address_that_works(self) -> None:
        trio.socket.set_custom_hostname_resolver(Resolver(["127.0.0.2", "127.0.0.1"]))
        async with server(echo, server_context("voice.test")) as port:
            assert await talk(f"wss://voice.test:{port}/live", tls=client_context()) == b"hello"

    async def test_goes_through_the_phases(self) -> None:
        progress = Progress()
        async with server(echo) as port, trio.open_nursery() as nursery:
            endpoint = endpoint_of(f"ws://127.0.0.1:{port}/live")
            transport = await open_websocket(endpoint, nursery=nursery, progress=progress)
            assert progress.phase == "upgrade"
            await transport.aclose()

    @pytest.mark.parametrize("scheme", ["ws", "wss"])
    async def test_returns_a_stream_that_can_be_waited_for_to_be_writable(self, scheme: str) -> None:
        async with server(echo_or_fail, server_context("127.0.0.1") if scheme == "wss" else None) as port:
            endpoint = endpoint_of(f"{scheme}://127.0.0.1:{port}/live", ssl_context=client_context())
            async with WatchedStream(await open_stream(endpoint, Progress())) as stream:
                await stream.wait_send_all_might_not_block()


class TestNoWay:
    async def test_a_name_that_is_none(self) -> None:
        error = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        trio.socket.set_custom_hostname_resolver(Resolver(error))
        found = await failure("ws://nowhere.test/live")
        assert (found.phase, found.retryable) == ("dns", True)  # a network that comes back looks the same
        assert "nowhere.test:80 can't be reached, dns failed: " in str(found)
        assert "Name or service not known" in str(found)

    async def test_a_name_service_that_says_nothing(self) -> None:
        trio.socket.set_custom_hostname_resolver(Resolver(None))
        assert await phase_when_blocked("ws://nowhere.test/live") == "dns"

    async def test_a_port_that_nobody_listens_at(self) -> None:
        async with server(echo) as port:
            pass
        found = await failure(f"ws://127.0.0.1:{port}/live")
        assert (found.phase, found.retryable) == ("tcp", True)
        assert f"127.0.0.1:{port} can't be reached, tcp failed: " in str(found)
        assert "refused" in str(found)

    async def test_several_addresses_none_of_which_works(self) -> None:
        async with server(echo) as port:
            pass
        trio.socket.set_custom_hostname_resolver(Resolver(["127.0.0.1", "127.0.0.2"]))
        found = await failure(f"ws://voice.test:{port}/live")
        assert (found.phase, found.retryable) == ("tcp", True)
        assert "refused" in str(found)

    @pytest.mark.parametrize("scheme", ["ws", "wss"])
    async def test_a_host_that_accepts_and_says_nothing(self, scheme: str) -> None:
        heard = trio.Event()

        async def say_nothing(stream: trio.abc.Stream) -> None:
            await stream.receive_some()
            heard.set()
            await trio.sleep_forever()

        async with server(say_nothing) as port:
            phase = await phase_when_blocked(f"{scheme}://127.0.0.1:{port}/live", heard)
        assert phase == ("upgrade" if scheme == "ws" else "tls")


class TestNoUpgrade:
    @pytest.mark.parametrize(
        ("status", "retryable"),
        [(200, False), (401, False), (403, False), (404, False), (429, True), (503, True)],
    )
    @pytest.mark.parametrize("headers", ["Content-Length: 12\r\n", ""], ids=["with length", "without length"])
    async def test_refused_with_a_status(self, status: int, retryable: bool, headers: str) -> None:
        answer = f"HTTP/1.1 {status} Sorry\r\n{headers}\r\n" + '{"error": 1}'
        async with server(answering(answer.encode())) as port:
            found = await failure(f"ws://127.0.0.1:{port}/live")
        assert (found.phase, found.status_code, found.retryable) == ("upgrade", status, retryable)
        assert found.body == b'{"error": 1}'
        assert f"HTTP status {status}" in str(found)

    async def test_refused_by_a_server_of_ours(self) -> None:
        async def refuse(stream: trio.abc.Stream) -> None:
            async with trio.open_nursery() as nursery:
                await (await serve_websocket_stream(stream, nursery=nursery)).refuse(403, b"no")

        async with server(refuse, server_context("127.0.0.1")) as port:
            found = await failure(f"wss://127.0.0.1:{port}/live", tls=client_context())
        assert (found.status_code, found.body) == (403, b"no")

    @pytest.mark.parametrize("answer", [b"", b"HTT", b"HTTP/1.1 101 Switching"])
    async def test_a_peer_that_hangs_up(self, answer: bytes) -> None:
        async with server(answering(answer)) as port:
            found = await failure(f"ws://127.0.0.1:{port}/live")
        # It has read one byte of our request: to close a socket with bytes unread is to reset the connection.
        assert (found.phase, found.status_code, found.retryable) == ("upgrade", None, True)
        assert "hung up" in str(found)

    async def test_a_peer_that_speaks_another_protocol(self) -> None:
        async with server(answering(b"220 mail.test ESMTP\r\n\r\n")) as port:
            found = await failure(f"ws://127.0.0.1:{port}/live")
        assert (found.phase, found.retryable) == ("upgrade", False)
        assert "does not speak WebSocket" in str(found)

    async def test_a_peer_that_wants_tls(self) -> None:
        async with server(echo_or_fail, server_context("127.0.0.1")) as port:
            found = await failure(f"ws://127.0.0.1:{port}/live")
        assert found.phase == "upgrade"


class TestNoTls:
    async def test_a_certificate_for_another_host(self) -> None:
        async with server(echo_or_fail, server_context("other.test")) as port:
            found = await failure(f"wss://127.0.0.1:{port}/live", tls=client_context())
        assert (found.phase, found.retryable) == ("tls", False)
        assert "certificate" in str(found)
        assert "127.0.0.1" in str(found)

    async def test_a_certificate_that_nobody_vouches_for(self) -> None:
        async with server(echo_or_fail, server_context("127.0.0.1")) as port:
            found = await failure(f"wss://127.0.0.1:{port}/live", tls=client_context(trustme.CA()))
        assert (found.phase, found.retryable) == ("tls", False)
        assert "certificate" in str(found)
        assert "give an ssl_context that trusts its authority" in str(found)

    async def test_a_certificate_that_the_system_does_not_vouch_for(self) -> None:
        async with server(echo_or_fail, server_context("127.0.0.1")) as port:
            found = await failure(f"wss://127.0.0.1:{port}/live")
        assert (found.phase, found.retryable) == ("tls", False)

    async def test_a_server_in_plain_text(self) -> None:
        async with server(answering(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as port:
            found = await failure(f"wss://127.0.0.1:{port}/live", tls=client_context())
        assert (found.phase, found.retryable) == ("tls", False)
        assert "it answered without TLS: write ws://" in str(found)

    async def test_a_peer_that_hangs_up(self) -> None:
        async def read_and_hang_up(stream: trio.abc.Stream) -> None:
            await stream.receive_some()

        async with server(read_and_hang_up) as port:
            found = await failure(f"wss://127.0.0.1:{port}/live", tls=client_context())
        assert (found.phase, found.retryable) == ("tls", True)

    async def test_a_peer_that_resets_the_connection(self) -> None:
        async def reset(stream: trio.abc.Stream) -> None:
            await stream.receive_some(1)

        async with server(reset) as port:
            found = await failure(f"wss://127.0.0.1:{port}/live", tls=client_context())
        assert (found.phase, found.retryable) == ("tls", True)


class TestResetConnections:
    @pytest.mark.parametrize("scheme", ["ws", "wss"])
    async def test_what_the_peer_said_last_is_heard_although_sending_has_failed(self, scheme: str) -> None:
        gone = trio.Event()

        async def say_and_reset(stream: trio.abc.Stream) -> None:
            peer = RawPeer(stream)
            await peer.say(accept(await peer.hear_http()))
            await peer.hear()
            # Each in a TLS record of its own, so that only the first is read before the sends fail.
            await peer.say(encode(TEXT, b"one"))
            await peer.say(encode(TEXT, b"two"))
            await peer.say(encode_close(1007, b"bad field"))
            reset_on_close(stream)
            await trio.aclose_forcefully(stream)
            gone.set()

        tls = server_context("127.0.0.1") if scheme == "wss" else None
        async with server(say_and_reset, tls) as port, trio.open_nursery() as nursery:
            endpoint = endpoint_of(f"{scheme}://127.0.0.1:{port}/live", HEADERS, client_context())
            transport = await open_websocket(endpoint, nursery=nursery, progress=Progress())
            await transport.send(b"hello")
            await gone.wait()
            await send_until_it_fails(transport)
            assert [as_bytes(await transport.receive()) for _ in range(2)] == [b"one", b"two"]
            with pytest.raises(ConnectionClosed) as caught:
                await transport.receive()
            assert (caught.value.code, caught.value.reason) == (1007, "bad field")
            await transport.aclose()

    async def test_a_client_that_sends_too_much_reads_why(self) -> None:
        async def take_little(stream: trio.abc.Stream) -> None:
            async with trio.open_nursery() as nursery:
                request = await serve_websocket_stream(stream, nursery=nursery, max_message_size=1000)
                transport = await request.accept()
                with pytest.raises(ConnectionClosed):
                    await transport.receive()
                await transport.aclose()

        async with server(take_little) as port:
            stream = await trio.open_tcp_stream("127.0.0.1", port)
            async with stream:
                peer = RawPeer(stream)
                await peer.say(
                    b"GET / HTTP/1.1\r\nHost: voice.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
                )
                await peer.hear_http()
                await peer.say(encode(TEXT, b"x" * 2_000_000, mask=True))
                opcode, payload = await peer.hear()
                assert (opcode, payload[:2]) == (CLOSE, b"\x03\xf1")


async def phase_when_blocked(url: str, blocked: trio.Event | None = None) -> str:
    """How far a dial comes that is cancelled when it can come no further."""
    progress = Progress()

    async def dial() -> None:
        async with trio.open_nursery() as nursery:
            await open_websocket(endpoint_of(url, HEADERS), nursery=nursery, progress=progress)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(dial)
        if blocked is not None:
            await blocked.wait()
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    return progress.phase


async def echo_or_fail(stream: trio.abc.Stream) -> None:
    """Be a good server, to a client that may hang up in the middle of TLS."""
    try:
        await echo(stream)
    except* (HandshakeError, trio.BrokenResourceError):
        pass


async def send_until_it_fails(transport: Transport) -> None:
    """Notice that the peer has gone, as a sender does: or not, since below TLS it shows only when reading."""
    for _ in range(10):
        try:
            await transport.send(b"{}")
        except ConnectionClosed:
            return


def reset_on_close(stream: trio.abc.Stream) -> None:
    """Make closing *stream* reset its connection, as a server's does that has not read everything."""
    inner = stream.transport_stream if isinstance(stream, trio.SSLStream) else stream
    assert isinstance(inner, trio.SocketStream)
    inner.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
