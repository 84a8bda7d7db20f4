"""Tool calls, run next to the conversation, each in a cancel scope of its own."""

from __future__ import annotations

import logging
import reprlib
from typing import TYPE_CHECKING, Final

import msgspec
import trio

from .._errors import LocalProtocolError, ToolError
from .._session.closed import SessionClosedError
from .._single_exception import single_exception
from .._user_code import run_user_code
from ..tools import ToolContext
from ..types import FunctionResponse, ToolCall, ToolCallCancellation, ToolFailed
from .running_calls import RunningCall, RunningCalls
from .unanswered_calls import UnansweredCalls

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from .._protocol.session_rules import LiveProtocol
    from .._session.session import LiveSession
    from ..tools import CallableTool
    from ..types import FunctionCall, ServerEvent
    from .options import ToolExecution
    from .session_tools import SessionTools

_logger: Final = logging.getLogger(__name__)

CALLS_AT_ONCE: Final = 64
"""Calls of one session that run at the same time; more of them wait for their turn."""

THREADS: Final = 32
"""Sync tools of one session that run at the same time. A thread whose call was cancelled counts until it returns."""

MAX_CALLS_IN_A_FRAME: Final = 256
"""Calls of one message that are accepted. Models make a handful; more are refused with an error response."""

MAX_PENDING_CALLS: Final = 1024
"""Calls of one session that may wait for their answers; more are refused with an error response."""

# Answers to refused calls that go into one message; each message waits for room, and for the loop to go round.
_REFUSALS_IN_A_MESSAGE: Final = 64


