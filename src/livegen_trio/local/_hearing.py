"""A client's audio, cut into utterances: by voice detection, or where the client says so. Pure but for the engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from .._errors import RemoteProtocolError
from ._endpointing import Endpointer, SpeechStarted, endpoint_rules
from ._setup_rules import INVALID_ARGUMENT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..types import Blob, RealtimeInputConfig
    from ._endpointing import SpeechEvent
    from ._engines import VoiceDetector

LONGEST_UTTERANCE: Final = 60.0  # seconds, after which a pause is assumed
LARGEST_UTTERANCE: Final = 4 * 2**20  # bytes, likewise: 60 s at 32 kHz, and less at higher rates

_INPUT_RATE: Final = 16_000  # Hertz, where a client names none
_RATES: Final = range(4_000, 192_001)
_BYTES_A_SAMPLE: Final = 2
_PADDING: Final = 0.2  # seconds around an utterance: the first and last sounds of words are quiet
_MEMORY: Final = 1.0  # seconds of silence that are kept, since speech is detected a little after it has begun


@dataclass(frozen=True, slots=True)
class Utterance:
    """Speech without a pause.

    Attributes:
        pcm: Its sound.
        rate: Samples a second.
        text: Text that the user wrote in the meantime.
        is_marked: Whether the client itself marked it, and so waits for an answer to it.
        is_all: Whether the user has finished, as far as is known.
    """

    pcm: bytes = b""
    rate: int = _INPUT_RATE
    text: str = ""
    is_marked: bool = False
    is_all: bool = True

    @property
    def seconds(self) -> float:
        """Its length."""
        return len(self.pcm) / _BYTES_A_SAMPLE / self.rate


@dataclass(frozen=True, slots=True)
class ActivityBegan:
    """The beginning of speech, so many seconds into the audio."""

    offset: float


@dataclass(frozen=True, slots=True)
class ActivityOver:
    """The end of speech, so many seconds into the audio."""

    offset: float
    utterance: Utterance


@dataclass(frozen=True, slots=True)
class ActivityCut:
    """The user goes on speaking; this is the first part of it."""

    utterance: Utterance


Heard: TypeAlias = ActivityBegan | ActivityOver | ActivityCut


def read_pcm(blob: Blob) -> tuple[bytes, int]:
    """Samples and rate of a client's audio.

    Raises:
        RemoteProtocolError: It is anything but 16-bit PCM.
    """
    kind, *parameters = (word.strip().lower() for word in blob.mime_type.split(";"))
    rates = [parameter[5:] for parameter in parameters if parameter.startswith("rate=")] or [str(_INPUT_RATE)]
    rate = int(rates[0]) if rates[0].isdecimal() and len(rates[0]) < 7 else 0
    if kind != "audio/pcm" or rate not in _RATES or len(blob.data) % _BYTES_A_SAMPLE:
        raise RemoteProtocolError(
            f"{INVALID_ARGUMENT} Realtime audio must be 16-bit PCM: audio/pcm;rate=16000"
        )
    return blob.data, rate


class Ears:
    """One session's audio input. Feed it no more than a second or so at once."""

    def __init__(
        self,
        open_detector: Callable[[int], VoiceDetector],
        config: RealtimeInputConfig | None,
        *,
        audio_seconds: float = 0.0,
    ) -> None:
        detection = config.automatic_activity_detection if config is not None else None
        self._open_detector = open_detector
        self._rules = endpoint_rules(detection)
        self.is_manual = detection is not None and bool(detection.disabled)
        self.is_active = False
        self.audio_seconds = audio_seconds
        self._stream: _Stream | None = None

    def feed(self, pcm: bytes, rate: int) -> list[Heard]:
        """Take the next audio."""
        heard = self._open(rate)
        self.audio_seconds += len(pcm) / _BYTES_A_SAMPLE / rate
        assert self._stream is not None
        if not self.is_manual:
            heard += self._detect(self._stream, self._stream.judge(pcm))
        elif self.is_active:
            self._stream.pcm += pcm
        return heard + self._cut(self._stream)

    def begin(self) -> list[Heard]:
        """Begin an activity that the client marks."""
        if self.is_active:
            return []
        self.is_active = True
        self._stream = None
        return [ActivityBegan(self.audio_seconds)]

    def end(self) -> list[Heard]:
        """End an activity that the client marks."""
        if not self.is_active:
            return []
        self.is_active = False
        stream, self._stream = self._stream, None
        utterance = Utterance(is_marked=True) if stream is None else stream.marked(is_all=True)
        return [ActivityOver(self.audio_seconds, utterance)]

    def end_stream(self) -> list[Heard]:
        """End what is being said, since no more audio comes for now."""
        if self._stream is None or self.is_manual:
            return []
        return self._detect(self._stream, self._stream.endpointer.flush())

    def _open(self, rate: int) -> list[Heard]:
        if self._stream is not None and self._stream.rate == rate:
            return []
        # Speech in two sample rates is two utterances.
        heard = self.end_stream()
        if self.is_manual and self.is_active and self._stream is not None:
            heard.append(ActivityCut(self._stream.marked(is_all=False)))
        detector = None if self.is_manual else self._open_detector(rate)
        endpointer = Endpointer(detector.frame_seconds if detector is not None else 1.0, self._rules)
        self._stream = _Stream(rate, detector, endpointer, begins_at=self.audio_seconds)
        return heard

    def _detect(self, stream: _Stream, events: Sequence[SpeechEvent]) -> list[Heard]:
        heard: list[Heard] = []
        for event in events:
            offset = stream.begins_at + event.at
            if isinstance(event, SpeechStarted):
                self.is_active = True
                stream.speech_begins_at = event.at
                heard.append(ActivityBegan(offset))
            else:
                self.is_active = False
                heard.append(ActivityOver(offset, stream.take(event.at)))
        if not self.is_active:
            stream.forget()
        return heard

    def _cut(self, stream: _Stream) -> list[Heard]:
        if not self.is_active or (stream.seconds < LONGEST_UTTERANCE and len(stream.pcm) < LARGEST_UTTERANCE):
            return []
        if self.is_manual:
            return [ActivityCut(stream.marked(is_all=False))]
        return self._detect(stream, stream.endpointer.flush())


