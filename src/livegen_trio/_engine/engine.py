"""What runs behind a session: its rules, its buffers and its tools, and the connection that serves them."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final, ParamSpec, TypeVar

import msgspec
import trio

from .._protocol.session_rules import LiveProtocol
from .._resumption.coverage import Coverage
from .._resumption.history import History
from .._resumption.inputs import Kind
from .._session.closed import Ending
from .._session.interface import Asked
from .._session.statistics import SessionStatistics
from ..types import (
    ClientContent,
    ContextUpdate,
    RealtimeInput,
    ResumeState,
    ServerContent,
    SessionResumptionUpdate,
    ToolCall,
    ToolCallCancellation,
    ToolResponse,
    VoiceActivity,
)
from .acknowledgement import SETUP_FRAMES
from .checkpoints import EveryNthCheckpoint
from .exchange_timer import ExchangeTimer
from .inbox import Inbox
from .late_answers import LateAnswers
from .next_setup import NextSetup
from .observers import Observers
from .outbox import Outbox
from .shared import Shared
from .supervisor import Supervisor
from .tool_runner import ToolRunner

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from typing_extensions import Buffer

    from .._inputs import ToolInput
    from .._protocol.codec import MediaKind
    from .._protocol.model_profiles import ModelProfile
    from .._session.session import LiveSession, Operations
    from ..backends.base import Backend
    from ..types import (
        Content,
        FunctionCall,
        FunctionResponse,
        ServerEvent,
        SessionResumptionConfig,
        Setup,
    )
    from .options import SessionOptions

P = ParamSpec("P")
T = TypeVar("T")

_CHANGES: Final = (SessionResumptionUpdate, ToolCall, ToolCallCancellation)
"""What makes an earlier resume state out of date."""


class Engine:
    """One session's machinery. It starts in a nursery, and `close` leaves nothing of it there.

    Attributes:
        protocol: What may be sent, and what the events have added up to.
        inbox: Events that wait for their consumer.
        outbox: Frames that wait for the sender.
    """

    def __init__(self, backend: Backend, setup: Setup, options: SessionOptions) -> None:
        self.protocol: LiveProtocol = LiveProtocol(setup, options.profile)
        checkpoints = EveryNthCheckpoint()
        self.inbox: Inbox = Inbox(options.buffering.event_bytes, checkpoints)
        self.outbox: Outbox = Outbox(options.buffering, checkpoints)
        self._tools = options.tools
        self._tool_runner = ToolRunner(
            options.tools,
            options.tool_execution,
            protocol=self.protocol,
            answer=self.answer,
            report=self._report,
        )
        earlier = options.taken_over
        if earlier is not None:
            self.protocol.take_over(earlier)
        history: History | None = None
        if options.reconnection.when_forgotten == "fresh":
            history = History(() if earlier is None else earlier.history)
        self._shared = Shared(
            backend=backend,
            protocol=self.protocol,
            inbox=self.inbox,
            outbox=self.outbox,
            observers=Observers(),
            setup=NextSetup(setup, self.protocol, self.outbox.ledger, history),
            late_answers=LateAnswers(self.protocol, self.outbox, as_content=_sends_late_as_content(options)),
            history=history,
            coverage=self._coverage(setup, options.profile),
            timing=options.timing,
        )
        self._exchange_timer = ExchangeTimer(self.protocol.exchanges, self._note_expired)
        self._changing = trio.lowlevel.ParkingLot()
        self._observe_events()
        self._supervisor = Supervisor(self._shared, options.reconnection, taken_over=earlier, ended=self._end)

    @property
    def ending(self) -> Ending | None:
        """How the session ended, if it did so by itself."""
        return self.inbox.ending

    @property
    def is_closed(self) -> bool:
        """Whether the session is over, whoever ended it."""
        return self.outbox.is_closed or self.ending is not None

    @property
    def operations(self) -> Operations:
        """Its operations, for `call` and `call_sync`."""
        return self

    async def call(self, operation: Callable[P, Awaitable[T]], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call *operation* on Trio: directly, since this is Trio."""
        return await operation(*args, **kwargs)

    def call_sync(self, operation: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call *operation* on Trio: directly, since this is Trio."""
        return operation(*args, **kwargs)

    async def start(self, nursery: trio.Nursery, session: LiveSession) -> None:
        """Start everything in *nursery*; returns when the server has accepted the setup."""
        self._exchange_timer.start(nursery)
        await nursery.start(self._tool_runner.run, session)
        await nursery.start(self._tools.run, self.send)
        nursery.start_soon(self._supervisor.tasks.run)
        await self._supervisor.open()  # the last, since from here on only `close` ends it
        self._tools.watch()

    async def resume(self, asked: SessionResumptionConfig | None) -> None:
        """Go on with another connection."""
        if self.outbox.is_closed:
            raise trio.ClosedResourceError("this session has been closed")
        await self._supervisor.resume(asked)

    async def say(self, content: Content, *, turn_complete: bool) -> None:
        """Have content sent, in the way that suits the model at the time when there is room for it."""
        await self.outbox.wait_for_room(Kind.CONTROL)
        self.put(self.protocol.outgoing.content_message(content, turn_complete=turn_complete))

    async def ask(self, content: Content) -> Asked:
        """Send content that is to be answered; return its exchange, and the number of events that came before it."""
        await self.outbox.wait_for_room(Kind.CONTROL)
        if self.inbox.is_receiving:  # with no checkpoint from here to the caller's first `receive`
            raise trio.BusyResourceError("another task receives from this session, and would get the answer")
        self.put(self.protocol.outgoing.question(content))
        return Asked(self.inbox.unread_events, self.protocol.exchanges.await_answer())

    async def send(self, message: RealtimeInput | ContextUpdate) -> None:
        """Have a message sent, whole or not at all."""
        await self.outbox.wait_for_room(_kind(message))
        self.put(message)

    async def send_media(self, kind: MediaKind, data: Buffer, mime_type: str) -> None:
        """Have a chunk of media sent, whole or not at all."""
        await self.outbox.wait_for_room(Kind.MEDIA)
        frame = self.media_frame(kind, data, mime_type)
        if frame is not None:
            self.outbox.put(frame, Kind.MEDIA)

    def media_frame(self, kind: MediaKind, data: Buffer, mime_type: str) -> bytes | None:
        """The frame for a chunk of media, if there is anything to send now. Called from the session's event loop."""
        return self.protocol.send_media(kind, data, mime_type)

    async def answer(self, responses: Sequence[FunctionResponse]) -> None:
        """Have tool calls answered, but for those that the server has cancelled."""
        await self.outbox.wait_for_room(Kind.CONTROL)
        wanted = self.protocol.unanswered(responses)
        if wanted or not responses:
            self.put(ToolResponse(function_responses=wanted))

    async def update_context(self, instruction: Content | None, tools: Sequence[ToolInput] | None) -> None:
        """Have the model go by another instruction or other tools."""
        if tools is None:
            await self.send(ContextUpdate(system_instruction=instruction))
            return
        await self._tools.update(tools, instruction)

    async def refresh_tools(self) -> None:
        """Declare to the model what MCP servers among its tools offer now."""
        await self._tools.refresh()

    def put(self, message: ClientContent | RealtimeInput | ToolResponse | ContextUpdate) -> None:
        """Have a message sent, without waiting for room."""
        self._shared.backend.check_message(message)
        if isinstance(message, ToolResponse):
            self._shared.late_answers.put(message)
        else:
            # A history is not answered, though its end is marked as a question's.
            kind = Kind.CONTROL if self.protocol.outgoing.history_is_open else _kind(message)
            self.outbox.put(self.protocol.send(message), kind)
        if self._shared.history is not None:
            self._shared.history.said(message, self.outbox.ledger.accepted)
        if isinstance(message, ContextUpdate):
            self._shared.setup.update(message)
        self._supervisor.hand_over.look_again()
        if isinstance(message, ToolResponse):
            self._changing.unpark_all()

    async def receive_or_raise(self) -> ServerEvent:
        """The next event, for whoever is in the middle of something: there, a normal end is an error as well."""
        try:
            return await self.inbox.receive()
        except trio.EndOfChannel:
            assert self.ending is not None
            raise self.ending.error() from None

    def resume_state(self) -> ResumeState | None:
        """Where the session stands, if there is a handle that it can be resumed with."""
        protocol, ledger = self.protocol, self.outbox.ledger
        if protocol.resumption_handle is None:
            return None
        history = self._shared.history
        contents = () if history is None else history.contents(without=ledger.backlog.numbers)
        return ResumeState(
            model=protocol.opening.setup.model,
            handle=protocol.resumption_handle,
            transparent=self._shared.setup.is_transparent,
            taken_at=time.time(),  # two processes share no other clock
            pending_calls=protocol.calls.pending,
            unacknowledged=ledger.backlog.count + ledger.sent.unacknowledged + ledger.sent.uncovered_count,
            in_turn=protocol.in_turn,
            usage=msgspec.structs.replace(protocol.usage, unknown_fields={}),
            history=tuple(contents),
        )

    async def next_change(self) -> None:
        """Wait until a handle or a tool call comes or goes, or the session is over."""
        if self.is_closed:
            await trio.lowlevel.checkpoint()
            return
        await self._changing.park()  # without a checkpoint before it, in which a change could be missed

    def leaves_to_caller(self, call: FunctionCall) -> bool:
        """Whether *call* is the caller's to answer; from any thread."""
        return self._tool_runner.leaves_to_caller(call)

    async def checkpoint(self) -> None:
        """What each async function is, at the least."""
        await trio.lowlevel.checkpoint()

    async def checkpoint_if_cancelled(self) -> None:
        """The half of that which costs nothing."""
        await trio.lowlevel.checkpoint_if_cancelled()

    def statistics(self) -> SessionStatistics:
        """How full the buffers are."""
        now = trio.current_time()
        ledger = self.outbox.ledger
        return SessionStatistics(
            unread_events=self.inbox.unread_events,
            unread_bytes=self.inbox.unread_bytes,
            unread_seconds=_age(self.inbox.unread_since, now),
            unsent_frames=ledger.backlog.count,
            unsent_bytes=self.outbox.unsent_bytes,
            unsent_seconds=_age(ledger.backlog.since, now),
            unacknowledged_frames=ledger.sent.unacknowledged,
            uncovered_frames=ledger.sent.uncovered_count,
            dropped_frames=ledger.dropped,
            reconnections=self._supervisor.succession.count,
        )

    async def close(self) -> None:
        """Send what was accepted, say goodbye, and end everything, within the close time-out."""
        self._tool_runner.cancel()
        self._tools.cancel()
        self._exchange_timer.stop()
        self.inbox.close()
        self.outbox.close()
        self._supervisor.close()
        self._changing.unpark_all()
        finished = self._supervisor.tasks.finished
        try:
            with trio.move_on_after(self._shared.timing.close_timeout):
                await finished.wait()
        finally:
            self._supervisor.cancel()
        await finished.wait()

    def raise_unseen_ending(self) -> None:
        """Raise how the session broke, or what was not sent, if no call has told the caller yet."""
        if self.inbox.ending_was_seen or self.outbox.ending_was_seen:
            return
        if self.outbox.ledger.backlog.count:
            raise _undelivered(self.outbox.ledger.backlog.count, self.ending).error()
        if self.ending is not None and self.ending.phase == "open" and not self.ending.is_clean:
            raise self.ending.error()

    def _end(self, ending: Ending) -> None:
        if self.outbox.is_closed:
            ending = replace(ending, phase="closing")
        self.inbox.end(ending)
        self.outbox.end(ending)
        self._tool_runner.cancel_calls()
        self._changing.unpark_all()

    def _report(self, event: ServerEvent) -> None:
        self.inbox.put([event])

    def _note_expired(self, event: ServerEvent | None) -> None:
        if event is not None:
            self._report(event)
        self._supervisor.hand_over.look_again()

    def _observe_events(self) -> None:
        observers, history = self._shared.observers, self._shared.history
        if history is not None:
            observers.add(lambda event: history.observe((event,)), ServerContent)
        observers.add(self._tool_runner.observe, ToolCall, ToolCallCancellation)
        observers.add(self._note_change, *_CHANGES)
        if (coverage := self._shared.coverage) is None:
            observers.add(self._acknowledge, SessionResumptionUpdate)
        else:
            observers.add(coverage.note_update, SessionResumptionUpdate)
            observers.add(coverage.note_voice, VoiceActivity)

    def _coverage(self, setup: Setup, profile: ModelProfile) -> Coverage | None:
        """Return what infers which inputs a handle covers, unless the server says so itself, or gives no handles."""
        resumption = setup.session_resumption
        if resumption is None or resumption.transparent:
            return None
        return Coverage(self.protocol, self.outbox.ledger, profile.handle_covers)

    def _note_change(self, _event: ServerEvent) -> None:
        self._changing.unpark_all()

    def _acknowledge(self, event: ServerEvent) -> None:
        index = (
            event.last_consumed_client_message_index if isinstance(event, SessionResumptionUpdate) else None
        )
        if index is not None:
            # Whether the service counts the setup isn't known. If not, one input more is sent again.
            self.outbox.ledger.acknowledge(index - SETUP_FRAMES, trio.current_time())


def _age(since: float | None, now: float) -> float:
    return 0.0 if since is None else now - since


def _sends_late_as_content(options: SessionOptions) -> bool:
    if (choice := options.reconnection.late_answers) is not None:
        return choice == "as_content"
    return not options.profile.takes_late_answers


def _kind(message: ClientContent | RealtimeInput | ContextUpdate) -> Kind:
    if isinstance(message, ClientContent):
        return Kind.QUESTION if message.turn_complete else Kind.CONTROL
    if isinstance(message, ContextUpdate):
        return Kind.CONTROL
    if message.text is not None:
        return Kind.TEXT
    return Kind.MARK if message.audio is None and message.video is None else Kind.MEDIA


def _undelivered(frames: int, ending: Ending | None) -> Ending:
    if ending is None or ending.initiator == "local":
        ending = Ending(1006, "", "server")
    words = f"{frames} accepted message{'s were' if frames > 1 else ' was'} not sent"
    return replace(ending, reason=f"{ending.reason}; {words}" if ending.reason else words, phase="closing")
