"""One request over real sockets: what goes out, what comes back, and how it fails."""

from __future__ import annotations

import gc
import socket
import ssl
import traceback
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from livegen_trio import HandshakeError
from livegen_trio.transports._https import MAX_BODY_SIZE, Response, post_json
from livegen_trio.transports.base import Endpoint, Progress
from support.authority import CA, client_context, server_context
from support.http_peer import HttpPeer, answer, http_peer

if TYPE_CHECKING:
    from collections.abc import Generator

KEY = ("x-goog-api-key", "secret-key")


@pytest.fixture(autouse=True)
def _nothing_leaks() -> Generator[None]:
    """An unclosed socket is a warning once it is collected, and a warning is an error."""
    yield
    gc.collect()


async def post(peer: HttpPeer, body: bytes = b"{}", **headers: str) -> Response:
    endpoint = Endpoint(f"http://127.0.0.1:{peer.port}/v1/things?a=b", (*headers.items(), KEY))
    with trio.fail_after(20):
        return await post_json(endpoint, body)


async def failure(answer: bytes) -> HandshakeError:
    """The error of a request that is answered so; checks what holds for all of them."""
    async with http_peer(answer) as peer:
        with pytest.raises(HandshakeError) as caught:
            await post(peer)
    error = caught.value
    assert error.phase == "request"
    assert "\n" not in str(error)
    assert "secret-key" not in "".join(traceback.format_exception(error))
    return error


async def test_the_request_says_who_asks_whom_for_what() -> None:
    async with http_peer(answer(body=b'{"a": 1}')) as peer:
        assert await post(peer, b'{"q": 2}') == Response(200, b'{"a": 1}')
    assert peer.request_line == "POST /v1/things?a=b HTTP/1.1"
    assert peer.headers == {
        "host": f"127.0.0.1:{peer.port}",
        "content-type": "application/json",
        "content-length": "8",
        "connection": "close",
        "x-goog-api-key": "secret-key",
    }
    assert peer.body == b'{"q": 2}'


async def test_headers_that_frame_the_request_are_not_replaced() -> None:
    others = {
        "Host": "other",
        "Transfer-Encoding": "chunked",
        "CONTENT-LENGTH": "1",
        "Connection": "keep-alive",
    }
    async with http_peer(answer()) as peer:
        await post(peer, b"{   }", **others, **{"X-Team": "voice"})
    assert peer.headers["host"] == f"127.0.0.1:{peer.port}"
    assert peer.headers["content-length"] == "5"
    assert peer.headers["connection"] == "close"
    assert peer.headers["x-team"] == "voice"
    assert "transfer-encoding" not in peer.headers


async def test_tls_is_spoken_where_the_url_says_so() -> None:
    async with http_peer(answer(), server_context("127.0.0.1")) as peer:
        endpoint = Endpoint(f"https://127.0.0.1:{peer.port}/", (KEY,), client_context())
        progress = Progress()
        assert await post_json(endpoint, b"{}", progress=progress) == Response(200, b"{}")
        assert progress.phase == "request"
    assert peer.headers["host"] == f"127.0.0.1:{peer.port}"


async def test_a_server_that_nobody_vouches_for_gets_no_request() -> None:
    async with http_peer(answer(), server_context("127.0.0.1")) as peer:
        endpoint = Endpoint(f"https://127.0.0.1:{peer.port}/", (KEY,))
        with pytest.raises(HandshakeError) as caught:
            await post_json(endpoint, b"{}")
    assert caught.value.phase == "tls"
    assert peer.head == b""


async def test_a_server_that_wants_a_certificate_of_ours_says_so() -> None:
    tls = server_context("127.0.0.1")
    CA.configure_trust(tls)
    tls.verify_mode = ssl.CERT_REQUIRED
    listener = socket.create_server(("127.0.0.1", 0))

    def ask_for_certificate() -> None:
        # A blocking socket sends an alert; Trio's doesn't.
        connection, _ = listener.accept()
        with connection, pytest.raises(ssl.SSLError), tls.wrap_socket(connection, server_side=True):
            pass

    with listener:
        endpoint = Endpoint(f"https://127.0.0.1:{listener.getsockname()[1]}/", (KEY,), client_context())
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.to_thread.run_sync, ask_for_certificate)
            with pytest.raises(HandshakeError, match=r"(?i)certificate.required") as caught:
                await post_json(endpoint, b"{}")
    assert (caught.value.phase, caught.value.retryable) == ("request", False)


