"""Whatever bytes come to the server, they end one connection at most: no error, no log, no other client's trouble."""

from __future__ import annotations

import logging
import ssl
from typing import Any

import pytest
import trio
import trio.testing
import trustme
from hypothesis import given, settings, strategies as st

from livegen_trio.local import LocalServer
from support.live_client import text_engines

GEMINI = b"/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
UPGRADE = (
    b"GET %s HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
) % GEMINI
SETUP = b'{"setup":{"model":"models/gemini-live-2.5-flash-preview"}}'


def frame(first: int, payload: bytes) -> bytes:
    return bytes([first, 0x80 | len(payload)]) + bytes(4) + payload


LINES = st.sampled_from(
    [
        b"GET / HTTP/1.1", b"POST /v1beta/auth_tokens HTTP/1.1", b"GET %s HTTP/1.1" % GEMINI, b"GET", b"",
        b"Host: localhost", b"Host: evil.example", b"Upgrade: websocket", b"Connection: Upgrade", b"Origin: null",
        b"Content-Length: 3", b"Content-Length: -1", b"Transfer-Encoding: chunked", b"Sec-WebSocket-Version: 13",
        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", b"Sec-WebSocket-Key: \xff", b": x", b"\x16\x03\x01\x02",
        b"Authorization: Token auth_tokens/1", b"x-goog-api-key: \xe9",
    ]
)  # fmt: skip
HEADS = st.lists(LINES | st.binary(max_size=20), max_size=10).map(
    lambda lines: b"\r\n".join(lines) + b"\r\n\r\n"
)
FRAMES = st.builds(
    frame, st.integers(0, 255), st.binary(max_size=60) | st.sampled_from([SETUP, b"{}", b"[" * 100])
)
STREAMS = st.one_of(
    st.binary(),
    HEADS,
    st.builds(lambda head, body: head + body, HEADS, st.binary(max_size=30)),
    st.lists(FRAMES | st.binary(max_size=20), max_size=8).map(lambda frames: UPGRADE + b"".join(frames)),
    st.lists(FRAMES, max_size=8).map(lambda frames: UPGRADE + frame(0x81, SETUP) + b"".join(frames)),
)


async def serve(data: bytes, pieces: int) -> None:
    server = LocalServer(text_engines())
    ours, theirs = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.serve_stream, theirs)
        nursery.start_soon(_drain, ours)
        size = max(1, len(data) // pieces)
        for begin in range(0, len(data), size):
            try:
                await ours.send_all(data[begin : begin + size])
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                break
            await trio.lowlevel.checkpoint()
        await trio.sleep(120)
        await trio.aclose_forcefully(ours)


class Collector(logging.Handler):
    """Keeps messages."""

    def __init__(self, level: int) -> None:
        super().__init__(level)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


async def _drain(stream: Any) -> None:
    try:
        while await stream.receive_some():
            pass
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        pass


@settings(max_examples=300, deadline=None)
@given(STREAMS, st.integers(1, 5))
def test_any_bytes_end_their_own_connection_at_most(data: bytes, pieces: int) -> None:
    handler = Collector(logging.INFO)
    logger = logging.getLogger("livegen_trio")
    logger.addHandler(handler)
    try:
        trio.run(serve, data, pieces, clock=trio.testing.MockClock(autojump_threshold=0))
    finally:
        logger.removeHandler(handler)
    assert handler.messages == []


@pytest.mark.parametrize(
    "garbage", [b"\x16\x03\x01", b"\x16\x03\x01\x02\x00\x01", bytes(300), b"GET / HTTP/1.1\r\n\r\n"]
)
async def test_garbage_where_tls_is_served_ends_its_own_connection(
    garbage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    server = LocalServer(text_engines())
    async with trio.open_nursery() as nursery:

        async def run(*, task_status: trio.TaskStatus[Any]) -> None:  # noqa: ASYNC128 - `serve` calls it
            await server.serve(0, ssl_context=context, task_status=task_status)

        [address] = await nursery.start(run)
        stream = await trio.open_tcp_stream(*address)
        await stream.send_all(garbage)
        await stream.send_eof()
        await _drain(stream)
        await stream.aclose()
        nursery.cancel_scope.cancel()
    assert [record for record in caplog.records if record.levelno > logging.DEBUG] == []