class _Stream:
    """Audio at one rate.

    Attributes:
        pcm: The audio that is remembered.
        begins_at: Where the stream begins, in seconds of the session's audio.
        speech_begins_at: In seconds of the stream.
    """

    def __init__(
        self, rate: int, detector: VoiceDetector | None, endpointer: Endpointer, *, begins_at: float
    ) -> None:
        self.rate = rate
        self.endpointer = endpointer
        self.begins_at = begins_at
        self.speech_begins_at = 0.0
        self.pcm = bytearray()
        self._detector = detector
        self._forgotten = 0

    @property
    def seconds(self) -> float:
        """The length of the audio that is remembered."""
        return len(self.pcm) / _BYTES_A_SAMPLE / self.rate

    def judge(self, pcm: bytes) -> Sequence[SpeechEvent]:
        """Add audio; return the events that the detector finds in it."""
        assert self._detector is not None
        self.pcm += pcm
        return self.endpointer.feed(self._detector.feed(pcm))

    def take(self, end: float) -> Utterance:
        """Cut out the speech that is over at *end*, in seconds of the stream."""
        first, last = self._index(self.speech_begins_at - _PADDING), self._index(end + _PADDING)
        return Utterance(bytes(self.pcm[first:last]), self.rate)

    def forget(self) -> None:
        """Keep only what may be the beginning of speech."""
        surplus = max(0, len(self.pcm) - self._bytes(_MEMORY))
        del self.pcm[:surplus]
        self._forgotten += surplus

    def marked(self, *, is_all: bool) -> Utterance:
        """Take all audio so far."""
        pcm, self.pcm = bytes(self.pcm), bytearray()
        return Utterance(pcm, self.rate, is_marked=True, is_all=is_all)

    def _index(self, seconds: float) -> int:
        return max(0, self._bytes(seconds) - self._forgotten)

    def _bytes(self, seconds: float) -> int:
        return _BYTES_A_SAMPLE * round(seconds * self.rate)
