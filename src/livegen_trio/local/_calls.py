"""The functions that the model has called, and those of them that it waits for. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from .._errors import RemoteProtocolError
from ._sizes import size_of_response

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ..types import FunctionCall, FunctionResponse

_PENDING: Final = 256  # calls; beyond it the oldest is forgotten, since its answer is hardly still coming
_ANSWERS_SIZE: Final = 4 * 2**20  # bytes of answers, about, that wait for those of other calls


@dataclass(frozen=True, slots=True)
class PendingCall:
    """A call without its answer.

    Attributes:
        call: As it was sent.
        blocks: Whether the model says nothing until it is answered.
    """

    call: FunctionCall
    blocks: bool


class CallLedger:
    """The pending calls of a session, oldest first, and the answers to those that block.

    Attributes:
        is_stale: Whether the pending calls are of an exchange that the connection before has cut: the model takes no
            answers any more, and waits for them all the same.
    """

    def __init__(self) -> None:
        self._pending: dict[str, PendingCall] = {}
        self._answers: list[FunctionResponse] = []
        self._answers_size = 0
        self.is_stale: bool = False

    @property
    def is_blocked(self) -> bool:
        """Whether the model waits for an answer."""
        return any(pending.blocks for pending in self._pending.values())

    def add(self, calls: Iterable[PendingCall]) -> None:
        """Add calls that are sent now."""
        self._pending |= {pending.call.id or "": pending for pending in calls}
        while len(self._pending) > _PENDING:
            del self._pending[next(iter(self._pending))]

    def answer(self, response: FunctionResponse) -> PendingCall | None:
        """Match a response with its call; None if no such call is pending.

        A call that doesn't block stays pending while its response `will_continue`.

        Raises:
            RemoteProtocolError: More answers wait for those of other calls than are kept.
        """
        call_id = response.id or self._id_of(response.name)
        pending = self._pending.get(call_id)
        if pending is None:
            return None
        if pending.blocks or not response.will_continue:
            del self._pending[call_id]
        if pending.blocks:
            self._keep(response)
        return pending

    def take_answers(self) -> Sequence[FunctionResponse]:
        """The answers that the model has waited for, once they are all there; else nothing."""
        if self.is_blocked:
            return ()
        answers, self._answers, self._answers_size = self._answers, [], 0
        return answers

    def cancel_blocking(self) -> list[str]:
        """Forget the calls that the model waits for; returns their ids."""
        ids = [call_id for call_id, pending in self._pending.items() if pending.blocks]
        for call_id in ids:
            del self._pending[call_id]
        self._answers.clear()
        self._answers_size = 0
        return ids

    def forget(self) -> None:
        """Forget all calls, without a word to anybody."""
        self._pending.clear()
        self._answers.clear()
        self._answers_size = 0
        self.is_stale = False

    def make_stale(self) -> None:
        """Take no more answers to the pending calls, if there are any."""
        self.is_stale = bool(self._pending)

    def close_stale(self, responses: Iterable[FunctionResponse]) -> bool:
        """Drop answers to stale calls; True if none is left, and the old exchange is over."""
        for response in responses:
            self._pending.pop(response.id or self._id_of(response.name), None)
        if not self._pending:
            self.forget()
        return not self._pending

    def _keep(self, response: FunctionResponse) -> None:
        self._answers_size += size_of_response(response)
        if self._answers_size > _ANSWERS_SIZE:
            raise RemoteProtocolError("The answers to function calls are too large to be kept.", code=1009)
        self._answers.append(response)

    def _id_of(self, name: str) -> str:
        """Vertex AI's clients may leave the id out."""
        return next((key for key, pending in self._pending.items() if pending.call.name == name), "")
