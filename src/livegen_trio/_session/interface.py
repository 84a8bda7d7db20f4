"""What a session asks of what runs behind it: its `Engine`, or something that reaches an engine in another thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from typing_extensions import Buffer

    from .._inputs import ToolInput
    from .._protocol.codec import MediaKind
    from .._protocol.session_rules import LiveProtocol
    from ..types import (
        ClientContent,
        Content,
        ContextUpdate,
        FunctionCall,
        FunctionResponse,
        RealtimeInput,
        ResumeState,
        ServerEvent,
        SessionResumptionConfig,
        ToolResponse,
    )
    from .statistics import SessionStatistics


class Earlier(NamedTuple):
    """What there was already when a message was accepted.

    Attributes:
        unread: How many events had arrived and not been received.
        in_turn: Whether a turn of the model's was under way.
    """

    unread: int
    in_turn: bool


class Events(Protocol):
    """Where events wait for their consumer."""

    async def receive(self) -> ServerEvent:
        """The next event; see `Inbox.receive`."""
        ...


class SessionEngine(Protocol):
    """What `LiveSession` is a face of. `Engine` tells what each member does.

    Another thread may look at `protocol`, and ask `leaves_to_caller`, but has nothing changed there by itself.
    """

    @property
    def protocol(self) -> LiveProtocol: ...

    @property
    def inbox(self) -> Events: ...

    @property
    def is_closed(self) -> bool: ...

    def leaves_to_caller(self, call: FunctionCall) -> bool: ...

    async def say(self, content: Content, *, turn_complete: bool) -> None: ...

    async def ask(self, content: Content) -> Earlier: ...

    async def send(self, message: RealtimeInput) -> None: ...

    async def send_media(self, kind: MediaKind, data: Buffer, mime_type: str) -> None: ...

    async def update_context(
        self, instruction: Content | None, tools: Sequence[ToolInput] | None
    ) -> None: ...

    async def refresh_tools(self) -> None: ...

    async def answer(self, responses: Sequence[FunctionResponse]) -> None: ...

    def put(self, message: ClientContent | RealtimeInput | ToolResponse | ContextUpdate) -> None: ...

    async def receive_or_raise(self) -> ServerEvent: ...

    async def resume(self, asked: SessionResumptionConfig | None) -> None: ...

    def resume_state(self) -> ResumeState | None: ...

    async def next_change(self) -> None: ...

    def statistics(self) -> SessionStatistics: ...

    async def close(self) -> None: ...

    async def checkpoint(self) -> None: ...

    async def checkpoint_if_cancelled(self) -> None: ...
