"""The tool calls of a session and their outcomes: each is answered once, or cancelled by the server. Pure.

All of it is linear in the number of calls, which is the server's choice.
"""

from __future__ import annotations

from collections import OrderedDict
from itertools import count
from typing import TYPE_CHECKING, Final

import msgspec

from .._errors import LocalProtocolError
from .pending_calls import PendingCalls

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..types import FunctionCall, FunctionResponse

_ANSWERED: Final = "answered, and not with will_continue"
_CANCELLED: Final = "cancelled by the server"

# A session of days settles any number of calls, and late answers are seconds late.
_REMEMBERED: Final = 1024

_OUR_PREFIX: Final = "livegen-trio-"


class CallIds:
    """Ids for calls that the server sends without one, so that each call has its own outcome. They stay on this side.

    The Live API documents `FunctionCall.id` as optional, and Vertex AI leaves it out (2026-09).
    """

    def __init__(self) -> None:
        self._numbers = count(1)
        self._in_pieces: dict[str, str] = {}  # by the function's name

    def give(self, calls: Sequence[FunctionCall]) -> None:
        """Give an id to each of *calls* that has none. The pieces of a call, which follow each other, share one."""
        for call in calls:
            if call.id:
                continue
            call_id = self._in_pieces.pop(call.name, None) or f"{_OUR_PREFIX}{next(self._numbers)}"
            if call.will_continue:
                self._in_pieces[call.name] = call_id
            msgspec.structs.force_setattr(call, "id", call_id)

    def skip(self, calls: Sequence[FunctionCall]) -> None:
        """Give none of the ids that *calls* of another process have."""
        used = ((call.id or "").removeprefix(_OUR_PREFIX) for call in calls if is_ours(call.id))
        self._numbers = count(1 + max(map(int, filter(str.isdecimal, used)), default=0))


def is_ours(call_id: str | None) -> bool:
    """Return whether the server doesn't know this id."""
    return call_id is not None and call_id.startswith(_OUR_PREFIX)


def without_our_ids(responses: Sequence[FunctionResponse]) -> tuple[FunctionResponse, ...]:
    """Return *responses* as they are sent: a call that came without an id is answered without one."""
    return tuple(
        msgspec.structs.replace(response, id=None) if is_ours(response.id) else response
        for response in responses
    )


class CallLedger:
    """Calls and responses belong together by their ids, or by the function's name where one of them has no id."""

    def __init__(self) -> None:
        self._pending = PendingCalls()
        self._settled: OrderedDict[str, str] = OrderedDict()

    def __len__(self) -> int:
        return len(self._pending)

    @property
    def pending(self) -> tuple[FunctionCall, ...]:
        """The calls that wait for their answer, oldest first."""
        return tuple(self._pending)

    def is_pending(self, call: FunctionCall) -> bool:
        """Return whether *call* waits for its answer."""
        return call in self._pending

    def begin(self, calls: Sequence[FunctionCall]) -> None:
        """Add calls from the server. The pieces of a call replace each other."""
        for call in calls:
            self._pending.add(call)
            if call.id:
                self._settled.pop(call.id, None)  # the server may use an id again

    def cancel(self, ids: Sequence[str]) -> None:
        """Settle the calls that the server has cancelled."""
        self._pending.remove_all(ids)
        for call_id in ids[-_REMEMBERED:]:  # a server may send any number of them
            self._settle(call_id, _CANCELLED)

    def cancel_all(self) -> tuple[str, ...]:
        """Cancel all calls, since the server has forgotten the session; return their ids."""
        ids = tuple(call.id for call in self._pending if call.id)
        self.cancel(ids)
        self._pending.clear()
        return ids

    def is_cancelled(self, response: FunctionResponse) -> bool:
        """Return whether *response* comes too late."""
        return self._settled.get(response.id or "") == _CANCELLED

    def check(self, responses: Sequence[FunctionResponse]) -> None:
        """Refuse responses that give a call two outcomes. Calls of an earlier session are not known here, and pass.

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

    def answer(self, responses: Sequence[FunctionResponse]) -> list[FunctionCall]:
        """Settle the calls that *responses* answer for good, and return them."""
        settled = [self._answer(response) for response in responses if not response.will_continue]
        return [call for call in settled if call is not None]

    def _answer(self, response: FunctionResponse) -> FunctionCall | None:
        call = self._pending.take(response)
        if call_id := response.id or (call and call.id):
            self._settle(call_id, _ANSWERED)
        return call

    def _settle(self, call_id: str, outcome: str) -> None:
        self._settled[call_id] = outcome
        if len(self._settled) > _REMEMBERED:
            self._settled.popitem(last=False)
