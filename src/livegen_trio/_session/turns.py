"""Turns: what one side said until it was done, read from the session's events."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Final, Generic, Self, TypeVar

import trio

from .._no_public_constructor import NoPublicConstructor, construct
from .._protocol.turn_rules import ends_turn, has_answer, opens_turn
from .._protocol.usage import add_usage
from ..types import ExchangeEnded, ServerContent, ToolCall, UsageMetadata

if TYPE_CHECKING:
    from ..types import Blob, FunctionCall, ServerEvent, Transcription
    from .interface import EventSource

T = TypeVar("T")
_logger: Final = logging.getLogger(__name__)
DEFAULT_AUDIO_RATE = 24_000  # Hz; the service's, where a chunk does not name its own


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnResult:
    """A whole turn.

    Attributes:
        text: What the model said: its text parts, joined, without its thoughts; or, where it spoke instead, the
            transcript. Empty if it spoke and output transcription is off.
        audio: The model's speech as it was received: PCM, signed 16-bit little-endian, mono.
        audio_rate: Sample rate of `audio` in Hz.
        input_transcript: What the user was heard to say, if input transcription is on.
        output_transcript: What the model said in `audio`, if output transcription is on.
        tool_calls: The functions that the model called.
        interrupted: Whether it was cut off: by the user, who then wanted not all of `audio` any more, or by a change of
            the connection after which the model hasn't gone on.
        reason: Why the turn ended, if the server says so.
        usage: The tokens that were reported while the turn went on.
    """

    text: str = ""
    audio: bytes = field(default=b"", repr=False)
    audio_rate: int = DEFAULT_AUDIO_RATE
    input_transcript: str = ""
    output_transcript: str = ""
    tool_calls: tuple[FunctionCall, ...] = ()
    interrupted: bool = False
    reason: str | None = None
    usage: UsageMetadata | None = None


class TurnRecord:
    """Collects the events of a turn, or of an exchange of several, into a `TurnResult`."""

    def __init__(self) -> None:
        self._text: list[str] = []
        self._audio: list[Blob] = []
        self._input: list[str] = []
        self._output: list[str] = []
        self._calls: list[FunctionCall] = []
        self._whole_turns = (0, 0, 0)  # how much of the answer is of turns that have ended
        self._is_in_turn = False
        self._is_cut = False
        self._interrupted = False
        self._reason: str | None = None
        self._usage: UsageMetadata | None = None

    def add(self, event: ServerEvent) -> None:
        """Add the next event."""
        match event:
            case ServerContent():
                self._add_content(event)
            case ToolCall():
                self._calls.extend(event.function_calls)
            case UsageMetadata():
                self._usage = event if self._usage is None else add_usage(self._usage, event)
            case ExchangeEnded():
                self._interrupted |= event.cut
            case _:
                pass  # no part of a turn's result

    def drop_turn(self) -> None:
        """Drop what the model has said in the turn under way, since it says it again."""
        texts, blobs, transcripts = self._whole_turns
        del self._text[texts:], self._audio[blobs:], self._output[transcripts:]

    def result(self) -> TurnResult:
        """Return what has been collected so far."""
        transcript = "".join(self._output).strip()
        text = "".join(self._text) or transcript
        if self._audio and not text:
            _warn_of_empty_text()
        return TurnResult(
            text=text,
            audio=b"".join(blob.data for blob in self._audio),
            audio_rate=self._audio[0].sample_rate if self._audio else DEFAULT_AUDIO_RATE,
            input_transcript="".join(self._input).strip(),
            output_transcript=transcript,
            tool_calls=tuple(self._calls),
            interrupted=self._interrupted,
            reason=self._reason,
            usage=self._usage,
        )

    def _note_interruption(self, content: ServerContent) -> None:
        """Note an interruption of this answer. One between two turns is of what plays, unless a turn ends with it."""
        self._is_cut = content.interrupted or (self._is_cut and not has_answer(content))
        self._interrupted |= self._is_cut and (
            self._is_in_turn or has_answer(content) or content.turn_complete
        )

    def _add_content(self, content: ServerContent) -> None:
        self._text.append(content.text)
        self._audio.extend(content.audio)
        self._input.append(_words(content.input_transcription))
        self._output.append(_words(content.output_transcription))
        self._note_interruption(content)
        self._reason = content.turn_complete_reason or self._reason
        self._is_in_turn = not content.turn_complete and (self._is_in_turn or has_answer(content))
        if content.turn_complete:
            self._whole_turns = (len(self._text), len(self._audio), len(self._output))


class Turn(metaclass=NoPublicConstructor):
    """One of `LiveSession.turns`: an async iterable of its events, with methods for its text, audio and transcript.

    It begins with whatever came since the last turn's end, and ends with the server's `turn_complete`. All ways of
    reading share one position: an event is seen by one of them, and `collect` knows them all.
    """

    def __init__(self, engine: EventSource, opening: list[ServerEvent]) -> None:
        self._engine = engine
        self._opening = opening
        self._record = TurnRecord()
        self._complete = False

    @property
    def is_complete(self) -> bool:
        """Whether the turn's last event has been read."""
        return self._complete

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ServerEvent:
        if self._complete:
            await self._engine.checkpoint()
            raise StopAsyncIteration
        event = await self._next()
        self._record.add(event)
        self._complete = ends_turn(event)
        return event

    def text(self) -> Pieces[str]:
        """Return what the model says: iterate over it as it comes, or await all of it.

        The model's text parts; or, where it speaks instead, the transcript of its speech, which needs output
        transcription. Of a turn that has both, the kind that comes first.
        """
        return construct(Pieces, self, self._engine, _Words().select, self._join_words)

    def audio(self) -> Pieces[bytes]:
        """Return the model's speech: PCM, signed 16-bit little-endian, mono, as a rule at 24 kHz.

        Iterate over the chunks as they come, or await all of it. Chunks from before an interruption are left out:
        they must not be played any more.
        """
        return construct(Pieces, self, self._engine, self._fresh_audio, b"".join)

    def transcript(self) -> Pieces[str]:
        """Return the transcript of the model's speech, if output transcription is on: iterate, or await all of it."""
        return construct(
            Pieces, self, self._engine, lambda content: (_words(content.output_transcription),), "".join
        )

    async def collect(self) -> TurnResult:
        """Read the turn to its end and return all of it, with what has been read before.

        Raises:
            SessionClosedError: The session ended first.
        """
        async for _ in self:
            pass
        return self._record.result()

    def _join_words(self, pieces: list[str]) -> str:
        if not pieces:
            self._record.result()  # says why there are none
        return "".join(pieces)

    async def _next(self) -> ServerEvent:
        if self._opening:
            await self._engine.checkpoint()
            return self._opening.pop(0)
        return await self._engine.receive_or_raise()

    def _fresh_audio(self, content: ServerContent) -> tuple[bytes, ...]:
        if content.audio_epoch < self._engine.protocol.audio_epoch:
            return ()
        return tuple(blob.data for blob in content.audio)


