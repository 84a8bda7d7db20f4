"""Lengths of time."""

from __future__ import annotations


class Duration(float):
    """Seconds. On the wire a string such as `"13.160s"`, with at most nine digits after the point."""

    __slots__ = ()
