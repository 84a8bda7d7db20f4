"""The HTTP request that turns a connection into a WebSocket, and what may come back (RFC 6455, 4)."""

from __future__ import annotations

import base64
import hashlib
import os
from typing import TYPE_CHECKING, Final

import h11

if TYPE_CHECKING:
    from ..base import Endpoint

_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class NotUpgraded(Exception):  # noqa: N818 - no error yet: the words come from what was answered
    """The peer has answered, and not with a WebSocket."""


class Upgrade:
    """One request. Feed it what comes, until `trailing_data` says what came behind the answer.

    Attributes:
        request: To be sent first.
        trailing_data: The first bytes of the WebSocket, once it is open.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        key = base64.b64encode(os.urandom(16))
        self._accept = base64.b64encode(hashlib.sha1(key + _GUID, usedforsecurity=False).digest())
        self._connection = h11.Connection(h11.CLIENT)
        own = [
            ("Host", endpoint.authority),
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Key", key.decode()),
            ("Sec-WebSocket-Version", "13"),
        ]
        request = h11.Request(method="GET", target=endpoint.target, headers=[*own, *endpoint.headers])
        self.request: bytes = self._connection.send(request) or b""
        self._connection.send(h11.EndOfMessage())
        self.trailing_data: bytes | None = None

    def feed(self, data: bytes) -> None:
        """Take what has come.

        Raises:
            NotUpgraded: It opens no WebSocket.
        """
        try:
            self._connection.receive_data(data)
            event = self._connection.next_event()
            while isinstance(event, h11.InformationalResponse) and event.status_code != 101:
                event = self._connection.next_event()
        except h11.RemoteProtocolError:
            # Without h11's words: they repeat the peer's.
            raise NotUpgraded from None
        if event is h11.NEED_DATA:
            return
        if not isinstance(event, h11.InformationalResponse) or not self._is_right(dict(event.headers)):
            raise NotUpgraded
        self.trailing_data = self._connection.trailing_data[0]

    def _is_right(self, headers: dict[bytes, bytes]) -> bool:
        connection = {token.strip().lower() for token in headers.get(b"connection", b"").split(b",")}
        return (
            headers.get(b"upgrade", b"").lower() == b"websocket"
            and b"upgrade" in connection
            and headers.get(b"sec-websocket-accept") == self._accept
            and not headers.keys() & {b"sec-websocket-extensions", b"sec-websocket-protocol"}
        )
