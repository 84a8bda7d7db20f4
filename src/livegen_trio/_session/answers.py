"""The answer to one question, read from among a session's events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from .._errors import ToolError
from .._protocol.exchange import Mark
from ..types import ToolCall, ToolCallUnanswered
from .interface import EventSource
from .turns import TurnRecord

if TYPE_CHECKING:
    from .._protocol.exchange import Exchange
    from ..types import FunctionCall, ServerEvent
    from .interface import Asked
    from .turns import TurnResult


class AnswerSource(EventSource, Protocol):
    """The part of an engine that an answer is read from."""

    def leaves_to_caller(self, call: FunctionCall) -> bool:
        """Return whether no tool of the session carries out *call*."""
        ...


async def read_answer(source: AnswerSource, asked: Asked) -> TurnResult:
    """Receive events until the answer to a question is over, and return it. What answers something older is skipped.

    Raises:
        ToolError: The model waits for a function that no tool of the session carries out.
        SessionClosedError: The session ended before the answer did.
    """
    for _ in range(asked.unread):
        await source.receive_or_raise()
    answer = Answer(asked.exchange)
    while True:
        event = await source.receive_or_raise()
        answer.add(event)
        _check_carried_out(source, asked.exchange, event)
        if event is asked.exchange.ends_with:
            return answer.record.result()


class Answer:
    """Collects what belongs to one answer from among the events, by the marks of its exchange."""

    def __init__(self, exchange: Exchange) -> None:
        self._marks = exchange.marks
        self._ahead: TurnRecord | None = None  # since a transcription that may be the beginning
        self._is_paused = False
        self.record: TurnRecord = TurnRecord()

    def add(self, event: ServerEvent) -> None:
        """Add the next event, if it belongs to the answer."""
        while self._marks and self._marks[0][0] is event:
            self._follow(self._marks.popleft()[1])
        if self._ahead is not None:
            self._ahead.add(event)
        if not self._is_paused:
            self.record.add(event)

    def _follow(self, mark: Mark) -> None:
        match mark:
            case Mark.AHEAD:
                self._ahead = self._ahead or TurnRecord()
                return
            case Mark.BEGIN:
                self.record = self._ahead or TurnRecord()
            case Mark.REPEAT:
                self.record.drop_turn()
            case Mark.PAUSE | Mark.RESUME:
                pass
        self._is_paused = mark is Mark.PAUSE
        self._ahead = None


def _check_carried_out(source: AnswerSource, exchange: Exchange, event: ServerEvent) -> None:
    match event:
        case ToolCall() if any(event is one for one in exchange.tool_calls):
            calls = event.function_calls
        case ToolCallUnanswered() if (
            not exchange.has_begun
        ):  # the model waits for it, and answers nothing meanwhile
            calls = (event.call,)
        case _:
            return
    for call in calls:
        if source.leaves_to_caller(call):
            raise ToolError(f"the model called {call.name!r}, which no tool of this session carries out")
