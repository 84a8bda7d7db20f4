"""`AudioConversation`: a microphone and a loudspeaker for a session, for as long as a block lasts."""

from __future__ import annotations

from collections.abc import AsyncIterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import anyio.lowlevel
import trio

from ._calls import HandledCalls
from ._capture import Capture
from ._events import EventQueue
from ._playback import Playback
from ._sink import AudioSink
from ._source import SOURCE_RATE, AudioSource
from ._tasks import ConversationTasks

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager
    from types import TracebackType

    from .._session.session import LiveSession
    from ._calls import FunctionCallingHandler
    from ._events import ConversationEvent
    from ._source import SourceInput
    from ._speech import Speech


@dataclass(frozen=True, slots=True)
class ConversationStatistics:
    """The state of a conversation's buffers.

    Attributes:
        unread_events: Events that have not been received.
        dropped_events: Events that were dropped since nobody received them.
        unplayed_bytes: Sound that waits for the speaker to have room, in bytes.
    """

    unread_events: int
    dropped_events: int
    unplayed_bytes: int


class AudioConversation:
    """Connects a microphone and a loudspeaker to a session: `async with AudioConversation(session, ...) as talk`.

    Inside of the block, the sound of *source* is sent, and the model's speech is played into *sink*, gapless. As soon
    as the user cuts in, the sink is flushed, even while it is being written to. Nothing of this waits for your code.

    The conversation receives the session's events, and you receive them from it: `async for event in talk`. They come
    without the sound, which goes to the sink, and with `SpeechStarted` and `SpeechEnded` between them: the latter says
    how much of a turn was heard, and comes before the event that interrupts it. You needn't read them: 16 MiB are kept,
    which are hours, before the oldest are dropped and counted. You may send to the session as always.

    Leaving the block, in any way, stops the microphone and the speaker, sends the end of the audio, and leaves the
    session open: you receive from it again, right after what the conversation has received. Events that you have not
    read stay readable. A block is entered once. On asyncio it is the same, with a session of
    `livegen_trio.anyio.connect`.

    What *source* and *sink* raise cancels the block, and is raised from it. If the session breaks, reading raises it;
    if you don't read, leaving the block does. If the server ends it normally, the events end when all was heard.

    Args:
        session: A session that nobody receives from.
        source: PCM, signed 16-bit little-endian mono: an `AudioSource`, a stream, anything that yields chunks of bytes
            or of 16-bit integers; see `AudioSource`. It is sent in messages of 20 to 40 ms; the server resamples. Its
            end is sent, too. An async generator is closed at the end; other sources and the sink are closed by their
            openers.
        sink: Plays the model's speech.
        source_rate: Samples a second of a source without a `rate`.
        function_calling_handler: Answers the function calls that the session has no tool for, each in a task of its
            own, which is cancelled when the server takes the call back. If it raises, the call is answered with an
            error. Without it, answer the `ToolCall` that you receive.
        half_duplex: Whether silence is sent in place of *source* while the model is heard: for loudspeakers without
            echo cancellation, which would interrupt the model with its own voice. Then the user can't, either.

    Raises:
        TypeError: *source* or *sink* lacks a method, or the source yields something without a buffer.
        LocalProtocolError: The rate of the source is no rate of sound, or it yields something other than PCM, such as
            floats or several channels.
        trio.BusyResourceError: On entering: the session has another conversation under way, or another receiver.
        SessionClosedError: On entering: the session has ended. On leaving: it broke, and no call has raised that.
        trio.ClosedResourceError: On entering: the session was closed on this side.
        PlaybackOverflowError: The speaker is 23 minutes behind.
    """

    def __init__(
        self,
        session: LiveSession,
        *,
        source: SourceInput,
        sink: AudioSink,
        source_rate: int = SOURCE_RATE,
        function_calling_handler: FunctionCallingHandler | None = None,
        half_duplex: bool = False,
    ) -> None:
        _check_devices(source, sink)
        self._events = EventQueue()
        self._playback = Playback(sink, newest_epoch=lambda: session.audio_epoch, emit=self._events.put)
        capture = Capture(
            session,
            source,
            source.rate if isinstance(source, AudioSource) else source_rate,
            is_muted=lambda: half_duplex and self._playback.is_speaking,
        )
        calls = None if function_calling_handler is None else HandledCalls(session, function_calling_handler)
        self._tasks = ConversationTasks(session, capture, self._playback, self._events, calls)
        self._block: AbstractAsyncContextManager[None] | None = None

    async def __aenter__(self) -> Self:
        if self._block is not None:
            raise RuntimeError("an audio conversation is held once; make another one")
        self._block = self._tasks.running()
        await self._block.__aenter__()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        assert self._block is not None
        return await self._block.__aexit__(exc_type, exc, traceback)  # noqa: ASYNC102 - shields what it has to

    # State

    @property
    def played_seconds(self) -> float:
        """Length of the speech that has been heard, in all turns together. Exact to the sample."""
        return self._playback.played_seconds

    @property
    def buffered_seconds(self) -> float:
        """Length of the speech that has come and has not been heard yet. Models speak faster than real time."""
        return self._playback.buffered_seconds

    @property
    def is_speaking(self) -> bool:
        """Whether the model is being heard, by what has come of it."""
        return self._playback.is_speaking

    @property
    def speech(self) -> Speech | None:
        """The model's turn that is being heard, or will be next, and how much of it was heard; None in silence."""
        return self._playback.speech

    @property
    def is_over(self) -> bool:
        """Whether it was stopped or left, or has failed. Then its devices are not used any more."""
        return self._tasks.stopped.is_set()

    def statistics(self) -> ConversationStatistics:
        """Return how full the buffers are now."""
        return ConversationStatistics(
            unread_events=self._events.unread,
            dropped_events=self._events.dropped,
            unplayed_bytes=self._playback.waiting_bytes,
        )

    # Receiving

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ConversationEvent:
        try:
            return await self.receive()
        except trio.EndOfChannel:
            raise StopAsyncIteration from None

    async def receive(self) -> ConversationEvent:
        """Receive the next event: the session's, without sound, or a beginning or end of speech.

        Cancelling this loses none. Also after the block, until there are no more.

        Raises:
            trio.EndOfChannel: The conversation was stopped or left, or the server ended the session normally and all
                was heard. `async for` just ends.
            SessionClosedError: The session broke. What has come is still being played.
            trio.ClosedResourceError: The session was closed on this side.
            trio.BusyResourceError: Another task is receiving.
        """
        return await self._events.receive()

    async def wait_played(self) -> None:
        """Wait until all speech that has come so far, and what comes meanwhile, was heard or cut.

        The end of a turn comes before the end of its sound: wait for this, or for `SpeechEnded`, before you leave.
        """
        await self._playback.wait_played()

    # Ending

    async def stop(self) -> None:
        """End the conversation and go on in the block: capture and playback have stopped when this returns.

        Idempotent. Leaving the block does it as well.
        """
        self._tasks.stop("the audio conversation was stopped")
        await anyio.lowlevel.checkpoint()
        if self._block is not None:
            await self._tasks.stopped.wait()


def _check_devices(source: object, sink: object) -> None:
    if not isinstance(source, AsyncIterable):
        raise TypeError(f"a source yields PCM to `async for`; a {type(source).__name__} doesn't")
    if not isinstance(sink, AudioSink):
        raise TypeError(
            f"a sink has write(), flush() and played_samples; a {type(sink).__name__} lacks some of them"
        )
