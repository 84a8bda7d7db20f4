"""The request that a connection begins with, read before WebSocket takes over, so that others get an answer, too."""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl

import trio

if TYPE_CHECKING:
    from typing_extensions import Buffer

_LONGEST_HEAD: Final = 16 * 2**10
"""Bytes; what the WebSocket library takes as well."""

_LARGEST_BODY: Final = 2**20
"""Bytes."""


class NoRequest(Exception):  # noqa: N818 - a client that never asked
    """The client sent nothing that a request could begin with."""


async def read_request(stream: trio.abc.Stream) -> RequestStream:
    """Read a request's head.

    Raises:
        NoRequest: The client hung up, or speaks something else, such as TLS.
        trio.BrokenResourceError: The connection broke.
    """
    head = bytearray()
    while b"\r\n\r\n" not in head:
        data = await stream.receive_some(_LONGEST_HEAD)
        head += data
        if not data or len(head) > _LONGEST_HEAD or not _may_be_request(head):
            raise NoRequest
    return RequestStream(stream, bytes(head))


def refusal(status: HTTPStatus, message: str) -> bytes:
    """A response that tells why not, as Google's services write it."""
    return response(status, {"error": {"code": status.value, "message": message, "status": status.name}})


def response(status: HTTPStatus, content: object) -> bytes:
    """A response in JSON, after which the connection ends."""
    body = json.dumps(content, indent=2).encode() + b"\n"
    upgrade = "Upgrade: websocket\r\n" if status is HTTPStatus.UPGRADE_REQUIRED else ""
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n{upgrade}Connection: close\r\n\r\n"
    )
    return head.encode("ascii") + body


class RequestStream(trio.abc.Stream):
    """A stream from which the request's head can be read once more.

    Attributes:
        method: Such as `GET`.
        path: What is asked for, without the query, which may hold a key.
        query: The values that come with the path, by name.
        headers: The values of its headers, by their names in lower case.
    """

    def __init__(self, stream: trio.abc.Stream, head: bytes) -> None:
        self._stream = stream
        self._head = head
        request_line, *lines = head.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
        words = request_line.split(" ")
        self.method = words[0]
        self.path, _, query = words[1].partition("?") if len(words) == 3 else ("", "", "")
        self.query = dict(parse_qsl(query))
        pairs = (line.partition(":") for line in lines)
        self.headers = {name.strip().lower(): value.strip() for name, _, value in pairs}

    @property
    def is_upgrade(self) -> bool:
        """Whether it asks for a WebSocket."""
        return "upgrade" in self.headers

    async def read_body(self) -> bytes | None:
        """Read the request's body; None if it doesn't say its size, or is larger than any of ours."""
        length = self.headers.get("content-length", "")
        size = int(length) if re.fullmatch("[0-9]{1,9}", length) else None
        if size is None or size > _LARGEST_BODY:
            return None
        body = bytearray(self._head.partition(b"\r\n\r\n")[2])
        while len(body) < size:
            data = await self._stream.receive_some()
            if not data:
                raise NoRequest
            body += data
        return bytes(body[:size])

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        if not self._head:
            return await self._stream.receive_some(max_bytes)
        await trio.lowlevel.checkpoint()
        size = len(self._head) if max_bytes is None else max_bytes
        data, self._head = self._head[:size], self._head[size:]
        return data

    async def send_all(self, data: Buffer) -> None:
        await self._stream.send_all(memoryview(data))

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        await self._stream.aclose()


def _may_be_request(head: bytes | bytearray) -> bool:
    """Whether this can begin a request: a method comes first, in capitals."""
    method = head[:16].partition(b" ")[0]
    return method.isalpha() and method.isupper()
