"""Masks: what a client sends on a WebSocket is XORed with an unpredictable key (RFC 6455, 5.3)."""

from __future__ import annotations

import os
from io import BytesIO
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

KEY_SIZE: Final = 4
"""Bytes."""

# Bytes. A system call for every key would cost more than the rest of its frame.
_BLOCK: Final = 128 * KEY_SIZE


def mask_in_python(data: bytes, key: bytes) -> bytes:
    """XOR *data* with the four bytes of *key*, over and over. Doing it again undoes it."""
    size = len(data)
    pad = key * (size // KEY_SIZE) + key[: size % KEY_SIZE]
    return (int.from_bytes(data, "little") ^ int.from_bytes(pad, "little")).to_bytes(size, "little")


mask: Callable[[bytes, bytes], bytes] = mask_in_python
"""The same in C, if `websockets` is installed: 20 times as fast for a chunk of audio, 50 times for an image."""

try:
    from websockets.speedups import apply_mask
except ImportError:
    pass
else:
    mask = apply_mask


def draw_keys() -> BytesIO:
    """Fresh keys, to be read one by one.

    Masks keep those who choose the messages from choosing the bytes on the wire as well (RFC 6455, 10.3), so no key may
    be known before its frame is. These come from the system's generator, whose output can't be predicted, and are not
    seen outside of the process before the frame that each masks: a key drawn long ago is as good as one drawn now. Each
    serves one frame of a single connection; a forked process can't go on with that connection, so none is repeated.
    """
    return BytesIO(os.urandom(_BLOCK))
