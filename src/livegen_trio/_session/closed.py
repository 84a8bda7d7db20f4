"""The ending of a session, and the error that reports it: the same on sending, receiving and leaving."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import trio

from .._errors import LiveError, one_line
from .._protocol.close_hints import diagnose_close

if TYPE_CHECKING:
    from .._errors import Initiator, Phase


class Undelivered(NamedTuple):
    """The messages that a session was given, and that may not have arrived when it ended; see `SessionClosedError`."""

    unsent: int = 0
    unacknowledged: int = 0
    lost: int = 0


NOTHING: Final = Undelivered()


class SessionClosedError(LiveError, trio.BrokenResourceError):
    """The session has ended, and you did not close it.

    Attributes:
        code: WebSocket close code; 1006 if the connection broke without one.
        reason: The reason that came with the code; a server's is cut at 123 bytes.
        initiator: "server" if the server or the network ended it, "local" if this library did.
        phase: "open" while it was in use, "closing" if it broke while the block was being left.
        retryable: Whether a new session may fare better.
        hint: What to do, where the cause is a known one.
        unsent: Messages that were accepted, and not written whole.
        unacknowledged: Messages that were written, and that the server is not known to have read.
        lost: Messages that earlier connections may have lost, and that no `Reconnected` which you had received by then
            has counted. Those not that the server had read: they are missing in a session that goes on only.
    """

    def __init__(
        self,
        code: int,
        reason: str = "",
        *,
        initiator: Initiator,
        phase: Phase = "open",
        resuming: bool = False,
        unsent: int = 0,
        unacknowledged: int = 0,
        lost: int = 0,
    ) -> None:
        diagnosis = diagnose_close(code, reason, initiator=initiator, resuming=resuming)
        who = "the server" if initiator == "server" else "this side"
        words = f": {reason}" if reason else ""
        hint = f" ({diagnosis.hint})" if diagnosis.hint else ""
        super().__init__(one_line(f"{who} ended the session with close code {code}{words}{hint}"))
        self.code: int = code
        self.reason: str = reason
        self.initiator: Initiator = initiator
        self.phase: Phase = phase
        self.retryable: bool = diagnosis.retryable
        self.hint: str | None = diagnosis.hint
        self.unsent: int = unsent
        self.unacknowledged: int = unacknowledged
        self.lost: int = lost


@dataclass(frozen=True, slots=True)
class Ending:
    """The ending of a session. Each caller gets an error of its own, so that tracebacks don't grow into each other."""

    code: int
    reason: str
    initiator: Initiator
    phase: Phase = "open"
    cause: Exception | None = None
    resuming: bool = False
    undelivered: Undelivered = NOTHING

    @property
    def is_clean(self) -> bool:
        """Whether the server ended the session normally; receiving then ends without an error."""
        return self.code == 1000 and self.initiator == "server"

    def error(self) -> SessionClosedError:
        """Return a new error to raise."""
        error = SessionClosedError(
            self.code,
            self.reason,
            initiator=self.initiator,
            phase=self.phase,
            resuming=self.resuming,
            **self.undelivered._asdict(),
        )
        error.__cause__ = self.cause
        return error
