"""The model's replies on their way to the client: in text, in speech, or, without a voice, in text and echo."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

import trio

from ..types import Blob, Content, Part, ServerContent, Transcription
from ._native import run_native
from ._sentences import sentences

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ._engines import SpeechSynthesizer
    from ._hearing import Utterance
    from ._history import Meter
    from ._line import Line

SPEECH_RATE: Final = 24_000
_BYTES_A_SAMPLE: Final = 2
_CHUNK_SECONDS: Final = 0.2
_PIECE: Final = 40  # characters of text that come in one message


@dataclass(eq=False, slots=True)
class Reply:
    """One reply in the making.

    Attributes:
        text: The reply, if the responder is not to be asked.
        echo: Played after it.
        is_to_call: Whether it speaks of a function's answer.
        scope: Cancelled when the user interrupts.
        said: The text that has gone to the client so far.
        plays_until: When the client will have played it, in Trio's time.
        is_written: Whether all of it has gone to the client.
    """

    text: str | None = None
    echo: Utterance | None = None
    is_to_call: bool = False
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)
    said: list[str] = field(default_factory=list[str])
    plays_until: float = 0.0
    is_written: bool = False


class Voice:
    """Speaks or writes replies to one client."""

    def __init__(
        self,
        line: Line,
        meter: Meter,
        *,
        synthesizer: SpeechSynthesizer | None,
        limiter: trio.CapacityLimiter,
        is_spoken: bool,
        is_transcribed: bool,
    ) -> None:
        self._line = line
        self._meter = meter
        self._synthesizer = synthesizer
        self._limiter = limiter
        self._is_spoken = is_spoken
        self._is_transcribed = is_spoken and is_transcribed

    async def say(self, text: str, reply: Reply) -> None:
        """Send *text* and the echo; returns when the client has played it all."""
        if self._is_spoken and self._synthesizer is not None:
            for sentence in _spaced(sentences(text)):
                await self._speak(sentence, self._synthesizer, reply)
        else:
            await self._write(text, reply)
        if self._is_spoken and reply.echo is not None:
            rate = reply.echo.rate
            await self._play(reply.echo.pcm, rate, f"audio/pcm;rate={rate}", reply)
        await self._line.put_reply(ServerContent(generation_complete=True))
        reply.is_written = True
        await trio.sleep_until(reply.plays_until)

    async def _speak(self, sentence: str, synthesizer: SpeechSynthesizer, reply: Reply) -> None:
        pcm = await run_native(partial(synthesizer.synthesize, sentence.strip()), limiter=self._limiter)
        await self._transcribe(sentence)
        reply.said.append(sentence)
        await self._play(pcm, SPEECH_RATE, self._line.dialect.speech_mime_type, reply)

    async def _write(self, text: str, reply: Reply) -> None:
        await self._transcribe(text)
        for piece in _pieces(text):
            await self._line.put_reply(self._turn(Part(text=piece)))
            reply.said.append(piece)
            self._meter.write(piece)

    async def _play(self, pcm: bytes, rate: int, mime_type: str, reply: Reply) -> None:
        size = _BYTES_A_SAMPLE * int(rate * _CHUNK_SECONDS)
        for begin in range(0, len(pcm), size):
            chunk = pcm[begin : begin + size]
            await self._line.put_reply(self._turn(Part(inline_data=Blob(mime_type=mime_type, data=chunk))))
            seconds = len(chunk) / _BYTES_A_SAMPLE / rate
            reply.plays_until = max(reply.plays_until, trio.current_time()) + seconds
            self._meter.speak(seconds)

    async def _transcribe(self, text: str) -> None:
        if self._is_transcribed and text:
            await self._line.put_reply(ServerContent(output_transcription=Transcription(text=text)))

    def _turn(self, part: Part) -> ServerContent:
        role = "model" if self._line.dialect.is_vertex else None
        return ServerContent(model_turn=Content(role=role, parts=(part,)))


def _spaced(sentences: Sequence[str]) -> Iterator[str]:
    """Put spaces between sentences: clients concatenate transcripts as they are."""
    for index, sentence in enumerate(sentences):
        yield f" {sentence}" if index else sentence


def _pieces(text: str) -> Iterator[str]:
    """Cut text as a model writes it: a word or so, then longer pieces; at least two where there are two characters."""
    first = min(8, len(text) // 2)
    if first:
        yield text[:first]
    for begin in range(first, len(text), _PIECE):
        yield text[begin : begin + _PIECE]
