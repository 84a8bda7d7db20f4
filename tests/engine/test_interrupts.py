"""Ctrl+C at any moment of a session: the server sees whole messages and a Close, and no event is lost."""

from __future__ import annotations

import json
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trio

import livegen_trio
from livegen_trio import Backend, SessionResumptionUpdate
from livegen_trio._engine.engine import Engine
from livegen_trio.transports._dial.wire import Wire
from livegen_trio.transports._direct.framing import Framing
from livegen_trio.transports._direct.transport import DirectTransport
from livegen_trio.transports.base import MAX_MESSAGE_SIZE
from support.peer import HANDLE, model_on, text
from support.raw_websocket import CLOSE, PING, PONG, TEXT, encode

if TYPE_CHECKING:
    from types import FrameType

    from _typeshed import TraceFunction

    from livegen_trio import LiveSession
    from livegen_trio.transports.base import Progress, Transport

PACKAGE = Path(livegen_trio.__file__).parent
TRACED = tuple(
    str(PACKAGE / name) for name in ("_engine", "_session", "_protocol/session_rules", "_resumption")
)
STEP = 7  # every line of a session is another one; a prime, so that repeated runs of a loop don't hide any


class Server(threading.Thread):
    """The server's end of a socket, in a thread, which no signal reaches."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(daemon=True)
        self._sock = sock
        self._buffer = b""
        self.heard: list[tuple[int, bytes]] = []
        self.rest = b""

    def run(self) -> None:
        with self._sock:
            try:
                while True:
                    self._answer(*self._frame())
            except EOFError:
                self.rest = self._buffer

    def _answer(self, opcode: int, payload: bytes) -> None:
        self.heard.append((opcode, payload))
        if opcode in (CLOSE, PING):
            self._sock.sendall(encode(PONG if opcode == PING else CLOSE, payload))
        elif b'"setup"' in payload:
            self._say({"setupComplete": {}}, HANDLE)
        elif b'"first"' in payload:
            self._say(text("one"))
            self._say(text("two"))

    def _say(self, *messages: dict[str, Any]) -> None:
        self._sock.sendall(b"".join(encode(TEXT, json.dumps(one).encode()) for one in messages))

    def _frame(self) -> tuple[int, bytes]:
        first, second = self._bytes(2)
        size = second & 0x7F
        if size > 125:
            size = int.from_bytes(self._bytes(2 if size == 126 else 8), "big")
        mask = self._bytes(4)
        payload = self._bytes(size)
        return first & 0x0F, bytes(byte ^ mask[place % 4] for place, byte in enumerate(payload))

    def _bytes(self, size: int) -> bytes:
        while len(self._buffer) < size:
            try:
                data = self._sock.recv(65_536)
            except ConnectionError:
                data = b""
            if not data:
                raise EOFError
            self._buffer += data
        data, self._buffer = self._buffer[:size], self._buffer[size:]
        return data


class SocketBackend(Backend):
    """Dials a socket that is open already."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def resource_name(self, model: str) -> str:
        return model

    async def dial(self, nursery: trio.Nursery, progress: Progress) -> Transport:
        await trio.lowlevel.checkpoint()
        return DirectTransport(Wire(self._sock), Framing(max_message_size=MAX_MESSAGE_SIZE))


class Interrupter:
    """Raises SIGINT just before the nth line that is run of the engine and what it stands on."""

    def __init__(self, n: int) -> None:
        self._left = n
        self.lines = 0
        self.earlier = sys.gettrace()  # that of a debugger, or of coverage

    def trace(self, frame: FrameType, event: str, _: object) -> TraceFunction | None:
        if not frame.f_code.co_filename.startswith(TRACED):
            return None
        if event == "line":
            self.lines += 1
            self._left -= 1
            if self._left == 0:
                signal.raise_signal(signal.SIGINT)
        return self.trace


class Program:
    """A session in the main task of a run of its own.

    Attributes:
        server: The other end.
        sent: The texts that were to be sent.
        accepted: How many of the sends have returned.
        received: The texts that were received, also after the interrupt.
        in_ledger: How many inputs the session knows of.
        was_interrupted: Whether it was.
    """

    def __init__(self, n: int) -> None:
        self._ours, theirs = socket.socketpair()
        self._interrupter = Interrupter(n)
        self.server = Server(theirs)
        self.sent: list[str] = []
        self.accepted = 0
        self.received: list[str] = []
        self.was_interrupted = False
        self.in_ledger = 0

    @property
    def lines(self) -> int:
        return self._interrupter.lines

    def run(self) -> None:
        """Run it, and wait for the server to have heard the end."""
        self.server.start()
        try:
            trio.run(self._main)
        finally:
            sys.settrace(self._interrupter.earlier)
            self._ours.close()
            self.server.join(5)

    async def _main(self) -> None:
        async with model_on(SocketBackend(self._ours)).connect(close_timeout=5) as session:
            assert isinstance(await session.receive(), SessionResumptionUpdate)
            try:
                sys.settrace(self._interrupter.trace)
                await self._converse(session)
                await trio.lowlevel.checkpoint()  # where an interrupt that is held back comes up
            except KeyboardInterrupt:
                self.was_interrupted = True
            finally:
                sys.settrace(self._interrupter.earlier)
            with trio.move_on_after(0.2 if self.sent else 0):
                await self._receive(session)
            assert isinstance(session._engine, Engine)
            self.in_ledger = session._engine._shared.outbox.ledger.accepted

    async def _converse(self, session: LiveSession) -> None:
        for words in ("first", "second"):
            self.sent.append(words)
            await session.send(words)
            self.accepted += 1
            await session.send_audio_realtime(b"\0\0" * 160)
        await self._receive(session)

    async def _receive(self, session: LiveSession) -> None:
        while len(self.received) < 2:
            event = await session.receive()
            self.received.append(getattr(event, "text", ""))

    def check(self) -> None:
        """Check that the server has got whole messages, in order, and a Close; and that no event is lost."""
        assert not self.server.is_alive()
        assert self.server.rest == b""
        assert self.server.heard[-1][0] == CLOSE
        messages = [json.loads(payload) for opcode, payload in self.server.heard if opcode == TEXT]
        heard = [
            message["clientContent"]["turns"][0]["parts"][0]["text"]
            for message in messages
            if "clientContent" in message
        ]
        assert len(messages) == 1 + self.in_ledger  # the setup is no input
        assert heard == self.sent[: len(heard)]
        assert len(heard) >= self.accepted
        assert self.received == (["one", "two"] if heard else [])


def test_a_session_without_an_interrupt_is_whole() -> None:
    program = Program(-1)
    program.run()
    program.check()
    assert not program.was_interrupted
    assert program.lines > 100


@pytest.mark.parametrize("offset", range(STEP))
def test_a_session_that_is_interrupted_at_any_line_is_closed_in_order(offset: int) -> None:
    n, interrupted = offset + 1, 0
    while True:
        program = Program(n)
        program.run()
        program.check()
        interrupted += program.was_interrupted
        if program.lines < n:
            break
        n += STEP
    assert interrupted > 10
