"""The request that a connection begins with, read before WebSocket takes over, so that others get an answer, too."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import trio

if TYPE_CHECKING:
    from typing_extensions import Buffer

_LONGEST_HEAD: Final = 16 * 2**10
"""Bytes; what the WebSocket library takes as well."""


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
    error = {"code": status.value, "message": message, "status": status.name}
    body = json.dumps({"error": error}, indent=2).encode() + b"\n"
    upgrade = "Upgrade: websocket\r\n" if status is HTTPStatus.UPGRADE_REQUIRED else ""
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n{upgrade}Connection: close\r\n\r\n"
    )
    return head.encode("ascii") + body


class RequestStream(trio.abc.Stream):
    """A stream from which the request's head can be read once more.

    Attributes:
        path: What is asked for, without the query, which may hold a key.
        is_upgrade: Whether it asks for a WebSocket.
    """

    def __init__(self, stream: trio.abc.Stream, head: bytes) -> None:
        self._stream = stream
        self._head = head
        request_line, _, headers = head.partition(b"\r\n")
        words = request_line.decode("latin-1").split(" ")
        self.path = words[1].partition("?")[0] if len(words) == 3 else ""
        names = [line.partition(b":")[0].strip().lower() for line in headers.split(b"\r\n")]
        self.is_upgrade = b"upgrade" in names

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
