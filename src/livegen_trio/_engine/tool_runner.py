"""Carrying out tool calls beside the conversation, each in a cancel scope of its own."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import msgspec
import trio

from .._errors import LocalProtocolError, ToolError
from .._session.closed import SessionClosedError
from .._single_exception import single_exception
from .._user_code import run_user_code
from ..tools import ToolContext
from ..types import FunctionResponse, ToolCall, ToolCallCancellation, ToolCallUnanswered, ToolFailed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from .._session.session import LiveSession
    from ..tools import CallableTool, Declared
    from ..types import FunctionCall, ServerEvent
    from .options import ToolExecution

_logger: Final = logging.getLogger(__name__)


CALLS_AT_ONCE: Final = 64
"""Calls of one session that are carried out at the same time; more of them wait for their turn."""

UNANSWERED_AFTER: Final = 30.0
"""Seconds after which a caller is told of a call that they have not answered: no service waits as patiently as that."""


@dataclass(eq=False, slots=True)
class _Running:
    call: FunctionCall
    tool: CallableTool
    context: ToolContext
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)

    def cancel(self, reason: str) -> None:
        self.context.note_cancelled(reason)
        self.scope.cancel(reason=reason)


class ToolRunner:
    """Runs the tools that the model calls, and answers for them.

    It learns of calls and cancellations from `observe`, before any consumer does, so a slow consumer delays neither.
    Calls that are the caller's to answer are only watched.

    Args:
        declared: What can be called.
        execution: What is carried out, and with whose consent.
        answer: Sends responses.
        tell: Has the caller receive an event.
        is_pending: Whether a call still waits for its answer.
    """

    def __init__(
        self,
        declared: Declared,
        execution: ToolExecution,
        *,
        answer: Callable[[Sequence[FunctionResponse]], Awaitable[None]],
        tell: Callable[[ServerEvent], None],
        is_pending: Callable[[FunctionCall], bool],
    ) -> None:
        self._execution = execution
        self._answer = answer
        self._tell = tell
        self._is_pending = is_pending
        self._scope = trio.CancelScope()
        self._nursery: trio.Nursery | None = None
        self._session: LiveSession
        self._running: list[_Running] = []
        self._limiter = trio.CapacityLimiter(CALLS_AT_ONCE)
        self.declared: Declared = declared

    def replace(self, declared: Declared) -> None:
        """Run these from the next call on; calls under way go on."""
        self.declared = declared

    def leaves_to_caller(self, call: FunctionCall) -> bool:
        """Whether *call* is the caller's to answer. One of a function that nobody knows is answered here."""
        declared = self.declared
        if (
            self._execution.is_manual or not declared.names
        ):  # an ephemeral token may have declared functions for us
            return True
        return call.name not in declared.callable_tools and (
            declared.has_more or call.name in declared.left_to_caller
        )

    def observe(self, event: ServerEvent) -> None:
        """Begin the calls, or end the cancelled ones, in *event*. Never blocks."""
        match event:
            case ToolCall():
                for call in event.function_calls:
                    self._begin(call)
            case ToolCallCancellation():
                self._end(event.ids)
            case _:
                pass  # nothing to run

    async def run(self, session: LiveSession, *, task_status: trio.TaskStatus[None]) -> None:
        """Run calls for *session*, as they are observed, until `cancel`."""
        self._session = session
        with self._scope, single_exception():
            async with trio.open_nursery() as self._nursery:
                task_status.started()
                await trio.sleep_forever()

    def cancel_calls(self) -> None:
        """Cancel every call under way."""
        for running in self._running:
            running.cancel("the session has ended")

    def cancel(self) -> None:
        """Cancel every call. No more are begun."""
        self._nursery = None
        self.cancel_calls()
        self._scope.cancel(reason="the session is over")

    def _begin(self, call: FunctionCall) -> None:
        if self._nursery is None or call.will_continue:
            return  # its arguments are still to come
        if self.leaves_to_caller(call):
            self._nursery.start_soon(self._watch, call)
            return
        tool = self.declared.callable_tools.get(call.name)
        if tool is None:
            self._nursery.start_soon(self._refuse, call)
        elif not self._is_under_way(call):  # it may come twice
            context = ToolContext(call, self._session, tool.options, self._answer)
            running = _Running(call, tool, context)
            # It is there before its task runs: a cancellation in the same frame finds it.
            self._running.append(running)
            self._nursery.start_soon(self._carry_out, running)

    def _is_under_way(self, call: FunctionCall) -> bool:
        return any(
            call.id and one.call.id == call.id and one.context.cancelled is None for one in self._running
        )

    def _end(self, ids: Sequence[str]) -> None:
        for running in [one for one in self._running if one.call.id in ids]:
            # At once, not when the call has cleaned up: the server may use its id again.
            reason = "the server cancelled the call"
            running.context.note_cancelled(reason)
            if running.tool.options.on_interrupt == "cancel":
                self._running.remove(running)
                running.cancel(reason)

    async def _carry_out(self, running: _Running) -> None:
        try:
            with running.scope:
                await self._send(running.call, await self._outcome(running))
        finally:
            if running in self._running:
                self._running.remove(running)

    async def _outcome(self, running: _Running) -> FunctionResponse:
        call, tool = running.call, running.tool
        approve = self._execution.approve
        try:
            if approve is not None and not await run_user_code(approve, call):
                return _error("the user did not allow this call", tool)
            async with self._limiter:
                return await tool.call(call.args or {}, running.context)
        except ToolError as exc:
            return self._failed(call, exc, str(exc), tool)
        except Exception as exc:  # a tool may raise anything, and the conversation goes on
            _logger.warning("the tool %s failed", tool.name, exc_info=exc)
            # The model gets no more than the kind: messages of exceptions carry paths, queries and keys.
            return self._failed(call, exc, f"{tool.name} failed ({type(exc).__name__})", tool)

    async def _refuse(self, call: FunctionCall) -> None:
        words = f"there is no function {call.name!r}; there are: {', '.join(self.declared.names)}"
        await self._send(call, self._failed(call, ToolError(words), words))

    def _failed(
        self, call: FunctionCall, error: Exception, words: str, tool: CallableTool | None = None
    ) -> FunctionResponse:
        self._tell(ToolFailed(call=call, message=words, error=error))
        return _error(words, tool)

    async def _send(self, call: FunctionCall, response: FunctionResponse) -> None:
        try:
            await self._answer([msgspec.structs.replace(response, id=call.id, name=call.name)])
        except (SessionClosedError, trio.ClosedResourceError):
            return  # nobody is left to answer
        except LocalProtocolError as exc:
            _logger.warning("an answer was not sent: %s", exc)  # somebody has answered by hand

    async def _watch(self, call: FunctionCall) -> None:
        await trio.sleep(UNANSWERED_AFTER)
        if self._is_pending(call):
            _logger.warning(
                "the call %s of %s is not answered; the model may wait for it", call.id, call.name
            )
            self._tell(ToolCallUnanswered(call=call, seconds=UNANSWERED_AFTER))


def _error(words: str, tool: CallableTool | None) -> FunctionResponse:
    scheduling = None if tool is None else tool.options.scheduling
    return FunctionResponse(response={"error": words}, scheduling=scheduling)
