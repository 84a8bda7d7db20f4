"""The seam between the session engine and whatever carries its frames.

A transport knows frames and close codes. It knows no JSON and no turns.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import ssl

    from .._errors import Initiator, Phase

MAX_MESSAGE_SIZE: Final = 16 * 2**20
"""Bytes. Avatar and grounding messages pass 1 MiB, so the usual default of WebSocket libraries is too small."""


class ConnectionClosed(Exception):  # noqa: N818 - the field's name for it
    """The connection is over.

    Attributes:
        code: WebSocket close code; 1006 if the connection broke without one.
        reason: The closing side's words; may be empty.
        initiator: Who closed it.
    """

    def __init__(self, code: int, reason: str = "", *, initiator: Initiator = "server") -> None:
        super().__init__(code, reason, initiator)
        self.code = code
        self.reason = reason
        self.initiator: Initiator = initiator


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to dial, and with which headers. Headers carry secrets, so they stay out of the repr."""

    url: str
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    ssl_context: ssl.SSLContext | None = field(default=None, repr=False)


@dataclass(slots=True)
class Progress:
    """How far a dial has come; the dialling side writes it, the time-out's error reads it."""

    phase: Phase = "dns"


class Transport(ABC):
    """One open connection that carries whole frames, seen from either end.

    One task sends and one task receives. Closing is idempotent. After an end, every operation raises
    `ConnectionClosed`; frames that arrived before the end are received first.
    """

    @property
    @abstractmethod
    def last_heard(self) -> float:
        """When the last byte arrived, in `trio.current_time` seconds."""

    @abstractmethod
    async def send(self, frame: bytes) -> None:
        """Send one frame of UTF-8 JSON.

        Cancelling this may leave half a frame on the wire: only `aclose` and `abort` make sense afterwards.

        Raises:
            ConnectionClosed: The connection is over.
        """

    @abstractmethod
    async def receive(self) -> bytes | str:
        """Receive one frame, text or binary. Cancelling this loses nothing.

        Raises:
            ConnectionClosed: The connection is over.
        """

    @abstractmethod
    async def ping(self) -> None:
        """Ask the peer for a sign of life, which shows in `last_heard`. Does not wait for it.

        Raises:
            ConnectionClosed: The connection is over.
        """

    @abstractmethod
    async def aclose(self, code: int = 1000, reason: str = "") -> None:
        """Close with a code, and wait for the peer's answer; the caller bounds the wait by a cancel scope."""

    @abstractmethod
    async def abort(self) -> None:
        """Close at once, without a word."""
