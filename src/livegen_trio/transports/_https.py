"""One HTTP request over a connection of its own, for the few methods of the Live API that are not its WebSocket."""

from __future__ import annotations

import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import trio

from .._errors import HandshakeError
from ._causes import root_cause
from ._dial.dialling import open_stream
from ._http_head import MAX_HEAD_SIZE, ClientExchange
from .base import Progress

if TYPE_CHECKING:
    from .base import Endpoint

MAX_BODY_SIZE: Final = 2**20
"""Bytes of an answer's body; tokens and errors have a few hundred."""

_MAX_SIZE: Final = MAX_BODY_SIZE + MAX_HEAD_SIZE  # bytes, on the wire
_SWITCHING: Final = 101
_READ_SIZE: Final = 64 * 2**10
_OWN_HEADERS: Final = frozenset({"host", "content-type", "content-length", "transfer-encoding", "connection"})
"""Headers that the request sets itself; those of the endpoint with these names are left out."""


@dataclass(frozen=True, slots=True)
class Response:
    """An answer, whatever its status. Its body may be a secret and stays out of the repr."""

    status: int
    body: bytes = field(repr=False)


async def post_json(endpoint: Endpoint, body: bytes, *, progress: Progress | None = None) -> Response:
    """Send *body* to *endpoint*, an `http://` or `https://` URL, and wait for the answer.

    Redirects are answers like others and not followed, since they would carry the headers elsewhere. There is no
    time-out: put a cancel scope around it. However it ends, the connection is closed.

    Raises:
        HandshakeError: The server could not be reached, hung up, or answered something that is not HTTP, or too much
            of it; with the phase.
    """
    progress = Progress() if progress is None else progress
    exchange = ClientExchange(
        "POST", endpoint.target, _headers(endpoint, len(body)), body, max_size=_MAX_SIZE
    )
    stream = await open_stream(endpoint, progress)
    progress.phase = "request"
    try:
        return await _exchange(stream, exchange)
    except trio.BrokenResourceError as exc:
        cause = root_cause(exc)
        # Two sides whose TLS does not agree, such as about the client's certificate, go on disagreeing.
        may_pass = not isinstance(cause, ssl.SSLError)
        raise _failed(f"the connection broke before the answer: {cause}", retryable=may_pass) from exc
    finally:
        await trio.aclose_forcefully(stream)


async def _exchange(stream: trio.abc.Stream, exchange: ClientExchange) -> Response:
    # A server that refuses without listening to the end hangs up on us, but has said why.
    with suppress(trio.BrokenResourceError):
        await stream.send_all(exchange.request)
    while not exchange.is_complete and exchange.fault is None:
        exchange.feed(bytes(await stream.receive_some(_READ_SIZE)))
    if exchange.fault == "hung up":
        raise _failed("the server hung up before the end of its answer", retryable=True)
    if exchange.fault == "too large" or len(exchange.body) > MAX_BODY_SIZE:
        raise _failed(f"the server's answer is larger than {MAX_BODY_SIZE} bytes")
    if exchange.fault is not None or exchange.head is None or exchange.head.status == _SWITCHING:
        raise _failed("the server's answer is not HTTP")
    return Response(exchange.head.status, bytes(exchange.body))


def _headers(endpoint: Endpoint, size: int) -> list[tuple[str, str]]:
    others = [(name, value) for name, value in endpoint.headers if name.lower() not in _OWN_HEADERS]
    return [
        ("Host", endpoint.authority),
        ("Content-Type", "application/json"),
        ("Content-Length", str(size)),
        ("Connection", "close"),
        *others,
    ]


def _failed(message: str, *, retryable: bool = False) -> HandshakeError:
    return HandshakeError(message, phase="request", retryable=retryable)
