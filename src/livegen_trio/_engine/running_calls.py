"""The tool calls that run, each with its cancel scope."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

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
    """Calls by their ids, and those that finish though the server has taken them back.

    So many run at the same time; more of them wait for their turn, in order.

    Args:
        most: The number of calls that run at the same time.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._waiting: OrderedDict[RunningCall, None] = OrderedDict()
        self._by_id: dict[str | None, RunningCall] = {}
        self._finishing: set[RunningCall] = set()
        self._count = 0

    def __len__(self) -> int:
        """Return how many run or wait, those that clean up after a cancellation among them."""
        return self._count + len(self._waiting)

    def __contains__(self, call: FunctionCall) -> bool:
        return call.id in self._by_id

    def add(self, running: RunningCall) -> None:
        """Add one before its task starts, so that a cancellation in the same frame finds it."""
        self._by_id[running.call.id] = running
        self._waiting[running] = None

    def start(self) -> Iterator[RunningCall]:
        """Yield those whose turn has come, to be removed when they have ended."""
        while self._waiting and self._count < self._most:
            running, _ = self._waiting.popitem(last=False)
            self._count += 1
            yield running

    def remove(self, running: RunningCall) -> None:
        """Remove one that has ended."""
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
                self._waiting.pop(running, None)
                running.cancel(reason)
            else:
                running.context.note_cancelled(reason)
                self._finishing.add(running)

    def cancel_all(self, reason: str) -> None:
        """Cancel every call."""
        for running in (*self._by_id.values(), *self._finishing):
            running.cancel(reason)
