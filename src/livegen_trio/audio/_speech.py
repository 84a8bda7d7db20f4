"""The model's speech, turn by turn: how much of it has come, and how much has been heard."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechStarted:
    """The beginning of a turn of the model, when its first sound is played.

    Attributes:
        turn: Its number. Turns with sound are counted from 1, from the conversation's beginning.
    """

    turn: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Speech:
    """The sound of one turn of the model.

    What was heard is known to the sample, but not which words these are: transcripts come at times of their own.

    Attributes:
        turn: Its number. Turns with sound are counted from 1, from the conversation's beginning.
        received_samples: How many samples have come.
        heard_samples: How many of them have been heard.
        received_seconds: How long all that has come plays.
        heard_seconds: For how long it has been heard.
    """

    turn: int
    received_samples: int
    heard_samples: int
    received_seconds: float
    heard_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechEnded(Speech):
    """The end of a turn of the model: all of it was heard, or it was cut.

    Attributes:
        interrupted: Whether it was cut: by the user's speech, by the end of the conversation, or because its
            connection broke. Then more may have been on its way.
    """

    interrupted: bool


class SpeechRecord:
    """One turn's sound, while it comes and is heard.

    Attributes:
        turn: Its number.
        received: Samples that have come, by their rate.
        heard: Samples that have been heard, by their rate.
        has_begun: Whether any of it was written to the speaker.
        is_complete: Whether no more will come.
        was_cut: Whether more was to come when the connection broke.
    """

    def __init__(self, turn: int) -> None:
        self.turn = turn
        self.received: Counter[int] = Counter()
        self.heard: Counter[int] = Counter()
        self.has_begun: bool = False
        self.is_complete: bool = False
        self.was_cut: bool = False

    @property
    def is_over(self) -> bool:
        """Whether all of it has come and has been heard."""
        return self.is_complete and self.received == self.heard

    def so_far(self) -> Speech:
        """Return how much of it has come and has been heard so far."""
        return Speech(
            turn=self.turn,
            received_samples=self.received.total(),
            heard_samples=self.heard.total(),
            received_seconds=seconds_of(self.received),
            heard_seconds=seconds_of(self.heard),
        )

    def ended(self, *, interrupted: bool) -> SpeechEnded:
        """Return how much of it has come and has been heard in the end."""
        return SpeechEnded(
            turn=self.turn,
            received_samples=self.received.total(),
            heard_samples=self.heard.total(),
            received_seconds=seconds_of(self.received),
            heard_seconds=seconds_of(self.heard),
            interrupted=interrupted,
        )


def seconds_of(samples: Counter[int]) -> float:
    """Return how long samples play that are counted by their rate."""
    return sum((count / rate for rate, count in samples.items()), 0.0)
