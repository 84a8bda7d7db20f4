"""The HTTP request that a connection begins with, read before WebSocket takes over: others get an answer, too."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl

from ..transports._http_head import RequestHead, read_request as read_head

if TYPE_CHECKING:
    from collections.abc import Mapping

    import trio

_LONGEST_HEAD: Final = 16 * 2**10  # bytes; as much as the WebSocket library takes
_LARGEST_BODY: Final = 2**20  # bytes
_READ_SIZE: Final = 4096  # bytes
_MOST_VALUES: Final = 32  # in a query
_REQUEST_LINE: Final = re.compile(rb"[A-Z]{1,16} [!-~]+ HTTP/1\.[01]\r?\n")
_END_OF_HEAD: Final = re.compile(rb"\r?\n\r?\n")

# The codes of Google's APIs for HTTP statuses that have another name.
_NAMES: Final = {
    HTTPStatus.UNAUTHORIZED: "UNAUTHENTICATED",
    HTTPStatus.FORBIDDEN: "PERMISSION_DENIED",
    HTTPStatus.SERVICE_UNAVAILABLE: "UNAVAILABLE",
}


class NoRequestError(Exception):
    """The client hung up, or sent something that is no HTTP, such as TLS."""


class BadRequestError(Exception):
    """The client sent a request that breaks HTTP's rules."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request's head, and what has come behind it.

    Attributes:
        method: Such as `GET`.
        path: What is asked for, without the query, which may hold a key.
        query: The values of the query, by name.
        headers: The values of the headers, by their names in lower case; of several the last.
        head: The head's bytes.
        rest: The bytes behind it.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    head: bytes
    rest: bytes

    @property
    def is_upgrade(self) -> bool:
        """Whether it asks for a WebSocket."""
        return "upgrade" in self.headers


async def read_request(stream: trio.abc.Stream) -> Request:
    """Read a request's head.

    Raises:
        NoRequestError: The client hung up, or speaks something else.
        BadRequestError: It breaks HTTP's rules.
        trio.BrokenResourceError: The connection broke.
    """
    data = bytearray()
    # It is parsed once, when it is whole: a client may send it byte by byte.
    while not _END_OF_HEAD.search(data, max(0, len(data) - _READ_SIZE - 4)):
        received = await stream.receive_some(_READ_SIZE)
        data += received
        if not received or len(data) > _LONGEST_HEAD or not data[:1].isupper():
            raise NoRequestError
    head = read_head(bytes(data))
    if isinstance(head, RequestHead):
        return _request(head, bytes(data))
    raise BadRequestError if _REQUEST_LINE.match(data) else NoRequestError


async def read_body(stream: trio.abc.Stream, request: Request) -> bytes | None:
    """Read a request's body; None if the head has no size of it, or one beyond any of ours.

    Raises:
        NoRequestError: The client hung up before its end.
        trio.BrokenResourceError: The connection broke.
    """
    length = request.headers.get("content-length", "")
    size = int(length) if re.fullmatch("[0-9]{1,9}", length) else None
    if size is None or size > _LARGEST_BODY:
        return None
    body = bytearray(request.rest)
    while len(body) < size:
        data = await stream.receive_some()
        if not data:
            raise NoRequestError
        body += data
    return bytes(body[:size])


def refusal(status: HTTPStatus, message: str) -> bytes:
    """Write a response that says why a request is refused, as Google's services do."""
    error = {"code": status.value, "message": message, "status": _NAMES.get(status, status.name)}
    return response(status, {"error": error})


def response(status: HTTPStatus, content: object) -> bytes:
    """Write a response in JSON, after which the connection ends."""
    body = json.dumps(content, indent=2).encode() + b"\n"
    upgrade = "Upgrade: websocket\r\n" if status is HTTPStatus.UPGRADE_REQUIRED else ""
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n{upgrade}Connection: close\r\n\r\n"
    )
    return head.encode("ascii") + body


def _request(head: RequestHead, data: bytes) -> Request:
    end = _END_OF_HEAD.search(data)
    size = len(data) if end is None else end.end()
    path, _, query = head.target.partition("?")
    return Request(
        method=head.method,
        path=path,
        query=_query_values(query),
        headers=head.headers,
        head=data[:size],
        rest=data[size:],
    )


def _query_values(query: str) -> dict[str, str]:
    try:
        return dict(parse_qsl(query, max_num_fields=_MOST_VALUES))
    except ValueError:  # there are more
        return {}
