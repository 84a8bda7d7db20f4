"""The turns of one session: replies, interruptions, and the functions that a reply waits for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..types import CodeExecutionResult, Content, Part, ServerContent, ToolCall, ToolCallCancellation
from ._deciding import Decider
from ._due_messages import DueMessages
from ._engines import Say
from ._speaking import Reply
from ._turn_marks import TurnMarks

if TYPE_CHECKING:
    from collections.abc import Sequence

    import trio

    from ..types import FunctionResponse
    from ._calls import PendingCall
    from ._engines import Responder
    from ._line import Line
    from ._resumption import SessionState
    from ._speaking import Voice


class Turns:
    """The model's half of a conversation. All methods are synchronous: they take effect at once.

    Attributes:
        is_user_active: Whether the user speaks, or has spoken and was not answered yet. Set by `Listening`.
        decider: Decides what to answer.
        marks: Sends the marks around turns.
        nursery: Runs the replies.
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
        self._voice = voice
        self._line = line
        self.nursery = nursery
        self._can_be_interrupted = can_be_interrupted
        self._reply: Reply | None = None
        self._due = DueMessages()
        self.is_user_active: bool = False
        self.decider: Decider = Decider(session, responder, line)
        self.marks: TurnMarks = TurnMarks(session, line)

    @property
    def is_replying(self) -> bool:
        """Whether a reply is being made or played."""
        return self._reply is not None

    @property
    def is_open(self) -> bool:
        """Whether a turn of the model is under way: a reply, or the wait for a function."""
        return self.is_replying or self._session.calls.is_blocked

    @property
    def is_in_call(self) -> bool:
        """Whether the model waits for a function, or speaks of its answer."""
        return self._session.calls.is_blocked or (self._reply is not None and self._reply.is_to_call)

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
            self.marks.complete()
            return
        self._begin(reply or Reply())

    def begin_user_turn(self, *, by_text: bool = False) -> None:
        """Note that the user has begun to speak or write: that interrupts the model, if it can be interrupted."""
        if self._can_be_interrupted and not (
            by_text and self._session.model.profile.text_interrupts is False
        ):
            self.interrupt()

    def hear(self, text: str, reply: Reply | None = None, *, is_typed: bool = False) -> str:
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
        self._session.look(is_typed=is_typed)
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
        self.marks.complete()

    def answer(self, responses: Sequence[FunctionResponse]) -> None:
        """Take the answers of functions. Those to calls that nobody waits for are ignored.

        Raises:
            RemoteProtocolError: More of them wait for a reply's end than are kept.
        """
        if self._session.calls.is_stale:
            if self._session.calls.close_stale(responses):
                self.marks.complete()
            return
        urgent = [self._answer_one(response) for response in responses]
        if awaited := self._session.calls.take_answers():
            self._session.history.add(_answers(awaited))
            self._begin(Reply(is_to_call=True))
        elif any(urgent) and not self.is_user_active:
            self.interrupt()
        self.take_up()

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
        self.marks.begin()
        self._reply = reply
        self.nursery.start_soon(self._run, reply)

    async def _run(self, reply: Reply) -> None:
        try:
            with reply.scope:
                await self._make(reply)
        except Exception as exc:  # noqa: BLE001 - engines are other people's code
            self._line.ending.fail(exc)

    async def _make(self, reply: Reply) -> None:
        decision = Say(reply.text) if reply.text is not None else self.decider.decide()
        if not isinstance(decision, Say) and decision:
            self._call(decision)
            return
        if self.decider.announces_search():
            await self._line.put_reply(_search_result())
        await self._voice.say(decision.text if isinstance(decision, Say) else "", reply)
        # An interruption cancels the scope, so a reply that was interrupted doesn't come here.
        self._reply = None
        self._remember(reply)
        self.marks.complete()
        self.take_up()

    def _call(self, pending: Sequence[PendingCall]) -> None:
        calls = [one.call for one in pending]
        self._session.history.add(
            Content(role="model", parts=tuple(Part(function_call=call) for call in calls))
        )
        self._session.calls.add(pending)
        self._reply = None
        self._line.put(ToolCall(function_calls=calls))
        if self._line.dialect.is_vertex:
            self._line.put(ServerContent(generation_complete=True))
        if self._session.calls.is_blocked:
            self.marks.pause_for_calls(self.nursery)
        else:
            self.marks.complete()
            self.take_up()

    def _remember(self, reply: Reply) -> None:
        if reply.said:
            self._session.history.add(Content(role="model", parts=(Part(text="".join(reply.said)),)))


def _answers(responses: Sequence[FunctionResponse]) -> Content:
    return Content(role="user", parts=tuple(Part(function_response=response) for response in responses))


def _search_result() -> ServerContent:
    result = CodeExecutionResult(outcome="OUTCOME_OK", output="Looking up information on Google Search.\n")
    return ServerContent(model_turn=Content(parts=(Part(code_execution_result=result),)))
