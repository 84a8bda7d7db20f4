"""Heads of HTTP messages, as they come and as nobody should send them."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from livegen_trio.transports._http_head import (
    MAX_HEAD_SIZE,
    ClientExchange,
    RequestHead,
    read_request,
    read_response,
)

PIECES = st.lists(
    st.one_of(
        st.binary(max_size=30),
        st.sampled_from(
            [
                b"HTTP/1.1 200 OK\r\n",
                b"HTTP/1.1 101 Switching Protocols\r\n",
                b"HTTP/1.1 100 Continue\r\n\r\n",
                b"HTTP/1.0 302 Found\r\n",
                b"HTTP/9.9 999 \r\n",
                b"HTTP/1.1 000 \r\n",
                b"GET / HTTP/1.1\r\n",
                b"Upgrade: websocket\r\nConnection: Upgrade\r\n",
                b"Content-Length: 3\r\n",
                b"Content-Length: -3\r\n",
                b"Content-Length: 99999999999999999999999\r\n",
                b"Transfer-Encoding: chunked\r\n",
                b"Transfer-Encoding: gzip, chunked\r\n",
                b"Host: x\r\n",
                b" folded\r\n",
                b"\x80: \xff\r\n",
                b"\r\n",
                b"\n",
                b"3\r\nabc\r\n",
                b"0\r\n\r\n",
                b"fffffffff\r\n",
            ]
        ),
    ),
    max_size=12,
)


def get() -> ClientExchange:
    return ClientExchange("GET", "/", [("Host", "x"), ("Upgrade", "websocket"), ("Connection", "Upgrade")])


@given(PIECES)
def test_no_answer_raises_anything(pieces: list[bytes]) -> None:
    for exchange in (get(), ClientExchange("CONNECT", "x:1", [("Host", "x:1")])):
        for piece in (*filter(None, pieces), b""):
            if exchange.fault is None and not exchange.is_complete:
                exchange.feed(piece)
        assert exchange.fault is not None or exchange.is_complete
    read_response(b"".join(pieces))


@given(PIECES)
def test_no_request_raises_anything(pieces: list[bytes]) -> None:
    read_request(b"".join(pieces))


@given(st.integers(1, 60))
def test_an_answer_is_the_same_in_pieces_of_any_size(size: int) -> None:
    data = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    exchange = get()
    for start in range(0, len(data), size):
        exchange.feed(data[start : start + size])
    assert (exchange.is_complete, bytes(exchange.body), exchange.fault) == (True, b"abc", None)


def test_answers_that_are_not_final_are_passed_over_up_to_a_size() -> None:
    exchange = get()
    for _ in range(10_000):
        exchange.feed(b"HTTP/1.1 100 Continue\r\n\r\n")
        if exchange.fault:
            break
    assert exchange.fault == "too large"


def test_chunks_are_bounded_with_all_that_is_around_them() -> None:
    exchange = ClientExchange("GET", "/", [("Host", "x")], max_size=2**20)
    exchange.feed(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(100):
        exchange.feed(b"1;" + b"x" * 60_000 + b"\r\na\r\n")
        if exchange.fault:
            break
    assert exchange.fault == "too large"
    assert len(exchange.body) < 20


def test_what_comes_behind_a_switch_of_protocols_may_be_of_any_size() -> None:
    head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
    exchange = get()
    exchange.feed(head[:50])
    exchange.feed(head[50:] + b"x" * 3 * MAX_HEAD_SIZE)
    assert (exchange.is_complete, exchange.fault) == (True, None)
    assert exchange.trailing_data == b"x" * 3 * MAX_HEAD_SIZE


@pytest.mark.parametrize("data", [b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", b"HTTP/1.1 200", b""])
def test_an_answer_that_breaks_off_is_one_of_a_peer_that_hung_up(data: bytes) -> None:
    exchange = get()
    if data:
        exchange.feed(data)
    exchange.feed(b"")
    assert exchange.fault == "hung up"


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\n\r\nno!", (403, b"no!")),
        (b"HTTP/1.1 403 Forbidden\nServer: x\n\nno!", (403, b"no!")),
        (b"HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nno!\r\n0\r\n\r\n", (403, b"no!")),
        (b"HTTP/1.1 403 Forbidden\r\nContent-Len", (403, b"")),
        (b"HTTP/1.1 403 Forbidden\r\nthis is no header\r\n\r\n", (403, b"")),
        (b"HTTP/1.1 403 Forbidden", None),
        (b"HTTP/1.1 100 Continue\r\n\r\n", None),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", None),
        (b"220 mail.test ESMTP\r\n", None),
        (b"", None),
    ],
)
def test_a_refusal_is_read_as_far_as_it_came(data: bytes, found: tuple[int, bytes] | None) -> None:
    assert read_response(data) == found


def test_a_request_is_read_once_its_head_is_complete() -> None:
    data = b"GET /live?alt=json HTTP/1.1\r\nHost: x\r\nX-Name: \xe9\r\n\r\nbody"
    for size in range(data.index(b"\r\n\r\n") + 4):
        assert read_request(data[:size]) is None, size
    headers = {"host": "x", "x-name": "\xe9"}
    assert read_request(data) == RequestHead("GET", "/live?alt=json", headers)


@pytest.mark.parametrize("data", [b"\x16\x03\x01\x02\x00", b"GET /\r\n\r\n", b"x" * (MAX_HEAD_SIZE + 1)])
def test_what_is_no_request_is_found_out(data: bytes) -> None:
    assert read_request(data) == "not HTTP"
