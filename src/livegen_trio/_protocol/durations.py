"""`Duration` on the wire: a string such as "13.160s"; and the hooks by which msgspec reads and writes it."""

from __future__ import annotations

import re
from typing import Final

from ..types import Duration

_DURATION: Final = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,9})?s")
_NANOSECONDS: Final = 1_000_000_000


def decode_other(kind: type, value: object) -> object:
    """Read what JSON has no type for; msgspec's `dec_hook`.

    Raises:
        ValueError: It is a duration, and not written as one.
    """
    return read_duration(value) if kind is Duration else value


def encode_other(value: object) -> object:
    """Write what JSON has no type for; msgspec's `enc_hook`.

    Raises:
        TypeError: It has no form in JSON.
    """
    if isinstance(value, Duration):
        return write_duration(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def read_duration(value: object) -> Duration:
    """Read protobuf's form of a duration.

    Raises:
        ValueError: It is something else.
    """
    if not isinstance(value, str) or not _DURATION.fullmatch(value):
        raise ValueError('Expected a duration such as "1.500s"')
    return Duration(value[:-1])


def write_duration(duration: Duration) -> str:
    """Write protobuf's form: no fraction, or one of three, six or nine digits."""
    seconds, nanoseconds = divmod(round(abs(duration) * _NANOSECONDS), _NANOSECONDS)
    fraction = f"{nanoseconds:09}"
    while fraction.endswith("000"):
        fraction = fraction[:-3]
    sign = "-" if duration < 0 else ""
    return f"{sign}{seconds}.{fraction}s" if fraction else f"{sign}{seconds}s"
