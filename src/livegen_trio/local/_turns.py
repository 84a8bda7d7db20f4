"""Who speaks when, in one session: replies, interruptions, and the functions that a reply waits for."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final

from ..types import Content, FunctionCall, Part, ServerContent, ToolCall, ToolCallCancellation
from ._calls import PendingCall
from ._engines import Say
from ._speaking import Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import trio

    from ..types import FunctionDeclaration, FunctionResponse, ServerEvent, Tool
    from ._dialect import Dialect
    from ._engines import CallTool, Responder
    from ._outgoing import Outgoing
    from ._resumption import SessionState
    from ._speaking import Voice

_DUE: Final = 63
"""Sayings that wait for a model which can't be interrupted, besides the newest one."""


class Turns:
    """The model's half of a conversation. All methods are synchronous: they take effect at once.

    Attributes:
        is_user_active: Whether the user speaks, or has spoken and is not understood yet. Set by whoever hears them.
        system_instruction: What the model goes by.
        tools: What it may use.
    """

    def __init__(
        self,
        session: SessionState,
        responder: Responder,
        voice: Voice,
        outgoing: Outgoing,
        dialect: Dialect,
        *,
        nursery: trio.Nursery,
        fail: Callable[[Exception], None],
        can_be_interrupted: bool,
        awaits_tools: bool,
    ) -> None:
        self._session = session
        self._responder = responder
        self._voice = voice
        self._outgoing = outgoing
        self._dialect = dialect
        self._nursery = nursery
        self._fail = fail
        self._can_be_interrupted = can_be_interrupted
        self._awaits_tools = awaits_tools
        self._reply: Reply | None = None
        self._due_answers: list[FunctionResponse] = []
        self._due_words: list[tuple[str, Reply]] = []
        self.is_user_active = False
        self.system_instruction: Content | None = None
        self.tools: Sequence[Tool] = ()

    @property
    def is_replying(self) -> bool:
        """Whether a reply is being made or played."""
        return self._reply is not None

    @property
    def is_open(self) -> bool:
        """Whether a turn of the model is under way: a reply, or the wait for a function."""
        return self.is_replying or self._session.calls.is_blocked

    def ask(self, reply: Reply | None = None) -> None:
        """Have the model reply now: to the history, or as *reply* has it already."""
        self.interrupt()
        self._begin(reply or Reply())

    def begin_user_turn(self) -> None:
        """The user has begun to speak or write."""
        if self._can_be_interrupted:
            self.interrupt()

    def hear(self, words: str, reply: Reply | None = None) -> str:
        """The user has said or written something; the model replies as soon as it may.

        Returns:
            The words as they continue what is not answered yet.
        """
        if self.is_open or self._due_words:
            # Only a model that can't be interrupted: otherwise its turn ended when the user began.
            self._due_words = [*self._due_words[-_DUE:], (words, reply or Reply())]
            self.take_up()
            return words
        fragment = self._session.history.add_heard(words)
        if not self.is_user_active:
            self.ask(reply)
        return fragment

    def take_up(self) -> None:
        """Reply to what had to wait, if nobody speaks now."""
        if self.is_open or self.is_user_active:
            return
        if self._due_answers:
            answers, self._due_answers = self._due_answers, []
            self._session.history.add(_answers(answers))
            self.ask()
        elif self._due_words:
            due, self._due_words = self._due_words, []
            for words, _ in due:
                self._session.history.add_heard(words)
            self.ask(due[-1][1])

    def interrupt(self) -> None:
        """End the model's turn, wherever it is."""
        if not self.is_open:
            return
        reply, self._reply = self._reply, None
        self._outgoing.drop_reply()
        if reply is not None:
            reply.scope.cancel(reason="the user cut in")
            self._remember(reply)
        if ids := self._session.calls.cancel_blocking():
            self._put(ToolCallCancellation(ids=ids))
        self._put(ServerContent(interrupted=True))
        self._complete()

    def answer(self, responses: Sequence[FunctionResponse]) -> None:
        """Functions have answered. Answers to calls that nobody waits for are nothing to anybody."""
        urgent = [self._answer_one(response) for response in responses]
        if awaited := self._session.calls.take_answers():
            self._session.history.add(_answers(awaited))
            self._begin(Reply())
        elif any(urgent) and not self.is_user_active:
            self.interrupt()
        self.take_up()

    def leave(self) -> None:
        """The connection is over: a reply that the client doesn't have in full is due on the next one."""
        if self._reply is None:
            return
        if self._reply.is_written:
            self._remember(self._reply)
        else:
            self._session.is_reply_due = True

    def _answer_one(self, response: FunctionResponse) -> bool:
        """Take one answer; True if the model shall speak of it at once."""
        pending = self._session.calls.answer(response)
        if pending is None or pending.blocks:
            return False
        if response.scheduling == "SILENT":
            self._session.history.add(_answers([response]))
            return False
        self._due_answers.append(response)
        return response.scheduling == "INTERRUPT"

    def _begin(self, reply: Reply) -> None:
        self._reply = reply
        self._nursery.start_soon(self._run, reply)

    async def _run(self, reply: Reply) -> None:
        try:
            with reply.scope:
                await self._make(reply)
        except Exception as exc:  # noqa: BLE001 - engines are other people's code
            self._fail(exc)

    async def _make(self, reply: Reply) -> None:
        decision = Say(reply.text) if reply.text is not None else self._decide()
        if not isinstance(decision, Say) and decision:
            self._call(decision)
            return
        await self._voice.say(decision.text if isinstance(decision, Say) else "", reply)
        # Whoever interrupts a reply cancels its scope, so one that was interrupted doesn't come here.
        self._finish(reply)

    def _decide(self) -> Say | Sequence[CallTool]:
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
        self._put(ToolCall(function_calls=calls))
        if self._dialect.is_vertex:
            self._put(ServerContent(generation_complete=True))
        if not self._session.calls.is_blocked:
            self._complete()
            self.take_up()

    def _blocks(self, name: str) -> bool:
        behavior = next((one.behavior for one in self._functions if one.name == name), None)
        return behavior == "BLOCKING" or (behavior != "NON_BLOCKING" and self._awaits_tools)

    @property
    def _functions(self) -> list[FunctionDeclaration]:
        return [function for tool in self.tools for function in tool.function_declarations]

    def _remember(self, reply: Reply) -> None:
        if reply.said:
            self._session.history.add(Content(role="model", parts=(Part(text="".join(reply.said)),)))

    def _complete(self) -> None:
        self._put(ServerContent(turn_complete=True), self._session.meter.take())

    def _put(self, *events: ServerEvent) -> None:
        self._outgoing.put(self._dialect.frame(*events))


def _answers(responses: Sequence[FunctionResponse]) -> Content:
    return Content(role="user", parts=tuple(Part(function_response=response) for response in responses))


def _call_id() -> str:
    return f"function-call-{secrets.randbelow(10**19)}"
