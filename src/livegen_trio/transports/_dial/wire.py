"""A connected socket that never blocks, with TLS in memory where there is any: bytes in, bytes out.

Trio's own streams cost a wake-up of the task for each call, which is most of what a short message costs. Here reading
and writing are synchronous; the caller waits for the socket where nothing has arrived, or not all has gone out.
"""

from __future__ import annotations

import ssl
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import trio

if TYPE_CHECKING:
    import socket
    from collections.abc import Awaitable, Callable

_READ_SIZE: Final = 65_536


class Wire:
    """One connected socket, and the TLS on it. The wire closes the socket.

    Attributes:
        sock: The socket, to wait for. Non-blocking.
        at_end: Whether nothing more can be read.
        unsent: The bytes that the network has not taken yet. `flush` tries again.
        is_broken: Whether nothing more can be written. What the peer sent before that can still be read.
    """

    def __init__(self, sock: socket.socket) -> None:
        sock.settimeout(0)
        self.sock: socket.socket = sock
        self.at_end: bool = False
        self.is_broken: bool = False
        self._tls: ssl.SSLObject | None = None
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self.unsent: bytearray = bytearray()

    @property
    def is_closed(self) -> bool:
        """True once it was closed on this side."""
        return self.sock.fileno() == -1

    async def start_tls(self, context: ssl.SSLContext, host: str) -> None:
        """Encrypt what follows; the peer has to prove that it is *host*.

        Raises:
            OSError: It can't, or has hung up; also an `ssl.SSLError`.
        """
        tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                await self._exchange()
            except ssl.SSLError:
                self._write(self._outgoing.read())  # an alert for the peer
                raise
        self._tls = tls
        self._write(self._outgoing.read())
        await self.drain()

    async def _exchange(self) -> None:
        self._write(self._outgoing.read())
        await self.drain()
        await self.wait_readable()
        if data := self._read():
            self._incoming.write(data)
        elif self.at_end:
            raise ssl.SSLEOFError(ssl.SSL_ERROR_EOF, "the peer hung up")

    def receive(self) -> bytes:
        """Read what has arrived, which may be nothing; see `at_end`."""
        data = self._read()
        if self._tls is None or not (data or self._incoming.pending):
            return data
        self._incoming.write(data)
        return self._decrypt(self._tls)

    def send(self, data: bytes) -> None:
        """Write *data* behind what is unsent. What the network doesn't take now is `unsent`."""
        if self._tls is not None:
            try:
                self._tls.write(data)
            except ssl.SSLError:  # it has given up on the peer
                self.is_broken = True
                return
            data = self._outgoing.read()
        self._write(data)

    def flush(self) -> None:
        """Write what is unsent, as far as the network takes it."""
        waiting, self.unsent = self.unsent, bytearray()
        self._write(waiting)

    async def drain(self) -> None:
        """Wait until nothing is unsent, or nothing more can be written. Cancelling this loses nothing."""
        while self.unsent:
            await self.wait_writable()
            self.flush()

    async def wait_readable(self) -> None:
        """Wait until there is something to read, or the wire is closed."""
        await self._wait(trio.lowlevel.wait_readable)

    async def wait_writable(self) -> None:
        """Wait until the network takes more, or the wire is closed."""
        await self._wait(trio.lowlevel.wait_writable)

    async def _wait(self, until_ready: Callable[[socket.socket], Awaitable[None]]) -> None:
        if self.is_closed:
            await trio.lowlevel.checkpoint()
            return
        with suppress(trio.ClosedResourceError):
            await until_ready(self.sock)

    def close(self) -> None:
        """Close the socket. Wakes the tasks that wait for it."""
        if not self.is_closed:
            trio.lowlevel.notify_closing(self.sock)
            self.sock.close()
        self.at_end = self.is_broken = True
        self.unsent.clear()

    def _read(self) -> bytes:
        try:
            data = self.sock.recv(_READ_SIZE)
        except (BlockingIOError, InterruptedError):
            return b""
        except OSError:  # reset, or closed on this side
            data = b""
        if not data:
            self.at_end = True
        return data

    def _write(self, data: bytes | bytearray) -> None:
        if self.is_broken:
            return
        if self.unsent:
            self.unsent += data
            return
        try:
            written = self.sock.send(data)
        except (BlockingIOError, InterruptedError):
            written = 0
        except OSError:
            self.is_broken = True
            return
        if written < len(data):
            self.unsent += memoryview(data)[written:]

    def _decrypt(self, tls: ssl.SSLObject) -> bytes:
        data = b""
        try:
            while more := tls.read(_READ_SIZE):
                data = data + more if data else more
                if not (self._incoming.pending or tls.pending()):
                    break  # to ask for what isn't there would cost an exception
            else:
                self.at_end = True
        except ssl.SSLWantReadError:
            pass  # a record that has arrived in part, or none of the data's
        except ssl.SSLError:
            self.at_end = True
        if self._outgoing.pending:
            self._write(self._outgoing.read())  # of TLS's own
        return data
