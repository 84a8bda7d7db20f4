"""The model's speech on its way to the speaker: gapless, cut at once by an interruption, counted by the sample."""

from __future__ import annotations

import math
from collections import Counter, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import trio

from .._errors import LiveError
from ._samples import SAMPLE_WIDTH
from ._speech import Speech, SpeechEnded, SpeechRecord, SpeechStarted, seconds_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..types import Blob, ServerContent
    from ._sink import AudioSink

PIECE_SECONDS: Final = 0.04
"""Of sound in a write: short, so that little is lost on a speaker that takes all of a write or nothing."""
MAX_WAITING_BYTES: Final = 64 * 2**20
"""Bytes of sound that wait for the speaker, some 23 minutes of speech. A model is minutes ahead at most."""
_SHORTEST_WAIT: Final = 0.005
"""Seconds after which a speaker that should be done is asked again."""


class PlaybackOverflowError(LiveError):
    """The speaker is too far behind what the model says; it is stuck, or plays too slowly."""


@dataclass(slots=True)
class _Sound:
    """Samples of one turn: all that are left of a chunk."""

    record: SpeechRecord
    pcm: memoryview
    rate: int

    @property
    def samples(self) -> int:
        return len(self.pcm) // SAMPLE_WIDTH

    def take(self) -> bytes:
        """The first piece; the rest stays."""
        size = SAMPLE_WIDTH * max(1, int(self.rate * PIECE_SECONDS))
        piece, self.pcm = self.pcm[:size], self.pcm[size:]
        return bytes(piece)


@dataclass(slots=True)
class _Written:
    """Samples that the speaker has, or has played."""

    record: SpeechRecord
    samples: int
    rate: int


class Playback:
    """Plays what `take` is given, in order. Only `run` and `wait_played` wait; everything else takes effect at once.

    *newest_epoch* says how many interruptions there were: sound from before the last one is not played. *emit* is told
    of beginnings and ends, and must not block.
    """

    def __init__(
        self,
        sink: AudioSink,
        *,
        newest_epoch: Callable[[], int],
        emit: Callable[[SpeechStarted | SpeechEnded], None],
        max_bytes: int = MAX_WAITING_BYTES,
    ) -> None:
        self._sink = sink
        self._newest_epoch = newest_epoch
        self._emit = emit
        self._max_bytes = max_bytes
        self._epoch = newest_epoch()
        self._waiting: deque[_Sound] = deque()
        self._written: deque[_Written] = deque()
        self._counted = 0  # of the speaker's samples; those of its earlier life are nobody's
        self._records: deque[SpeechRecord] = deque()  # of turns that are not over
        self._incoming: SpeechRecord | None = None  # of the turn under way
        self._turns = 0
        self._heard: Counter[int] = Counter()
        self._news = trio.lowlevel.ParkingLot()
        self._silence = trio.lowlevel.ParkingLot()
        self.waiting_bytes: int = 0

    # What is known of it

    @property
    def is_speaking(self) -> bool:
        """Whether there is sound that has come and has not been heard."""
        self._update()
        return bool(self._waiting or self._written)

    @property
    def played_seconds(self) -> float:
        """How long the model has been heard in all."""
        self._update()
        return seconds_of(self._heard)

    @property
    def buffered_seconds(self) -> float:
        """How long the sound plays that has come and has not been heard."""
        self._update()
        return self._unheard_seconds() + sum(sound.samples / sound.rate for sound in self._waiting)

    @property
    def speech(self) -> Speech | None:
        """The turn that is being heard, or will be next."""
        self._update()
        return self._records[0].so_far() if self._records else None

    # What comes in

    def take(self, content: ServerContent) -> None:
        """Take the sound in *content*, and what it says of the turn.

        Raises:
            PlaybackOverflowError: Too much waits already.
        """
        self.follow_interruptions()
        if content.audio_epoch >= self._epoch:
            for blob in content.audio:
                if is_pcm(blob):
                    self._add(blob)
        if content.turn_complete:
            self.complete_turn()

    def follow_interruptions(self) -> None:
        """Fall silent if the user has cut in since the last time. Nothing that came before is played after this."""
        newest = self._newest_epoch()
        if newest > self._epoch:
            self._epoch = newest
            self.cut()

    def complete_turn(self) -> None:
        """Nothing more comes of this turn."""
        if self._incoming is not None:
            self._incoming.is_complete = True
            self._incoming = None
            self._update()

    def cut(self) -> None:
        """Fall silent at once, and report what was heard of what."""
        self._waiting.clear()
        self.waiting_bytes = 0
        self._sink.flush()
        self._update()
        self._written.clear()
        self._incoming = None
        while self._records:
            self._emit(self._records.popleft().ended(interrupted=True))
        self._silence.unpark_all()

    def _add(self, blob: Blob) -> None:
        pcm = memoryview(blob.data)[: len(blob.data) // SAMPLE_WIDTH * SAMPLE_WIDTH]
        if not pcm:
            return
        if self.waiting_bytes + len(pcm) > self._max_bytes:
            raise PlaybackOverflowError(
                f"the speaker is {self.buffered_seconds:.0f} s behind what the model says"
            )
        record = self._record()
        sound = _Sound(record, pcm, blob.sample_rate)
        record.received[sound.rate] += sound.samples
        self._waiting.append(sound)
        self.waiting_bytes += len(pcm)
        self._news.unpark_all()

    def _record(self) -> SpeechRecord:
        if self._incoming is None:
            self._turns += 1
            self._incoming = SpeechRecord(self._turns)
            self._records.append(self._incoming)
        return self._incoming

    # What goes out

    async def run(self) -> None:
        """Play until cancelled. Raises what the speaker raises."""
        while True:
            self.follow_interruptions()
            self._update()
            if self._waiting:
                await self._write()
            else:
                await self._wait_for_news()

    async def wait_played(self) -> None:
        """Wait until all that has come was heard, or was cut."""
        await trio.lowlevel.checkpoint()
        while self.is_speaking:
            await self._silence.park()

    async def _write(self) -> None:
        sound = self._waiting[0]
        piece = sound.take()
        if not sound.pcm:
            self._waiting.popleft()
        self.waiting_bytes -= len(piece)
        if not sound.record.has_begun:
            sound.record.has_begun = True
            self._emit(SpeechStarted(turn=sound.record.turn))
        self._written.append(_Written(sound.record, len(piece) // SAMPLE_WIDTH, sound.rate))
        await self._sink.write(piece, sound.rate)

    async def _wait_for_news(self) -> None:
        """Wait for more sound, and meanwhile for the end of what is being heard."""
        left = self._unheard_seconds()
        if not left:
            self._silence.unpark_all()
        with trio.move_on_after(max(left, _SHORTEST_WAIT) if left else math.inf):
            await self._news.park()

    # Keeping count

    def _update(self) -> None:
        """Learn from the speaker what has been heard, and report the turns that are over."""
        played = self._sink.played_samples
        new, self._counted = played - self._counted, played
        while new > 0 and self._written:
            run = self._written[0]
            heard = min(new, run.samples)
            new -= heard
            run.samples -= heard
            run.record.heard[run.rate] += heard
            self._heard[run.rate] += heard
            if not run.samples:
                self._written.popleft()
        while self._records and self._records[0].is_over:
            self._emit(self._records.popleft().ended(interrupted=False))

    def _unheard_seconds(self) -> float:
        return sum(run.samples / run.rate for run in self._written)


def is_pcm(blob: Blob) -> bool:
    """Whether *blob* is raw sound, which is all that a speaker can play."""
    return blob.mime_type.partition(";")[0].strip().lower() == "audio/pcm"
