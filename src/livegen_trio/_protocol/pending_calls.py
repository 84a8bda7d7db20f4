"""The tool calls that wait for their answer, found by their ids or by the names of their functions. Pure."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..types import FunctionCall, FunctionResponse


class PendingCalls:
    """Calls in the order in which they have come. Each operation takes the same time, however many there are."""

    def __init__(self) -> None:
        self._next_number = 0
        self._calls: dict[int, FunctionCall] = {}
        self._by_id: dict[str, int] = {}
        # By the function's name, and by whether they have an id.
        self._by_name: dict[tuple[str, bool], OrderedDict[int, None]] = {}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({[*self]!r})"

    def __len__(self) -> int:
        return len(self._calls)

    def __iter__(self) -> Iterator[FunctionCall]:
        return iter(self._calls.values())

    def __contains__(self, call: FunctionCall) -> bool:
        number = self._by_id.get(call.id or "")
        return number is not None and self._calls[number] == call

    def add(self, call: FunctionCall) -> None:
        """Add a call, in place of the one that has its id."""
        if call.id:
            self.remove(call.id)
        number = self._next_number
        self._next_number += 1
        self._calls[number] = call
        self._by_name.setdefault(_kind(call), OrderedDict())[number] = None
        if call.id:
            self._by_id[call.id] = number

    def remove(self, call_id: str) -> None:
        """Remove the call of that id, if there is one."""
        if (number := self._by_id.get(call_id)) is not None:
            self._remove(number)

    def remove_all(self, ids: Iterable[str]) -> None:
        """Remove the calls of these ids, which may be many more than there are calls."""
        for call_id in [call_id for call_id in ids if call_id in self._by_id]:
            self.remove(call_id)

    def take(self, response: FunctionResponse) -> FunctionCall | None:
        """Remove and return the call that *response* answers: that of its id, else the oldest of its function.

        Where both have an id, the ids are the same.
        """
        if response.id in self._by_id:
            return self._remove(self._by_id[response.id])
        kinds = (False,) if response.id else (False, True)
        queues = (self._by_name.get((response.name, has_id)) for has_id in kinds)
        number = min((next(iter(queue)) for queue in queues if queue), default=None)
        return None if number is None else self._remove(number)

    def clear(self) -> None:
        """Remove all calls."""
        self._calls.clear()
        self._by_id.clear()
        self._by_name.clear()

    def _remove(self, number: int) -> FunctionCall:
        call = self._calls.pop(number)
        queue = self._by_name[_kind(call)]
        del queue[number]
        if not queue:
            del self._by_name[_kind(call)]
        if call.id:
            del self._by_id[call.id]
        return call


def _kind(call: FunctionCall) -> tuple[str, bool]:
    return call.name, bool(call.id)
