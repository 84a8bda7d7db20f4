"""WebSocket frames (RFC 6455) as a client writes and reads them, without I/O: bytes in, messages out.

It knows no handshake, no extension and no closing handshake: it reports what came, and its caller answers.

Speed is why it exists. What nearly all frames are like, a whole message of 126 bytes to 64 KiB, takes a few lines in
`Framing._parse` and one copy. All others, be they short, long, fragments, control frames, incomplete or wrong, take
`Framing._parse_frame`, which knows every rule.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from struct import Struct
from typing import Final, TypeAlias

from .masking import KEY_SIZE, draw_keys, mask

_FIN: Final = 0x80
_RESERVED: Final = 0x70
_OPCODE: Final = 0x0F
_MASKED: Final = 0x80

_CONTINUATION, _TEXT, _BINARY = 0x0, 0x1, 0x2
_CLOSE, _PING, _PONG = 0x8, 0x9, 0xA
_OPCODES: Final = frozenset({_CONTINUATION, _TEXT, _BINARY, _CLOSE, _PING, _PONG})

_LENGTH_16: Final = 126  # in place of a length: it follows, in two bytes
_LENGTH_64: Final = 127  # the same, in eight
_LENGTH_SIZES: Final = {_LENGTH_16: 2, _LENGTH_64: 8}
_LEAST_LENGTHS: Final = {_LENGTH_16: 126, _LENGTH_64: 2**16}
_CONTROL_PAYLOAD: Final = 125  # bytes, at most

_WHOLE_TEXT: Final = (_FIN | _TEXT) << 8 | _LENGTH_16
_WHOLE_BINARY: Final = (_FIN | _BINARY) << 8 | _LENGTH_16
_read_header_16: Final = Struct("!HH").unpack_from
_write_header: Final = Struct("!BB4s").pack
_write_header_16: Final = Struct("!BBH4s").pack
_write_header_64: Final = Struct("!BBQ4s").pack

_NORMAL: Final = 1000
_PROTOCOL_ERROR: Final = 1002
_NO_STATUS: Final = 1005
_INVALID_DATA: Final = 1007
_TOO_BIG: Final = 1009
# What a Close may carry, by RFC 6455, 7.4, and IANA's registry. 1004 has no meaning yet; 1005, 1006 and 1015 are for
# what happened without one.
_CLOSE_CODES: Final = frozenset({*range(1000, 1004), *range(1007, 1015), *range(3000, 5000)})

_Utf8Decoder: Final = codecs.getincrementaldecoder("utf-8")


class FramingError(Exception):
    """The peer broke the protocol, or sent more than it may.

    Attributes:
        code: The close code for the peer: 1002, 1007 or 1009.
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Ping:
    """Asks for a Pong with the same payload."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Pong:
    """Answers a Ping, or comes unasked."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class CloseFrame:
    """The peer's last frame. Its code is 1005 where it has none."""

    code: int
    reason: str


Event: TypeAlias = bytes | Ping | Pong | CloseFrame | FramingError
"""A message, text or binary, is its bytes."""


