"""Messages and frames by nothing but the standard library."""

from __future__ import annotations

import base64
import json


def encode(chunk: bytes) -> bytes:
    """The message that carries a chunk of speech."""
    data = base64.b64encode(chunk)
    return b'{"realtimeInput":{"audio":{"mimeType":"audio/pcm;rate=16000","data":"%b"}}}' % data


def decode(message: bytes) -> bytes:
    """The speech in a message."""
    content = json.loads(message)["serverContent"]
    return base64.b64decode(content["modelTurn"]["parts"][0]["inlineData"]["data"])


def frame(payload: bytes) -> bytes:
    """A client's frame, masked with zeros, which costs nothing and is allowed."""
    size = len(payload)
    if size < 126:
        return bytes((0x81, 0x80 | size)) + bytes(4) + payload
    return b"\x81\xfe" + size.to_bytes(2, "big") + bytes(4) + payload
