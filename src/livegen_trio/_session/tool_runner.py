"""Carrying out tool calls beside the conversation, each in a cancel scope of its own."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, NamedTuple

import trio

from .._errors import LocalProtocolError, ToolError
from ..types import FunctionResponse, ToolCall, ToolCallCancellation
from .closed import SessionClosedError
from .groups import single_exception

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from ..tools import FunctionTool
    from ..types import FunctionCall, ServerEvent

_logger: Final = logging.getLogger(__name__)


CALLS_AT_ONCE: Final = 64
"""Calls of one session that are carried out at the same time; more of them wait for their turn."""


class _Running(NamedTuple):
    function: FunctionTool
    scope: trio.CancelScope


class ToolRunner:
    """Runs the functions that the model calls, and answers for them.

    It learns of calls and cancellations from `observe`, before any consumer does, so a slow consumer delays neither.
    Calls of functions that it doesn't know are left to the consumer.
    """

    def __init__(
        self,
        functions: Mapping[str, FunctionTool],
        answer: Callable[[Sequence[FunctionResponse]], Awaitable[None]],
    ) -> None:
        self._answer = answer
        self._scope = trio.CancelScope()
        self._nursery: trio.Nursery | None = None
        self._scopes: set[trio.CancelScope] = set()
        self._running: dict[str, _Running] = {}
        self._limiter = trio.CapacityLimiter(CALLS_AT_ONCE)
        self.functions: Mapping[str, FunctionTool] = functions

    def replace(self, functions: Mapping[str, FunctionTool]) -> None:
        """Run these from the next call on; calls under way go on."""
        self.functions = functions

    def observe(self, events: Sequence[ServerEvent]) -> None:
        """Begin the calls, and end the cancelled ones, among *events*. Never blocks."""
        for event in events:
            match event:
                case ToolCall():
                    for call in event.function_calls:
                        self._begin(call)
                case ToolCallCancellation():
                    self._end(event.ids)
                case _:
                    pass  # nothing to run

    async def run(self, *, task_status: trio.TaskStatus[None]) -> None:
        """Run calls, as they are observed, until `cancel`."""
        with self._scope, single_exception():
            async with trio.open_nursery() as self._nursery:
                task_status.started()
                await trio.sleep_forever()

    def cancel_calls(self) -> None:
        """Cancel every call under way."""
        for scope in self._scopes:
            scope.cancel(reason="the session has ended")

    def cancel(self) -> None:
        """Cancel every call. No more are begun."""
        self._nursery = None
        self._scope.cancel(reason="the session is over")

    def _begin(self, call: FunctionCall) -> None:
        function = self.functions.get(call.name or "")
        if function is None or self._nursery is None:
            return
        if call.will_continue or call.id in self._running:
            return  # its arguments are still to come, or it came twice
        # The scope is there before the task runs: a cancellation in the same frame finds it.
        scope = trio.CancelScope()
        self._scopes.add(scope)
        if call.id:
            self._running[call.id] = _Running(function, scope)
        self._nursery.start_soon(self._carry_out, call, function, scope)

    def _end(self, ids: Sequence[str]) -> None:
        for call_id in ids:
            # At once, not when the call has cleaned up: the server may use its id again.
            running = self._running.pop(call_id, None)
            if running is not None and running.function.options.on_interrupt == "cancel":
                running.scope.cancel(reason="the server cancelled the call")

    async def _carry_out(self, call: FunctionCall, function: FunctionTool, scope: trio.CancelScope) -> None:
        try:
            with scope:
                async with self._limiter:
                    outcome = await _outcome(call, function)
                await self._send(
                    FunctionResponse(
                        id=call.id,
                        name=call.name,
                        response=outcome,
                        scheduling=function.options.scheduling,
                    )
                )
        finally:
            self._scopes.discard(scope)
            running = self._running.get(call.id or "")
            if running is not None and running.scope is scope:
                del self._running[call.id or ""]

    async def _send(self, response: FunctionResponse) -> None:
        try:
            await self._answer([response])
        except (SessionClosedError, trio.ClosedResourceError):
            return  # nobody is left to answer
        except LocalProtocolError as exc:
            _logger.warning("an answer was not sent: %s", exc)  # somebody has answered by hand


async def _outcome(call: FunctionCall, function: FunctionTool) -> Mapping[str, object]:
    try:
        return await function.call(call.args or {})
    except ToolError as exc:
        return {"error": str(exc)}
    except Exception as exc:  # a tool may raise anything, and the conversation goes on
        _logger.warning("the tool %s failed", function.name, exc_info=exc)
        # The model gets no more than the kind: messages of exceptions carry paths, queries and keys.
        return {"error": f"{function.name} failed ({type(exc).__name__})"}