class Framing:
    """The frames of one connection, seen from the client's end."""

    def __init__(self, *, max_message_size: int) -> None:
        self._max_message_size = max_message_size
        self._keys = draw_keys()
        self._partial = bytearray()  # a frame that has arrived in part
        self._needed = 0  # bytes of it that have to be there before it is worth another look
        self._fragments: _Fragments | None = None
        # Bytes; no frame may take the quick way inside of a fragmented message.
        self._longest_quick = max_message_size
        self._ended = False

    def text(self, payload: bytes) -> bytes:
        """The frame of a text message; *payload* is UTF-8, which is not checked."""
        size = len(payload)
        key = self._keys.read(KEY_SIZE) or self._draw_key()
        if size < _LENGTH_16:
            header = _write_header(_FIN | _TEXT, _MASKED | size, key)
        elif size < 2**16:
            header = _write_header_16(_FIN | _TEXT, _MASKED | _LENGTH_16, size, key)
        else:
            header = _write_header_64(_FIN | _TEXT, _MASKED | _LENGTH_64, size, key)
        return header + mask(payload, key)

    def ping(self, payload: bytes = b"") -> bytes:
        """The frame of a Ping.

        Raises:
            ValueError: The payload is longer than 125 bytes.
        """
        return self._control(_PING, payload)

    def pong(self, payload: bytes) -> bytes:
        """The frame of a Pong, with the payload of the Ping that it answers.

        Raises:
            ValueError: The payload is longer than 125 bytes.
        """
        return self._control(_PONG, payload)

    def close(self, code: int = _NORMAL, reason: str = "") -> bytes:
        """The last frame. Code 1005 makes one without a code, as it does in `CloseFrame`.

        Raises:
            ValueError: No Close can carry this code, or the code 1005 a reason; or the reason is longer than 123
                bytes.
        """
        if code == _NO_STATUS and not reason:
            return self._control(_CLOSE, b"")
        if code not in _CLOSE_CODES:
            raise ValueError(f"{code} is no code that a Close can carry")
        return self._control(_CLOSE, code.to_bytes(2, "big") + reason.encode())

    def feed(self, data: bytes) -> list[Event]:
        """Read the peer's next bytes. Returns the messages and control frames that they complete, in order.

        The last of them may be a `CloseFrame` or a `FramingError`. Either is the end: what is fed after it is
        dropped. An error is returned and not raised, since the messages before it are not lost with it.
        """
        if self._ended:
            return []
        if self._partial:
            self._partial += data
            if len(self._partial) < self._needed:
                return []
            data = bytes(self._partial)
            self._partial.clear()
        events: list[Event] = []
        try:
            self._parse(data, events)
        except FramingError as error:
            self._ended = True
            error.__traceback__ = error.__context__ = None  # they would hold on to the data
            events.append(error)
        return events

    def _parse(self, data: bytes, events: list[Event]) -> None:
        start, end = 0, len(data)
        while start < end:
            # The quick way. Four bytes are enough: the first two have only one value for each kind of message, and the
            # length is neither longer than it has to be, nor than a message may be here and now.
            if end - start >= 4:
                kind, size = _read_header_16(data, start)
                stop = start + 4 + size
                if _CONTROL_PAYLOAD < size <= self._longest_quick and stop <= end:
                    message = data[start + 4 : stop]
                    if kind == _WHOLE_BINARY or (kind == _WHOLE_TEXT and message.isascii()):
                        events.append(message)
                        start = stop
                        continue
            stop = self._parse_frame(data, start, events)
            if not stop:
                self._partial += data[start:]
                return
            start = stop

    def _parse_frame(self, data: bytes, start: int, events: list[Event]) -> int:
        """Read any frame. Returns where it ends, or 0 if it has arrived in part only."""
        arrived = len(data) - start
        if arrived < 2:
            return self._wait_for(2)
        first, second = data[start : start + 2]
        _check_first_bytes(first, second)
        opcode = first & _OPCODE
        self._check_place(opcode)
        header_size = 2 + _LENGTH_SIZES.get(second, 0)
        if arrived < header_size:
            return self._wait_for(header_size)
        size = _read_size(second, data[start + 2 : start + header_size])
        self._check_size(opcode, size)
        if arrived < header_size + size:
            return self._wait_for(header_size + size)
        stop = start + header_size + size
        payload = data[start + header_size : stop]
        if opcode >= _CLOSE:
            events.append(self._take_control(opcode, payload))
            return len(data) if self._ended else stop
        message = self._take_data(opcode, payload, fin=bool(first & _FIN))
        if message is not None:
            events.append(message)
        return stop

    def _wait_for(self, size: int) -> int:
        self._needed = size
        return 0

    def _check_place(self, opcode: int) -> None:
        if opcode == _CONTINUATION and self._fragments is None:
            raise _wrong("continued a message that it had not begun")
        if opcode in (_TEXT, _BINARY) and self._fragments is not None:
            raise _wrong("began a message inside of another")

    def _check_size(self, opcode: int, size: int) -> None:
        if opcode >= _CLOSE:
            return
        if self._fragments is not None:
            size += len(self._fragments.data)
        if size > self._max_message_size:
            raise FramingError(
                _TOO_BIG,
                f"the peer sent {size} bytes or more; the maximum message size is {self._max_message_size} bytes",
            )

    def _take_data(self, opcode: int, payload: bytes, *, fin: bool) -> bytes | None:
        """The message that a frame completes, if it does."""
        if self._fragments is None:
            if fin:
                return _check_text(payload) if opcode == _TEXT else payload
            self._fragments = _Fragments(opcode)
            self._longest_quick = 0
        self._fragments.add(payload, last=fin)
        if not fin:
            return None
        message = bytes(self._fragments.data)
        self._fragments = None
        self._longest_quick = self._max_message_size
        return message

    def _take_control(self, opcode: int, payload: bytes) -> Ping | Pong | CloseFrame:
        if opcode == _PING:
            return Ping(payload)
        if opcode == _PONG:
            return Pong(payload)
        close = _read_close(payload)
        self._ended = True
        return close

    def _control(self, opcode: int, payload: bytes) -> bytes:
        if len(payload) > _CONTROL_PAYLOAD:
            raise ValueError(f"a control frame holds {_CONTROL_PAYLOAD} bytes, not {len(payload)}")
        key = self._keys.read(KEY_SIZE) or self._draw_key()
        return _write_header(_FIN | opcode, _MASKED | len(payload), key) + mask(payload, key)

    def _draw_key(self) -> bytes:
        self._keys = draw_keys()
        return self._keys.read(KEY_SIZE)