class _Words:
    """The text of a turn, or its transcript: the one that comes first."""

    def __init__(self) -> None:
        self._is_written: bool | None = None

    def select(self, content: ServerContent) -> tuple[str, ...]:
        """Return the words in a piece of the turn."""
        transcript = _words(content.output_transcription)
        if self._is_written is None and (content.text or transcript):
            self._is_written = bool(content.text)
        return (content.text if self._is_written else transcript,)


class Pieces(AsyncIterator[T], Awaitable[T], Generic[T], metaclass=NoPublicConstructor):
    """One kind of content of a `Turn`: `async for` yields pieces as they come, `await` returns the whole."""

    def __init__(
        self,
        turn: Turn,
        engine: EventSource,
        select: Callable[[ServerContent], tuple[T, ...]],
        join: Callable[[list[T]], T],
    ) -> None:
        self._turn = turn
        self._engine = engine
        self._select = select
        self._join = join
        self._ready: list[T] = []

    async def __anext__(self) -> T:
        while not self._ready:
            event = await anext(self._turn)
            if isinstance(event, ServerContent):
                self._ready = [piece for piece in self._select(event) if piece]
        await self._engine.checkpoint_if_cancelled()
        return self._ready.pop(0)

    def __await__(self) -> Generator[object, None, T]:
        return self._all().__await__()

    async def _all(self) -> T:
        return self._join([piece async for piece in self])


class TurnReader(metaclass=NoPublicConstructor):
    """The turns of a session, one after the other, as `LiveSession.turns` returns them.

    What is left unread of a turn is skipped when the next one is asked for.
    """

    def __init__(self, engine: EventSource) -> None:
        self._engine = engine
        self._between: list[ServerEvent] = []
        self._turn: Turn | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Turn:
        if self._turn is not None and not self._turn.is_complete:
            await self._turn.collect()
        self._turn = None
        while True:
            try:
                event = await self._engine.inbox.receive()
            except trio.EndOfChannel:
                raise StopAsyncIteration from None
            self._between.append(event)
            if opens_turn(event):
                self._turn = construct(Turn, self._engine, self._between)
                self._between = []
                return self._turn


def _words(transcription: Transcription | None) -> str:
    return (transcription.text if transcription is not None else None) or ""


@cache  # once a process: every later answer would say the same
def _warn_of_empty_text() -> None:
    _logger.warning(
        "the model spoke, and its answer has no text: set "
        "LiveGenerationConfig(output_audio_transcription=AudioTranscriptionConfig()) to have it transcribed"
    )
