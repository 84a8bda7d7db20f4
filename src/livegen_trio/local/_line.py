"""One client's line: how to speak to it, and how to end it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ._ending import Ending
from ._outgoing import Outgoing

if TYPE_CHECKING:
    from ..types import ServerEvent
    from ._dialect import Dialect
    from ._fairness import WorkShare


_SENDING_SECONDS: Final = 100e-6  # of work that a frame still causes on its way to the client


@dataclass(frozen=True, slots=True)
class Line:
    """The objects that all parts of one conversation share.

    Attributes:
        dialect: The endpoint that the client asked for.
        share: The client's share of the event loop.
        outgoing: Frames on their way to the client.
        ending: How the conversation ends.
    """

    dialect: Dialect
    share: WorkShare
    outgoing: Outgoing = field(default_factory=Outgoing)
    ending: Ending = field(default_factory=Ending)

    def put(self, *events: ServerEvent) -> None:
        """Send events as one message; at once, as far as this side is concerned."""
        self.outgoing.put(self._frame(events))

    async def put_reply(self, *events: ServerEvent) -> None:
        """Send events as a part of the reply: waits for room, and is dropped if the reply is interrupted."""
        await self.outgoing.put_reply(self._frame(events))

    def _frame(self, events: tuple[ServerEvent, ...]) -> bytes:
        self.share.charge(_SENDING_SECONDS)
        with self.share.working():
            return self.dialect.frame(*events)
