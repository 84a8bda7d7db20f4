"""The account of each turn's speech: what was received, written to the speaker, and heard."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ._speech import Speech, SpeechEnded, SpeechRecord, SpeechStarted, seconds_of

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(slots=True)
class _Run:
    """Samples in a row, of one turn, that were written and not heard so far."""

    record: SpeechRecord
    samples: int
    rate: int


class SpeechAccount:
    """Keeps count of samples, turn by turn, and reports when a turn is first heard and when it ends.

    Args:
        emit: Called with each beginning and end. Must not block.
    """

    def __init__(self, emit: Callable[[SpeechStarted | SpeechEnded], None]) -> None:
        self._emit = emit
        self._played = 0  # of the speaker's samples; those that it played before belong to no turn
        self._written: deque[_Run] = deque()
        self._records: deque[SpeechRecord] = deque()  # of turns that are not over
        self._incoming: SpeechRecord | None = None  # of the turn under way
        self._turns = 0
        self._heard: Counter[int] = Counter()

    @property
    def has_unheard(self) -> bool:
        """Whether samples were written and not heard so far."""
        return bool(self._written)

    @property
    def unheard_seconds(self) -> float:
        """Length of the samples that were written and not heard so far."""
        return sum(run.samples / run.rate for run in self._written)

    @property
    def heard_seconds(self) -> float:
        """Length of the speech that has been heard in all."""
        return seconds_of(self._heard)

    @property
    def speech(self) -> Speech | None:
        """The turn that is being heard, or will be next."""
        return self._records[0].so_far() if self._records else None

    def receive(self, samples: int, rate: int) -> SpeechRecord:
        """Count samples that have arrived, and return the record of their turn."""
        if self._incoming is None:
            self._turns += 1
            self._incoming = SpeechRecord(self._turns)
            self._records.append(self._incoming)
        self._incoming.received[rate] += samples
        return self._incoming

    def write(self, record: SpeechRecord, samples: int, rate: int) -> None:
        """Count samples that are being written to the speaker."""
        if not record.has_begun:
            record.has_begun = True
            self._emit(SpeechStarted(turn=record.turn))
        self._written.append(_Run(record, samples, rate))

    def play(self, played: int) -> None:
        """Count what has been heard, by the speaker's number of played samples, and report the turns that are over."""
        new, self._played = played - self._played, played
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
            record = self._records.popleft()
            self._emit(record.ended(interrupted=record.was_cut))

    def complete_turn(self, *, was_cut: bool = False) -> None:
        """End the turn under way: no more of it will come."""
        if self._incoming is not None:
            self._incoming.is_complete = True
            self._incoming.was_cut = was_cut
            self._incoming = None

    def cut(self) -> None:
        """End all turns where they are now."""
        self._written.clear()
        self._incoming = None
        while self._records:
            self._emit(self._records.popleft().ended(interrupted=True))
