"""The state that another process needs to continue a session, and news of its changes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import msgspec
import trio

from ..types import ResumeState, SessionResumptionUpdate, ToolCall, ToolCallCancellation

if TYPE_CHECKING:
    from ..types import ServerEvent
    from .shared import Shared


class ResumeStates:
    """Makes resume states, and wakes those who keep the newest one somewhere."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._waiting = trio.lowlevel.ParkingLot()
        shared.observers.add(self._observe, SessionResumptionUpdate, ToolCall, ToolCallCancellation)

    def make(self) -> ResumeState | None:
        """Return the state of the session as it is now, if there is a handle that it can be resumed with."""
        shared, protocol, ledger = self._shared, self._shared.protocol, self._shared.outbox.ledger
        if protocol.resumption_handle is None:
            return None
        contents = () if shared.history is None else shared.history.contents(without=ledger.backlog.numbers)
        return ResumeState(
            model=protocol.opening.setup.model,
            handle=protocol.resumption_handle,
            transparent=shared.setup.is_transparent,
            taken_at=time.time(),  # two processes share no other clock
            pending_calls=protocol.calls.pending,
            unacknowledged=ledger.in_doubt,
            in_turn=protocol.in_turn,
            usage=msgspec.structs.replace(protocol.usage, unknown_fields={}),
            history=tuple(contents),
        )

    async def wait_for_change(self) -> None:
        """Wait until a handle or a tool call comes or goes, or the session is over."""
        if self._shared.is_closed:
            await trio.lowlevel.checkpoint()
            return
        await self._waiting.park()  # without a checkpoint before it, in which a change could be missed

    def note_change(self) -> None:
        """Note that tool calls were answered, or that the session is over."""
        self._waiting.unpark_all()

    def _observe(self, _event: ServerEvent) -> None:
        self._waiting.unpark_all()
