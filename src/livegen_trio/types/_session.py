"""Events of the session's own, among the server's: about its connection, its exchanges, and tools that fail."""

from __future__ import annotations

from typing import ClassVar

from ._base import Event, Guarded, LocalException
from ._content import FunctionCall


class Reconnecting(Event):
    """The connection has ended, or is being left, and the session goes on with another.

    What is sent meanwhile waits for it, within the bounds of the session's buffers.

    Attributes:
        reason: Why, as text.
        code: The close code of the connection that has ended; None if it is left of our own accord.
    """

    reason: str = ""
    code: int | None = None


class Reconnected(Event):
    """The session goes on, on another connection.

    Each input that was accepted before is known to the resumed session, or counted here, or still to be sent.

    Attributes:
        restored: Whether the server remembers the conversation. If not, this is a new one, which got a text of
            what was said before.
        replayed: How many inputs are sent again, since the earlier connection may have lost them.
        unacknowledged: How many may have been lost with it and are not sent again: they are too many, or too old, or no
            replay is wanted, or they answer calls of a session that is not restored.
        uncovered: How many the server has read, but may lack in the session that it has resumed, and that are not sent
            again: Gemini 2.5 gives no handle during a turn. They are too old or too many, or no replay is wanted, or
            they may have been answered.
        dropped: How many never were sent, since the last reconnection: they found no room, by the session's own policy.
        quarantined: How many are not sent again because they, or some of them, made the server end the connection.
        turn_cut: Whether a turn was under way, which the model may speak again from its beginning.
        calls: Tool calls that waited for their answer when the connection ended, and are still to be answered. Where
            the model doesn't take answers on another connection, their results are sent as content.
        gap_seconds: How long there was no connection.
    """

    restored: bool = True
    replayed: int = 0
    unacknowledged: int = 0
    uncovered: int = 0
    dropped: int = 0
    quarantined: int = 0
    turn_cut: bool = False
    calls: tuple[FunctionCall, ...] = ()
    gap_seconds: float = 0.0

    @property
    def given_up(self) -> int:
        """The number of inputs that may be lost and are not sent again, `dropped` left aside."""
        return self.unacknowledged + self.uncovered + self.quarantined


class UnreadableFrame(Guarded, Event, kw_only=True):
    """A frame from the server that can't be read at all. The session goes on; eight in a row end it.

    Attributes:
        reason: What is wrong with it.
        data: Its beginning, at most 1,024 bytes. It stays out of the repr, since it may hold anything.
        size: Bytes of the whole frame.
    """

    _guarded: ClassVar[frozenset[str]] = frozenset({"data"})

    reason: str = ""
    data: bytes = b""
    size: int = 0


class ToolFailed(Guarded, Event, kw_only=True):
    """A tool call was answered with an error. The session goes on.

    Attributes:
        call: As the model made it.
        message: The error that the model got.
        error: The exception. It stays out of the repr, since it may hold anything.
    """

    _guarded: ClassVar[frozenset[str]] = frozenset({"error"})

    call: FunctionCall
    message: str = ""
    error: LocalException = None


class ToolCallUnanswered(Event, kw_only=True):
    """A call that the session leaves to you has no answer yet. The model may be waiting for it.

    Attributes:
        call: As the model made it.
        seconds: How long it has waited.
    """

    call: FunctionCall
    seconds: float = 0.0


class ExchangeEnded(Event):
    """The answer that `LiveSession.ask` waits for is over, though no event of the server's ends it.

    Its last tool call was answered after the end of its turn, and the answer asks for no reply; or what might have
    followed has not come in time.

    Attributes:
        cut: Whether the connection has changed meanwhile, so that part of the answer may be missing.
    """

    cut: bool = False
