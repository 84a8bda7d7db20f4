"""`LiveSession`: what a user holds while a conversation goes on."""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Final, ParamSpec, Protocol, TypeVar

import trio

from .._habits import SESSION, missing
from .._no_public_constructor import NoPublicConstructor, construct
from .._protocol.contents import as_content, as_instruction, with_picture
from ..types import (
    ActivityEnd,
    ActivityStart,
    Blob,
    RealtimeInput,
)
from .answers import read_answer
from .interface import EventSource
from .saving import StateSaver
from .transcripts import Transcripts
from .turns import TurnReader

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable, Sequence

    from typing_extensions import Buffer

    from .._inputs import ContentInput, ToolInput
    from .._protocol.codec import MediaKind
    from .._resumption.store import ResumeStore
    from ..types import (
        ClientContent,
        Content,
        ContextUpdate,
        FunctionCall,
        FunctionResponse,
        ResumeState,
        ServerEvent,
        SessionResumptionConfig,
        ToolResponse,
        UsageMetadata,
    )
    from .interface import Asked
    from .statistics import SessionStatistics
    from .transcripts import Transcript
    from .turns import TurnResult

AUDIO_FORMAT: Final = "audio/pcm;rate=16000"
"""Format that the service hears best: PCM, signed 16-bit little-endian, mono, 16 kHz."""
IMAGE_FORMAT: Final = "image/jpeg"

P = ParamSpec("P")
T = TypeVar("T")


class Operations(Protocol):
    """An engine's operations, called on the engine's own event loop. `Engine` says what each does."""

    async def say(self, content: Content, *, turn_complete: bool) -> None: ...

    async def send(self, message: RealtimeInput) -> None: ...

    async def update_context(
        self, instruction: Content | None, tools: Sequence[ToolInput] | None
    ) -> None: ...

    async def refresh_tools(self) -> None: ...

    async def answer(self, responses: Sequence[FunctionResponse]) -> None: ...

    def put(self, message: ClientContent | RealtimeInput | ToolResponse | ContextUpdate) -> None: ...

    async def resume(self, asked: SessionResumptionConfig | None) -> None: ...

    async def close(self) -> None: ...


