"""The WebSocket against a peer that is written by hand, byte by byte, and need not play by the rules."""

from __future__ import annotations

import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing
from hypothesis import given, strategies as st

from livegen_trio import HandshakeError
from livegen_trio.transports._trio_websocket.transport import (
    TrioWebSocketTransport,
    UpgradeRequest,
    serve_websocket_stream,
    upgrade_client_stream,
)
from livegen_trio.transports.base import ConnectionClosed, Endpoint
from support.raw_websocket import (
    BINARY,
    CLOSE,
    CONTINUATION,
    ENDPOINT,
    PING,
    PONG,
    REQUEST,
    TEXT,
    RawPeer,
    accept,
    accepting,
    client_and_raw_server,
    encode,
    encode_close,
    header,
    server_and_raw_client,
    stream_pair,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from trio.testing import MockClock

REFUSAL = b"HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\nContent-Length: 7\r\n\r\nno key!"


async def upgrade_against(
    *answer: bytes, hang_up: bool = True, endpoint: Endpoint = ENDPOINT
) -> HandshakeError:
    """The error of an upgrade whose request was answered so; checks that the stream is closed by it."""
    ours, theirs = stream_pair()
    peer = RawPeer(theirs)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(answer_upgrade, peer, answer, hang_up)
        with pytest.raises(HandshakeError) as caught:
            await upgrade_client_stream(ours, endpoint, nursery=nursery)
    assert await peer.hear_end() == b""
    return caught.value


async def answer_upgrade(peer: RawPeer, answer: tuple[bytes, ...], hang_up: bool) -> None:
    await peer.hear_http()
    for piece in answer:
        await peer.say(piece)
    if hang_up:
        await peer.say_end()


@asynccontextmanager
async def upgrade_request(request: bytes = REQUEST) -> AsyncGenerator[tuple[UpgradeRequest, RawPeer]]:
    """A client's request, yet to be answered. The block must end the connection."""
    ours, theirs = stream_pair()
    peer = RawPeer(theirs)
    async with trio.open_nursery() as nursery:
        await peer.say(request)
        yield await serve_websocket_stream(ours, nursery=nursery), peer


async def serve_against(request: bytes) -> tuple[HandshakeError, bytes]:
    """The error of a server whose client asked so and then hung up, and what the server answered."""
    ours, theirs = stream_pair()
    peer = RawPeer(theirs)
    await peer.say(request)
    await peer.say_end()
    async with trio.open_nursery() as nursery:
        with pytest.raises(HandshakeError) as caught:
            await serve_websocket_stream(ours, nursery=nursery)
    return caught.value, await peer.hear_end()


async def ending_of(transport: TrioWebSocketTransport) -> tuple[int, str, str]:
    """How the connection ended, as `receive` raises it."""
    with pytest.raises(ConnectionClosed) as caught:
        await transport.receive()
    return caught.value.code, caught.value.reason, caught.value.initiator


class TestUpgrade:
    async def test_asks_for_the_target_at_the_host_with_the_headers(self) -> None:
        ours, theirs = stream_pair()
        peer = RawPeer(theirs)
        requests: list[bytes] = []

        async def note_and_accept() -> None:
            requests.append(await peer.hear_http())
            await peer.say(accept(requests[0]))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(note_and_accept)
            transport = await upgrade_client_stream(ours, ENDPOINT, nursery=nursery)
            await transport.abort()
        assert requests[0].startswith(b"GET /live?alt=json HTTP/1.1\r\n")
        assert header(requests[0], b"host") == b"voice.test:8080"
        assert header(requests[0], b"x-goog-api-key") == b"secret-key"

    async def test_asks_for_the_root_when_the_url_has_no_path(self) -> None:
        ours, theirs = stream_pair()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(upgrade_until_cancelled, ours, Endpoint("ws://[::1]:90"))
            request = await RawPeer(theirs).hear_http()
            nursery.cancel_scope.cancel()
        assert request.startswith(b"GET / HTTP/1.1\r\n")
        assert header(request, b"host") == b"[::1]:90"

    async def test_takes_frames_that_come_right_behind_the_answer(self) -> None:
        async with client_and_raw_server(encode(TEXT, b"one"), encode(BINARY, b"two")) as (transport, _peer):
            assert await transport.receive() == "one"
            assert await transport.receive() == b"two"
            await transport.abort()

    @pytest.mark.parametrize("attempt", range(10))
    async def test_takes_a_close_that_comes_right_behind_the_answer(self, attempt: int) -> None:
        # Ten attempts, since the order of the two tasks is chance.
        close = encode_close(1008, b"no such model")
        async with client_and_raw_server(close) as (transport, peer):
            assert await ending_of(transport) == (1008, "no such model", "server")
            assert await peer.hear() == (CLOSE, b"\x03\xf0no such model")
            await transport.aclose()

    async def test_takes_frames_of_a_peer_that_has_hung_up_behind_them(self) -> None:
        async with client_and_raw_server(encode(TEXT, b"one")) as (transport, peer):
            await peer.hang_up()
            assert await transport.receive() == "one"
            assert await ending_of(transport) == (1006, "", "server")
            await transport.aclose()

    async def test_can_be_cancelled_and_then_closes_the_stream(self, autojump_clock: MockClock) -> None:
        ours, theirs = stream_pair()
        async with trio.open_nursery() as nursery:
            with trio.move_on_after(5) as timeout:
                await upgrade_client_stream(ours, ENDPOINT, nursery=nursery)
            assert not nursery.child_tasks
        assert timeout.cancelled_caught
        assert await RawPeer(theirs).hear_end() != b""

    async def test_logs_no_secret(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG)
        async with client_and_raw_server(encode(TEXT, b"one")) as (transport, peer):
            await transport.receive()
            await transport.send(b"frame-with-a-token")
            await peer.hear()
            await transport.abort()
        assert caplog.records
        assert "secret-key" not in caplog.text
        assert "frame-with-a-token" not in caplog.text


class TestRefusedUpgrade:
    @pytest.mark.parametrize("status", [200, 302, 400, 401, 403, 404, 426, 429, 500, 503])
    @pytest.mark.parametrize(
        ("headers", "body"),
        [
            (b"Content-Length: 7\r\n", b"because"),
            (b"", b"because"),
            (b"Connection: close\r\n", b"because"),
            (b"Transfer-Encoding: chunked\r\n", b"3\r\nbec\r\n4\r\nause\r\n0\r\n\r\n"),
        ],
        ids=["with length", "without length", "closing", "chunked"],
    )
    async def test_has_status_and_body(self, status: int, headers: bytes, body: bytes) -> None:
        error = await upgrade_against(b"HTTP/1.1 %d Sorry\r\n%s\r\n%s" % (status, headers, body))
        assert (error.phase, error.status_code, error.body) == ("upgrade", status, b"because")
        assert str(status) in str(error)
        assert error.retryable == (status in {429, 500, 503})

    async def test_without_a_body_has_the_status(self) -> None:
        error = await upgrade_against(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", hang_up=False)
        assert (error.status_code, error.body) == (404, b"")

    async def test_without_a_reason_has_the_status(self) -> None:
        error = await upgrade_against(b"HTTP/1.1 404 \r\n\r\n")
        assert (error.status_code, error.body) == (404, b"")

    async def test_by_an_interim_answer_has_the_status(self) -> None:
        error = await upgrade_against(b"HTTP/1.1 103 Early Hints\r\n\r\n", hang_up=False)
        assert (error.status_code, error.retryable) == (103, False)

    async def test_does_not_wait_long_for_a_body_that_does_not_come(self, autojump_clock: MockClock) -> None:
        answer = b"HTTP/1.1 503 Busy\r\nContent-Length: 1000\r\n\r\nonly this"
        with trio.fail_after(2):
            error = await upgrade_against(answer, hang_up=False)
        assert (error.status_code, error.body) == (503, b"only this")

    async def test_keeps_only_the_beginning_of_a_body(self) -> None:
        error = await upgrade_against(b"HTTP/1.1 500 Oh\r\nContent-Length: 100000\r\n\r\n", b"x" * 100_000)
        assert error.body == b"x" * 2048

    async def test_does_not_read_a_body_without_end(self) -> None:
        ours, theirs = stream_pair(lockstep=True)
        peer = RawPeer(theirs)

        async def answer_for_ever() -> None:
            await peer.hear_http()
            with pytest.raises(trio.BrokenResourceError):
                await peer.say(b"HTTP/1.1 500 Oh\r\n\r\n")
                while True:
                    await peer.say(b"x" * 1000)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(answer_for_ever)
            with pytest.raises(HandshakeError) as caught:
                await upgrade_client_stream(ours, ENDPOINT, nursery=nursery)
        assert caught.value.status_code == 500

    async def test_is_heard_also_when_the_request_could_not_be_sent(self) -> None:
        # A load balancer may refuse and hang up before it has read anything.
        ours, theirs = stream_pair()
        await theirs.send_all(REFUSAL)
        await theirs.aclose()
        async with trio.open_nursery() as nursery:
            with pytest.raises(HandshakeError) as caught:
                await upgrade_client_stream(ours, ENDPOINT, nursery=nursery)
        assert (caught.value.status_code, caught.value.body) == (403, b"no key!")

    async def test_that_breaks_off_has_the_status_if_it_came(self) -> None:
        status_line = len(b"HTTP/1.1 403 Forbidden\r\n")
        for size in range(len(REFUSAL)):
            error = await upgrade_against(REFUSAL[:size])
            if size < status_line:
                assert (error.status_code, error.retryable) == (None, True), size
            else:
                assert error.status_code == 403, size
                assert b"no key!".startswith(error.body), size


class TestFailedUpgrade:
    async def test_is_an_error_wherever_the_peer_hangs_up(self) -> None:
        for size in range(len(accept(REQUEST))):
            error = await upgrade_against(accept(REQUEST)[:size])
            assert str(error) == "the peer hung up during the WebSocket upgrade", size
            assert (error.phase, error.status_code, error.retryable) == ("upgrade", None, True)

    @pytest.mark.parametrize(
        "answer",
        [
            b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
            b"220 mail.test ESMTP\r\n\r\n",
            b"\x15\x03\x01\x00\x02\x02\x16",
            b"\x00" * 5000,
            b"HTTP/1.1 what?\r\n\r\n",
            b"HTTP/1.1 101 Sure\r\n\r\n",
            b"HTTP/1.1 101 Sure\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: no\r\n\r\n",
            b"HTTP/1.1 101 Sure\r\nUpgrade: websocket\r\nConnection: \xff\r\n\r\n",
            b"HTTP/1.1 101 Sure\r\nX: " + b"x" * 100_000,
        ],
    )
    @pytest.mark.parametrize("hang_up", [True, False])
    async def test_is_an_error_if_the_peer_speaks_something_else(self, answer: bytes, hang_up: bool) -> None:
        error = await upgrade_against(answer, hang_up=hang_up)
        assert str(error) == "the peer does not speak WebSocket"
        assert (error.phase, error.status_code, error.retryable) == ("upgrade", None, False)

    async def test_comes_bare_out_of_the_callers_nursery(self) -> None:
        ours, theirs = stream_pair()
        await theirs.aclose()
        async with trio.open_nursery() as nursery:
            with pytest.raises(HandshakeError):
                await upgrade_client_stream(ours, ENDPOINT, nursery=nursery)
            assert not nursery.child_tasks

    async def test_hides_no_interrupt(self) -> None:
        ours, _theirs = stream_pair()
        async with trio.open_nursery() as nursery:
            with pytest.raises(KeyboardInterrupt):
                await upgrade_client_stream(
                    FailingStream(ours, KeyboardInterrupt()), ENDPOINT, nursery=nursery
                )


class TestServing:
    async def test_shows_target_and_headers_of_the_request(self) -> None:
        async with upgrade_request() as (request, peer):
            assert request.target == "/live?alt=json"
            assert (b"sec-websocket-version", b"13") in request.headers
            await request.refuse(404, b"")
            assert (await peer.hear_http()).startswith(b"HTTP/1.1 404 ")
            assert await peer.hear_end() == b""

    async def test_sends_binary_frames_by_default(self) -> None:
        async with upgrade_request() as (request, peer):
            transport = await request.accept()
            await peer.hear_http()
            await transport.send(b"{}")
            assert await peer.hear() == (BINARY, b"{}")
            await transport.abort()

    async def test_sends_text_frames_if_asked(self) -> None:
        async with upgrade_request() as (request, peer):
            transport = await request.accept(opcode="text")
            await peer.hear_http()
            await transport.send(b"{}")
            assert await peer.hear() == (TEXT, b"{}")
            await transport.abort()

    async def test_refuses_with_a_status_and_a_body_and_hangs_up(self) -> None:
        async with upgrade_request() as (request, peer):
            await request.refuse(429, b'{"error":1}')
            answer = await peer.hear_http()
            assert answer.startswith(b"HTTP/1.1 429 ")
            assert header(answer, b"content-length") == b"11"
            assert await peer.hear_end() == b'{"error":1}'

    async def test_refuses_a_client_that_has_gone(self) -> None:
        async with upgrade_request() as (request, peer):
            await peer.hang_up()
            await trio.testing.wait_all_tasks_blocked()
            await request.refuse(503, b"full")

    async def test_hangs_up_also_when_refusing_is_cancelled(self) -> None:
        async with upgrade_request() as (request, peer):
            with trio.CancelScope() as scope:
                scope.cancel()
                await request.refuse(503, b"full")
            await peer.hear_end()

    async def test_accepts_a_client_that_has_gone_which_then_shows(self) -> None:
        async with upgrade_request() as (request, peer):
            await peer.hang_up()
            await trio.testing.wait_all_tasks_blocked()
            transport = await request.accept()
            assert await ending_of(transport) == (1006, "", "server")
            await transport.aclose()

    async def test_is_an_error_wherever_the_client_hangs_up(self) -> None:
        for size in range(len(REQUEST)):
            error, answer = await serve_against(REQUEST[:size])
            assert error.phase == "upgrade", size
            assert answer == b"", size

    @pytest.mark.parametrize(
        ("request_", "status"),
        [
            (b"GET / HTTP/1.1\r\nHost: voice.test\r\n\r\n", b"400"),
            (b"POST / HTTP/1.1\r\nHost: voice.test\r\nContent-Length: 0\r\n\r\n", b"400"),
            (REQUEST.replace(b"Version: 13", b"Version: 12"), b"426"),
            (REQUEST.replace(b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n", b""), b"400"),
            (REQUEST.replace(b"Upgrade: websocket", b"Upgrade: h2c"), b"400"),
            (REQUEST.replace(b"Host: voice.test\r\n", b""), b"400"),
            (REQUEST.replace(b"voice.test", b"\xff\xfe"), b""),
            (REQUEST.replace(b"Connection: Upgrade", b"Connection: \xff"), b""),
            (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200) + b"\r\n\r\n", b"400"),
            (b"GET / HTTP/1.1\r\nX: " + b"x" * 200_000, b"400"),
        ],
    )
    async def test_is_an_error_if_the_client_asks_for_no_websocket(
        self, request_: bytes, status: bytes
    ) -> None:
        error, answer = await serve_against(request_)
        assert str(error) == "the peer does not speak WebSocket"
        assert answer[9:12] == status

    async def test_can_be_cancelled_while_the_client_says_nothing(self, autojump_clock: MockClock) -> None:
        ours, theirs = stream_pair()
        async with trio.open_nursery() as nursery:
            with trio.move_on_after(5):
                await serve_websocket_stream(ours, nursery=nursery)
        assert await RawPeer(theirs).hear_end() == b""


class TestFrames:
    @pytest.mark.parametrize(
        "frame",
        [
            b"",
            b"{}",
            '{"text":"gr\u00fc\u00df \U0001f44b \u2028"}'.encode(),
            b"\xef\xbb\xbf{}",
            b'{"escaped":"\\ud83d"}',
            b"\x00\x7f\r\n",
        ],
    )
    async def test_of_text_are_the_very_bytes_given(self, frame: bytes) -> None:
        async with client_and_raw_server() as (transport, peer):
            await transport.send(frame)
            assert await peer.hear() == (TEXT, frame)
            await peer.say(encode(TEXT, frame))
            assert await transport.receive() == frame.decode()
            await transport.abort()

    @given(st.text())
    def test_of_any_text_survive_the_way(self, text: str) -> None:
        frame = text.encode(errors="ignore")

        async def send() -> None:
            async with client_and_raw_server() as (transport, peer):
                await transport.send(frame)
                assert await peer.hear() == (TEXT, frame)
                await transport.abort()

        trio.run(send)

    async def test_of_text_that_is_no_utf_8_are_refused_and_nothing_is_sent(self) -> None:
        async with client_and_raw_server() as (transport, peer):
            with pytest.raises(UnicodeDecodeError):
                await transport.send(b"\xff")
            await transport.send(b"next")
            assert await peer.hear() == (TEXT, b"next")
            await transport.abort()

    @pytest.mark.parametrize("size", [125, 126, 65535, 65536, 5 * 2**20])
    async def test_of_every_size_arrive(self, size: int) -> None:
        frame = bytes(range(32, 127)) * (size // 95 + 1)
        async with server_and_raw_client() as (transport, peer):
            await transport.send(frame[:size])
            assert await peer.hear() == (BINARY, frame[:size])
            await peer.say(encode(TEXT, frame[:size], mask=True))
            assert await transport.receive() == frame[:size].decode()
            await transport.abort()

    async def test_come_whole_when_the_peer_sends_them_in_pieces(self) -> None:
        message = '{"\u00fc":1}'.encode()
        async with client_and_raw_server() as (transport, peer):
            await peer.say(encode(TEXT, message[:3], fin=False))
            await peer.say(encode(PING, b"between"))
            await peer.say(encode(CONTINUATION, message[3:4], fin=False))
            await peer.say(encode(CONTINUATION, message[4:]))
            assert await transport.receive() == message.decode()
            assert await peer.hear() == (PONG, b"between")
            await transport.abort()

    async def test_come_whole_byte_by_byte(self) -> None:
        async with client_and_raw_server() as (transport, peer), trio.open_nursery() as nursery:
            nursery.start_soon(say_slowly, peer, encode(BINARY, b"x" * 300) + encode(TEXT, b"y"))
            assert await transport.receive() == b"x" * 300
            assert await transport.receive() == "y"
            await transport.abort()

    async def test_up_to_the_limit_are_received(self) -> None:
        async with client_and_raw_server(max_message_size=1000) as (transport, peer):
            await peer.say(encode(BINARY, b"x" * 1000))
            assert await transport.receive() == b"x" * 1000
            await transport.abort()


class TestBrokenOff:
    async def test_a_frame_that_breaks_off_at_any_byte_is_an_end(self) -> None:
        wire = encode(TEXT, b"whole") + encode(BINARY, b"x" * 200)
        for size in range(len(wire)):
            async with client_and_raw_server() as (transport, peer):
                await peer.say(wire[:size])
                await peer.hang_up()
                if size >= len(encode(TEXT, b"whole")):
                    assert await transport.receive() == "whole"
                assert await ending_of(transport) == (1006, "", "server"), size
                await transport.aclose()

    async def test_a_close_that_breaks_off_at_any_byte_is_an_end(self) -> None:
        wire = encode_close(1011, b"internal error")
        for size in range(len(wire)):
            async with client_and_raw_server(wire[:size]) as (transport, peer):
                await peer.hang_up()
                assert await ending_of(transport) == (1006, "", "server"), size
                await transport.aclose()

    async def test_a_frame_of_a_client_that_breaks_off_at_any_byte_is_an_end(self) -> None:
        wire = encode(BINARY, b"x" * 200, mask=True)
        for size in range(len(wire)):
            async with server_and_raw_client() as (transport, peer):
                await peer.say(wire[:size])
                await peer.hang_up()
                assert await ending_of(transport) == (1006, "", "server"), size
                await transport.aclose()

    async def test_what_the_peer_said_last_is_heard_although_sending_has_failed(self) -> None:
        async with client_and_raw_server() as (transport, peer):
            await peer.say(encode(TEXT, b"one"), encode(TEXT, b"two"), encode_close(1007, b"bad field"))
            await peer.hang_up()
            with pytest.raises(ConnectionClosed) as caught:
                await transport.send(b"{}")
            assert caught.value.code == 1006  # it can't know better: the Close is behind what waits unread
            assert [await transport.receive(), await transport.receive()] == ["one", "two"]
            assert await ending_of(transport) == (1007, "bad field", "server")
            with pytest.raises(ConnectionClosed) as caught:
                await transport.send(b"{}")
            assert (caught.value.code, caught.value.reason) == (1007, "bad field")
            await transport.aclose()

    async def test_a_stream_that_fails_in_a_way_of_its_own_is_not_hidden(self) -> None:
        ours, theirs = stream_pair()
        failing = FailingStream(ours, RuntimeError("a bug"), after=encode(TEXT, b"first"))
        with pytest.RaisesGroup(pytest.RaisesExc(RuntimeError, match="a bug")):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(accepting, RawPeer(theirs), encode(TEXT, b"first"))
                transport = await upgrade_client_stream(failing, ENDPOINT, nursery=nursery)
                assert await transport.receive() == "first"
        assert await ending_of(transport) == (1006, "", "local")
        await RawPeer(theirs).hear_end()

    async def test_an_end_at_the_network_leaves_no_task(self) -> None:
        async with client_and_raw_server() as (_transport, peer):
            await peer.hang_up()

    async def test_cancelling_the_nursery_ends_the_connection(self) -> None:
        ours, theirs = stream_pair()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(accepting, RawPeer(theirs))
            transport = await upgrade_client_stream(ours, ENDPOINT, nursery=nursery)
            nursery.cancel_scope.cancel()
        assert await ending_of(transport) == (1006, "", "local")
        with pytest.raises(ConnectionClosed):
            await transport.ping()
        await transport.aclose()
        await RawPeer(theirs).hear_end()


class TestTheLimit:
    async def test_ends_the_connection_with_1009_of_our_own(self) -> None:
        async with client_and_raw_server(max_message_size=1000) as (transport, peer):
            await peer.say(encode(BINARY, b"x" * 1001))
            code, reason, initiator = await ending_of(transport)
            assert (code, initiator) == (1009, "local")
            assert "1000 bytes" in reason
            opcode, payload = await peer.hear()
            assert (opcode, payload[:2]) == (CLOSE, b"\x03\xf1")
            await transport.abort()
            assert await ending_of(transport) == (code, reason, initiator)

    async def test_holds_for_all_the_pieces_of_a_message(self) -> None:
        async with client_and_raw_server(max_message_size=1000) as (transport, peer):
            await peer.say(encode(BINARY, b"x" * 600, fin=False), encode(CONTINUATION, b"x" * 600))
            assert (await ending_of(transport))[0] == 1009
            await transport.abort()

    async def test_is_raised_by_a_send_as_well(self) -> None:
        async with client_and_raw_server(max_message_size=1000) as (transport, peer):
            await peer.say(encode(BINARY, b"x" * 1001))
            await peer.hear()
            with pytest.raises(ConnectionClosed) as caught:
                await transport.send(b"{}")
            assert (caught.value.code, caught.value.initiator) == (1009, "local")
            await transport.abort()

    async def test_of_the_peer_is_the_peers(self) -> None:
        # Its words are those that trio-websocket would use itself.
        words = b"Exceeded maximum message size: 16777216 bytes"
        async with client_and_raw_server() as (transport, peer):
            await transport.send(b"too much")
            await peer.say(encode_close(1009, words))
            assert await ending_of(transport) == (1009, words.decode(), "server")
            await transport.aclose()

    async def test_reaches_a_peer_that_goes_on_sending(self) -> None:
        # Hanging up on it would reset the connection, and the Close might get lost.
        async with client_and_raw_server(max_message_size=1000, lockstep=True) as (transport, peer):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(peer.say, *[encode(BINARY, b"x" * 5000)] * 3)
                nursery.start_soon(ending_of, transport)
                assert (await peer.hear())[0] == CLOSE
            async with trio.open_nursery() as nursery:
                nursery.start_soon(transport.aclose)
                await peer.say(encode(PING), encode(BINARY, b"x" * 5000), encode_close(1009))
                await peer.hang_up()

    async def test_survives_a_ping_right_behind_it(self) -> None:
        # trio-websocket's reader crashes there: python-trio/trio-websocket#184.
        async with client_and_raw_server(max_message_size=1000) as (transport, peer):
            await peer.say(encode(BINARY, b"x" * 1001), encode(PING))
            assert (await ending_of(transport))[0] == 1009
            await peer.hang_up()
            await transport.aclose()


MALFORMED = [
    pytest.param(encode(TEXT, b"{}", rsv=4), 1002, id="first reserved bit"),
    pytest.param(encode(TEXT, b"{}", rsv=1), 1002, id="last reserved bit"),
    pytest.param(encode(3, b"{}"), 1002, id="unknown opcode"),
    pytest.param(encode(11, b"{}"), 1002, id="unknown control opcode"),
    pytest.param(encode(TEXT, b"\xff"), 1007, id="no UTF-8"),
    pytest.param(encode(TEXT, "\u00fc".encode()[:1]), 1007, id="half a character"),
    pytest.param(encode(CONTINUATION, b"{}"), 1002, id="continuation of nothing"),
    pytest.param(encode(TEXT, b"{", fin=False) + encode(TEXT, b"}"), 1002, id="message in a message"),
    pytest.param(encode(PING, b"", fin=False), 1002, id="ping in pieces"),
    pytest.param(encode(PING, b"x" * 126), 1002, id="ping too long"),
    pytest.param(encode(CLOSE, b"\x03"), 1002, id="close with half a code"),
    pytest.param(encode_close(999), 1002, id="close with no code"),
    pytest.param(encode_close(1006), 1002, id="close with a code that is never sent"),
    pytest.param(encode_close(1000, b"\xff"), 1007, id="close with a reason that is no UTF-8"),
    pytest.param(b"\x81\x7e\x00\x02{}", 1002, id="length in too many bytes"),
    pytest.param(b"\x81\x7f" + b"\xff" * 8, 1002, id="length beyond all measure"),
]


class TestMalformedFrames:
    @pytest.mark.parametrize(
        ("wire", "code"), [*MALFORMED, pytest.param(encode(TEXT, mask=True), 1002, id="mask")]
    )
    async def test_of_a_server_end_the_connection_with_a_close_code(self, wire: bytes, code: int) -> None:
        async with client_and_raw_server() as (transport, peer):
            await peer.say(encode(TEXT, b"good"), wire, encode(TEXT, b"after"))
            assert await transport.receive() == "good"
            found, reason, initiator = await ending_of(transport)
            assert (found, initiator) == (code, "local")
            assert reason
            await close_answered_by(peer, transport, code, reason)
            assert await ending_of(transport) == (code, reason, "local")

    @pytest.mark.parametrize(("wire", "code"), [pytest.param(encode(TEXT), 1002, id="no mask")])
    async def test_of_a_client_end_the_connection_with_a_close_code(self, wire: bytes, code: int) -> None:
        async with server_and_raw_client() as (transport, peer):
            await peer.say(encode(TEXT, b"good", mask=True), wire, encode(TEXT, b"after", mask=True))
            assert await transport.receive() == "good"
            found, reason, initiator = await ending_of(transport)
            assert (found, initiator) == (code, "local")
            await close_answered_by(peer, transport, code, reason)

    async def test_of_a_peer_that_has_gone_are_not_answered(self) -> None:
        async with client_and_raw_server() as (transport, peer):
            await peer.say(encode(TEXT, b"\xff"))
            await peer.hang_up()
            assert (await ending_of(transport))[0] == 1007
            await transport.aclose()

    @given(st.binary(max_size=200))
    def test_any_bytes_end_in_an_error_and_never_in_a_hang(self, wire: bytes) -> None:
        async def receive() -> None:
            with trio.fail_after(5):
                async with client_and_raw_server() as (transport, peer):
                    await peer.say(wire)
                    await peer.hang_up()
                    with pytest.raises(ConnectionClosed):
                        while True:
                            await transport.receive()
                    await transport.aclose()

        trio.run(receive, clock=trio.testing.MockClock(autojump_threshold=0))


class TestClosing:
    async def test_says_code_and_reason_and_hangs_up_once_they_are_answered(self) -> None:
        async with client_and_raw_server() as (transport, peer), trio.open_nursery() as nursery:
            nursery.start_soon(transport.aclose, 4001, "enough")
            assert await peer.hear() == (CLOSE, b"\x0f\xa1enough")
            await peer.say(encode_close(4001))
            assert await peer.hear_end() == b""

    async def test_is_not_crashed_by_a_ping_that_comes_meanwhile(self, autojump_clock: MockClock) -> None:
        # python-trio/trio-websocket#184
        async with client_and_raw_server() as (transport, peer):
            with trio.fail_after(1):
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(transport.aclose)
                    assert (await peer.hear())[0] == CLOSE
                    await peer.say(encode(PING, b"still there?"), encode(TEXT, b"late"), encode_close(1000))
                    assert await peer.hear_end() == b""

    async def test_is_not_crashed_by_a_ping_behind_unread_frames(self, autojump_clock: MockClock) -> None:
        unread = [encode(TEXT, b"unread")] * 5
        async with client_and_raw_server(*unread, encode(PING)) as (transport, peer):
            with trio.fail_after(1):
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(transport.aclose)
                    assert (await peer.hear())[0] == CLOSE
                    await peer.say(encode_close(1000))
                    assert await peer.hear_end() == b""

    async def test_drops_a_frame_that_comes_for_a_receive_that_waits(self) -> None:
        async with client_and_raw_server() as (transport, peer), trio.open_nursery() as nursery:
            nursery.start_soon(expect_ending, transport, (4001, "", "local"))
            await trio.testing.wait_all_tasks_blocked()
            nursery.start_soon(transport.aclose, 4001)
            await peer.hear()
            await peer.say(encode(TEXT, b"late"), encode_close(4001))

    async def test_ends_with_a_peer_that_hangs_up_without_an_answer(self) -> None:
        async with client_and_raw_server() as (transport, peer), trio.open_nursery() as nursery:
            nursery.start_soon(transport.aclose, 4001)
            await peer.hear()
            await peer.hang_up()
        assert await ending_of(transport) == (4001, "", "local")

    async def test_ends_with_a_peer_whose_answer_is_malformed(self) -> None:
        async with client_and_raw_server() as (transport, peer), trio.open_nursery() as nursery:
            nursery.start_soon(transport.aclose, 4001)
            await peer.hear()
            await peer.say(encode(TEXT, b"\xff"))
        assert await ending_of(transport) == (4001, "", "local")

    async def test_as_a_server_hangs_up_first(self) -> None:
        async with server_and_raw_client() as (transport, peer), trio.open_nursery() as nursery:
            nursery.start_soon(transport.aclose, 1011, "oh")
            assert await peer.hear() == (CLOSE, b"\x03\xf3oh")
            await peer.say(encode_close(1011, mask=True))
            assert await peer.hear_end() == b""

    async def test_by_a_client_is_answered_by_the_server_which_then_hangs_up(self) -> None:
        async with server_and_raw_client() as (transport, peer):
            await peer.say(encode_close(1000, b"bye", mask=True))
            assert await peer.hear() == (CLOSE, b"\x03\xe8bye")
            assert await peer.hear_end() == b""
            assert await ending_of(transport) == (1000, "bye", "server")

    async def test_by_the_peer_without_a_code_has_none(self) -> None:
        async with client_and_raw_server(encode(CLOSE)) as (transport, peer):
            assert await ending_of(transport) == (1005, "", "server")
            assert await peer.hear() == (CLOSE, b"")
            await transport.aclose()

    async def test_by_the_peer_is_raised_by_a_send_before_any_receive(self) -> None:
        async with client_and_raw_server() as (transport, peer):
            await peer.say(encode_close(1008, b"quota"))
            await peer.hear()
            with pytest.raises(ConnectionClosed) as caught:
                await transport.send(b"{}")
            assert (caught.value.code, caught.value.reason) == (1008, "quota")
            await transport.abort()

    async def test_by_the_peer_stays_the_peers_when_we_close_then(self) -> None:
        async with client_and_raw_server() as (transport, peer):
            await peer.say(encode_close(1008, b"quota"))
            await peer.hear()
            await transport.aclose(1000, "bye")
            assert await ending_of(transport) == (1008, "quota", "server")

    async def test_by_the_peer_stays_the_peers_when_we_abort_then(self) -> None:
        async with client_and_raw_server() as (transport, peer):
            await peer.say(encode_close(1008, b"quota"))
            await peer.hear()
            await transport.abort()
            assert await ending_of(transport) == (1008, "quota", "server")

    async def test_sends_whole_what_is_being_sent(self) -> None:
        async with client_and_raw_server(lockstep=True) as (transport, peer), trio.open_nursery() as nursery:
            nursery.start_soon(transport.send, b"x" * 1000)
            await trio.testing.wait_all_tasks_blocked()
            nursery.start_soon(transport.aclose)
            await trio.testing.wait_all_tasks_blocked()
            assert await peer.hear() == (TEXT, b"x" * 1000)
            assert (await peer.hear())[0] == CLOSE
            await peer.say(encode_close(1000))


class TestSendingCancelled:
    async def test_leaves_a_stream_that_says_nothing_more(self, autojump_clock: MockClock) -> None:
        # The peer would take whatever came for the rest of the frame (trio#889).
        async with client_and_raw_server(lockstep=True) as (transport, peer):
            with trio.move_on_after(1):
                await transport.send(b"x" * 1000)
            with pytest.raises(ConnectionClosed):
                await transport.send(b"next")
            with pytest.raises(ConnectionClosed):
                await transport.ping()
            await peer.say(encode(PING))
            await transport.aclose()
            assert len(await peer.hear_end()) == len(encode(TEXT, b"x" * 1000, mask=True))

    async def test_does_not_keep_closing_from_ending(self, autojump_clock: MockClock) -> None:
        async with client_and_raw_server(lockstep=True) as (transport, _peer):
            with trio.move_on_after(1):
                await transport.send(b"x" * 1000)
            with trio.fail_after(1):
                await transport.aclose()

    async def test_while_it_waits_for_its_turn_sends_nothing_and_breaks_nothing(
        self, autojump_clock: MockClock
    ) -> None:
        async with client_and_raw_server(lockstep=True) as (transport, peer), trio.open_nursery() as nursery:
            nursery.start_soon(transport.send, b"first")
            await trio.testing.wait_all_tasks_blocked()
            with trio.move_on_after(1):
                await transport.send(b"never")
            assert await peer.hear() == (TEXT, b"first")
            nursery.start_soon(transport.send, b"third")
            assert await peer.hear() == (TEXT, b"third")
            await trio.testing.wait_all_tasks_blocked()
            await transport.abort()

    async def test_leaves_what_the_peer_says_to_be_received(self, autojump_clock: MockClock) -> None:
        async with client_and_raw_server(lockstep=True) as (transport, peer), trio.open_nursery() as nursery:
            with trio.move_on_after(1):
                await transport.send(b"x" * 1000)
            nursery.start_soon(peer.say, encode(TEXT, b"hello"))
            assert await transport.receive() == "hello"
            await transport.abort()


class TestPings:
    async def test_of_the_peer_are_answered_with_their_payload(self) -> None:
        async with client_and_raw_server(encode(PING, b"one")) as (transport, peer):
            assert await peer.hear() == (PONG, b"one")
            await transport.abort()

    async def test_of_the_peer_wait_for_the_frames_before_them(self) -> None:
        async with client_and_raw_server(encode(TEXT, b"unread"), encode(PING, b"one")) as (transport, peer):
            await transport.ping()
            assert (await peer.hear())[0] == PING
            assert await transport.receive() == "unread"
            assert await peer.hear() == (PONG, b"one")
            await transport.abort()

    async def test_of_the_peer_do_not_keep_frames_from_us_while_our_way_out_is_blocked(self) -> None:
        async with client_and_raw_server(lockstep=True) as (transport, peer), trio.open_nursery() as nursery:
            nursery.start_soon(transport.send, b"x" * 1000)
            await trio.testing.wait_all_tasks_blocked()
            for n in range(3):
                nursery.start_soon(peer.say, encode(PING, b"%d" % n), encode(TEXT, b"%d" % n))
                assert await transport.receive() == f"{n}"
                await trio.testing.wait_all_tasks_blocked()
            assert await peer.hear() == (TEXT, b"x" * 1000)
            assert await peer.hear() == (PONG, b"2")  # one answers them all
            await transport.abort()

    async def test_of_ours_are_answered_and_the_pong_shows_in_last_heard(
        self, autojump_clock: MockClock
    ) -> None:
        async with client_and_raw_server() as (transport, peer):
            await trio.sleep(10)
            await transport.ping()
            opcode, payload = await peer.hear()
            assert opcode == PING
            assert transport.last_heard < trio.current_time()
            await peer.say(encode(PONG, payload))
            await trio.testing.wait_all_tasks_blocked()
            assert transport.last_heard == trio.current_time()
            await transport.abort()

    async def test_of_ours_go_out_again_and_again_without_an_answer(self) -> None:
        async with client_and_raw_server() as (transport, peer):
            for _ in range(3):
                await transport.ping()
                assert (await peer.hear())[0] == PING
            await transport.abort()

    async def test_that_are_answered_report_how_many_frames_were_read(self) -> None:
        async with client_and_raw_server() as (transport, peer):
            delivered: list[int] = []
            transport.watch_delivery(delivered.append)
            for count in range(1, 4):
                await transport.send(b"frame")
                await transport.ping()
                await peer.hear()
                _, payload = await peer.hear()
                assert delivered == [*range(1, count)]
                await peer.say(encode(PONG, payload))
                await trio.testing.wait_all_tasks_blocked()
                assert delivered == [*range(1, count + 1)]
            await transport.abort()

    async def test_that_were_skipped_are_answered_by_a_later_pong(self) -> None:
        async with client_and_raw_server() as (transport, peer):
            delivered: list[int] = []
            transport.watch_delivery(delivered.append)
            for _ in range(3):
                await transport.send(b"frame")
                await transport.ping()
            *_, (opcode, payload) = [await peer.hear() for _ in range(6)]
            assert opcode == PING
            await peer.say(encode(PONG, b"unasked"), encode(PONG, payload))
            await trio.testing.wait_all_tasks_blocked()
            assert delivered[-1] == 3
            await transport.abort()

    async def test_any_byte_shows_in_last_heard(self, autojump_clock: MockClock) -> None:
        async with client_and_raw_server() as (transport, peer):
            for byte in encode(TEXT, b"slow"):
                await trio.sleep(10)
                await peer.say(bytes([byte]))
                await trio.testing.wait_all_tasks_blocked()
                assert transport.last_heard == trio.current_time()
            await transport.abort()


class FailingStream(trio.abc.Stream):
    """A stream in which *error* comes up, as soon as *after* has been received."""

    def __init__(self, stream: trio.abc.Stream, error: BaseException, *, after: bytes = b"") -> None:
        self._stream = stream
        self._error = error
        self._after = after
        self._received = b""

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        if self._received.endswith(self._after):
            await trio.lowlevel.checkpoint()
            raise self._error
        data = await self._stream.receive_some(max_bytes)
        self._received += data
        return data

    async def aclose(self) -> None:
        await self._stream.aclose()


async def say_slowly(peer: RawPeer, wire: bytes) -> None:
    for byte in wire:
        await peer.say(bytes([byte]))


async def expect_ending(transport: TrioWebSocketTransport, ending: tuple[int, str, str]) -> None:
    assert await ending_of(transport) == ending


async def close_answered_by(peer: RawPeer, transport: TrioWebSocketTransport, code: int, reason: str) -> None:
    """Close, with a peer that waits for our Close and then hangs up."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(transport.aclose, 4000, "not this")
        assert await peer.hear() == (CLOSE, code.to_bytes(2, "big") + reason.encode())
        await peer.say(encode(TEXT, b"and on"))
        await peer.hang_up()


async def upgrade_until_cancelled(stream: trio.abc.Stream, endpoint: Endpoint) -> None:
    async with trio.open_nursery() as nursery:
        await upgrade_client_stream(stream, endpoint, nursery=nursery)
