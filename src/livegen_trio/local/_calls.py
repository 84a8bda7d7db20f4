"""Which functions the model has called, and which of them it waits for. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ..types import FunctionCall, FunctionResponse

_PENDING: Final = 256
"""Calls that may wait for an answer; beyond it the oldest is forgotten, since its answer is hardly still coming."""


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
    """The pending calls of a session, oldest first, and the answers to those that block."""

    def __init__(self) -> None:
        self._pending: dict[str, PendingCall] = {}
        self._answers: list[FunctionResponse] = []

    @property
    def is_blocked(self) -> bool:
        """Whether the model waits for an answer."""
        return any(pending.blocks for pending in self._pending.values())

    def add(self, calls: Iterable[PendingCall]) -> None:
        """Note calls that are sent now."""
        self._pending |= {pending.call.id or "": pending for pending in calls}
        while len(self._pending) > _PENDING:
            del self._pending[next(iter(self._pending))]

    def answer(self, response: FunctionResponse) -> PendingCall | None:
        """Match a response with its call; None if no such call is pending.

        A call that doesn't block stays pending while its response `will_continue`.
        """
        call_id = response.id or self._id_of(response.name)
        pending = self._pending.get(call_id)
        if pending is None:
            return None
        if pending.blocks or not response.will_continue:
            del self._pending[call_id]
        if pending.blocks:
            self._answers.append(response)
        return pending

    def take_answers(self) -> Sequence[FunctionResponse]:
        """The answers that the model has waited for, once they are all there; else nothing."""
        if self.is_blocked:
            return ()
        answers, self._answers = self._answers, []
        return answers

    def cancel_blocking(self) -> list[str]:
        """Forget the calls that the model waits for; returns their ids."""
        ids = [call_id for call_id, pending in self._pending.items() if pending.blocks]
        for call_id in ids:
            del self._pending[call_id]
        self._answers.clear()
        return ids

    def _id_of(self, name: str) -> str:
        """Vertex AI's clients may leave the id out."""
        return next((key for key, pending in self._pending.items() if pending.call.name == name), "")
