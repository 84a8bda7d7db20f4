"""The bounds of a session's buffers, and what happens beyond them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

from .._errors import ConfigError

WhenFull: TypeAlias = Literal["block", "drop_oldest", "fail"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Buffering:
    """The bounds of a session's buffers, in bytes. Media grow by a third on their way into a frame.

    Control (content, answers of tools, updates of the context) is never dropped: sending it waits for room. Events are
    never dropped either: a session that is not received from for so long ends with an error that says so.

    Attributes:
        media: What happens to sound and pictures without room: "block" makes sending wait, "drop_oldest" drops those
            that have waited longest, "fail" raises `trio.WouldBlock`.
        media_bytes: Room for media that wait to be sent; a mebibyte is some twenty seconds of 16 kHz speech.
        media_seconds: How long media may wait; older ones are dropped. Only with "drop_oldest".
        control_bytes: Room for control that waits to be sent.
        event_bytes: Room for events that wait to be received, by the memory that they take. That is estimated; it may
            be half as much again, so with the default it stays below 400 MiB, whatever the server sends. Speech comes
            faster than real time; the default holds half an hour of it in small chunks, and an hour in long ones.
    """

    media: WhenFull = "block"
    media_bytes: int = 2**20
    media_seconds: float = math.inf
    control_bytes: int = 2**20
    event_bytes: int = 256 * 2**20

    def __post_init__(self) -> None:
        if self.media not in ("block", "drop_oldest", "fail"):
            raise ConfigError('media is "block", "drop_oldest" or "fail"')
        for name in ("media_bytes", "control_bytes", "event_bytes", "media_seconds"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"{name} is a number above 0")
        if self.media != "drop_oldest" and self.media_seconds != math.inf:
            raise ConfigError('media_seconds needs media="drop_oldest": nothing else drops what is old')
