"""One HTTP request over a connection of its own, for the little that the Live API has beside its WebSocket."""

from __future__ import annotations

import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import h11
import trio

from .._errors import HandshakeError
from ._causes import root_cause
from ._dial.dialling import open_stream
from .base import Progress

if TYPE_CHECKING:
    from .base import Endpoint

MAX_BODY_SIZE: Final = 2**20
"""Bytes of an answer's body; tokens and errors have a few hundred."""

_MAX_HEAD_SIZE: Final = 64 * 2**10  # bytes; h11 counts a chunk's head as one, too
_READ_SIZE: Final = 64 * 2**10
_NO_HTTP: Final = "the server's answer is no HTTP"
_OWN_HEADERS: Final = frozenset({"host", "content-type", "content-length", "transfer-encoding", "connection"})
"""What the request itself decides; others' headers of these names are left out."""


@dataclass(frozen=True, slots=True)
class Response:
    """An answer, whatever its status. Its body may be a secret and stays out of the repr."""

    status: int
    body: bytes = field(repr=False)


async def post_json(endpoint: Endpoint, body: bytes, *, progress: Progress | None = None) -> Response:
    """Send *body* to *endpoint*, an `http://` or `https://` URL, and read the answer.

    Redirects are answers like others and not followed, since they would carry the headers elsewhere. There is no
    time-out: put a cancel scope around it. However it ends, the connection is closed.

    Raises:
        HandshakeError: The server could not be reached, hung up, or answered something that is no HTTP, or too much
            of it; with the phase.
    """
    progress = Progress() if progress is None else progress
    stream = await open_stream(endpoint, progress)
    progress.phase = "request"
    try:
        return await _exchange(stream, endpoint, body)
    except trio.BrokenResourceError as exc:
        cause = root_cause(exc)
        # Two sides whose TLS does not agree, such as about the client's certificate, go on disagreeing.
        may_pass = not isinstance(cause, ssl.SSLError)
        raise _failed(f"the connection broke before the answer: {cause}", retryable=may_pass) from exc
    finally:
        await trio.aclose_forcefully(stream)


async def _exchange(stream: trio.abc.Stream, endpoint: Endpoint, body: bytes) -> Response:
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MAX_HEAD_SIZE)
    request = (_request(endpoint, len(body)), h11.Data(body), h11.EndOfMessage())
    # A server that refuses without listening to the end hangs up on us, but has said why.
    with suppress(trio.BrokenResourceError):
        await stream.send_all(b"".join(connection.send(event) or b"" for event in request))
    # h11's error must not be part of ours: it repeats the peer's words, which may be an echo of ours, and those hold a
    # key. So it is over before ours is raised.
    with suppress(h11.RemoteProtocolError):
        return await _receive(stream, connection)
    _, hung_up = connection.trailing_data
    words = "the server hung up before the end of its answer" if hung_up else _NO_HTTP
    raise _failed(words, retryable=hung_up)


def _request(endpoint: Endpoint, size: int) -> h11.Request:
    beside = [(name, value) for name, value in endpoint.headers if name.lower() not in _OWN_HEADERS]
    own = [
        ("Host", endpoint.authority),
        ("Content-Type", "application/json"),
        ("Content-Length", str(size)),
        ("Connection", "close"),
    ]
    return h11.Request(method="POST", target=endpoint.target, headers=own + beside)


async def _receive(stream: trio.abc.Stream, connection: h11.Connection) -> Response:
    status = 0
    body = bytearray()
    while True:
        match connection.next_event():
            case h11.NEED_DATA:
                connection.receive_data(bytes(await stream.receive_some(_READ_SIZE)))
            case h11.InformationalResponse():
                pass  # 100 and its like come before the answer
            case h11.Response(status_code=status):
                pass
            case h11.Data(data=data):
                body += data
                if len(body) > MAX_BODY_SIZE:
                    raise _failed(f"the server's answer is larger than {MAX_BODY_SIZE} bytes")
            case h11.EndOfMessage():
                return Response(status, bytes(body))
            case _:
                raise _failed(_NO_HTTP)  # it goes on in another protocol


def _failed(message: str, *, retryable: bool = False) -> HandshakeError:
    return HandshakeError(message, phase="request", retryable=retryable)
