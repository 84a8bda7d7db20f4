"""What one browser, and all of them together, may use of a relay."""

from __future__ import annotations

from dataclasses import dataclass, fields

from .._errors import ConfigError


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of a relay.

    Attributes:
        sessions: Sessions at a time, of all browsers, in this process.
        seconds: Seconds that one session lasts at most.
        idle_seconds: Seconds without sound, text or a picture from the browser after which its session is ended.
        bytes_per_second: Bytes that a browser may send a second, on average over four seconds. Sound needs 32,000.
        message_bytes: Bytes of one message from a browser. Servers have limits of their own, 16 MiB by default.
        unread_bytes: Bytes that are kept for a browser until it has acknowledged them. The session is received from
            no further while they are that many: a slow browser gets backpressure.
        silent_seconds: Seconds without any message, heartbeats included, after which a connection counts as lost.

    Raises:
        ConfigError: One of them isn't above 0.
    """

    sessions: int = 1000
    seconds: float = 3600.0
    idle_seconds: float = 600.0
    bytes_per_second: int = 512 * 1024
    message_bytes: int = 1024 * 1024
    unread_bytes: int = 4 * 1024 * 1024
    silent_seconds: float = 20.0

    def __post_init__(self) -> None:
        for field in fields(self):
            if not getattr(self, field.name) > 0:  # which NaN isn't, either
                raise ConfigError(f"Limits.{field.name} is a number above 0")


class LimitError(Exception):
    """A browser does more than it may, or less than it has to. The text is for the browser."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class RateMeter:
    """A bucket of bytes that fills with *rate* a second, up to four seconds' worth.

    Args:
        rate: Bytes a second.
        now: The time in seconds.
    """

    def __init__(self, rate: int, now: float) -> None:
        self._rate = rate
        self._left = 4.0 * rate
        self._at = now

    def check(self, size: int, now: float) -> None:
        """Take *size* bytes out of the bucket.

        Raises:
            LimitError: It doesn't hold them.
        """
        self._left = min(4.0 * self._rate, self._left + (now - self._at) * self._rate)
        self._at = now
        if size > self._left:
            raise LimitError("too_fast", f"more than {self._rate} bytes a second were sent; send less")
        self._left -= size
