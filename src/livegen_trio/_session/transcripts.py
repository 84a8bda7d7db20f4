"""What both sides say, in writing: the transcriptions among a session's events, put together utterance by utterance."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import trio

from .._no_public_constructor import NoPublicConstructor
from ..types import Reconnected, ServerContent

if TYPE_CHECKING:
    from ..types import ServerEvent, Transcription
    from .interface import EventSource


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """An utterance, as far as it is transcribed.

    Attributes:
        role: Who speaks: "user" or "model".
        text: The whole utterance so far. It replaces the one before it of the same role, up to a final one.
        is_final: Whether nothing more is added to it.
        language_code: Its language as BCP-47, if the server says so.
    """

    role: Literal["user", "model"]
    text: str
    is_final: bool = False
    language_code: str | None = None


class Transcripts(AsyncIterator[Transcript], metaclass=NoPublicConstructor):
    """The transcripts of a session, as `LiveSession.transcripts` returns them. It ends with the session."""

    def __init__(self, source: EventSource) -> None:
        self._source = source
        self._user = _Utterance("user", is_whole=source.protocol.profile.whole_transcripts)
        self._model = _Utterance("model")
        self._ready: deque[Transcript] = deque()
        self._has_ended = False

    async def __anext__(self) -> Transcript:
        while not self._ready:
            if self._has_ended:
                await self._source.checkpoint()
                raise StopAsyncIteration
            try:
                self._add(await self._source.inbox.receive())
            except trio.EndOfChannel:
                self._has_ended = True
                self._ready += [*self._user.end(), *self._model.end()]
        await self._source.checkpoint_if_cancelled()
        return self._ready.popleft()

    def _add(self, event: ServerEvent) -> None:
        if isinstance(event, ServerContent):
            self._add_content(event)
        elif isinstance(event, Reconnected) and event.turn_cut:
            self._ready += self._model.end()  # it may say the rest again, from the beginning

    def _add_content(self, content: ServerContent) -> None:
        self._ready += self._user.guess(content.interim_input_transcription)
        self._ready += self._user.add(content.input_transcription)
        self._ready += self._model.add(content.output_transcription)
        if content.turn_complete:
            self._ready += [*self._user.end(), *self._model.end()]


class _Utterance:
    """What one side is saying.

    Args:
        role: Which side.
        is_whole: Whether each transcription is of the whole utterance, and final, rather than its next piece.
    """

    def __init__(self, role: Literal["user", "model"], *, is_whole: bool = False) -> None:
        self._role: Literal["user", "model"] = role
        self._is_whole = is_whole
        self._text = ""
        self._language: str | None = None

    def guess(self, interim: Transcription | None) -> list[Transcript]:
        """Show what the utterance seems to be; the next transcription replaces it."""
        if interim is None or not interim.text:
            return []
        return [self._transcript(self._text + interim.text, interim.language_code)]

    def add(self, transcription: Transcription | None) -> list[Transcript]:
        """Add a transcription."""
        if transcription is None or not (transcription.text or transcription.finished):
            return []
        self._text += transcription.text
        self._language = transcription.language_code or self._language
        if self._is_whole or transcription.finished:
            return self.end()
        return [self._transcript(self._text, self._language)]

    def end(self) -> list[Transcript]:
        """End the utterance, if there is one."""
        text, self._text = self._text, ""
        return [self._transcript(text, self._language, is_final=True)] if text.strip() else []

    def _transcript(self, text: str, language: str | None, *, is_final: bool = False) -> Transcript:
        return Transcript(role=self._role, text=text.strip(), is_final=is_final, language_code=language)
