"""A Live server that costs next to nothing, in a process of its own: it answers each message with one of speech.

It reads no further into a frame than its length. `python _fast_server.py CHUNK_MS [CERTIFICATE KEY]` prints its port.
"""

from __future__ import annotations

import base64
import hashlib
import selectors
import socket
import ssl
import sys
from typing import Final

SETUP_COMPLETE: Final = b'{"setupComplete": {}}'
_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_READ_SIZE: Final = 2**18


def speech_frame(milliseconds: int) -> bytes:
    """A message with so much speech of 24 kHz."""
    data = base64.b64encode(bytes(48 * milliseconds))
    return _frame(
        b'{"serverContent":{"modelTurn":{"parts":[{"inlineData":'
        b'{"mimeType":"audio/pcm;rate=24000","data":"%b"}}]}}}' % data
    )


def _frame(payload: bytes, opcode: int = 0x2) -> bytes:
    size = len(payload)
    if size < 126:
        return bytes((0x80 | opcode, size)) + payload
    if size < 2**16:
        return bytes((0x80 | opcode, 126)) + size.to_bytes(2, "big") + payload
    return bytes((0x80 | opcode, 127)) + size.to_bytes(8, "big") + payload


class Connection:
    """One client."""

    def __init__(self, sock: socket.socket, answer: bytes) -> None:
        self.sock = sock
        self._answer = answer
        self._data = bytearray()
        self._unsent = bytearray()
        self._is_upgraded = False
        self._is_set_up = False

    def serve(self) -> bool:
        """Read what has arrived and answer it; False when the client has gone."""
        while True:
            try:
                data = self.sock.recv(_READ_SIZE)
            except (BlockingIOError, ssl.SSLWantReadError):
                break
            except OSError:
                return False
            if not data:
                return False
            self._data += data
        return self._answer_all()

    def _answer_all(self) -> bool:
        if not self._is_upgraded and not self._upgrade():
            return True
        while (frame := self._next_frame()) is not None:
            opcode, payload = frame
            if opcode == 0x8:
                self._unsent += _frame(payload, 0x8)
                self.flush()
                return False
            if opcode == 0x9:
                self._unsent += _frame(payload, 0xA)
            elif self._is_set_up:
                self._unsent += self._answer
            else:
                self._is_set_up = True
                self._unsent += _frame(SETUP_COMPLETE)
        return self.flush()

    def flush(self) -> bool:
        """Send what waits, as far as the network takes it."""
        while self._unsent:
            try:
                del self._unsent[: self.sock.send(self._unsent)]
            except (BlockingIOError, ssl.SSLWantWriteError):
                break
            except OSError:
                return False
        return True

    def _upgrade(self) -> bool:
        head, end, _ = self._data.partition(b"\r\n\r\n")
        if not end:
            return False
        del self._data[: len(head) + 4]
        key = next(
            line.split(b":")[1].strip()
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"sec-websocket-key")
        )
        accept = base64.b64encode(hashlib.sha1(key + _GUID, usedforsecurity=False).digest())
        self._unsent += (
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: %b\r\n\r\n" % accept
        )
        self._is_upgraded = True
        return True

    def _next_frame(self) -> tuple[int, bytes] | None:
        """The opcode of the next frame, and its payload if it is a control frame."""
        data = self._data
        if len(data) < 6:
            return None
        opcode, size, start = data[0] & 0x0F, data[1] & 0x7F, 6
        if size == 126:
            size, start = int.from_bytes(data[2:4], "big"), 8
        elif size == 127:
            size, start = int.from_bytes(data[2:10], "big"), 14
        if len(data) < start + size:
            return None
        key, payload = data[start - 4 : start], b""
        if opcode >= 0x8:
            payload = bytes(byte ^ key[index % 4] for index, byte in enumerate(data[start : start + size]))
        del data[: start + size]
        return opcode, payload


def serve(chunk_ms: int, tls: ssl.SSLContext | None) -> None:
    """Serve until the process is ended."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
    sys.stdout.write(f"{listening.getsockname()[1]}\n")
    sys.stdout.flush()
    answer = speech_frame(chunk_ms)
    selector = selectors.DefaultSelector()
    selector.register(listening, selectors.EVENT_READ)
    while True:
        # It never sleeps: to wake it up would cost the client more than anything else that a message costs.
        for key, _ in selector.select(0):
            if key.data is None:
                sock, _ = listening.accept()
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if tls is not None:
                    sock = tls.wrap_socket(sock, server_side=True)
                sock.settimeout(0)
                selector.register(sock, selectors.EVENT_READ, Connection(sock, answer))
                continue
            connection: Connection = key.data
            if not connection.serve():
                selector.unregister(connection.sock)
                connection.sock.close()


def main() -> None:
    """Run by the benchmarks."""
    tls = None
    if len(sys.argv) > 2:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(sys.argv[2], sys.argv[3])
    serve(int(sys.argv[1]), tls)


if __name__ == "__main__":
    main()
