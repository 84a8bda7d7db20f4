"""The user's half of a conversation: what they say and write in real time, until it is understood."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import trio

from .._errors import RemoteProtocolError
from ..types import Duration, ServerContent, Transcription, VoiceActivity
from ._hearing import ActivityBegan, ActivityOver, Utterance, read_pcm
from ._setup_rules import INVALID_ARGUMENT
from ._speaking import Reply

if TYPE_CHECKING:
    from ..types import Blob, RealtimeInput, ServerEvent, VoiceActivityType
    from ._dialect import Dialect
    from ._engines import SpeechRecognizer
    from ._hearing import Ears, Heard
    from ._outgoing import Outgoing
    from ._resumption import SessionState
    from ._turns import Turns

_logger: Final = logging.getLogger("livegen_trio.local")

TEXT_GRACE: Final = 0.1
"""Seconds without more text, after which what has come is a turn: text may come in fragments."""

_TEXT_PATIENCE: Final = 2.0
"""Seconds after which text is a turn, even if more of it comes all the time."""

_BACKLOG: Final = 16
"""Utterances that wait to be understood."""

_SLICE_SECONDS: Final = 0.5
"""Audio that is judged at one go, before other sessions have theirs."""


class Listening:
    """Takes one client's realtime input."""

    def __init__(
        self,
        session: SessionState,
        ears: Ears,
        turns: Turns,
        outgoing: Outgoing,
        dialect: Dialect,
        *,
        nursery: trio.Nursery,
        recognizer: SpeechRecognizer | None,
        limiter: trio.CapacityLimiter,
        is_transcribed: bool,
        is_signalled: bool,
    ) -> None:
        self._session = session
        self._ears = ears
        self._turns = turns
        self._outgoing = outgoing
        self._dialect = dialect
        self._nursery = nursery
        self._recognizer = recognizer
        self._limiter = limiter
        self._is_transcribed = is_transcribed
        self._is_signalled = is_signalled
        self._to_understand, self._said = trio.open_memory_channel[Utterance](_BACKLOG)
        self._not_understood = 0
        self._written: list[str] = []
        self._writing: trio.CancelScope | None = None
        self._written_since = 0.0

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
            self._read(message.text)
        if message.activity_end is not None:
            self._check_manual()
            self._note(self._ears.end())
        if message.audio_stream_end:
            self._note(self._ears.end_stream())

    async def run(self) -> None:
        """Understand what was said, one utterance after the other."""
        async for utterance in self._said:
            spoken = await self._transcribe(utterance)
            self._not_understood -= 1
            self._update_activity()
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
                self._session.meter.see()
            elif blob is message.video:
                raise RemoteProtocolError(f"{INVALID_ARGUMENT} Video must be single images: image/jpeg")
            else:
                await self._listen(blob)

    async def _listen(self, blob: Blob) -> None:
        pcm, rate = read_pcm(blob)
        size = 2 * int(rate * _SLICE_SECONDS)
        for begin in range(0, len(pcm), size):
            self._note(self._ears.feed(pcm[begin : begin + size], rate))
            self._session.audio_seconds = self._ears.audio_seconds
            await trio.lowlevel.checkpoint()

    def _read(self, text: str) -> None:
        self._written.append(text)
        self._session.meter.read(text)
        if text.strip():  # some clients send a blank only to get an answer to what they have sent before
            self._turns.begin_user_turn()
        if self._ears.is_manual and self._ears.is_active:
            return  # part of the turn that the client has begun
        now = trio.current_time()
        if self._writing is None:
            self._writing, self._written_since = trio.CancelScope(), now
            self._nursery.start_soon(self._end_writing, self._writing)
        self._writing.deadline = min(now + TEXT_GRACE, self._written_since + _TEXT_PATIENCE)
        self._update_activity()

    async def _end_writing(self, scope: trio.CancelScope) -> None:
        with scope:
            await trio.sleep_forever()
        self._writing = None
        self._queue(Utterance(text=self._take_written()))

    def _take_written(self) -> str:
        written, self._written = "".join(self._written), []
        return written

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
                    utterance = replace(utterance, text=self._take_written())
            self._queue(utterance)
        self._update_activity()

    def _signal(self, kind: VoiceActivityType, offset: float) -> None:
        if self._is_signalled:
            self._put(VoiceActivity(type=kind, audio_offset=Duration(round(offset, 3))))

    def _queue(self, utterance: Utterance) -> None:
        try:
            self._to_understand.send_nowait(utterance)
        except trio.WouldBlock:
            _logger.warning(
                "%.1f s of speech were dropped: it comes faster than it is understood", utterance.seconds
            )
        else:
            self._not_understood += 1
        self._update_activity()

    def _update_activity(self) -> None:
        self._turns.is_user_active = (
            self._ears.is_active or self._not_understood > 0 or self._writing is not None
        )

    async def _transcribe(self, utterance: Utterance) -> str:
        if not utterance.pcm or self._recognizer is None:
            await trio.lowlevel.checkpoint()
            return ""
        words = await trio.to_thread.run_sync(
            self._recognizer.transcribe, utterance.pcm, utterance.rate, limiter=self._limiter
        )
        return words.strip()

    def _respond(self, utterance: Utterance, spoken: str) -> None:
        self._session.meter.hear(utterance.seconds)
        written = utterance.text.strip()
        if spoken or written:
            fragment = self._turns.hear(" ".join(filter(None, (spoken, written))))
            if spoken and self._is_transcribed:
                self._put(
                    ServerContent(input_transcription=Transcription(text=spoken if written else fragment))
                )
        elif utterance.pcm and self._recognizer is None:
            length = f"{utterance.seconds:.1f} seconds of audio"
            self._turns.hear(f"[{length}]", Reply(f"I received {length}.", echo=utterance))
        else:
            self._respond_to_nothing(utterance)

    def _respond_to_nothing(self, utterance: Utterance) -> None:
        """No words in it. Who marked it waits for an answer; and so does who was cut short by a noise."""
        self._turns.take_up()
        if self._turns.is_open or self._turns.is_user_active:
            return
        if self._session.history.awaits_reply:
            self._turns.ask()
        elif utterance.is_marked:
            self._turns.ask(Reply("I could not hear any words."))

    def _put(self, event: ServerEvent) -> None:
        self._outgoing.put(self._dialect.frame(event))
