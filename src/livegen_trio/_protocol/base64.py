"""Base64, most of what a conversation by voice sends: by SIMD where `pybase64` is installed."""

from __future__ import annotations

import base64
from binascii import a2b_base64
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Buffer

# Writes any contiguous buffer in the standard alphabet, padded.
b64encode: Callable[[Buffer], bytes] = base64.b64encode

# Reads the same. A character too few or too many, or of another alphabet, is a `ValueError`.
b64decode: Callable[[bytes], bytes] = partial(a2b_base64, strict_mode=True)

try:
    import pybase64
except ImportError:
    pass
else:
    b64encode = pybase64.b64encode
    b64decode = partial(pybase64.b64decode, validate=True)