class SessionEngine(EventSource, Protocol):
    """The engine behind a `LiveSession`, reached from the session's event loop, which may be another than its own.

    Another thread may read `protocol`, and call `leaves_to_caller`; it changes nothing there.
    """

    @property
    def is_closed(self) -> bool: ...

    @property
    def operations(self) -> Operations:
        """For `call` and `call_sync`."""
        ...

    async def call(self, operation: Callable[P, Awaitable[T]], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call *operation* on the engine's event loop, and return its result. Cancelling this cancels it."""
        ...

    def call_sync(self, operation: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call *operation* on the engine's event loop, and return its result. Only for what takes no time."""
        ...

    async def ask(self, content: Content) -> Asked: ...

    def leaves_to_caller(self, call: FunctionCall) -> bool: ...

    async def send_media(self, kind: MediaKind, data: Buffer, mime_type: str) -> None: ...

    def resume_state(self) -> ResumeState | None: ...

    async def next_change(self) -> None: ...

    def statistics(self) -> SessionStatistics: ...


class LiveSession(trio.abc.ReceiveChannel["ServerEvent"], metaclass=NoPublicConstructor):
    """A conversation under way: a channel of the server's events, with methods to speak.

    You get one from `LiveGenerativeModel.connect`, and leaving that block closes it. Sending may be done by any number
    of tasks; receiving by one at a time. Not for other threads: use `trio.from_thread.run` there.

    A send returns when its message is accepted, in order, for the sender task: it waits only while the buffer of
    unsent messages is full. A cancelled send has sent nothing. What has been accepted when the block is left is still
    sent, within `close_timeout`.
    """

    def __init__(self, engine: SessionEngine) -> None:
        self._engine = engine
        self._operations = engine.operations
        self._turns = construct(TurnReader, self._engine)

    if not TYPE_CHECKING:  # a type checker would take any name for an attribute then

        def __getattr__(self, name: str) -> object:
            raise missing("a session", name, SESSION, dir(type(self)))

    def __repr__(self) -> str:
        state = "closed" if self.is_closed else "open"
        return f"<{type(self).__name__} {self.session_id or ''} {state}>".replace("  ", " ")

    # What is known of it

    @property
    def is_closed(self) -> bool:
        """Whether the session is over, on whichever side. Events that have arrived can still be received."""
        return self._engine.is_closed

    @property
    def session_id(self) -> str | None:
        """The server's name for the session; only Vertex AI gives one."""
        return self._engine.protocol.opening.session_id

    @property
    def resumption_handle(self) -> str | None:
        """The newest handle for resuming this session, once the server has sent one."""
        return self._engine.protocol.resumption_handle

    @property
    def usage(self) -> UsageMetadata:
        """All tokens reported so far, added up."""
        return self._engine.protocol.usage

    @property
    def audio_epoch(self) -> int:
        """The number of interruptions so far, known as soon as they arrive, however slow the consumer is.

        The repetition of a turn that a lost connection has cut counts as one. Speech whose `ServerContent.audio_epoch`
        is lower was interrupted, or comes again: do not play it any more.
        """
        return self._engine.protocol.audio_epoch

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way that leaving now would cut: no turn, no tool call, no activity of the user."""
        return self._engine.protocol.is_idle

    @property
    def pending_calls(self) -> Sequence[FunctionCall]:
        """The tool calls that wait for their answer, from the session's tools or from you, oldest first."""
        return self._engine.protocol.calls.pending

    def statistics(self) -> SessionStatistics:
        """Return how full the buffers are now, and how much was dropped or is not acknowledged."""
        return self._engine.statistics()

    # Receiving

    async def receive(self) -> ServerEvent:
        """Receive the next event. Cancelling this loses none.

        What has arrived before an end is received first. A consumer may be slow: 256 MiB of events wait for it before
        the session is given up.

        Raises:
            SessionClosedError: The session ended, and the server did not end it normally.
            trio.EndOfChannel: The server ended the session normally. `async for` just ends.
            trio.ClosedResourceError: The session was closed on this side.
            trio.BusyResourceError: Another task is receiving.
        """
        return await self._engine.inbox.receive()

    def turns(self) -> TurnReader:
        """Return the turns of the conversation: `async for turn in session.turns()`.

        Ends with the session. Each `Turn` gives its events, its text, its audio, or `await turn.collect()` all of it;
        what you leave of one unread is skipped when you ask for the next.
        """
        return self._turns

    def transcripts(self) -> AsyncIterator[Transcript]:
        """Return what both sides say, in writing: `async for transcript in session.transcripts()`.

        Each `Transcript` is a whole utterance so far, whether the model sends its transcriptions piece by piece or as
        whole hypotheses. Ends with the session. Other events are skipped, so this is for sessions that are read for
        their transcripts, such as live transcription and translation. It needs `input_audio_transcription` and
        `output_audio_transcription`, which some models do without being asked.
        """
        return construct(Transcripts, self._engine)

    async def ask(self, content: ContentInput, *, picture: Buffer | Blob | None = None) -> TurnResult:
        """Send *content* and return the whole answer, the model's tool calls and what follows them included.

        What is left of an earlier turn is skipped: the new content interrupts it.

        Args:
            content: As in `send`.
            picture: As in `send`.

        Raises:
            ToolError: The model called a function that no tool of the session carries out; read `turns` instead.
            trio.BusyResourceError: Another task receives from this session; nothing has been sent.
            SessionClosedError: The session ended before the answer did.
            LocalProtocolError: There is nothing in *content*, or it would be history; or as in `send`.
        """
        if self._engine.inbox.is_receiving:
            raise trio.BusyResourceError("another task receives from this session, and would get the answer")
        asked = await self._engine.ask(_content(content, picture))
        self._turns = construct(TurnReader, self._engine)
        try:
            return await read_answer(self._engine, asked)
        finally:
            asked.exchange.is_asked = False

    # Sending

    async def send(
        self, content: ContentInput, *, turn_complete: bool = True, picture: Buffer | Blob | None = None
    ) -> None:
        """Add *content* to the conversation as the user's, in order; it interrupts the model.

        Text works with every model: the few that take content only before the conversation get it as real-time input.
        What is sent while `HistoryConfig(initial_history_in_client_content=True)` waits for its history is that, up to
        the first *turn_complete*, and is not answered.

        Args:
            content: Text, a `Part`, several of these, or a whole `Content`.
            turn_complete: Whether the model shall answer now. Otherwise it waits for more.
            picture: A picture that *content* is about: JPEG, PNG or WebP bytes, or a `Blob`. A typed turn sees no video
                frame that was sent before it (measured with all five models, 2026-09), so the picture goes into it.

        Raises:
            LocalProtocolError: There is nothing to send, function responses are in it, *picture* is none, or it is more
                than text for a model that takes content only before the conversation.
            SessionClosedError: The session has ended.
            trio.ClosedResourceError: The session was closed on this side.
        """
        await self._engine.call(self._operations.say, _content(content, picture), turn_complete=turn_complete)

    async def send_text_realtime(self, text: str) -> None:
        """Send text as it is typed or recognised, alongside audio and video; it counts as activity of the user.

        Raises:
            LocalProtocolError: The text is empty, or the history comes first.
        """
        await self._engine.call(self._operations.send, RealtimeInput(text=text))

    async def send_audio_realtime(self, data: Buffer | Blob, *, mime_type: str = AUDIO_FORMAT) -> None:
        """Send a chunk of the user's speech.

        Args:
            data: Raw PCM, signed 16-bit little-endian, mono; anything with the buffer protocol, or a `Blob` that
                knows its own type. Chunks of 20 to 100 ms serve best. The data is encoded before this returns. Of an
                empty one, such as a source may end with, nothing is sent.
            mime_type: With the sample rate; the server resamples from any.
        """
        # As `_send_media`, without a call of it: fifty chunks a second come this way.
        if isinstance(data, Blob):
            mime_type, data = data.mime_type, data.data
        await self._engine.send_media("audio", data, mime_type)

    async def send_video_realtime(self, data: Buffer | Blob, *, mime_type: str = IMAGE_FORMAT) -> None:
        """Send one frame of the user's video, as an image; the service looks at one a second at most."""
        await self._send_media("video", data, mime_type)

    async def send_media_stream(
        self, source: AsyncIterable[Buffer | Blob], *, mime_type: str = AUDIO_FORMAT
    ) -> None:
        """Send chunks of audio or images from *source* until it ends. The type of a chunk decides what it is."""
        async for chunk in source:
            kind = _media_kind(chunk.mime_type if isinstance(chunk, Blob) else mime_type)
            await self._send_media(kind, chunk, mime_type)

    async def end_audio(self) -> None:
        """Say that the microphone is off, so that the server doesn't wait for more. Audio may be sent again later.

        Raises:
            LocalProtocolError: Activity is marked by hand in this session.
        """
        await self._engine.call(self._operations.send, RealtimeInput(audio_stream_end=True))

    @asynccontextmanager
    async def activity(self) -> AsyncGenerator[None]:
        """Mark the user's activity by hand: what is sent inside the block is one utterance.

        Its end is sent on every way out, also by cancellation. Needs automatic detection to be disabled.

        Raises:
            LocalProtocolError: The server detects activity in this session, or one is under way.
        """
        await self._engine.call(self._operations.send, RealtimeInput(activity_start=ActivityStart()))
        try:
            yield
        finally:
            # Without waiting for room: the end of an activity is small, and must not be cancelled away.
            self._engine.call_sync(self._operations.put, RealtimeInput(activity_end=ActivityEnd()))

    async def send_function_responses(self, responses: Sequence[FunctionResponse]) -> None:
        """Answer tool calls, each by the id of its call. Answers to calls that the server cancelled are not sent.

        Raises:
            LocalProtocolError: There are no responses.
        """
        await self._engine.call(self._operations.answer, responses)

    async def update_context(
        self,
        *,
        system_instruction: ContentInput | None = None,
        tools: Sequence[ToolInput] | None = None,
    ) -> None:
        """Replace the system instruction or the tools while the conversation goes on; None leaves one as it is.

        An empty sequence of tools takes all of them away; calls under way go on. A later connection of the session is
        set up with the new ones. Documented for Gemini 3.8 on Vertex AI; elsewhere uncertain.

        Raises:
            ToolError: A tool can't be declared, or a name is taken twice.
            LocalProtocolError: There is nothing to update, or the model is known not to take one of the tools.
        """
        instruction = None if system_instruction is None else as_instruction(system_instruction)
        await self._engine.call(self._operations.update_context, instruction, tools)

    async def refresh_tools(self) -> None:
        """Tell the model what the MCP servers among its tools offer now, as `update_context` does.

        For servers of a protocol before 2026-07-28, whose changes only the client's `message_handler` hears of; with
        newer ones the session does this by itself.

        Raises:
            ToolError: A tool can't be declared, or a name is taken twice.
            Exception: Whatever an MCP client raises.
        """
        await self._engine.call(self._operations.refresh_tools)

    # Resuming

    async def resume_session(self, session_resumption: SessionResumptionConfig | None = None) -> None:
        """Continue with another connection: close this one, then dial the server again with the session's handle.

        For a session whose server has announced that it will hang up (`GoAway`), or has. What was accepted is sent
        first, what is sent meanwhile waits, and events go on to come from the same session object. The server
        remembers what its handle stands for; a turn under way is cut, and may be spoken again.

        If this fails or is cancelled, the session is closed, and may be resumed later: right after a connection has
        ended, the service has been seen to refuse its session for a second or two, with a retryable error.

        Args:
            session_resumption: Which session to resume; by default this one, by the newest handle known. Without a
                handle, a new one is begun.

        Raises:
            ConfigError: The session was opened with `session_resumption=None`.
            LocalProtocolError: The server has given no handle yet, or an activity is under way.
            HandshakeError: As from `connect`, with its subclasses.
            trio.BusyResourceError: Another task is resuming this session.
            trio.ClosedResourceError: The session was closed on this side.
        """
        await self._engine.call(self._operations.resume, session_resumption)

    def resume_state(self) -> ResumeState | None:
        """Return what another process needs to continue the session as it is now; None as long as there is no handle.

        Close this session before another process takes it up: the server refuses one whose earlier connection is still
        open. Inputs that the server isn't known to have are counted in the state, and do not come with it.
        """
        return self._engine.resume_state()

    async def wait_state_changed(self) -> None:
        """Wait until `resume_state` may give another state: by a handle, a tool call, or the end of the session."""
        await self._engine.next_change()

    async def save_to(self, store: ResumeStore, key: str) -> None:
        """Keep the newest resume state of this session in *store*, until the session is over.

        Start this in a nursery of yours, next to the conversation. A state is saved whenever the server gives a new
        handle and whenever a tool call comes or is answered, the newest only if the store is slow. The last one stays
        there when the session is over: delete it if no process shall take the session up.

        A store that fails later on, or hangs for 5 seconds, doesn't end the conversation: saving is tried again with
        backoff, and the log has a warning when that begins and when it ends. In a fleet use a lease instead, by
        `store.lease()`.

        Raises:
            Exception: Whatever the store raises for the first state: it can't be used at all.
        """
        await self._engine.checkpoint()
        await StateSaver(self, partial(store.save, key), key, is_fatal=_has_never_saved).run()

    # Ending

    async def aclose(self) -> None:
        """Close the session: send what was accepted, close the connection in order, and receive nothing any more.

        Takes at most `close_timeout`, also if the server doesn't answer. Idempotent. Leaving `connect`'s block does it.
        """
        await self._engine.call(self._operations.close)

    # Privately

    async def _send_media(self, kind: MediaKind, data: Buffer | Blob, mime_type: str) -> None:
        if isinstance(data, Blob):
            mime_type, data = data.mime_type, data.data
        await self._engine.send_media(kind, data, mime_type)


def _has_never_saved(saver: StateSaver, failure: Exception) -> bool:
    return saver.saved is None and saver.failure is None and not isinstance(failure, TimeoutError)


def _media_kind(mime_type: str) -> MediaKind:
    return "audio" if mime_type.lower().startswith("audio/") else "video"


def _content(content: ContentInput, picture: Buffer | Blob | None) -> Content:
    written = as_content(content)
    return written if picture is None else with_picture(written, picture)
