"""What runs behind a session: its rules, its buffers and its tools, and the connection that serves them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec
import trio

from .._errors import ConfigError, LocalProtocolError
from .._protocol import LiveProtocol
from ..types import SessionResumptionConfig, ToolResponse
from .closed import Ending
from .connection import Connection
from .inbox import Inbox
from .outbox import Outbox
from .tool_runner import ToolRunner

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from typing_extensions import Buffer

    from .._codec import MediaKind
    from .._profiles import ModelProfile
    from ..backends.base import Backend
    from ..tools import FunctionTool
    from ..types import (
        ClientContent,
        Content,
        ContextUpdate,
        FunctionResponse,
        RealtimeInput,
        ServerEvent,
        Setup,
    )
    from .timing import Timing


class Engine:
    """One session's machinery. It starts in a nursery, and `close` leaves nothing of it there.

    Attributes:
        protocol: What may be sent, and what the events have added up to.
        inbox: Events that wait for their consumer.
        outbox: Frames that wait for the sender.
        tools: The functions that the model can call.
    """

    def __init__(
        self,
        backend: Backend,
        setup: Setup,
        *,
        profile: ModelProfile,
        functions: Mapping[str, FunctionTool],
        timing: Timing,
    ) -> None:
        self.protocol: LiveProtocol = LiveProtocol(setup, profile)
        self.inbox: Inbox = Inbox()
        self.outbox: Outbox = Outbox()
        self.tools: ToolRunner = ToolRunner(functions, self.answer)
        self._backend = backend
        self._setup = setup
        self._timing = timing
        self._nursery: trio.Nursery
        self._connection = self._new_connection()
        self._leaving: Connection | None = None

    @property
    def ending(self) -> Ending | None:
        """How the session ended, if it did so by itself."""
        return self.inbox.ending

    @property
    def is_closed(self) -> bool:
        """Whether the session is over, whoever ended it."""
        return self.outbox.is_closed or self.ending is not None

    async def start(self, nursery: trio.Nursery) -> None:
        """Start everything in *nursery*; returns when the server has accepted the setup."""
        self._nursery = nursery
        await nursery.start(self.tools.run)
        await nursery.start(self._connection.run)

    async def resume(self, asked: SessionResumptionConfig | None) -> None:
        """Go on with another connection. The earlier one is closed first, as the service insists."""
        self._check_resumable()
        setup = self._setup_to_resume(asked)
        self._leaving = self._connection
        self.outbox.drain()
        self.inbox.reopen()
        try:
            await self._finish(self._leaving)
            self._check_open()  # closing may have come first
            self.protocol.resume(setup)
            self._connection = self._new_connection()
            await self._nursery.start(self._connection.run)
        except BaseException as exc:
            self._give_up(exc)
            raise
        finally:
            self._leaving = None
        self.outbox.refill()

    async def say(self, content: Content, *, turn_complete: bool) -> None:
        """Have content sent, in the way that suits the model at the time when there is room for it."""
        await self.outbox.room()
        self._put(self.protocol.said(content, turn_complete=turn_complete))

    async def ask(self, content: Content) -> None:
        """Have content sent that is to be answered."""
        await self.outbox.room()
        self._put(self.protocol.question(content))

    async def send(self, message: RealtimeInput | ContextUpdate) -> None:
        """Have a message sent, whole or not at all."""
        await self.outbox.room()
        self._put(message)

    async def send_media(self, kind: MediaKind, data: Buffer, mime_type: str) -> None:
        """Have a chunk of media sent, whole or not at all."""
        await self.outbox.room()
        frame = self.protocol.send_media(kind, data, mime_type)
        if memoryview(data).nbytes:  # the service refuses a message with nothing in it
            self.outbox.put(frame)

    async def answer(self, responses: Sequence[FunctionResponse]) -> None:
        """Have tool calls answered, but for those that the server has cancelled."""
        await self.outbox.room()
        wanted = self.protocol.unanswered(responses)
        if wanted or not responses:
            self._put(ToolResponse(function_responses=wanted))

    async def receive_or_raise(self) -> ServerEvent:
        """The next event, for whoever is in the middle of something: there, a normal end is an error as well."""
        try:
            return await self.inbox.receive()
        except trio.EndOfChannel:
            assert self.ending is not None
            raise self.ending.error() from None

    async def close(self) -> None:
        """Send what was accepted, say goodbye, and end everything, within the close time-out."""
        self.tools.cancel()
        self.inbox.close()
        self.outbox.close()
        await self._finish(self._connection)

    def raise_unseen_ending(self) -> None:
        """Raise how the session broke, or what was not sent, if no call has told the caller yet."""
        if self.inbox.ending_was_seen or self.outbox.ending_was_seen:
            return
        if self.outbox.unsent_frames:
            raise _undelivered(self.outbox.unsent_frames, self.ending).error()
        if self.ending is not None and self.ending.phase == "open" and not self.ending.is_clean:
            raise self.ending.error()

    def _put(self, message: ClientContent | RealtimeInput | ToolResponse | ContextUpdate) -> None:
        self._backend.check_message(message)
        self.outbox.put(self.protocol.send(message))

    def _new_connection(self) -> Connection:
        return Connection(
            self._backend,
            self.protocol,
            inbox=self.inbox,
            outbox=self.outbox,
            observe=self.tools.observe,
            end=self._end,
            timing=self._timing,
        )

    async def _finish(self, connection: Connection) -> None:
        try:
            with trio.move_on_after(self._timing.close_timeout):
                await connection.finished.wait()
        finally:
            connection.cancel()
        await connection.finished.wait()

    def _end(self, connection: Connection, ending: Ending) -> None:
        if connection is not self._leaving:  # else the session goes on with another
            self._end_session(ending)

    def _end_session(self, ending: Ending) -> None:
        if self.outbox.is_closed:
            ending = replace(ending, phase="closing")
        self.inbox.end(ending)
        self.outbox.end(ending)
        self.tools.cancel_calls()

    def _give_up(self, exc: BaseException) -> None:
        """The session is over, and whoever asked for the new connection is told why by *exc*."""
        cause = exc if isinstance(exc, Exception) else None
        self._end_session(Ending(1006, "the session could not be resumed", "local", cause=cause))
        self.inbox.ending_was_seen = self.outbox.ending_was_seen = True

    def _check_open(self) -> None:
        if self.outbox.is_closed:
            raise trio.ClosedResourceError("this session has been closed")

    def _check_resumable(self) -> None:
        self._check_open()
        if self._leaving is not None:
            raise trio.BusyResourceError("another task is already resuming this session")
        if self.protocol.in_activity:
            raise LocalProtocolError("an activity is under way; end it before you resume the session")

    def _setup_to_resume(self, asked: SessionResumptionConfig | None) -> Setup:
        begun_with = self._setup.session_resumption
        if begun_with is None:
            raise ConfigError("this session can't be resumed: it was opened with session_resumption=None")
        if asked is None:
            handle = self.protocol.resumption_handle or begun_with.handle
            if handle is None:
                raise LocalProtocolError(
                    "the server has given no handle yet that the session can be resumed with"
                )
            asked = msgspec.structs.replace(begun_with, handle=handle)
        # The server has the history; asked to wait for it, it might wait for ever.
        setup = msgspec.structs.replace(self._setup, session_resumption=asked, history_config=None)
        return self._backend.prepare_setup(setup)


def _undelivered(frames: int, ending: Ending | None) -> Ending:
    if ending is None or ending.initiator == "local":
        ending = Ending(1006, "", "server")
    words = f"{frames} accepted message{'s were' if frames > 1 else ' was'} not sent"
    return replace(ending, reason=f"{ending.reason}; {words}" if ending.reason else words, phase="closing")
