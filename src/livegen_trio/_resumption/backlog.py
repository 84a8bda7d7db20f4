"""Inputs that wait to be written whole: first those that are sent again, then control, then the rest. Pure."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from .inputs import Kind

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from .inputs import Input


class _Lane:
    """A queue that knows its size in bytes."""

    def __init__(self, inputs: Iterable[Input] = ()) -> None:
        self.inputs: deque[Input] = deque(inputs)
        self.bytes: int = sum(len(entry.frame) for entry in self.inputs)

    def put(self, entry: Input) -> None:
        self.inputs.append(entry)
        self.bytes += len(entry.frame)

    def take(self) -> Input:
        entry = self.inputs.popleft()
        self.bytes -= len(entry.frame)
        return entry


class Backlog:
    """Inputs that wait, and the one that is being written.

    Attributes:
        is_idle: Whether nothing waits and nothing is being written.
    """

    def __init__(self) -> None:
        self._replay = _Lane()
        self._control = _Lane()
        self._realtime = _Lane()
        self._in_flight: Input | None = None
        self.is_idle: bool = True  # kept, since it is asked for with every input

    @property
    def count(self) -> int:
        """The number of inputs that have not been written whole."""
        return sum(len(lane.inputs) for lane in self._lanes) + (self._in_flight is not None)

    @property
    def numbers(self) -> frozenset[int]:
        """The numbers of the inputs that have not been written whole."""
        numbers = {entry.number for lane in self._lanes for entry in lane.inputs}
        return frozenset(numbers if self._in_flight is None else {*numbers, self._in_flight.number})

    @property
    def since(self) -> float | None:
        """The time when the input that has waited longest was accepted."""
        heads = [lane.inputs[0] for lane in self._lanes if lane.inputs]
        return min((head.accepted_at for head in heads), default=None)

    def size(self, *, is_control: bool) -> int:
        """Return the bytes of new control, or of new media and marks, that wait to be written whole."""
        size = (self._control if is_control else self._realtime).bytes
        entry = self._in_flight
        return size if entry is None or entry.kind.is_control != is_control else size + len(entry.frame)

    def first_of(self, frames: Collection[bytes]) -> bytes | None:
        """Return the first of these frames that waits, if one does."""
        waiting = (entry.frame for lane in self._lanes for entry in lane.inputs)
        return next((frame for frame in waiting if frame in frames), None)

    def put(self, entry: Input) -> None:
        """Add a new input."""
        lane = self._control if entry.kind.is_control else self._realtime
        lane.put(entry)
        self.is_idle = False

    def take(self) -> Input | None:
        """Return the next input to write, or None; `take_written` follows."""
        for lane in self._lanes:
            if lane.inputs:
                self._in_flight = lane.take()
                return self._in_flight
        return None

    def take_written(self) -> Input:
        """Return the input that was taken last: it has been written whole."""
        assert self._in_flight is not None
        entry, self._in_flight = self._in_flight, None
        self._settle()
        return entry

    def drop_media(self, *, max_bytes: int, before: float) -> int:
        """Drop media that wait: the oldest while there are more than *max_bytes*, and all from *before* then."""
        waiting = self._realtime.inputs
        if not waiting or (self._realtime.bytes <= max_bytes and waiting[0].accepted_at >= before):
            return 0
        kept, dropped = _Lane(), 0
        for _ in range(len(waiting)):
            is_too_much = self._realtime.bytes + kept.bytes > max_bytes
            entry = self._realtime.take()
            if entry.kind is Kind.MEDIA and (is_too_much or entry.accepted_at < before):
                dropped += 1
            else:
                kept.put(entry)
        self._realtime = kept
        self._settle()
        return dropped

    # Sent again

    @property
    def replay(self) -> tuple[Input, ...]:
        """The inputs that wait to be sent again, in order."""
        return tuple(self._replay.inputs)

    def take_cut(self) -> Input | None:
        """Return the input that was being written when the connection was lost, if one was."""
        entry, self._in_flight = self._in_flight, None
        return entry

    def set_replay(self, entries: Iterable[Input]) -> None:
        """Send again these in place of those that were to be."""
        self._replay = _Lane(sorted(entries, key=lambda entry: entry.order))
        self._settle()

    def discard_answers(self) -> int:
        """Drop the answers of tools that were never sent; returns how many there were."""
        waiting = self._control.inputs
        self._control = _Lane(entry for entry in waiting if entry.kind is not Kind.ANSWER)
        self._settle()
        return len(waiting) - len(self._control.inputs)

    @property
    def _lanes(self) -> tuple[_Lane, _Lane, _Lane]:
        """The lanes, in the order in which they are sent from."""
        return self._replay, self._control, self._realtime

    def _settle(self) -> None:
        self.is_idle = self._in_flight is None and not any(lane.inputs for lane in self._lanes)
