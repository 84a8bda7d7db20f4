"""HTTP/1.1 messages, as far as this package needs them: the one place that reads heads, by h11. Without I/O.

No error of h11's leaves this module, not as a context either: it repeats the peer's bytes, which may echo what the
peer was sent, and that holds keys.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import h11

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MAX_HEAD_SIZE: Final = 64 * 2**10
"""Bytes of one head; h11 counts the head of a chunk as one, too."""

_SWITCHING: Final = 101


Fault: TypeAlias = Literal["not HTTP", "hung up", "too large"]
"""Why an answer can't be had: it is none, it breaks off, or it is larger than its reader takes."""


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """The head of an answer.

    Attributes:
        status: The status code.
        headers: Values by names in lower case. Of several with one name, the last.
    """

    status: int
    headers: Mapping[bytes, bytes]


@dataclass(frozen=True, slots=True)
class RequestHead:
    """The head of a request.

    Attributes:
        method: Such as `GET`.
        target: Path and query, as the client sent them.
        headers: Values by names in lower case. Of several with one name, the last.
    """

    method: str
    target: str
    headers: Mapping[str, str]


class ClientExchange:
    """One request and its answer. Send `request`, and feed what comes back.

    Answers that are not the final one, 100 and its like, are passed over.

    Args:
        max_size: Bytes that the whole answer may have, on the wire.

    Attributes:
        request: The bytes to be sent.
        head: The head of the final answer, or None until it has arrived.
        body: What has arrived of the answer's body.
        is_complete: Whether the answer has arrived, body included; or whether the peer has switched to another
            protocol.
        fault: Why the answer can't be had. Nothing may be fed after it.
    """

    def __init__(
        self,
        method: str,
        target: str,
        headers: Sequence[tuple[str, str]],
        body: bytes = b"",
        *,
        max_size: int = MAX_HEAD_SIZE,
    ) -> None:
        self._connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD_SIZE)
        events = [h11.Request(method=method, target=target, headers=list(headers))]
        data = [h11.Data(body)] if body else []
        self.request: bytes = b"".join(
            self._connection.send(event) or b"" for event in (*events, *data, h11.EndOfMessage())
        )
        self._max_size = max_size
        self._size = 0
        self.head: ResponseHead | None = None
        self.body: bytearray = bytearray()
        self.is_complete: bool = False
        self.fault: Fault | None = None

    @property
    def trailing_data(self) -> bytes:
        """The bytes behind the head of an answer that switches to another protocol."""
        return self._connection.trailing_data[0]

    def feed(self, data: bytes) -> None:
        """Read what has arrived next; nothing where the peer has hung up."""
        self._size += len(data)
        self._connection.receive_data(data)
        while (event := _next_event(self._connection)) is not None and self._note(event):
            pass
        if not data and not self.is_complete:
            self.fault = "hung up"
        elif event is None:
            self.fault = "not HTTP"
        elif self._size > self._max_size and not self.is_complete:  # else the rest is another protocol's
            self.fault = "too large"

    def _note(self, event: object) -> bool:
        """Note what one event says. Returns whether another may follow."""
        match event:
            case h11.InformationalResponse(status_code=status, headers=headers):
                if status != _SWITCHING:
                    return True
                self.head = ResponseHead(status, dict(headers))
                self.is_complete = True
            case h11.Response(status_code=status, headers=headers):
                self.head = ResponseHead(status, dict(headers))
                self.is_complete = self._connection.their_state is h11.SWITCHED_PROTOCOL
                return not self.is_complete
            case h11.Data(data=data):
                self.body += data
                return True
            case h11.EndOfMessage():
                self.is_complete = True
            case _:
                pass
        return False


def read_response(data: bytes) -> tuple[int, bytes] | None:
    """The status and the body of the answer that *data* begins with, as far as they have come.

    None if it is not HTTP, or only an answer that is not final. Where the head has arrived in part, or has lines that
    break HTTP's rules, the status line is enough.
    """
    if b"\n" not in data:
        return None
    whole_lines = data[: data.rfind(b"\n") + 1]
    status_line = data[: data.find(b"\n") + 1]
    for beginning in (data, whole_lines + b"\r\n", status_line + b"\r\n"):
        exchange = ClientExchange("GET", "/", [("Host", "server")], max_size=len(beginning))
        exchange.feed(beginning)
        if exchange.head is not None:  # which may be right where the body is not
            return exchange.head.status, bytes(exchange.body)
    return None


def read_request(data: bytes) -> RequestHead | Fault | None:
    """The head of the request that *data* begins with; None as long as it is incomplete, but may become one."""
    if not data:
        return None
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD_SIZE)
    connection.receive_data(data)
    match _next_event(connection):
        case h11.Request(method=method, target=target, headers=headers):
            values = {name.decode("ascii"): value.decode("latin-1") for name, value in headers}
            return RequestHead(method.decode("ascii"), target.decode("latin-1"), values)
        case h11.NEED_DATA if len(data) <= MAX_HEAD_SIZE:
            return None
        case _:
            return "not HTTP"


def _next_event(connection: h11.Connection) -> object | None:
    """The next event of h11's, or None where the peer has broken the rules."""
    try:
        return connection.next_event()
    except h11.RemoteProtocolError:
        return None
