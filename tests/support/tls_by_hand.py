"""The other end of TLS, by hand: each record is the test's own."""

from __future__ import annotations

import ssl
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import pytest
import trio

from support.authority import client_context, server_context
from support.raw_websocket import socket_pair

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from livegen_trio.transports._dial.wire import Wire

NAME: Final = "voice.test"
SERVER: Final = server_context(NAME)
CLIENT: Final = client_context()


class PeerByHand:
    """A server's TLS of which each record is at hand."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = SERVER.wrap_bio(self._incoming, self._outgoing, server_side=True)

    async def shake_hands(self, *, flights: int = 100, last_words: bytes = b"") -> None:
        """Up to so many times that something is heard; with what is said along with our last part."""
        for _ in range(flights):
            try:
                self._tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                await self._pass_on()
                self._incoming.write(await self.stream.receive_some())
        else:
            return
        if last_words:
            self._tls.write(last_words)
        await self._pass_on()

    def record(self, data: bytes) -> bytes:
        """The bytes that say *data*."""
        self._tls.write(data)
        return self._outgoing.read()

    async def say(self, data: bytes) -> None:
        await self.stream.send_all(self.record(data))

    def end(self) -> bytes:
        """The bytes that say that nothing more is said; they say nothing of TCP."""
        with pytest.raises(ssl.SSLWantReadError):  # it would wait for the same
            self._tls.unwrap()
        return self._outgoing.read()

    async def hear(self) -> bytes:
        while True:
            self._incoming.write(await self.stream.receive_some())
            try:
                return self._tls.read()
            except ssl.SSLWantReadError:
                pass

    async def _pass_on(self) -> None:
        if data := self._outgoing.read():
            await self.stream.send_all(data)


@asynccontextmanager
async def encrypted_by_hand() -> AsyncGenerator[tuple[Wire, PeerByHand]]:
    """A wire with TLS, and its peer. Both are closed behind the block."""
    wire, bare = socket_pair()
    peer = PeerByHand(bare)
    async with bare:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(peer.shake_hands)
            await wire.start_tls(CLIENT, NAME)
        yield wire, peer
        wire.close()
