"""The time limits of a session, in seconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from .._errors import ConfigError

# Ample: even a far server takes one or two for the name look-up, TLS and the setup.
CONNECT_TIMEOUT: Final = 15.0

# A few round trips; the service answers a Close in 10 to 90 ms.
CLOSE_TIMEOUT: Final = 1.0

# The service's pongs have been seen 30 s late, so a connection is silent long before it is dead.
KEEPALIVE_INTERVAL: Final = 20.0
KEEPALIVE_TIMEOUT: Final = 60.0


@dataclass(frozen=True, slots=True)
class Timing:
    """The time limits of one session; `math.inf` turns one off. `LiveGenerativeModel.connect` says what each means.

    Raises:
        ConfigError: One of them is no time to wait.
    """

    connect_timeout: float = CONNECT_TIMEOUT
    close_timeout: float = CLOSE_TIMEOUT
    keepalive_interval: float = KEEPALIVE_INTERVAL
    keepalive_timeout: float = KEEPALIVE_TIMEOUT

    def __post_init__(self) -> None:
        for name in ("connect_timeout", "close_timeout"):
            if not getattr(self, name) >= 0:  # which NaN isn't, either
                raise ConfigError(f"{name} is a number of seconds from 0 on, or math.inf")
        for name in ("keepalive_interval", "keepalive_timeout"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"{name} is a number of seconds above 0, or math.inf")
