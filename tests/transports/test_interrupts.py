"""Ctrl+C at any moment: the peer sees whole frames, and then a Close."""

from __future__ import annotations

import signal
import socket
import sys
from typing import TYPE_CHECKING

import pytest
import trio

from livegen_trio.transports._dial import wire as wire_module
from livegen_trio.transports._dial.wire import Wire
from livegen_trio.transports._direct import framing, incoming, outgoing, pump, transport as transport_module
from livegen_trio.transports._direct.framing import Framing
from livegen_trio.transports._direct.transport import DirectTransport, upgrade_wire
from livegen_trio.transports.base import MAX_MESSAGE_SIZE
from support.raw_websocket import (
    CLOSE,
    ENDPOINT,
    PING,
    PONG,
    TEXT,
    RawPeer,
    accepting,
    encode,
    encode_close,
    socket_pair,
)

if TYPE_CHECKING:
    from types import FrameType

    from _typeshed import TraceFunction

FILES = {module.__file__ for module in (framing, incoming, outgoing, pump, transport_module, wire_module)}
INBOUND = encode(TEXT, b"one") + encode(PING, b"p") + encode(PONG, b"1") + encode(TEXT, b"two")
MESSAGES = [b"first", b"a" * 300, b"last"]


class Interrupter:
    """Raises SIGINT just before the nth line that is run of the transport's modules."""

    def __init__(self, n: int) -> None:
        self.left = n
        self.lines = 0
        self._earlier = sys.gettrace()  # that of a debugger, or of coverage

    def start(self) -> None:
        sys.settrace(self.trace)

    def stop(self) -> None:
        sys.settrace(self._earlier)

    def trace(self, frame: FrameType, event: str, _: object) -> TraceFunction | None:
        if frame.f_code.co_filename not in FILES:
            return None
        if event == "line":
            self.lines += 1
            self.left -= 1
            if self.left == 0:
                signal.raise_signal(signal.SIGINT)
        return self.trace


class Conversation:
    """A transport in the main task of a run of its own, which is interrupted, and what its peer hears of it."""

    def __init__(self, interrupter: Interrupter) -> None:
        self._interrupter = interrupter
        self.heard: list[tuple[int, bytes]] = []
        self.rest = b""
        self.received: list[bytes | str] = []
        self.was_interrupted = False

    async def run(self) -> None:
        """Converse, then close, whatever happens. The lines count from the end of the upgrade."""
        wire, theirs = socket_pair()
        peer = RawPeer(theirs)
        async with theirs, trio.open_nursery() as nursery:
            nursery.start_soon(accepting, peer)
            transport = await upgrade_wire(wire, ENDPOINT)
            nursery.start_soon(self._listen, peer)
            try:
                self._interrupter.start()
                await self._send(transport)
                await transport.deliver(self._take)
                await trio.lowlevel.checkpoint()  # where an interrupt that is held back comes up
            except KeyboardInterrupt:
                self.was_interrupted = True
            self._interrupter.stop()
            await transport.aclose()

    async def _send(self, transport: DirectTransport) -> None:
        assert transport.send_nowait(MESSAGES[0])
        await transport.send(MESSAGES[1])
        transport.ping_nowait()
        assert transport.send_nowait(MESSAGES[2], ping=True)
        await transport.ping()

    def _take(self, frame: bytes | str) -> bool:
        self.received.append(frame)
        return frame != b"two"

    async def _listen(self, peer: RawPeer) -> None:
        await peer.say(INBOUND)
        try:
            while True:
                opcode, payload = await peer.hear()
                self.heard.append((opcode, payload))
                if opcode == CLOSE:
                    await peer.say(encode(CLOSE, payload))
        except EOFError as exc:
            self.rest = exc.args[0]

    def check(self) -> None:
        """See that what was heard is whole, and that each ping knows how many messages came before it."""
        messages: list[bytes] = []
        for opcode, payload in self.heard:
            if opcode == TEXT:
                messages.append(payload)
            elif opcode == PING:
                assert payload == b"%d" % len(messages)
        assert messages == MESSAGES[: len(messages)]
        assert self.received == [b"one", b"two"][: len(self.received)]
        assert self.heard[-1][0] == CLOSE
        assert self.rest == b""


def conversation_interrupted_at(n: int) -> tuple[Conversation, int]:
    """A conversation that is interrupted before the nth line, and how many lines there were."""
    interrupter = Interrupter(n)
    conversation = Conversation(interrupter)
    try:
        trio.run(conversation.run)
    finally:
        interrupter.stop()
    return conversation, interrupter.lines


def test_at_any_line_leaves_whole_frames_and_a_close() -> None:
    whole, lines = conversation_interrupted_at(-1)
    whole.check()
    assert whole.received == [b"one", b"two"]
    assert lines > 100
    interrupted = 0
    for n in range(1, lines):
        conversation, _ = conversation_interrupted_at(n)
        conversation.check()
        interrupted += conversation.was_interrupted
    assert interrupted > 100  # not each of them: some lines run or not, as the tasks come


class InterruptedSocket(socket.socket):
    """Takes seven bytes at first, and is interrupted when it has; then it takes all."""

    _is_first = True

    def send(self, data: bytes | bytearray | memoryview, flags: int = 0, /) -> int:  # type: ignore[override] # it takes any buffer
        if not self._is_first:
            return super().send(data, flags)
        self._is_first = False
        taken = super().send(bytes(data[:7]), flags)
        signal.raise_signal(signal.SIGINT)
        return taken


async def send_in_part() -> None:
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    wire = Wire(InterruptedSocket(fileno=ours.detach()))
    transport = DirectTransport(wire, Framing(max_message_size=MAX_MESSAGE_SIZE))
    async with trio.SocketStream(trio.socket.from_stdlib_socket(theirs)) as stream:
        assert transport.send_nowait(b"x" * 100)
        with pytest.raises(KeyboardInterrupt):
            await trio.lowlevel.checkpoint()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(transport.aclose)
            peer = RawPeer(stream)
            assert await peer.hear() == (TEXT, b"x" * 100)
            assert (await peer.hear())[0] == CLOSE
            await peer.say(encode_close(1000))


def test_when_the_socket_has_taken_a_part_of_a_frame_leaves_the_rest_to_be_written() -> None:
    trio.run(send_in_part)
