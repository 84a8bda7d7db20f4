"""Function calls that the user's handler answers, each in a task and a cancel scope of its own."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias

import anyio
import msgspec
import trio

from .._errors import LocalProtocolError
from .._session.closed import SessionClosedError
from ..tools._plain import plain
from ..types import FunctionCall, FunctionResponse, ToolCall, ToolCallCancellation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anyio.abc import TaskGroup

    from .._session.session import LiveSession
    from ..types import ServerEvent

FunctionCallingHandler: TypeAlias = Callable[
    [FunctionCall], Awaitable[FunctionResponse | Mapping[str, object]]
]
"""Carries out one call: returns a response, whose id and name may be left out, or just its content."""

_logger: Final = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class _Running:
    call: FunctionCall
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)


class HandledCalls:
    """Calls that *handler* answers, since the session doesn't carry them out by itself."""

    def __init__(self, session: LiveSession, handler: FunctionCallingHandler) -> None:
        self._session = session
        self._handler = handler
        self._running: list[_Running] = []

    def observe(self, event: ServerEvent, tasks: TaskGroup) -> None:
        """Start the calls in *event*, or cancel those that it takes back. Never blocks."""
        match event:
            case ToolCall():
                for call in event.function_calls:
                    self._start(call, tasks)
            case ToolCallCancellation():
                self._cancel([one for one in self._running if one.call.id in event.ids])
            case _:
                pass  # no call

    def cancel_all(self) -> None:
        """Cancel all calls: the session has ended, and takes no answers any more."""
        self._cancel(list(self._running))

    async def answer_unfinished(self) -> None:
        """Answer, with an error, the calls that were cut short by the end of the conversation.

        Raises:
            SessionClosedError: The session has ended.
            trio.ClosedResourceError: The session was closed on this side.
        """
        while self._running:
            call = self._running.pop().call
            await self._answer(_error(call, "the conversation was left before the call was carried out"))

    def _start(self, call: FunctionCall, tasks: TaskGroup) -> None:
        if call.will_continue or _carries_out(self._session, call):
            return  # its arguments are still to come, or its answer does by itself
        if call.id and any(one.call.id == call.id for one in self._running):
            return  # it came twice
        running = _Running(call)
        self._running.append(running)
        tasks.start_soon(self._carry_out, running)

    def _cancel(self, ended: Sequence[_Running]) -> None:
        for one in ended:
            self._running.remove(one)
            one.scope.cancel("the call was taken back, or the session has ended")

    async def _carry_out(self, running: _Running) -> None:
        with running.scope:
            response = await self._outcome(running.call)
            with suppress(SessionClosedError, trio.ClosedResourceError):  # receiving raises it
                await self._answer(response)
            if running in self._running:
                self._running.remove(running)

    async def _answer(self, response: FunctionResponse) -> None:
        try:
            await self._session.send_function_responses([response])
        except LocalProtocolError as exc:
            _logger.warning("an answer was not sent: %s", exc)  # the user has answered by hand

    async def _outcome(self, call: FunctionCall) -> FunctionResponse:
        try:
            return _response(call, await self._handler(call))
        except Exception as exc:  # a handler may raise anything, and the conversation goes on
            _logger.warning("the handler of %s failed", call.name, exc_info=exc)
            # The model gets no more than the type: messages of exceptions carry paths, queries and keys.
            return _error(call, f"{call.name} failed ({type(exc).__name__})")


def _response(call: FunctionCall, result: FunctionResponse | Mapping[str, object]) -> FunctionResponse:
    response = result if isinstance(result, FunctionResponse) else FunctionResponse(response=dict(result))
    plain(response.response)  # what can't be written shows here, while it can still be answered
    return msgspec.structs.replace(response, id=response.id or call.id, name=response.name or call.name)


def _error(call: FunctionCall, message: str) -> FunctionResponse:
    return FunctionResponse(id=call.id, name=call.name, response={"error": message})


def _carries_out(session: LiveSession, call: FunctionCall) -> bool:
    """Whether the session answers *call* by itself, with one of its tools."""
    engine = session._engine  # pyright: ignore[reportPrivateUsage] - the session doesn't say it yet
    return not engine.leaves_to_caller(call)
