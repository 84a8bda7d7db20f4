"""Triggers on their way from a session's other tasks to its supervisor."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._resumption.connection_states import Trigger


class TriggerQueue:
    """Triggers in order, for one task that waits for them or for something else to become true."""

    def __init__(self) -> None:
        self._triggers: deque[Trigger] = deque()
        self._waiting = trio.lowlevel.ParkingLot()

    def __bool__(self) -> bool:
        return bool(self._triggers)

    def put(self, trigger: Trigger) -> None:
        """Add a trigger."""
        self._triggers.append(trigger)
        self._waiting.unpark_all()

    def clear(self, *, keep: Trigger | None = None) -> None:
        """Drop the triggers of a connection that has been left, but for those to *keep*."""
        self._triggers = deque(trigger for trigger in self._triggers if trigger is keep)

    def look_again(self) -> None:
        """Have the waiting task look again at what else it waits for."""
        self._waiting.unpark_all()

    async def wait(self, is_over: Callable[[], bool]) -> Trigger | None:
        """Wait for a trigger, or until *is_over*, which is looked at after each `look_again`; then return None."""
        await trio.lowlevel.checkpoint()
        while not self._triggers:
            if is_over():
                return None
            await self._waiting.park()
        return self._triggers.popleft()
