"""Bare sockets, JSON and base64: what no client in Python gets below, and none with guarantees down to."""

from __future__ import annotations

import math
import selectors
import socket
import time
from collections import deque
from typing import TYPE_CHECKING, Final

from _bare import decode, encode, frame
from _measuring import Measurement, Options, tell_memory, told

if TYPE_CHECKING:
    from collections.abc import Iterator

_READ_SIZE: Final = 65_536


class Connection:
    """One socket."""

    def __init__(self, options: Options) -> None:
        sock = socket.create_connection(("127.0.0.1", options.port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = (
            sock if options.tls is None else options.tls.wrap_socket(sock, server_hostname="127.0.0.1")
        )
        self.left = options.pairs
        self.sent_at: deque[float] = deque()
        self._data = b""
        self.sock.sendall(b"GET / HTTP/1.1\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
        while b"\r\n\r\n" not in self.sock.recv(_READ_SIZE):
            pass
        self.sock.sendall(frame(b'{"setup": {}}'))
        self.sock.recv(_READ_SIZE)

    def send(self, chunk: bytes) -> None:
        """Send a chunk of speech."""
        self.sock.send(frame(encode(chunk)))

    def receive(self) -> Iterator[bytes]:
        """The messages that are complete now."""
        self._data += self.sock.recv(_READ_SIZE)
        while len(self._data) >= 4:
            size = int.from_bytes(self._data[2:4], "big")
            if len(self._data) < 4 + size:
                return
            yield self._data[4 : 4 + size]
            self._data = self._data[4 + size :]


class Client:
    """So many connections at once."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._chunk = options.chunk
        self._measurement = Measurement(options)
        self._connections = [Connection(options) for _ in range(options.sessions)]
        self._selector = selectors.DefaultSelector()
        for connection in self._connections:
            self._selector.register(connection.sock, selectors.EVENT_READ, connection)
        self._unfinished = options.sessions

    def run(self) -> None:
        """Converse."""
        if self._options.mode == "idle":
            tell_memory()
            return
        self._measurement.begin()
        if self._options.mode == "paced":
            self._run_paced()
            return
        for connection in self._connections:
            connection.send(self._chunk)
        while self._unfinished:
            self._receive(None, answers=True)

    def _run_paced(self) -> None:
        shifts = iter(self._shifts())
        due, some = next(shifts)
        begun = time.perf_counter()
        while self._unfinished and time.perf_counter() - begun < self._options.patience:
            while (wait := begun + due - time.perf_counter()) <= 0:
                for connection in some:
                    connection.sent_at.append(time.perf_counter())
                    connection.send(self._chunk)
                due, some = next(shifts, (math.inf, []))
            self._receive(min(wait, 0.1), answers=False)

    def _shifts(self) -> Iterator[tuple[float, list[Connection]]]:
        for number in range(self._options.pairs):
            for some, delay in self._options.shifts(self._connections):
                yield number * self._options.interval + delay, some

    def _receive(self, timeout: float | None, *, answers: bool) -> None:
        for key, _ in self._selector.select(timeout):
            connection: Connection = key.data
            for message in connection.receive():
                sent_at = None if answers else connection.sent_at.popleft()
                self._measurement.received(decode(message), sent_at)
                connection.left -= 1
                if not connection.left:
                    self._unfinished -= 1
                    self._measurement.finish_session()
                elif answers:
                    connection.send(self._chunk)


if __name__ == "__main__":
    Client(told()).run()
