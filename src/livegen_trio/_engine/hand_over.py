"""Leaving a connection whose end the server has announced: at a safe point, or shortly before the end."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import trio

from .._resumption.connection_states import Trigger
from ..types import (
    GoAway,
    ServerContent,
    SessionResumptionUpdate,
    ToolCallCancellation,
    UsageMetadata,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..types import ServerEvent
    from .shared import Shared
    from .triggers import TriggerQueue

# Any of these may be the last thing that a safe point waits for.
_SETTLING = (ServerContent, SessionResumptionUpdate, ToolCallCancellation, UsageMetadata)


class HandOver:
    """Looks out for `GoAway`, and then for a safe point.

    There no turn, tool call or activity is under way, and the newest handle covers what was said.

    Args:
        shared: The parts of the session.
        triggers: Where the announcement goes.
        margin: Seconds before the announced end at which the connection is left in any case.

    Attributes:
        is_announced: Whether the server has announced the end of the present connection.
    """

    def __init__(self, shared: Shared, triggers: TriggerQueue, margin: float) -> None:
        self._shared = shared
        self._triggers = triggers
        self._margin = margin
        self._leave_by = math.inf
        self.is_announced: bool = False
        shared.observers.add(self._announce, GoAway)

    def reset(self) -> None:
        """Begin with another connection, whose end is not announced."""
        self.is_announced = False
        self._leave_by = math.inf
        self._shared.observers.remove(self._observe_settling)

    async def wait(self, may_leave_at: Callable[[], float]) -> Trigger:
        """Wait until the connection is to be left, or for another trigger.

        Args:
            may_leave_at: Returns the time before which no safe point is used, since the connection has hardly begun.
        """

        def may_leave() -> bool:
            if not self._shared.setup.is_possible:
                return False  # without a handle the next connection would be another session
            now = trio.current_time()
            return now >= self._leave_by or (now >= may_leave_at() and self._is_safe)

        while True:
            now = trio.current_time()
            times = (time for time in (may_leave_at(), self._leave_by) if time > now)
            with trio.move_on_at(min(times, default=math.inf)):
                return await self._triggers.wait(may_leave) or Trigger.HAND_OVER

    def look_again(self) -> None:
        """Look again for a safe point, if the end is announced: an input was put."""
        if self.is_announced:
            self._triggers.look_again()

    @property
    def _is_safe(self) -> bool:
        shared = self._shared
        if not shared.protocol.is_idle or shared.outbox.is_closed:
            return False
        return shared.coverage is None or not shared.coverage.awaits_handle

    def _announce(self, event: ServerEvent) -> None:
        if not isinstance(event, GoAway):
            return
        if not self.is_announced:
            self.is_announced = True
            self._shared.observers.add(self._observe_settling, *_SETTLING)
        self._leave_by = trio.current_time() + max(0.0, event.time_left - self._margin)
        self._triggers.put(Trigger.GOING_AWAY)

    def _observe_settling(self, _event: ServerEvent) -> None:
        self._triggers.look_again()
