"""The tool calls that run, each with its cancel scope."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..tools import CallableTool, ToolContext
    from ..types import FunctionCall


@dataclass(eq=False, slots=True)
class RunningCall:
    """A call with all that belongs to it."""

    call: FunctionCall
    tool: CallableTool
    context: ToolContext
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)

    def cancel(self, reason: str) -> None:
        """Cancel it; its clean-up goes on."""
        self.context.note_cancelled(reason)
        self.scope.cancel(reason=reason)


class RunningCalls:
    """Calls by their ids, and those that finish though the server has taken them back."""

    def __init__(self) -> None:
        self._by_id: dict[str | None, RunningCall] = {}
        self._finishing: set[RunningCall] = set()
        self._count = 0

    def __len__(self) -> int:
        """Return how many have not ended, those that clean up after a cancellation among them."""
        return self._count

    def __contains__(self, call: FunctionCall) -> bool:
        return call.id in self._by_id

    def add(self, running: RunningCall) -> None:
        """Add one before its task runs, so that a cancellation in the same frame finds it."""
        self._by_id[running.call.id] = running
        self._count += 1

    def remove(self, running: RunningCall) -> None:
        """Remove one whose task ends."""
        self._count -= 1
        self._finishing.discard(running)
        if self._by_id.get(running.call.id) is running:
            del self._by_id[running.call.id]

    def take_back(self, ids: Sequence[str]) -> None:
        """Cancel the calls of these ids, or let them finish unheard, as their tools' options say.

        Their ids are free at once, not when they have cleaned up: the server may use them again.
        """
        reason = "the server cancelled the call"
        for running in filter(None, [self._by_id.pop(call_id, None) for call_id in ids]):
            if running.tool.options.on_interrupt == "cancel":
                running.cancel(reason)
            else:
                running.context.note_cancelled(reason)
                self._finishing.add(running)

    def cancel_all(self, reason: str) -> None:
        """Cancel every call."""
        for running in (*self._by_id.values(), *self._finishing):
            running.cancel(reason)
