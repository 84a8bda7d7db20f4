"""The call that a running tool answers, and the session that it runs for."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeVar

import trio

from .._errors import ToolError
from .._user_code import USER_LOOP
from ..types import FunctionResponse
from ._plain import json_object

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from .._session.session import LiveSession
    from ..types import FunctionCall, FunctionResponseScheduling
    from ._options import ToolOptions

T = TypeVar("T")


class ToolContext:
    """The call that a tool answers. It is given to a parameter of this type, which is not declared to the model.

    Attributes:
        call: As the model made it.
        session: The conversation.
    """

    def __init__(
        self,
        call: FunctionCall,
        session: LiveSession,
        options: ToolOptions,
        answer: Callable[[Sequence[FunctionResponse]], Awaitable[None]],
        *,
        threads: trio.CapacityLimiter | None = None,
    ) -> None:
        self.call: FunctionCall = call
        self.session: LiveSession = session
        self._options = options
        self._answer = answer
        self._threads = threads
        self._clock = trio.lowlevel.current_clock()
        self._user_loop = USER_LOOP.get()
        self._deadline = math.inf
        self._cancelled: str | None = None

    @property
    def call_id(self) -> str | None:
        """The id of the call. Where the server has sent none, as Vertex AI may do, it is one of this side."""
        return self.call.id

    @property
    def deadline(self) -> float:
        """The time at which the tool's timeout is due, in `trio.current_time` seconds; `math.inf` without one.

        For a tool on asyncio it is in seconds of its loop's `time`.
        """
        if self._user_loop is None or trio.lowlevel.in_trio_run():
            return self._deadline
        return self._user_loop.time() + self._deadline - self._clock.current_time()

    @property
    def cancelled(self) -> str | None:
        """The reason why nobody waits for the answer any more, or None.

        A tool with `on_interrupt="finish"` may look here, and any tool in its `finally`.
        """
        if self._cancelled is None and self._clock.current_time() >= self._deadline:
            return "it took longer than its timeout"
        return self._cancelled

    async def progress(self, value: object, *, scheduling: FunctionResponseScheduling | None = None) -> None:
        """Send the model what is known so far, while the tool goes on. In a sync tool: `trio.from_thread.run`.

        Args:
            value: Anything that can be written as JSON.
            scheduling: When the model speaks about it; by default that of the tool's options.

        Raises:
            ToolError: The model waits for the tool, and so for one answer: that needs `behavior="NON_BLOCKING"`; or the
                value can't be written as JSON.
            LocalProtocolError: Vertex AI takes one answer only.
            SessionClosedError: The session has ended.
        """
        if self._options.behavior != "NON_BLOCKING":
            raise ToolError(
                'progress is for tools that the model doesn\'t wait for: tool(behavior="NON_BLOCKING")'
            )
        response = FunctionResponse(
            id=self.call.id,
            name=self.call.name,
            response=json_object(value),
            scheduling=scheduling or self._options.scheduling,
            will_continue=True,
        )
        if (
            trio.lowlevel.in_trio_task()
        ):  # also out of a thread, by `trio.from_thread`, wherever the session's user is
            await self._answer([response])
        else:
            await self.session.send_function_responses([response])

    async def run_sync(self, function: Callable[[], T]) -> T:
        """Call a sync *function* in a worker thread.

        The threads are the session's own, so that no session's tools can take those of another. If this is cancelled,
        the function goes on in its thread, which counts until it returns, and its result is dropped.

        Raises:
            Exception: Whatever the function raises.
        """
        # In a list, since Trio takes the awaitable that a sync function may return for a mistake.
        [result] = await trio.to_thread.run_sync(
            lambda: [function()], abandon_on_cancel=True, limiter=self._threads
        )
        return result

    def note_deadline(self, deadline: float) -> None:
        """Set the time until which the session waits."""
        self._deadline = deadline

    def note_cancelled(self, reason: str) -> None:
        """Set the reason why nobody waits for the answer any more. The first one counts."""
        self._cancelled = self._cancelled or reason
