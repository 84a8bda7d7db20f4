"""The user's half of a conversation: speech and text in real time, until they are a turn."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

import trio

from .._errors import RemoteProtocolError
from ..types import Duration, ServerContent, Transcription, VoiceActivity
from ._hearing import ActivityBegan, ActivityOver, Utterance, read_pcm
from ._native import run_native
from ._setup_rules import INVALID_ARGUMENT
from ._speaking import Reply
from ._typing import Typing

if TYPE_CHECKING:
    from ..types import Blob, RealtimeInput, VoiceActivityType
    from ._engines import SpeechRecognizer
    from ._hearing import Ears, Heard
    from ._line import Line
    from ._resumption import SessionState
    from ._turns import Turns

_logger: Final = logging.getLogger("livegen_trio.local")

_BACKLOG: Final = 16  # utterances that wait to be transcribed
_BACKLOG_BYTES: Final = 8 * 2**20  # of their sound and text: four minutes at 16 kHz
_KEPT_BYTES: Final = 2**18  # of them for another connection: eight seconds
_SLICE_SECONDS: Final = 0.5  # of audio that is judged at once, before other sessions have theirs


class Listening:
    """Takes one client's realtime input."""

    def __init__(
        self,
        session: SessionState,
        ears: Ears,
        turns: Turns,
        line: Line,
        *,
        recognizer: SpeechRecognizer | None,
        limiter: trio.CapacityLimiter,
        is_transcribed: bool,
        is_signalled: bool,
    ) -> None:
        self._session = session
        self._ears = ears
        self._turns = turns
        self._line = line
        self._recognizer = recognizer
        self._limiter = limiter
        self._is_transcribed = is_transcribed
        self._is_signalled = is_signalled
        self._to_understand, self._said = trio.open_memory_channel[Utterance](_BACKLOG)
        self._in_work: Utterance | None = None
        self._not_understood = 0
        self._not_understood_bytes = 0
        self._typing = Typing(turns.nursery, self._end_typing)

    async def take(self, message: RealtimeInput) -> None:
        """Take a message. Returns before it is understood.

        Raises:
            RemoteProtocolError: The service would close the connection on it.
        """
        if message.activity_start is not None:
            self._check_manual()
            self._note(self._ears.begin())
        await self._take_media(message)
        if message.text is not None:
            self._add_text(message.text)
        if message.activity_end is not None:
            self._check_manual()
            self._note(self._ears.end())
        if message.audio_stream_end:
            self._note(self._ears.end_stream())

    def resume(self) -> None:
        """Go on with what the user had said on the connection before."""
        unheard, self._session.unheard = self._session.unheard, []
        for utterance in unheard:
            self._queue(utterance)

    def leave(self) -> None:
        """Keep what has no turn so far for the connection that resumes the session: the client knows it as read."""
        waiting = [] if self._in_work is None else [self._in_work]
        with suppress(trio.WouldBlock):
            while True:
                waiting.append(self._said.receive_nowait())
        if self._typing.is_under_way:
            waiting.append(Utterance(text=self._typing.take()))
        size = 0
        for utterance in waiting:
            size += _size_of(utterance)
            if size <= _KEPT_BYTES:
                self._session.unheard.append(utterance)

    async def run(self) -> None:
        """Answer utterances, one after the other."""
        async for utterance in self._said:
            self._in_work = utterance
            spoken = await self._transcribe(utterance)
            self._not_understood -= 1
            self._not_understood_bytes -= _size_of(utterance)
            self._update_activity()
            self._in_work = None
            with self._line.share.working():
                self._respond(utterance, spoken)

    def _check_manual(self) -> None:
        if not self._ears.is_manual:
            raise RemoteProtocolError(
                "Explicit activity control is not supported when automatic activity detection is enabled."
            )

    async def _take_media(self, message: RealtimeInput) -> None:
        # The service ignores all but the first chunk of the old field.
        for blob in (message.audio, message.video, *message.media_chunks[:1]):
            if blob is None:
                continue
            if blob.mime_type.startswith("image/") and blob is not message.audio:
                self._session.show(blob)
            elif blob is message.video:
                raise RemoteProtocolError(f"{INVALID_ARGUMENT} Video must be single images: image/jpeg")
            else:
                await self._listen(blob)

    async def _listen(self, blob: Blob) -> None:
        pcm, rate = read_pcm(blob)
        size = 2 * int(rate * _SLICE_SECONDS)
        for begin in range(0, len(pcm), size):
            with self._line.share.working():
                self._note(self._ears.feed(pcm[begin : begin + size], rate))
            self._session.audio_seconds = self._ears.audio_seconds
            await self._line.share.wait_turn()

    def _add_text(self, text: str) -> None:
        self._session.meter.read(text)
        if not self._typing.has_room_for(text):
            self._queue(Utterance(text=self._typing.take(), is_all=False))
        self._typing.add(text)
        if text.strip():  # some clients send a blank only to get an answer to what they have sent before
            self._turns.begin_user_turn(by_text=True)
        if self._ears.is_manual and self._ears.is_active:
            return  # part of the turn that the client has begun
        self._typing.wait_for_more()
        self._update_activity()

    def _end_typing(self) -> None:
        self._queue(Utterance(text=self._typing.take()))

    def _note(self, heard: list[Heard]) -> None:
        for event in heard:
            if isinstance(event, ActivityBegan):
                self._signal("ACTIVITY_START", event.offset)
                self._turns.begin_user_turn()
                continue
            utterance = event.utterance
            if isinstance(event, ActivityOver):
                self._signal("ACTIVITY_END", event.offset)
                if utterance.is_marked:
                    utterance = replace(utterance, text=self._typing.take())
            self._queue(utterance)
        self._update_activity()

    def _signal(self, kind: VoiceActivityType, offset: float) -> None:
        if self._is_signalled:
            self._line.put(VoiceActivity(type=kind, audio_offset=Duration(round(offset, 3))))

    def _queue(self, utterance: Utterance) -> None:
        size = self._not_understood_bytes + _size_of(utterance)
        if self._not_understood == _BACKLOG or (self._not_understood and size > _BACKLOG_BYTES):
            _logger.warning(
                "%.1f s of speech were dropped, and %d characters: they come faster than they are understood",
                utterance.seconds,
                len(utterance.text),
            )
        else:
            self._to_understand.send_nowait(utterance)
            self._not_understood += 1
            self._not_understood_bytes = size
        self._update_activity()

    def _update_activity(self) -> None:
        self._turns.is_user_active = (
            self._ears.is_active or self._not_understood > 0 or self._typing.is_under_way
        )

    async def _transcribe(self, utterance: Utterance) -> str:
        if not utterance.pcm or self._recognizer is None:
            await trio.lowlevel.checkpoint()
            return ""
        transcribe = partial(self._recognizer.transcribe, utterance.pcm, utterance.rate)
        return (await run_native(transcribe, limiter=self._limiter)).strip()

    def _respond(self, utterance: Utterance, spoken: str) -> None:
        self._session.meter.hear(utterance.seconds)
        written = utterance.text.strip()
        if self._session.model.behavior.transcribes_only:
            self._put_hypotheses(spoken or written)
        elif spoken or written:
            fragment = self._turns.hear(" ".join(filter(None, (spoken, written))), is_typed=not spoken)
            if spoken and self._is_transcribed:
                self._put_transcript(spoken if written else fragment)
        elif utterance.pcm and self._recognizer is None:
            length = f"{utterance.seconds:.1f} seconds of audio"
            self._turns.hear(f"[{length}]", Reply(f"I received {length}.", echo=utterance))
        else:
            self._respond_to_silence(utterance)

    def _respond_to_silence(self, utterance: Utterance) -> None:
        """Answer an utterance without words: a client that marked it waits, and so does one whom a noise cut off."""
        self._turns.take_up()
        if self._turns.is_open or self._turns.is_user_active:
            return
        if self._session.history.awaits_reply:
            self._turns.ask()
        elif utterance.is_marked:
            self._turns.ask(Reply("I could not hear any words."))

    def _put_transcript(self, text: str) -> None:
        if not self._session.model.behavior.late_transcription:
            self._line.put(ServerContent(input_transcription=Transcription(text=text)))
            return
        first, space, last = text.rpartition(" ")
        if first:
            self._line.put(ServerContent(input_transcription=Transcription(text=first)))
        self._turns.marks.put_after_turn(ServerContent(input_transcription=Transcription(text=space + last)))

    def _put_hypotheses(self, text: str) -> None:
        """Send what a model that only transcribes sends: each hypothesis is whole, and replaces the one before."""
        if not text:
            return
        first = text[: len(text) // 2].rpartition(" ")[0]
        if first:
            self._line.put(ServerContent(interim_input_transcription=Transcription(text=first)))
        self._line.put(ServerContent(input_transcription=Transcription(text=text)))


def _size_of(utterance: Utterance) -> int:
    return len(utterance.pcm) + len(utterance.text)
