"""Messages that come while the model speaks, and wait for the end of its turn. Bounded."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from .._errors import RemoteProtocolError
from ._sizes import size_of_response

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..types import FunctionResponse
    from ._speaking import Reply

_MOST_TEXTS: Final = 64
_LARGEST: Final = 4 * 2**20  # bytes, about, of functions' answers


class DueMessages:
    """Messages that wait for the end of the model's turn."""

    def __init__(self) -> None:
        self._answers: list[FunctionResponse] = []
        self._answers_size = 0
        self._texts: deque[str] = deque(maxlen=_MOST_TEXTS)
        self._reply: Reply | None = None

    @property
    def has_text(self) -> bool:
        """Whether something that the user said or wrote waits."""
        return bool(self._texts)

    def add_answer(self, response: FunctionResponse) -> None:
        """Add a function's answer.

        Raises:
            RemoteProtocolError: There are more than are kept.
        """
        self._answers_size += size_of_response(response)
        if self._answers_size > _LARGEST:
            raise RemoteProtocolError("The answers to function calls are too large to be kept.", code=1009)
        self._answers.append(response)

    def take_answers(self) -> Sequence[FunctionResponse]:
        """Take all answers."""
        answers, self._answers, self._answers_size = self._answers, [], 0
        return answers

    def add_text(self, text: str, reply: Reply | None) -> None:
        """Add what the user said or wrote, and a reply to it; of several replies the last counts."""
        self._texts.append(text)
        self._reply = reply

    def take_texts(self) -> tuple[Sequence[str], Reply | None]:
        """Take all texts, and the reply."""
        texts, self._texts = self._texts, deque(maxlen=_MOST_TEXTS)
        return texts, self._reply
