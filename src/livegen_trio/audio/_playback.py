"""The model's speech on its way to the speaker: gapless, cut at once by an interruption, counted by the sample."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import anyio
import anyio.lowlevel

from .._errors import LiveError
from .._protocol.sound import SAMPLE_WIDTH, SampleCutter, is_playable
from ._account import SpeechAccount
from ._wake_up import WakeUp

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..types import Blob, ServerContent
    from ._sink import AudioSink
    from ._speech import Speech, SpeechEnded, SpeechRecord, SpeechStarted

# Seconds of sound in a write: short, so that little is lost on a speaker that takes all of a write or nothing.
PIECE_SECONDS: Final = 0.04
# Bytes of sound that wait for the speaker, some 23 minutes of speech. A model is minutes ahead at most.
MAX_WAITING_BYTES: Final = 64 * 2**20
_SHORTEST_WAIT: Final = 0.005  # seconds until a speaker that should be done is asked again


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

    def take_piece(self) -> bytes:
        """Return the first piece; the rest stays."""
        size = SAMPLE_WIDTH * max(1, int(self.rate * PIECE_SECONDS))
        piece, self.pcm = self.pcm[:size], self.pcm[size:]
        return bytes(piece)


class Playback:
    """Plays the sound that `take` is given, in order.

    Only `run` and `wait_played` wait; everything else takes effect at once.

    Args:
        sink: The speaker.
        newest_epoch: Returns the number of interruptions so far: sound from before the last one is not played.
        emit: Called with each beginning and end of a turn's speech. Must not block.
        max_bytes: Sound that may wait for the speaker.

    Attributes:
        waiting_bytes: Sound that waits for the speaker.
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
        self._max_bytes = max_bytes
        self._epoch = newest_epoch()
        self._waiting: deque[_Sound] = deque()
        self._samples = SampleCutter()
        self._account = SpeechAccount(emit)
        self._news = WakeUp()
        self._silence = WakeUp()
        self.waiting_bytes: int = 0

    # State

    @property
    def is_speaking(self) -> bool:
        """Whether there is sound that has come and has not been heard."""
        self._update()
        return bool(self._waiting) or self._account.has_unheard

    @property
    def played_seconds(self) -> float:
        """Length of the speech that has been heard in all."""
        self._update()
        return self._account.heard_seconds

    @property
    def buffered_seconds(self) -> float:
        """Length of the sound that has come and has not been heard."""
        self._update()
        return self._account.unheard_seconds + sum(sound.samples / sound.rate for sound in self._waiting)

    @property
    def speech(self) -> Speech | None:
        """The turn that is being heard, or will be next."""
        self._update()
        return self._account.speech

    # Incoming

    def take(self, content: ServerContent) -> None:
        """Take the sound in *content*, and the end of a turn if it has one.

        Raises:
            PlaybackOverflowError: Too much waits already.
        """
        self.follow_interruptions()
        if content.audio_epoch >= self._epoch:
            for blob in content.audio:
                if is_playable(blob.mime_type):
                    self._add(blob)
        if content.turn_complete:
            self.complete_turn()

    def follow_interruptions(self) -> None:
        """Fall silent if the user has cut in since the last time. Nothing that came before is played after this."""
        newest = self._newest_epoch()
        if newest > self._epoch:
            self._epoch = newest
            self.cut()

    def complete_turn(self, *, was_cut: bool = False) -> None:
        """End the turn under way: no more of it will come. What has come of it is played.

        Args:
            was_cut: Whether more of it was to come, but for the connection.
        """
        self._samples.clear()
        self._account.complete_turn(was_cut=was_cut)
        self._update()

    def cut(self) -> None:
        """Fall silent at once, and report how much of each turn was heard."""
        self._waiting.clear()
        self.waiting_bytes = 0
        self._samples.clear()
        self._sink.flush()
        self._update()
        self._account.cut()
        self._silence.wake_all()

    def _add(self, blob: Blob) -> None:
        if self.waiting_bytes + len(blob.data) > self._max_bytes:
            raise PlaybackOverflowError(
                f"the speaker is {self.buffered_seconds:.0f} s behind what the model says"
            )
        pcm = memoryview(self._samples.cut(blob.data))
        if not pcm:
            return
        rate = blob.sample_rate
        record = self._account.receive(len(pcm) // SAMPLE_WIDTH, rate)
        self._waiting.append(_Sound(record, pcm, rate))
        self.waiting_bytes += len(pcm)
        self._news.wake_all()

    # Outgoing

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
        await anyio.lowlevel.checkpoint()
        while self.is_speaking:
            await self._silence.wait()

    async def _write(self) -> None:
        sound = self._waiting[0]
        piece = sound.take_piece()
        if not sound.pcm:
            self._waiting.popleft()
        self.waiting_bytes -= len(piece)
        self._account.write(sound.record, len(piece) // SAMPLE_WIDTH, sound.rate)
        await self._sink.write(piece, sound.rate)

    async def _wait_for_news(self) -> None:
        """Wait for more sound, and meanwhile for the end of what is being heard."""
        left = self._account.unheard_seconds
        if not left:
            self._silence.wake_all()
        with anyio.move_on_after(max(left, _SHORTEST_WAIT) if left else math.inf):
            await self._news.wait()

    def _update(self) -> None:
        self._account.play(self._sink.played_samples)
