"""Counts the WebSocket frames (RFC 6455) that a client sends, before a library spends its time on them. Pure."""

from __future__ import annotations

from typing import Final

_FIN: Final = 0x80
_OPCODE: Final = 0x0F
_CONTINUATION: Final = 0x0
_CONTROL: Final = 0x8  # the first opcode of control frames
_MASKED: Final = 0x80
_KEY_SIZE: Final = 4
_LENGTH_SIZES: Final = {126: 2, 127: 8}
_LONGEST_HEADER: Final = 14  # bytes
_SMALL: Final = 1024  # bytes of a fragment that is worth its frame


class FrameScanner:
    """The frames of one connection, by their headers.

    Attributes:
        frames: Frames so far.
        messages: Messages so far that are whole.
        overhead: Those of them that carry nothing or little: control frames and small fragments.
        unfinished: Bytes so far of a message that has begun and has not come to its end.
    """

    def __init__(self) -> None:
        self.frames: int = 0
        self.messages: int = 0
        self.overhead: int = 0
        self.unfinished: int = 0
        self._header = b""  # of a frame that has begun
        self._left = 0  # bytes of the payload
        self._is_control = False
        self._is_last = True

    @property
    def is_between_messages(self) -> bool:
        """Whether no message and no frame has begun."""
        return (
            not (self._header or self._left) and (self._is_last or self._is_control) and not self.unfinished
        )

    def scan(self, data: bytes, most: int) -> int:
        """Take *data* up to the end of a number of frames; returns how many bytes that is."""
        position, begun = 0, 0
        while position < len(data):
            if self._left:
                position += self._take_payload(len(data) - position)
                continue
            if begun == most:
                return position
            header = self._header + data[position : position + _LONGEST_HEADER - len(self._header)]
            size = _header_size(header)
            if size is None:
                self._header = header
                return len(data)
            position += size - len(self._header)
            self._header = b""
            self._begin(header)
            begun += 1
        return position

    def _begin(self, header: bytes) -> None:
        opcode = header[0] & _OPCODE
        is_last = bool(header[0] & _FIN)
        self._left = _payload_size(header)
        self._is_control = opcode >= _CONTROL
        is_fragment = opcode == _CONTINUATION or not is_last
        self.frames += 1
        self.overhead += self._is_control or (is_fragment and self._left < _SMALL)
        if not self._is_control:
            self._is_last = is_last
        if not self._left:
            self._end_frame()

    def _take_payload(self, arrived: int) -> int:
        size = min(self._left, arrived)
        self._left -= size
        if not self._is_control:
            self.unfinished += size
        if not self._left:
            self._end_frame()
        return size

    def _end_frame(self) -> None:
        if self._is_last and not self._is_control:
            self.unfinished = 0
            self.messages += 1


def _header_size(header: bytes) -> int | None:
    """Bytes of the header that *header* begins with; None if it has come in part only."""
    if len(header) < 2:
        return None
    size = 2 + _LENGTH_SIZES.get(header[1] & ~_MASKED, 0) + (_KEY_SIZE if header[1] & _MASKED else 0)
    return size if len(header) >= size else None


def _payload_size(header: bytes) -> int:
    short = header[1] & ~_MASKED
    extended = _LENGTH_SIZES.get(short, 0)
    return int.from_bytes(header[2 : 2 + extended], "big") if extended else short
