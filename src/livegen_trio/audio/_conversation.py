"""`AudioConversation`: a microphone and a loudspeaker for a session, for as long as a block lasts."""

from __future__ import annotations

from collections.abc import AsyncIterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self
from weakref import WeakSet

import trio

from .._needs_trio import needs_trio
from .._session.closed import SessionClosedError
from .._single_exception import single_exception
from ..types import ServerContent
from ._calls import HandledCalls
from ._capture import Capture
from ._events import EventQueue, without_sound
from ._playback import Playback
from ._sink import AudioSink
from ._source import SOURCE_RATE, AudioSource

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable
    from contextlib import AbstractAsyncContextManager
    from types import TracebackType

    from .._session.session import LiveSession
    from ..types import ServerEvent
    from ._calls import FunctionCallingHandler
    from ._events import ConversationEvent
    from ._source import SourceInput
    from ._speech import Speech

GOODBYE_TIMEOUT: Final = 1.0
"""Seconds to tell the server that the microphone is off; it takes them only if a mebibyte waits to be sent."""

_conversing: Final[WeakSet[LiveSession]] = WeakSet()
"""Sessions with a conversation under way."""


@dataclass(frozen=True, slots=True)
class ConversationStatistics:
    """How full a conversation's buffers are.

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

    Inside of the block, what *source* yields is sent, and what the model says is played into *sink*, gapless. As soon
    as the user cuts in, the sink is flushed, whatever it is doing. Nothing of this waits for your code.

    The conversation receives the session's events, and you receive them from it: `async for event in talk`. They come
    without the sound, which is the sink's, and with `SpeechStarted` and `SpeechEnded` between them: the latter says
    how much of a turn was heard, and comes before the event that interrupts it. Nobody has to read them: 16 MiB are
    kept, which are hours, before the oldest are dropped and counted. Sending to the session goes on to be yours, too.

    Leaving the block, in whatever way, stops the microphone and the speaker, tells the server so, and leaves the
    session open: you receive from it again, right after what the conversation has received. What you have not read of
    that stays readable. A block is entered once.

    What *source* and *sink* raise cancels the block and leaves it as it is. If the session breaks, reading tells; if
    you don't read, leaving the block does. If the server ends it normally, the events end when all was heard.

    Args:
        session: A session that nobody receives from.
        source: PCM, signed 16-bit little-endian mono: an `AudioSource`, a stream, anything that yields bytes. It is
            sent in messages of 20 to 40 ms; the server resamples. When it ends, the server is told. An async
            generator is closed at the end; other sources and the sink belong to whoever opened them.
        sink: Plays what the model says.
        source_rate: Samples a second of a source that doesn't say it itself.
        function_calling_handler: Answers the function calls that the session has no tool for, each in a task of its
            own, which is cancelled when the server takes the call back. If it raises, the model is told that it
            failed. Without it, answer the `ToolCall` that you receive.
        half_duplex: Whether silence is sent in place of *source* while the model is heard: for loudspeakers without
            echo cancellation, which would interrupt the model with its own voice. Then the user can't, either.

    Raises:
        TypeError: *source* or *sink* is none.
        trio.BusyResourceError: On entering: the session has another conversation under way, or another receiver.
        SessionClosedError: On entering: the session has ended. On leaving: it broke, and nobody was told.
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
        needs_trio(
            "an audio conversation", on_asyncio="use session.send_audio_realtime() and session.turns()"
        )
        _check_devices(source, sink)
        self._session = session
        self._events = EventQueue()
        self._playback = Playback(sink, newest_epoch=lambda: session.audio_epoch, emit=self._events.put)
        self._capture = Capture(
            session,
            source,
            source.rate if isinstance(source, AudioSource) else source_rate,
            is_muted=lambda: half_duplex and self._playback.is_speaking,
        )
        self._calls = (
            None if function_calling_handler is None else HandledCalls(session, function_calling_handler)
        )
        self._whole = trio.CancelScope()  # the block and all that runs beside it
        self._working = trio.CancelScope()  # what runs beside it
        self._stopped = trio.Event()
        self._failure: Exception | None = None
        self._block: AbstractAsyncContextManager[None] | None = None

    async def __aenter__(self) -> Self:
        if self._block is not None:
            raise RuntimeError("an audio conversation is held once; make another one")
        self._block = self._open()
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

    # What is known of it

    @property
    def played_seconds(self) -> float:
        """How long the model has been heard, in all turns together. Exact to the sample."""
        return self._playback.played_seconds

    @property
    def buffered_seconds(self) -> float:
        """How long the speech plays that has come and has not been heard yet: models are ahead of their voice."""
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
        """Whether it has ended: was stopped or left, or has failed. Then its devices are not used any more."""
        return self._stopped.is_set()

    def statistics(self) -> ConversationStatistics:
        """How full the buffers are now."""
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
        self._working.cancel(reason="the audio conversation was stopped")
        await trio.lowlevel.checkpoint()
        if self._block is not None:
            await self._stopped.wait()

    # Privately

    @asynccontextmanager
    async def _open(self) -> AsyncGenerator[None]:
        try:
            await _check_free(self._session)
            _conversing.add(self._session)
            with self._whole, single_exception():
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._work)
                    yield
                    self._working.cancel(reason="the audio conversation was left")
        except trio.Cancelled:
            self._raise_what_went_wrong()
            raise
        except BaseException as exc:
            if self._failure is not None:
                exc.add_note(f"The audio conversation had failed as well: {self._failure!r}")
            raise
        finally:
            self._end()  # if it was cancelled before it began
        self._raise_what_went_wrong()

    async def _work(self) -> None:
        """Converse until stopped, then say goodbye."""
        try:
            with self._working, single_exception():
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._guard, self._capture.run)
                    nursery.start_soon(self._guard, self._playback.run)
                    nursery.start_soon(self._guard, self._listen, nursery)
        finally:
            self._fall_silent()
            with trio.move_on_after(GOODBYE_TIMEOUT, shield=True):
                await self._say_goodbye()
            _conversing.discard(self._session)
            self._end()

    async def _listen(self, nursery: trio.Nursery) -> None:
        """Take the session's events as they come, without waiting for anything but them."""
        try:
            while True:
                self._take(await self._session.receive(), nursery)
        except trio.EndOfChannel:
            self._note_the_end()
            await self._playback.wait_played()
            self._events.end()
        except (SessionClosedError, trio.ClosedResourceError) as exc:
            self._note_the_end()
            self._events.end(exc)

    def _take(self, event: ServerEvent, nursery: trio.Nursery) -> None:
        if self._calls is not None:
            self._calls.observe(event, nursery)
        if not isinstance(event, ServerContent):
            self._events.put(event)
            return
        try:
            self._playback.take(event)
        finally:  # whatever is wrong with the speaker, what was said is not lost
            rest = without_sound(event)
            if rest is not None:
                self._events.put(rest)

    def _note_the_end(self) -> None:
        self._playback.complete_turn()
        if self._calls is not None:
            self._calls.end_all()

    async def _say_goodbye(self) -> None:
        if self._session.is_closed:
            return
        try:
            if self._calls is not None:
                await self._calls.answer_unfinished()
            await self._capture.end()
        except (SessionClosedError, trio.ClosedResourceError) as exc:
            self._events.end(exc)

    def _fall_silent(self) -> None:
        try:
            self._playback.cut()
        except Exception as exc:  # noqa: BLE001 - the speaker is somebody else's
            self._fail(exc)

    def _end(self) -> None:
        self._events.end()
        self._stopped.set()

    async def _guard(self, run: Callable[..., Awaitable[None]], *args: object) -> None:
        try:
            await run(*args)
        except Exception as exc:  # noqa: BLE001 - it leaves the block
            self._fail(exc)

    def _fail(self, failure: Exception) -> None:
        if self._failure is None:
            self._failure = failure
        else:
            self._failure.add_note(f"After it, the audio conversation met {failure!r}")
        self._whole.cancel(reason="the audio conversation failed")

    def _raise_what_went_wrong(self) -> None:
        ending = self._events.unseen_ending
        error = self._failure or (ending if isinstance(ending, SessionClosedError) else None)
        if error is None:
            return
        context = error.__context__
        try:
            raise error
        finally:
            error.__context__ = context  # in place of the cancellation that the error has caused
            del error, context


def _check_devices(source: object, sink: object) -> None:
    if not isinstance(source, AsyncIterable):
        raise TypeError(f"a source yields PCM to `async for`; a {type(source).__name__} doesn't")
    if not isinstance(sink, AudioSink):
        raise TypeError(
            f"a sink has write(), flush() and played_samples; a {type(sink).__name__} lacks some of them"
        )


async def _check_free(session: LiveSession) -> None:
    if session.is_closed:
        await session.end_audio()  # raises how it has ended
    if session in _conversing:
        raise trio.BusyResourceError("an audio conversation is already in progress for this session")
    # Nobody else may be receiving, which only receiving tells; cancelled, it takes no event.
    with trio.CancelScope() as scope:
        scope.cancel(reason="no event is wanted")
        await session.receive()
