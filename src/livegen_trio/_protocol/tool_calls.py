"""The tool calls of a session, and what became of them: each is answered once, or cancelled by the server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .._errors import LocalProtocolError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..types import FunctionCall, FunctionResponse

_ANSWERED: Final = "answered, and not with will_continue"
_CANCELLED: Final = "cancelled by the server"

_REMEMBERED: Final = 1024
"""How many settled calls are remembered; a session of days has no end of them, and late answers are seconds late."""


class CallLedger:
    """Calls and responses belong together by their ids, or by the function's name where one of them has no id."""

    def __init__(self) -> None:
        self._pending: list[FunctionCall] = []
        self._settled: dict[str, str] = {}

    @property
    def pending(self) -> tuple[FunctionCall, ...]:
        """The calls that wait for their answer, oldest first."""
        return tuple(self._pending)

    def begin(self, calls: Sequence[FunctionCall]) -> None:
        """Take in calls from the server."""
        for call in calls:
            if call.id:
                self._forget(call.id)  # a call may come in pieces
                self._settled.pop(call.id, None)  # and the server may use an id again
            self._pending.append(call)

    def cancel(self, ids: Sequence[str]) -> None:
        """Take in a cancellation from the server."""
        for call_id in ids:
            self._forget(call_id)
            self._settle(call_id, _CANCELLED)

    def cancel_all(self) -> tuple[str, ...]:
        """The session that asked is no more; returns the ids of the calls that no answer can reach."""
        ids = tuple(call.id for call in self._pending if call.id)
        self.cancel(ids)
        self._pending.clear()
        return ids

    def is_cancelled(self, response: FunctionResponse) -> bool:
        """Whether *response* comes too late."""
        return self._settled.get(response.id or "") == _CANCELLED

    def check(self, responses: Sequence[FunctionResponse]) -> None:
        """Refuse what would give a call two outcomes. Calls of an earlier session are not known here, and pass.

        Raises:
            LocalProtocolError: A call was answered or cancelled before.
        """
        answered_here: set[str] = set()
        for response in responses:
            call_id = response.id or ""
            outcome = _ANSWERED if call_id in answered_here else self._settled.get(call_id)
            if outcome is not None:
                raise LocalProtocolError(f"the call {call_id!r} of {response.name!r} was already {outcome}")
            if call_id and not response.will_continue:
                answered_here.add(call_id)

    def answer(self, responses: Sequence[FunctionResponse]) -> None:
        """Take in answers that are sent."""
        for response in responses:
            if not response.will_continue:
                self._answer(response)

    def _answer(self, response: FunctionResponse) -> None:
        call = self._call_of(response)
        if call is not None:
            self._pending.remove(call)
        if call_id := response.id or (call and call.id):
            self._settle(call_id, _ANSWERED)

    def _call_of(self, response: FunctionResponse) -> FunctionCall | None:
        for call in self._pending:
            if response.id and call.id == response.id:
                return call
        for call in self._pending:
            if call.name == response.name and not (call.id and response.id):
                return call
        return None

    def _forget(self, call_id: str) -> None:
        self._pending = [call for call in self._pending if call.id != call_id]

    def _settle(self, call_id: str, outcome: str) -> None:
        self._settled[call_id] = outcome
        if len(self._settled) > _REMEMBERED:
            del self._settled[next(iter(self._settled))]
