"""The HTTP request that turns a connection into a WebSocket, and its answer (RFC 6455, 4)."""

from __future__ import annotations

import base64
import hashlib
import os
from typing import TYPE_CHECKING, Final

import trio

from .._http_head import ClientExchange, read_response
from .._refusal import BODY_TIMEOUT, HEAD_SIZE, hide_secrets, not_upgraded

if TYPE_CHECKING:
    from .._dial.wire import Wire
    from .._http_head import ResponseHead
    from ..base import Endpoint

_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_SWITCHING: Final = 101


async def upgrade(wire: Wire, endpoint: Endpoint) -> bytes:
    """Upgrade *wire*. Returns the first bytes of the WebSocket, which came behind the answer.

    Raises:
        HandshakeError: The peer refused the upgrade, hung up, or does not speak WebSocket.
    """
    key = base64.b64encode(os.urandom(16))
    exchange = ClientExchange("GET", endpoint.target, [*_headers(endpoint, key), *endpoint.headers])
    wire.send(exchange.request)
    await wire.drain()
    beginning = await _receive_head(wire, exchange)
    if exchange.head is not None and _is_accepted(exchange.head, key):
        return exchange.trailing_data
    if exchange.fault != "hung up":
        beginning = await _rest_of_refusal(wire, beginning)
    error = not_upgraded(beginning, hung_up=exchange.fault == "hung up")
    error.body = hide_secrets(error.body, endpoint.headers)
    raise error


def _headers(endpoint: Endpoint, key: bytes) -> list[tuple[str, str]]:
    return [
        ("Host", endpoint.authority),
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Key", key.decode()),
        ("Sec-WebSocket-Version", "13"),
    ]


async def _receive_head(wire: Wire, exchange: ClientExchange) -> bytes:
    """Receive the head of the answer, if it is one. Returns the answer's first bytes as they are."""
    beginning = b""
    while exchange.head is None and exchange.fault is None:
        data = wire.receive()
        if not data and not wire.at_end:
            await wire.wait_readable()
            continue
        beginning = (beginning + data)[:HEAD_SIZE]
        exchange.feed(data)
    return beginning


async def _rest_of_refusal(wire: Wire, beginning: bytes) -> bytes:
    """*beginning* with what else comes soon, if it begins a refusal."""
    if read_response(beginning) is None:
        return beginning
    with trio.move_on_after(BODY_TIMEOUT):
        while len(beginning) < HEAD_SIZE and not wire.at_end:
            await wire.wait_readable()
            beginning += wire.receive()
    return beginning[:HEAD_SIZE]


def _is_accepted(head: ResponseHead, key: bytes) -> bool:
    headers = head.headers
    connection = {token.strip().lower() for token in headers.get(b"connection", b"").split(b",")}
    accept = base64.b64encode(hashlib.sha1(key + _GUID, usedforsecurity=False).digest())
    return (
        head.status == _SWITCHING
        and headers.get(b"upgrade", b"").lower() == b"websocket"
        and b"upgrade" in connection
        and headers.get(b"sec-websocket-accept") == accept
        and not headers.keys() & {b"sec-websocket-extensions", b"sec-websocket-protocol"}
    )
