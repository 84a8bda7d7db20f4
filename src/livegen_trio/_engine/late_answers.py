"""Tool calls that run while the connection changes: their results are to reach the model all the same."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

import trio

from .._errors import LocalProtocolError
from .._protocol.codec import encode_client_message
from .._protocol.late_answers import interim_answer, is_silent, result_as_content
from .._resumption.inputs import Kind
from ..types import ToolResponse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._protocol.session_rules import LiveProtocol
    from ..types import FunctionResponse
    from .outbox import Outbox

# Answers that the server may still have to get again; more of them are sent again as answers only.
_REMEMBERED: Final = 64


class LateAnswers:
    """Sends the results of such calls as content, where the model reads over answers on a resumed session.

    Args:
        protocol: Knows the calls.
        outbox: Takes the content.
        as_content: Whether this is such a model, or the user wants it so. Otherwise answers stay answers.
    """

    def __init__(self, protocol: LiveProtocol, outbox: Outbox, *, as_content: bool) -> None:
        self._protocol = protocol
        self._outbox = outbox
        self._as_content = as_content
        self._carried: dict[str, str] = {}  # names of the functions, by the calls' ids
        self._answers: deque[tuple[int, Sequence[FunctionResponse]]] = deque(maxlen=_REMEMBERED)

    def put(self, message: ToolResponse) -> None:
        """Accept answers. Those to calls that ran over a change of the connection are sent as content."""
        late = [one for one in message.function_responses if self._is_late(one)]
        if not late:
            self._put_answers(message)
            return
        others = [one for one in message.function_responses if not self._is_late(one)]
        if others:
            self._put_answers(ToolResponse(function_responses=others))
        self._protocol.send(ToolResponse(function_responses=late))  # checked and noted; the frame isn't sent
        pending = {call.id for call in self._protocol.calls.pending}
        self._carried = {call_id: name for call_id, name in self._carried.items() if call_id in pending}
        self._put_content(late)

    def carry_over(self) -> None:
        """Settle the calls that are pending as another connection of the session begins."""
        ledger, pending = self._outbox.ledger, self._protocol.calls.pending
        if not self._as_content:
            return
        waiting = ledger.backlog.numbers
        answered = [responses for number, responses in self._answers if number in waiting]
        self._answers.clear()
        if pending:
            frame = encode_client_message(interim_answer(pending))
            if ledger.backlog.first_of({frame}) is None:  # else it waits to be sent again
                ledger.precede(frame, Kind.ANSWER, trio.current_time())
            self._carried.update((call.id or "", call.name) for call in pending)
        for responses in answered:
            self._put_content(responses)

    def forget(self) -> None:
        """Drop what belongs to a session that the server has forgotten."""
        self._carried.clear()
        self._answers.clear()

    def _is_late(self, response: FunctionResponse) -> bool:
        return response.id in self._carried or (not response.id and response.name in self._carried.values())

    def _put_answers(self, message: ToolResponse) -> None:
        self._outbox.put(self._protocol.send(message), Kind.ANSWER)
        if self._as_content:
            self._answers.append((self._outbox.ledger.accepted, message.function_responses))

    def _put_content(self, responses: Sequence[FunctionResponse]) -> None:
        content, outgoing = result_as_content(responses), self._protocol.outgoing
        asks = not is_silent(responses)
        try:
            message = outgoing.content_message(content, turn_complete=asks)
        except LocalProtocolError:  # a model that answers all content in mid-conversation
            asks = True
            message = outgoing.content_message(content, turn_complete=True)
        self._outbox.put(encode_client_message(message), Kind.QUESTION if asks else Kind.CONTROL)
