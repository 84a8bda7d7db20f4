"""What options take: values that can be seen to make no sense before anything is done with them."""

from __future__ import annotations

import argparse
from typing import Final

_MAX_PORT: Final = 65_535


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
