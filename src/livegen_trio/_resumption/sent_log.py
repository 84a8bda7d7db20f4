"""Inputs that were sent on one connection, until a session that is resumed after it is sure to have them. Pure.

An input is *read* once the server has acknowledged it, and *covered* once the handle that the session would be resumed
with stands for it. With a server that resumes with everything that it has read, the two are the same.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from .inputs import Kind

if TYPE_CHECKING:
    from collections.abc import Collection

    from .inputs import Input


class _Ring:
    """Inputs in the order in which they were sent; the oldest make room for new ones."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self.inputs: deque[Input] = deque()

    def put(self, entry: Input) -> None:
        self.inputs.append(entry)
        self._bytes += len(entry.frame)
        while self._bytes > self._max_bytes:
            self._forget()

    def forget_through(self, place: int) -> None:
        while self.inputs and self.inputs[0].place <= place:
            self._forget()

    def forget_media(self, *, through: int, before: float) -> None:
        """Forget media from the beginning that are both read and old: they would not be sent again."""
        while (
            self.inputs
            and (head := self.inputs[0]).place <= through
            and head.kind is Kind.MEDIA
            and head.accepted_at < before
        ):
            self._forget()

    def _forget(self) -> None:
        self._bytes -= len(self.inputs.popleft().frame)


class Uncovered(NamedTuple):
    """The inputs of a connection that a session resumed after it may not have.

    Attributes:
        unread: How many were not acknowledged.
        read: How many were, but are not covered.
        remembered: Those of both that are still known and that the resumed session lacks for certain.
    """

    unread: int
    read: int
    remembered: list[Input]


class SentLog:
    """The inputs that were sent on one connection.

    Args:
        max_bytes: How much is remembered of control, and of media.

    Attributes:
        count: How many were sent. Places are counted by it, from 1.
        acknowledged: How many of them the server has read.
        in_doubt: Places of inputs that the newest handle may cover or not.
        reading_covers: Whether a resumed session has everything that was read.
        keeps_read: Whether inputs are remembered until they are covered, and not only until they are read.
    """

    def __init__(self, max_bytes: int, *, reading_covers: bool = True, keeps_read: bool = False) -> None:
        self._max_bytes = max_bytes
        self._covered = 0  # every place up to this one
        self._covered_beyond: set[int] = set()
        self._own_places: list[int] = []
        self.control: _Ring = _Ring(max_bytes)
        self.realtime: _Ring = _Ring(max_bytes)
        self.count: int = 0
        self.acknowledged: int = 0
        self.in_doubt: range = range(0)
        self.reading_covers: bool = reading_covers
        self.keeps_read: bool = keeps_read

    def successor(self) -> SentLog:
        """Return an empty log for the next connection to the same server."""
        return SentLog(self._max_bytes, reading_covers=self.reading_covers, keeps_read=self.keeps_read)

    @property
    def acknowledged_inputs(self) -> int:
        """The number of the caller's inputs that the server has read."""
        return self.acknowledged - sum(place <= self.acknowledged for place in self._own_places)

    @property
    def unacknowledged(self) -> int:
        """The number of inputs that the server is not known to have read."""
        return self.count - self.acknowledged

    @property
    def uncovered_count(self) -> int:
        """The number of inputs that were read, and that a session resumed now may not have."""
        if self.reading_covers:
            return 0
        own = sum(p <= self.acknowledged and not self._is_covered(p) for p in self._own_places)
        return self.acknowledged - self._covered - len(self._covered_beyond) - own

    def put(self, entry: Input) -> None:
        """Add an input that has just been sent, in the next place."""
        self.count += 1
        if not entry.number:
            self._own_places.append(entry.place)
        ring = self.control if entry.kind.is_control else self.realtime
        ring.put(entry)

    def acknowledge(self, count: int) -> None:
        """Note that the server has read the first *count* inputs."""
        self.acknowledged = max(self.acknowledged, min(count, self.count))
        if not self.keeps_read:
            self.cover(self.acknowledged)

    def cover(self, through: int, beyond: Collection[int] = ()) -> None:
        """Note that the newest handle stands for the inputs *through* this place, and for some *beyond* it.

        It stands for nothing that was not read when it came.
        """
        self._covered = max(self._covered, min(through, self.acknowledged))
        places = {*self._covered_beyond, *beyond}
        self._covered_beyond = {place for place in places if self._covered < place <= self.acknowledged}
        self.control.forget_through(self._covered)
        self.realtime.forget_through(self._covered)

    def forget_media(self, *, before: float) -> None:
        """Forget media that were read and that are from *before* then: too old to be sent again."""
        self.realtime.forget_media(through=self.acknowledged, before=before)

    def questions(self, *, after: int, through: int) -> tuple[int | None, int | None]:
        """Return the places of the first two inputs between these places that ask for an answer, if there are any."""
        inputs = (*self.control.inputs, *self.realtime.inputs)
        places = [entry.place for entry in inputs if entry.kind.asks and after < entry.place <= through]
        first, second, *_ = (*sorted(places), None, None)
        return first, second

    def may_have_media(self, *, after: int, before: int) -> bool:
        """Return whether media may have been sent between these places, old ones that are forgotten included."""
        inputs = (*self.control.inputs, *self.realtime.inputs)
        others = sum(e.kind is not Kind.MEDIA and after < e.place < before for e in inputs)
        return others < before - after - 1

    def answers(self) -> frozenset[int]:
        """Return the places of tools' answers."""
        return frozenset(entry.place for entry in self.control.inputs if entry.kind is Kind.ANSWER)

    def uncovered(self) -> Uncovered:
        """Return the inputs that a session resumed now may not have."""
        if self.reading_covers:
            self.cover(self.acknowledged)
        inputs = (*self.control.inputs, *self.realtime.inputs)
        return Uncovered(
            unread=self.unacknowledged - sum(place > self.acknowledged for place in self._own_places),
            read=self.uncovered_count,
            remembered=[e for e in inputs if not (self._is_covered(e.place) or self._is_in_doubt(e.place))],
        )

    def _is_in_doubt(self, place: int) -> bool:
        return place in self.in_doubt and place <= self.acknowledged

    def _is_covered(self, place: int) -> bool:
        return place <= self._covered or place in self._covered_beyond