class _Fragments:
    """A message whose last frame has not come yet."""

    def __init__(self, opcode: int) -> None:
        # Not a list of them: a peer can send very many, and each would take fifty bytes more than it holds.
        self.data = bytearray()
        self._decoder = _Utf8Decoder() if opcode == _TEXT else None

    def add(self, payload: bytes, *, last: bool) -> None:
        self.data += payload
        if self._decoder is not None:
            try:
                self._decoder.decode(payload, last)
            except UnicodeDecodeError:
                raise _not_utf_8("a text message") from None


def _check_first_bytes(first: int, second: int) -> None:
    opcode = first & _OPCODE
    if first & _RESERVED:
        raise _wrong("set a reserved bit, though no extension was agreed on")
    if opcode not in _OPCODES:
        raise _wrong(f"sent a frame with the unknown opcode {opcode}")
    if second & _MASKED:
        raise _wrong("masked a frame, which is for clients")
    if opcode < _CLOSE:
        return
    if not first & _FIN:
        raise _wrong("fragmented a control frame")
    if second > _CONTROL_PAYLOAD:
        raise _wrong(f"sent a control frame of more than {_CONTROL_PAYLOAD} bytes")


def _read_size(second: int, extended: bytes) -> int:
    if not extended:
        return second
    size = int.from_bytes(extended, "big")
    if size < _LEAST_LENGTHS[second]:
        raise _wrong(f"wrote the length {size} in {len(extended)} bytes, more than it takes")
    if size >> 63:
        raise _wrong("sent a frame whose length has the top bit set")
    return size


def _read_close(payload: bytes) -> CloseFrame:
    if not payload:
        return CloseFrame(_NO_STATUS, "")
    if len(payload) == 1:
        raise _wrong("sent a Close with half a code")
    code = int.from_bytes(payload[:2], "big")
    if code not in _CLOSE_CODES:
        raise _wrong(f"sent a Close with the invalid code {code}")
    try:
        return CloseFrame(code, payload[2:].decode())
    except UnicodeDecodeError:
        raise _not_utf_8("a reason for its Close") from None


def _check_text(payload: bytes) -> bytes:
    try:
        payload.decode()
    except UnicodeDecodeError:
        raise _not_utf_8("a text message") from None
    return payload


def _wrong(what: str) -> FramingError:
    return FramingError(_PROTOCOL_ERROR, f"the peer {what}")


def _not_utf_8(what: str) -> FramingError:
    return FramingError(_INVALID_DATA, f"the peer sent {what} that is not UTF-8")