class ToolRunner:
    """Runs the tools that the model calls, and answers for them.

    It gets calls and cancellations from `observe`, before any consumer does, so a slow consumer delays neither.
    Calls that are the caller's to answer are only watched.

    Args:
        tools: The tools of the session.
        execution: Which calls are run, and with whose consent.
        protocol: Knows which calls wait for their answer.
        answer: Sends responses.
        report: Puts an event into the session's inbox.
    """

    def __init__(
        self,
        tools: SessionTools,
        execution: ToolExecution,
        *,
        protocol: LiveProtocol,
        answer: Callable[[Sequence[FunctionResponse]], Awaitable[None]],
        report: Callable[[ServerEvent], None],
    ) -> None:
        self._tools = tools
        self._execution = execution
        self._protocol = protocol
        self._answer = answer
        self._report = report
        self._scope = trio.CancelScope()
        self._nursery: trio.Nursery | None = None
        self._session: LiveSession
        self._running = RunningCalls(CALLS_AT_ONCE)
        self._unanswered = UnansweredCalls(protocol.calls.is_pending, report)
        self._threads = trio.CapacityLimiter(THREADS)
        self._refusing = trio.Lock()

    def leaves_to_caller(self, call: FunctionCall) -> bool:
        """Return whether *call* is the caller's to answer. A call of an unknown function is answered here."""
        declared = self._tools.declared
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
                self._begin_all([call for call in event.function_calls if not call.will_continue])
            case ToolCallCancellation():
                self._running.take_back(event.ids)
            case _:
                pass  # nothing to run

    async def run(self, session: LiveSession, *, task_status: trio.TaskStatus[None]) -> None:
        """Run calls for *session*, as they are observed, until `cancel`."""
        self._session = session
        with self._scope, single_exception():
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                task_status.started()
                try:
                    await self._unanswered.watch()
                finally:
                    self._nursery = None  # cancelled: calls may still come, while the session is being closed

    def cancel_calls(self) -> None:
        """Cancel every call under way."""
        self._running.cancel_all("the session has ended")

    def cancel(self) -> None:
        """Cancel every call. No more are begun."""
        self._nursery = None
        self.cancel_calls()
        self._scope.cancel(reason="the session is over")

    def _begin_all(self, calls: Sequence[FunctionCall]) -> None:
        if self._nursery is None:
            return
        accepted = min(MAX_CALLS_IN_A_FRAME, self._room_for(calls))
        for call in calls[:accepted]:
            self._begin(call, self._nursery)
        self._start_waiting()
        if refused := calls[accepted:]:
            message = (
                f"too many calls at once; make at most {MAX_CALLS_IN_A_FRAME}, and wait for their answers"
            )
            self._nursery.start_soon(self._refuse, refused, message)

    def _room_for(self, calls: Sequence[FunctionCall]) -> int:
        """Return how many of *calls*, which are pending already, keep the calls within their bounds."""
        too_many_pending = len(self._protocol.calls) - MAX_PENDING_CALLS
        # Calls that the server has taken back may take their time to end.
        too_many_running = len(self._running) + len(calls) - 2 * MAX_PENDING_CALLS
        return max(0, len(calls) - max(0, too_many_pending, too_many_running))

    def _begin(self, call: FunctionCall, nursery: trio.Nursery) -> None:
        if self.leaves_to_caller(call):
            self._unanswered.add(call)
            return
        tool = self._tools.declared.callable_tools.get(call.name)
        if tool is None:
            names = self._tools.declared.names_in_short
            message = f"there is no function {reprlib.repr(call.name)}; there are: {names}"
            nursery.start_soon(self._refuse, [call], message)
        elif call not in self._running:  # it may come twice
            context = ToolContext(call, self._session, tool.options, self._answer, threads=self._threads)
            running = RunningCall(call, tool, context)
            self._running.add(running)

    def _start_waiting(self) -> None:
        if self._nursery is not None:
            for running in self._running.start():
                self._nursery.start_soon(self._run_call, running)

    async def _run_call(self, running: RunningCall) -> None:
        try:
            with running.scope:
                await self._send([running.call], await self._outcome(running))
        finally:
            self._running.remove(running)
            self._start_waiting()

    async def _outcome(self, running: RunningCall) -> FunctionResponse:
        call, tool = running.call, running.tool
        approve = self._execution.approve
        try:
            if approve is not None and not await run_user_code(approve, call):
                return _error("the user did not allow this call", tool)
            return await tool.call(call.args or {}, running.context)
        except ToolError as exc:
            return self._failed(call, exc, str(exc), tool)
        except Exception as exc:  # a tool may raise anything, and the conversation goes on
            _logger.warning("the tool %s failed", tool.name, exc_info=exc)
            # The model gets no more than the kind: messages of exceptions carry paths, queries and keys.
            return self._failed(call, exc, f"{tool.name} failed ({type(exc).__name__})", tool)

    async def _refuse(self, calls: Sequence[FunctionCall], message: str) -> None:
        error = ToolError(message)
        for begin in range(0, len(calls), _REFUSALS_IN_A_MESSAGE):
            # One message at a time, however many frames of calls there are: other tasks run in between.
            async with self._refusing:
                await self._refuse_some(calls[begin : begin + _REFUSALS_IN_A_MESSAGE], error)

    async def _refuse_some(self, calls: Sequence[FunctionCall], error: ToolError) -> None:
        message = str(error)
        refused = [call for call in calls if self._protocol.calls.is_pending(call)]
        for call in refused:
            self._report(ToolFailed(call=call, message=message, error=error))
        if refused:
            await self._send(refused, _error(message, None))

    def _failed(
        self, call: FunctionCall, error: Exception, message: str, tool: CallableTool
    ) -> FunctionResponse:
        self._report(ToolFailed(call=call, message=message, error=error))
        return _error(message, tool)

    async def _send(self, calls: Iterable[FunctionCall], response: FunctionResponse) -> None:
        try:
            await self._answer(
                [msgspec.structs.replace(response, id=call.id, name=call.name) for call in calls]
            )
        except (SessionClosedError, trio.ClosedResourceError):
            return  # nobody is left to answer
        except LocalProtocolError as exc:
            _logger.warning("an answer was not sent: %s", exc)  # somebody has answered by hand


def _error(message: str, tool: CallableTool | None) -> FunctionResponse:
    scheduling = None if tool is None else tool.options.scheduling
    return FunctionResponse(response={"error": message}, scheduling=scheduling)
