"""The turns of one session: replies, interruptions, and the functions that a reply waits for."""

from __future__ import annotations

import secrets
from collections import deque
from typing import TYPE_CHECKING, Final

import trio

from .._errors import RemoteProtocolError
from ..types import (
    Content,
    FunctionCall,
    Part,
    ServerContent,
    SessionResumptionUpdate,
    ToolCall,
    ToolCallCancellation,
)
from ._calls import PendingCall
from ._engines import Say
from ._sizes import size_of_response
from ._speaking import Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..types import FunctionDeclaration, FunctionResponse, Tool
    from ._engines import CallTool, Responder
    from ._line import Line
    from ._resumption import SessionState
    from ._speaking import Voice

_DUE: Final = 64  # messages that wait for a model which can't be interrupted
_DUE_SIZE: Final = 4 * 2**20  # bytes, about, of functions' answers that wait for the end of a reply
_LATE: Final = 0.05  # seconds by which the end of a calling turn is late, with a model of which it is


class Turns:
    """The model's half of a conversation. All methods are synchronous: they take effect at once.

    Attributes:
        is_user_active: Whether the user speaks, or has spoken and was not answered yet. Set by `Listening`.
        system_instruction: The system instruction.
        tools: The tools that the model may use.
        nursery: Runs the replies.
        on_handle_due: Called after a turn with a model that issues handles between turns.
    """

    def __init__(
        self,
        session: SessionState,
        responder: Responder,
        voice: Voice,
        line: Line,
        nursery: trio.Nursery,
        *,
        can_be_interrupted: bool,
    ) -> None:
        self._session = session
        self._responder = responder
        self._voice = voice
        self._line = line
        self.nursery = nursery
        self._can_be_interrupted = can_be_interrupted
        self._reply: Reply | None = None
        self._due = DueMessages()
        self._late: ServerContent | None = None
        self.is_user_active: bool = False
        self.system_instruction: Content | None = None
        self.tools: Sequence[Tool] = ()
        self.on_handle_due: Callable[[], None] | None = None

    @property
    def is_replying(self) -> bool:
        """Whether a reply is being made or played."""
        return self._reply is not None

    @property
    def is_open(self) -> bool:
        """Whether a turn of the model is under way: a reply, or the wait for a function."""
        return self.is_replying or self._session.calls.is_blocked

    def resume(self) -> None:
        """Give a reply again that the connection before has cut."""
        if self._session.is_reply_due:
            self._session.is_reply_due = False
            self.ask()

    def ask(self, reply: Reply | None = None) -> None:
        """Have the model reply now: to the history, or by *reply*."""
        self.interrupt()
        if self._session.calls.is_stale:  # all that the user's input does is to close the old exchange
            self._session.calls.forget()
            self._complete()
            return
        self._begin(reply or Reply())

    def begin_user_turn(self, *, by_text: bool = False) -> None:
        """Note that the user has begun to speak or write: that interrupts the model, if it can be interrupted."""
        if self._can_be_interrupted and not (
            by_text and self._session.model.profile.text_interrupts is False
        ):
            self.interrupt()

    def hear(self, text: str, reply: Reply | None = None) -> str:
        """Add what the user has said or written; the model replies as soon as it may.

        Returns:
            The text as it continues what has no answer yet.
        """
        if self.is_open or self._due.has_text:
            # Only if the model can't be interrupted: otherwise its turn ended when the user began.
            self._due.add_text(text, reply)
            self.take_up()
            return text
        fragment = self._session.history.add_heard(text)
        if not self.is_user_active:
            self.ask(reply)
        return fragment

    def take_up(self) -> None:
        """Reply to what had to wait, if nobody speaks now."""
        if self.is_open or self.is_user_active:
            return
        if answers := self._due.take_answers():
            self._session.history.add(_answers(answers))
            self.ask()
        elif self._due.has_text:
            texts, reply = self._due.take_texts()
            for text in texts:
                self._session.history.add_heard(text)
            self.ask(reply)

    def interrupt(self) -> None:
        """End the model's turn, wherever it is."""
        if not self.is_open:
            return
        reply, self._reply = self._reply, None
        self._line.outgoing.drop_reply()
        if reply is not None:
            reply.scope.cancel(reason="the user interrupted")
            self._remember(reply)
        if ids := self._session.calls.cancel_blocking():
            self._line.put(ToolCallCancellation(ids=ids))
        self._line.put(ServerContent(interrupted=True))
        self._complete()

    def answer(self, responses: Sequence[FunctionResponse]) -> None:
        """Take the answers of functions. Those to calls that nobody waits for are ignored.

        Raises:
            RemoteProtocolError: More of them wait for a reply's end than are kept.
        """
        if self._session.calls.is_stale:
            if self._session.calls.close_stale(responses):
                self._complete()
            return
        urgent = [self._answer_one(response) for response in responses]
        if awaited := self._session.calls.take_answers():
            self._session.history.add(_answers(awaited))
            self._begin(Reply())
        elif any(urgent) and not self.is_user_active:
            self.interrupt()
        self.take_up()

    def put_after_turn(self, content: ServerContent) -> None:
        """Send *content* behind the end of the turn that follows."""
        self._late = content

    def leave(self) -> None:
        """Note that the connection is over: a reply that the client doesn't have in full is due on the next one."""
        if self._reply is None:
            return
        if self._reply.is_written:
            self._remember(self._reply)
        else:
            self._session.is_reply_due = True

    def _answer_one(self, response: FunctionResponse) -> bool:
        """Take one answer; returns whether the model is to speak of it at once."""
        pending = self._session.calls.answer(response)
        if pending is None or pending.blocks:
            return False
        if response.scheduling == "SILENT":
            self._session.history.add(_answers([response]))
            return False
        self._due.add_answer(response)
        return response.scheduling == "INTERRUPT"

    def _begin(self, reply: Reply) -> None:
        if self._issues_handles:
            self._line.put(SessionResumptionUpdate(resumable=False))
        self._reply = reply
        self.nursery.start_soon(self._run, reply)

    async def _run(self, reply: Reply) -> None:
        try:
            with reply.scope:
                await self._make(reply)
        except Exception as exc:  # noqa: BLE001 - engines are other people's code
            self._line.ending.fail(exc)

    async def _make(self, reply: Reply) -> None:
        decision = Say(reply.text) if reply.text is not None else self._decide()
        if not isinstance(decision, Say) and decision:
            self._call(decision)
            return
        await self._voice.say(decision.text if isinstance(decision, Say) else "", reply)
        # An interruption cancels the scope, so a reply that was interrupted doesn't come here.
        self._finish(reply)

    def _decide(self) -> Say | Sequence[CallTool]:
        if self._session.model.behavior.transcribes_only:
            return Say("")
        with self._line.share.working():
            return self._responder.respond(
                self._session.history.contents,
                functions=self._functions,
                system_instruction=self.system_instruction,
            )

    def _finish(self, reply: Reply) -> None:
        self._reply = None
        self._remember(reply)
        self._complete()
        self.take_up()

    def _call(self, tools: Sequence[CallTool]) -> None:
        calls = [FunctionCall(id=_call_id(), name=tool.name, args=tool.args) for tool in tools]
        pending = [PendingCall(call, blocks=self._blocks(call.name)) for call in calls]
        self._session.history.add(
            Content(role="model", parts=tuple(Part(function_call=call) for call in calls))
        )
        self._session.calls.add(pending)
        self._reply = None
        self._line.put(ToolCall(function_calls=calls))
        if self._line.dialect.is_vertex:
            self._line.put(ServerContent(generation_complete=True))
        if not self._session.calls.is_blocked:
            self._complete()
            self.take_up()
        elif self._session.model.behavior.calling_turn_ends == "at once":
            self._complete()
        elif self._session.model.behavior.calling_turn_ends == "late":
            self.nursery.start_soon(self._end_late)

    async def _end_late(self) -> None:
        """End the calling turn a moment later, when the client may have answered already."""
        await trio.sleep(_LATE)
        self._line.put(ServerContent(generation_complete=True))
        self._line.put(ServerContent(turn_complete=True))

    def _blocks(self, name: str) -> bool:
        model = self._session.model
        behavior = next((one.behavior for one in self._functions if one.name == name), None)
        if not model.profile.non_blocking_functions:
            return True
        return behavior == "BLOCKING" or (behavior != "NON_BLOCKING" and model.awaits_tools)

    @property
    def _functions(self) -> list[FunctionDeclaration]:
        return [function for tool in self.tools for function in tool.function_declarations]

    def _remember(self, reply: Reply) -> None:
        if reply.said:
            self._session.history.add(Content(role="model", parts=(Part(text="".join(reply.said)),)))

    @property
    def _issues_handles(self) -> bool:
        return self.on_handle_due is not None and self._session.model.behavior.handles_between_turns

    def _complete(self) -> None:
        self._line.put(ServerContent(turn_complete=True), self._session.meter.take())
        if self._late is not None and not self._session.calls.is_blocked:
            self._line.put(self._late)
            self._late = None
        if self.on_handle_due is not None and self._issues_handles and not self._session.calls.is_blocked:
            self.on_handle_due()


class DueMessages:
    """Messages that wait for the end of the model's turn."""

    def __init__(self) -> None:
        self._answers: list[FunctionResponse] = []
        self._answers_size = 0
        self._texts: deque[str] = deque(maxlen=_DUE)
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
        if self._answers_size > _DUE_SIZE:
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
        texts, self._texts = self._texts, deque(maxlen=_DUE)
        return texts, self._reply


def _answers(responses: Sequence[FunctionResponse]) -> Content:
    return Content(role="user", parts=tuple(Part(function_response=response) for response in responses))


def _call_id() -> str:
    return f"function-call-{secrets.randbelow(10**19)}"
