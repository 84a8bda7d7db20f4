"""Values of options, checked before anything is done with them."""

from __future__ import annotations

import argparse
from typing import Final

from .._errors import ConfigError
from ..local._admission import checked_origin

_MAX_PORT: Final = 65_535
_MAX_COUNT: Final = 100_000


def port(text: str) -> int:
    """A port to listen at; 0 is any that is free."""
    if not (text.isascii() and text.isdecimal()) or int(text) > _MAX_PORT:
        raise argparse.ArgumentTypeError(f"{text} is no port; give a number from 0 to {_MAX_PORT}")
    return int(text)


def name(text: str) -> str:
    """A name of a file or a host.

    A shell's variable that is not set leaves an empty one, which would be taken for the current folder.
    """
    if not text:
        raise argparse.ArgumentTypeError("the name is empty")
    return text


def count(text: str) -> int:
    """A number from 1 on."""
    if not (text.isascii() and text.isdecimal()) or not 0 < int(text) < _MAX_COUNT:
        raise argparse.ArgumentTypeError(f"{text} is no number of things; give one from 1 on")
    return int(text)


def origin(text: str) -> str:
    """An origin of web pages, or an asterisk for all."""
    try:
        return checked_origin(text)
    except ConfigError as exc:
        raise argparse.ArgumentTypeError(str(exc)) from exc
