"""The operations of a session that its user calls: what is sent, and where the session goes on."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

import trio

from .._resumption.inputs import Kind
from .._session.interface import Asked
from ..types import ClientContent, ContextUpdate, RealtimeInput, ToolResponse

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from typing_extensions import Buffer

    from .._inputs import ToolInput
    from .._protocol.codec import MediaKind
    from ..types import Content, FunctionResponse, SessionResumptionConfig
    from .outbox import Outbox
    from .resume_states import ResumeStates
    from .session_tools import SessionTools
    from .shared import Shared
    from .supervisor import Supervisor

_logger: Final = logging.getLogger(__name__)


class SessionOperations:
    """Sends messages, each whole or not at all, and changes the connection.

    Sending waits for room in the outbox, and checks the message afterwards: what may be sent depends on the moment.

    Args:
        shared: The parts of the session.
        supervisor: Changes the connection.
        tools: The tools of the session.
        states: Follows the answers to tool calls.
        close: Closes the session.

    Attributes:
        outbox: Frames that wait for the sender.
    """

    def __init__(
        self,
        shared: Shared,
        supervisor: Supervisor,
        tools: SessionTools,
        states: ResumeStates,
        close: Callable[[], Awaitable[None]],
    ) -> None:
        self._shared = shared
        self._protocol = shared.protocol
        self._supervisor = supervisor
        self._tools = tools
        self._states = states
        self._close = close
        self.outbox: Outbox = shared.outbox

    # Messages

    async def say(self, content: Content, *, turn_complete: bool) -> None:
        """Send content, in the way that suits the model at the time when there is room for it."""
        await self.outbox.wait_for_room(Kind.CONTROL)
        outgoing = self._protocol.outgoing
        content, left_out = outgoing.fit_history(content, turn_complete=turn_complete)
        if left_out:
            _logger.warning("the model takes no %s in a history: left out", " and ".join(left_out))
        if content.parts or turn_complete:
            self.put(outgoing.content_message(content, turn_complete=turn_complete))

    async def ask(self, content: Content) -> Asked:
        """Send content that is to be answered; return its exchange, and the number of events that came before it."""
        await self.outbox.wait_for_room(Kind.CONTROL)
        inbox = self._shared.inbox
        if inbox.is_receiving:  # with no checkpoint from here to the caller's first `receive`
            raise trio.BusyResourceError("another task receives from this session, and would get the answer")
        self.put(self._protocol.outgoing.question(content))
        return Asked(inbox.unread_events, self._protocol.exchanges.await_answer())

    async def send(self, message: RealtimeInput | ContextUpdate) -> None:
        """Send a message."""
        await self.outbox.wait_for_room(_kind(message))
        self.put(message)

    async def send_media(self, kind: MediaKind, data: Buffer, mime_type: str) -> None:
        """Send a chunk of media."""
        await self.outbox.wait_for_room(Kind.MEDIA)
        frame = self._protocol.send_media(kind, data, mime_type)
        if frame is not None:
            self.outbox.put(frame, Kind.MEDIA)

    async def answer(self, responses: Sequence[FunctionResponse]) -> None:
        """Answer tool calls, but for those that the server has cancelled."""
        await self.outbox.wait_for_room(Kind.CONTROL)
        wanted = self._protocol.unanswered(responses)
        if wanted or not responses:
            self.put(ToolResponse(function_responses=wanted))

    async def update_context(self, instruction: Content | None, tools: Sequence[ToolInput] | None) -> None:
        """Give the model another system instruction, or other tools."""
        if tools is None:
            await self.send(ContextUpdate(system_instruction=instruction))
            return
        await self._tools.update(tools, instruction)

    async def refresh_tools(self) -> None:
        """Declare to the model what MCP servers among its tools offer now."""
        await self._tools.refresh()

    @trio.lowlevel.enable_ki_protection  # what the protocol has noted is sent as well
    def put(self, message: ClientContent | RealtimeInput | ToolResponse | ContextUpdate) -> None:
        """Send a message without waiting for room."""
        shared = self._shared
        shared.backend.check_message(message)
        if isinstance(message, ToolResponse):
            shared.late_answers.put(message)
            self._states.note_change()
        else:
            # A history is not answered, though its end is marked as a question's.
            kind = Kind.CONTROL if self._protocol.outgoing.history_is_open else _kind(message)
            self.outbox.put(self._protocol.send(message), kind)
        if shared.history is not None:
            shared.history.said(message, self.outbox.ledger.accepted)
        if isinstance(message, ContextUpdate):
            shared.setup.update(message)
        self._supervisor.hand_over.look_again()

    # The connection

    async def resume(self, asked: SessionResumptionConfig | None) -> None:
        """Continue with another connection; raises as `Supervisor.resume`."""
        if self.outbox.is_closed:
            raise trio.ClosedResourceError("this session has been closed")
        await self._supervisor.resume(asked)

    async def close(self) -> None:
        """Close the session, within its close timeout."""
        await self._close()


def _kind(message: ClientContent | RealtimeInput | ContextUpdate) -> Kind:
    if isinstance(message, ClientContent):
        return Kind.QUESTION if message.turn_complete else Kind.CONTROL
    if isinstance(message, ContextUpdate):
        return Kind.CONTROL
    if message.text is not None:
        return Kind.TEXT
    return Kind.MARK if message.audio is None and message.video is None else Kind.MEDIA
