"""Finds where speech begins and ends in a stream of speech probabilities. Pure: its only clock is the stream's own."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ..types import AutomaticActivityDetection


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Speech has begun, *at* seconds into the stream; that is where it was first heard, a little before now."""

    at: float


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """Speech is over; the silence after it began *at* seconds into the stream."""

    at: float


SpeechEvent: TypeAlias = SpeechStarted | SpeechEnded


@dataclass(frozen=True, slots=True)
class EndpointRules:
    """Thresholds for the beginning and the end of speech.

    Attributes:
        start_probability: A frame counts as speech from here on.
        stop_probability: A frame counts as silence below this. What lies between leaves things as they are.
        speech_seconds: Speech that must be heard before it counts as begun.
        silence_seconds: Silence that must be heard before speech counts as over.
    """

    start_probability: float = 0.5
    stop_probability: float = 0.35
    speech_seconds: float = 0.06
    silence_seconds: float = 0.4


# HIGH is the default, as on the Gemini API. LOW wants clearer speech, or waits longer for its end.
_START_LOW: Final = 0.7
_STOP_LOW: Final = 0.2
_SPEECH_SECONDS_LOW: Final = 0.12
_SILENCE_SECONDS_LOW: Final = 0.8


def endpoint_rules(detection: AutomaticActivityDetection | None) -> EndpointRules:
    """Make rules of a client's settings, of which it need not give any."""
    if detection is None:
        return EndpointRules()
    start_low = detection.start_of_speech_sensitivity == "START_SENSITIVITY_LOW"
    end_low = detection.end_of_speech_sensitivity == "END_SENSITIVITY_LOW"
    usual = EndpointRules()
    return EndpointRules(
        start_probability=_START_LOW if start_low else usual.start_probability,
        stop_probability=_STOP_LOW if end_low else usual.stop_probability,
        speech_seconds=_seconds(
            detection.prefix_padding_ms, _SPEECH_SECONDS_LOW if start_low else usual.speech_seconds
        ),
        silence_seconds=_seconds(
            detection.silence_duration_ms, _SILENCE_SECONDS_LOW if end_low else usual.silence_seconds
        ),
    )


class Endpointer:
    """Turns the probabilities of one stream into events, which alternate and begin with `SpeechStarted`."""

    def __init__(self, frame_seconds: float, rules: EndpointRules | None = None) -> None:
        """Make one for a stream.

        Args:
            frame_seconds: The length of audio that one probability speaks for.
            rules: When speech begins and is over.
        """
        self._frame_seconds = frame_seconds
        self._rules = rules or EndpointRules()
        # Counted in frames, so that an hour of stream adds up no rounding errors.
        self._speech_needed = _frames(self._rules.speech_seconds, frame_seconds)
        self._silence_needed = _frames(self._rules.silence_seconds, frame_seconds)
        self._now = 0
        self._in_speech = False
        self._turning_at: int | None = None
        """The frame at which the state may have begun to change, until it has or has not."""
        self._heard = 0
        """Frames of speech since then."""

    @property
    def in_speech(self) -> bool:
        """Whether speech has begun and not ended."""
        return self._in_speech

    @property
    def now(self) -> float:
        """Seconds of stream that have been judged."""
        return self._now * self._frame_seconds

    def feed(self, probabilities: Iterable[float]) -> Sequence[SpeechEvent]:
        """Judge the next frames."""
        return [event for one in probabilities if (event := self._step(one)) is not None]

    def flush(self) -> Sequence[SpeechEvent]:
        """End speech here, since no more audio comes for now; the stream may go on later, and its time with it."""
        if not self._in_speech:
            self._turning_at = None
            return []
        return [self._end(self._now if self._turning_at is None else self._turning_at)]

    def _step(self, probability: float) -> SpeechEvent | None:
        event = self._in_speech_step(probability) if self._in_speech else self._in_silence_step(probability)
        self._now += 1
        return event

    def _in_silence_step(self, probability: float) -> SpeechStarted | None:
        if probability < self._rules.stop_probability:
            self._turning_at = None
            return None
        if probability < self._rules.start_probability:
            return None
        if self._turning_at is None:
            self._turning_at, self._heard = self._now, 0
        self._heard += 1
        return self._start(self._turning_at) if self._heard >= self._speech_needed else None

    def _in_speech_step(self, probability: float) -> SpeechEnded | None:
        if probability >= self._rules.start_probability:
            self._turning_at = None
            return None
        if self._turning_at is None:
            if probability >= self._rules.stop_probability:
                return None
            self._turning_at = self._now
        silent = self._now + 1 - self._turning_at
        return self._end(self._turning_at) if silent >= self._silence_needed else None

    def _start(self, frame: int) -> SpeechStarted:
        self._in_speech, self._turning_at = True, None
        return SpeechStarted(frame * self._frame_seconds)

    def _end(self, frame: int) -> SpeechEnded:
        self._in_speech, self._turning_at = False, None
        return SpeechEnded(frame * self._frame_seconds)


def _seconds(milliseconds: int | None, usual: float) -> float:
    return usual if milliseconds is None else milliseconds / 1000


def _frames(seconds: float, frame_seconds: float) -> int:
    """The frames that last *seconds*, at least one. What rounding adds to a whole number makes no frame more."""
    return max(1, math.ceil(round(seconds / frame_seconds, 6)))
