"""The marks around the model's turns, which depend on the model: `turnComplete`, handles, what comes late."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import trio

from ..types import ServerContent, SessionResumptionUpdate

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._line import Line
    from ._resumption import SessionState

_LATE: Final = 0.05  # seconds by which the end of a calling turn is late, with a model of which it is


class TurnMarks:
    """Sends the marks of one session's turns.

    Attributes:
        issue_handle: Called for a new handle; None in a session that can't be resumed.
    """

    def __init__(self, session: SessionState, line: Line) -> None:
        self._session = session
        self._line = line
        self._after_turn: ServerContent | None = None
        self.issue_handle: Callable[[], None] | None = None

    def begin(self) -> None:
        """Mark the beginning of a reply: some models withhold handles from here on."""
        if self.issue_handle is not None and self._session.model.behavior.handles_between_turns:
            self._line.put(SessionResumptionUpdate(resumable=False))

    def complete(self) -> None:
        """Mark the end of a turn."""
        self._line.put(ServerContent(turn_complete=True), self._session.meter.take())
        if self._session.calls.is_blocked:
            return
        if self._after_turn is not None:
            self._line.put(self._after_turn)
            self._after_turn = None
        if self.issue_handle is not None and self._session.model.behavior.handles_between_turns:
            self.issue_handle()

    def put_after_turn(self, content: ServerContent) -> None:
        """Send *content* behind the end of the turn that follows."""
        self._after_turn = content

    def pause_for_calls(self, nursery: trio.Nursery) -> None:
        """Mark that the model waits for functions: with some models that is the end of a turn, or soon will be."""
        match self._session.model.behavior.calling_turn_ends:
            case "at once":
                self.complete()
            case "late":
                nursery.start_soon(self._complete_late)
            case "with the answer":
                pass

    async def _complete_late(self) -> None:
        await trio.sleep(_LATE)  # the client may have answered already
        self._line.put(ServerContent(generation_complete=True))
        self._line.put(ServerContent(turn_complete=True))
