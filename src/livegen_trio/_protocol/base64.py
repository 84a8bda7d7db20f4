"""Base64, of which a conversation by voice is nearly all made: by SIMD where `pybase64` is installed."""

from __future__ import annotations

import base64
from binascii import a2b_base64
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Buffer

b64encode: Callable[[Buffer], bytes] = base64.b64encode
"""Any contiguous buffer in the standard alphabet, padded."""

b64decode: Callable[[bytes], bytes] = partial(a2b_base64, strict_mode=True)
"""The same back. A character too few or too many, or of another alphabet, is a `ValueError`."""

try:
    import pybase64
except ImportError:
    pass
else:
    b64encode = pybase64.b64encode
    b64decode = partial(pybase64.b64decode, validate=True)