@pytest.mark.parametrize("status", [201, 302, 400, 403, 429, 500])
async def test_every_status_is_an_answer_and_none_is_followed(status: int) -> None:
    async with http_peer(answer(status, b"words", "Location: /elsewhere")) as peer:
        assert await post(peer) == Response(status, b"words")


@pytest.mark.parametrize(
    ("raw", "body"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\nto the end", b"to the end"),
        (b"HTTP/1.0 200 OK\r\n\r\nto the end", b"to the end"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", b"abcde"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: x\r\n\r\n" + answer(200, b"abc"), b"abc"),
        (answer(200, b"abc") + b"HTTP/1.1 500 Another\r\n\r\n", b"abc"),
    ],
    ids=["until the end", "HTTP/1.0", "no body", "chunks", "after hints", "before something else"],
)
async def test_an_answer_is_read_to_its_end_however_that_is_marked(raw: bytes, body: bytes) -> None:
    async with http_peer(raw) as peer:
        assert (await post(peer)).body == body


async def test_an_answer_in_single_bytes_is_the_same() -> None:
    async def trickle(peer: HttpPeer, stream: trio.abc.Stream) -> None:
        await peer.hear(stream)
        for byte in answer(200, b"abc"):
            await stream.send_all(bytes([byte]))
            await trio.testing.wait_all_tasks_blocked()

    async with http_peer(trickle) as peer:
        assert await post(peer) == Response(200, b"abc")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"HTTP/1.1 200 O",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
    ],
)
async def test_a_server_that_hangs_up_too_early_may_be_asked_again(raw: bytes) -> None:
    found = await failure(raw)
    assert found.retryable
    assert str(found) == "the server hung up before the end of its answer"


@pytest.mark.parametrize(
    "raw",
    [
        b"220 mail.test ESMTP\r\n\r\n",
        b"x-goog-api-key: secret-key\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx-goog-api-key secret-key\r\n\r\n",
        b"\x15\x03\x01\x00\x02\x02\x50",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nsecret-key\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: " + b"x" * 200_000,
    ],
)
async def test_what_is_no_http_is_an_error_that_does_not_repeat_it(raw: bytes) -> None:
    found = await failure(raw)
    assert not found.retryable
    assert str(found) == "the server's answer is not HTTP"
    assert (found.__cause__, found.__context__) == (None, None)  # which would repeat it


async def test_another_protocol_that_a_header_asked_for_is_an_error_as_well() -> None:
    async with http_peer(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n") as peer:
        with pytest.raises(HandshakeError, match="is not HTTP"):
            await post(peer, Upgrade="x")


@pytest.mark.parametrize(
    "head", [b"Content-Length: %d\r\n\r\n" % (MAX_BODY_SIZE + 1), b"\r\n"], ids=["with length", "without"]
)
async def test_an_answer_is_read_up_to_a_limit(head: bytes) -> None:
    body = b"x" * (MAX_BODY_SIZE + 1)
    found = await failure(b"HTTP/1.1 200 OK\r\n" + head + body)
    assert not found.retryable
    assert "larger than 1048576 bytes" in str(found)
    async with http_peer(answer(200, body[1:])) as peer:
        assert (await post(peer)).body == body[1:]


async def test_a_server_that_refuses_without_listening_is_heard() -> None:
    async def refuse(_: HttpPeer, stream: trio.abc.Stream) -> None:
        await stream.receive_some(1)
        await stream.send_all(answer(413, b"too much"))

    async with http_peer(refuse) as peer:
        assert await post(peer, b"x" * 10_000_000) == Response(413, b"too much")


async def test_a_connection_that_is_reset_may_be_tried_again() -> None:
    async def reset(_: HttpPeer, stream: trio.abc.Stream) -> None:
        await stream.receive_some(1)  # to close a socket with bytes unread is to reset the connection

    async with http_peer(reset) as peer:
        with pytest.raises(HandshakeError, match=r"broke before the answer: .*reset") as caught:
            await post(peer)
    assert (caught.value.phase, caught.value.retryable) == ("request", True)


@pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"])
async def test_a_request_that_is_cancelled_leaves_nothing(begun: bytes) -> None:
    async def be_slow(peer: HttpPeer, stream: trio.abc.Stream) -> None:
        await peer.hear(stream)
        await stream.send_all(begun)
        scope.cancel()
        assert await stream.receive_some() == b""
        peer.hung_up.set()

    scope = trio.CancelScope()
    async with http_peer(be_slow) as peer:
        with scope:
            await post(peer)
        with trio.fail_after(20):
            await peer.hung_up.wait()
    assert scope.cancelled_caught


async def test_a_response_shows_no_body_in_its_repr() -> None:
    assert repr(Response(200, b"secret")) == "Response(status=200)"
