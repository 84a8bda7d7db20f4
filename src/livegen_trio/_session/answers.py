"""The answer to one question, read from among a session's events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from .._errors import ToolError
from ..types import ToolCall, ToolCallUnanswered
from .interface import EventSource
from .turns import TurnRecord

if TYPE_CHECKING:
    from .._protocol.exchanges import Exchange
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
    exchange = asked.exchange
    for _ in range(asked.unread):
        await source.receive_or_raise()
    record = TurnRecord()
    while True:
        event = await source.receive_or_raise()
        if event is exchange.begins_with:
            record = TurnRecord()
        if event is exchange.repeats_with:
            record.drop_turn()
        record.add(event)
        _check_carried_out(source, exchange, event)
        if event is exchange.ends_with:
            return record.result()


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
