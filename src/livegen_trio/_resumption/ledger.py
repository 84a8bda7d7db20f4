"""What the caller has said, from its acceptance until the server is known to have it. Pure: it is told the time.

An input that was accepted ends in one of four ways: acknowledged by the server, sent again on the next connection,
dropped by the caller's own policy, or counted as unacknowledged. None disappears.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

REMEMBERED_BYTES: Final = 2**20
"""Half a minute of 16 kHz speech, in base64."""

REMEMBERED_SECONDS: Final = 10.0
"""Older speech only confuses a listener who hears it late."""

# How often an input is sent again, if the caller doesn't say.
MAX_REPLAYS: Final = 2


class Kind(Enum):
    """How an input is treated when there is too much of it, and when a connection is lost."""

    CONTROL = "content and updates: go first, and are never dropped"
    ANSWER = "answers of tools: the same, but mean nothing to a session that has not asked for them"
    MARK = "marks and text among the media: keep their place there, and are never dropped"
    MEDIA = "sound and pictures: the caller may have them dropped, and old ones are not sent again"

    is_control: bool
    """Whether it goes before all that is said in real time."""


for _kind in Kind:
    _kind.is_control = _kind in (Kind.CONTROL, Kind.ANSWER)


class Input(msgspec.Struct, frozen=True, gc=False):
    """An accepted message.

    The garbage collector doesn't look at it: there are thousands of them, and nothing in them leads back.

    Attributes:
        number: Its place among the session's inputs, from 1; 0 for what was not the caller's, but of our own accord.
        frame: What is sent.
        kind: How it is treated.
        accepted_at: In seconds.
        place: Its place among those that were sent on its connection, from 1; 0 for what was not sent.
        replays: How often it was to be sent again.
    """

    number: int
    frame: bytes
    kind: Kind
    accepted_at: float
    place: int = 0
    replays: int = 0

    @property
    def order(self) -> tuple[bool, int]:
        """Sorts what is sent again: control first, then everything as it was accepted."""
        return not self.kind.is_control, self.number


@dataclass(frozen=True, slots=True)
class Loss:
    """What the end of a connection means for the inputs.

    Attributes:
        replayed: How many were sent, perhaps in vain, and will be sent again.
        unacknowledged: How many were sent, perhaps in vain, and will not be again.
        quarantined: How many were sent again as often as is allowed, and will not be any more.
    """

    replayed: int
    unacknowledged: int
    quarantined: int = 0


class _Lane:
    """Inputs that wait."""

    def __init__(self) -> None:
        self.inputs: deque[Input] = deque()
        self.bytes: int = 0

    def put(self, entry: Input) -> None:
        self.inputs.append(entry)
        self.bytes += len(entry.frame)

    def take(self) -> Input:
        entry = self.inputs.popleft()
        self.bytes -= len(entry.frame)
        return entry


class _Ring:
    """Inputs that were sent; the oldest make room for new ones."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._inputs: deque[Input] = deque()
        self._bytes = 0

    def put(self, entry: Input) -> None:
        self._inputs.append(entry)
        self._bytes += len(entry.frame)
        while self._bytes > self._max_bytes:
            self._forget()

    def acknowledge(self, place: int) -> None:
        while self._inputs and self._inputs[0].place <= place:
            self._forget()

    def clear(self) -> list[Input]:
        entries = list(self._inputs)
        self._inputs.clear()
        self._bytes = 0
        return entries

    def _forget(self) -> None:
        self._bytes -= len(self._inputs.popleft().frame)


class Ledger:
    """The inputs of a session: those that wait, in lanes, and those that were sent on the present connection.

    Args:
        remembered_bytes: How much of what was sent is kept until it is acknowledged, of control and media each.
        remembered_seconds: How old media may be and still be sent again.

    Attributes:
        is_idle: Whether nothing waits, and nothing is being sent.
        accepted: How many inputs were ever accepted.
        dropped: How many of them were dropped before they were sent.
    """

    def __init__(
        self, *, remembered_bytes: int = REMEMBERED_BYTES, remembered_seconds: float = REMEMBERED_SECONDS
    ) -> None:
        self._remembered_seconds = remembered_seconds
        self._replay = _Lane()
        self._control = _Lane()
        self._realtime = _Lane()
        self._in_flight: Input | None = None
        self._sent_control = _Ring(remembered_bytes)
        self._sent_realtime = _Ring(remembered_bytes)
        self._sent = 0
        self._acknowledged = 0
        self._own_places: list[int] = []
        self._dropped_and_told = 0
        self.is_idle: bool = True  # kept, since it is asked for with every input
        self.accepted: int = 0
        self.dropped: int = 0

    # Waiting to be sent

    @property
    def waiting(self) -> int:
        """How many inputs have not been written whole."""
        return sum(len(lane.inputs) for lane in self._lanes) + (self._in_flight is not None)

    @property
    def control_bytes(self) -> int:
        """The size of the control that waits to be written whole."""
        return self._control.bytes + self._flying(is_control=True)

    @property
    def waiting_numbers(self) -> frozenset[int]:
        """The inputs that have not been written whole, by their numbers."""
        numbers = {entry.number for lane in self._lanes for entry in lane.inputs}
        return frozenset(numbers if self._in_flight is None else {*numbers, self._in_flight.number})

    @property
    def realtime_bytes(self) -> int:
        """The size of the media and marks that wait to be written whole."""
        return self._realtime.bytes + self._flying(is_control=False)

    @property
    def waiting_since(self) -> float | None:
        """When the input that has been waiting longest was accepted."""
        heads = [lane.inputs[0] for lane in self._lanes if lane.inputs]
        return min((head.accepted_at for head in heads), default=None)

    def accept_sent(self, frame: bytes, kind: Kind, now: float) -> None:
        """Take in an input that has been sent at once."""
        self.accepted += 1
        self._sent += 1
        ring = self._sent_control if kind.is_control else self._sent_realtime
        ring.put(Input(self.accepted, frame, kind, now, self._sent))

    def accept(self, frame: bytes, kind: Kind, now: float) -> None:
        """Take in an input."""
        self.accepted += 1
        lane = self._control if kind.is_control else self._realtime
        lane.put(Input(self.accepted, frame, kind, now))
        self.is_idle = False

    def drop_media(self, *, max_bytes: int, before: float) -> None:
        """Drop media that wait: the oldest while there are more than *max_bytes*, and all from *before* then."""
        waiting = self._realtime.inputs
        if not waiting or (self._realtime.bytes <= max_bytes and waiting[0].accepted_at >= before):
            return
        kept = _Lane()
        for _ in range(len(waiting)):
            is_too_much = self._realtime.bytes + kept.bytes > max_bytes
            entry = self._realtime.take()
            if entry.kind is Kind.MEDIA and (is_too_much or entry.accepted_at < before):
                self.dropped += 1
            else:
                kept.put(entry)
        self._realtime = kept
        self._settle()

    def take_dropped(self) -> int:
        """How many inputs were dropped since this was asked last."""
        dropped = self.dropped - self._dropped_and_told
        self._dropped_and_told = self.dropped
        return dropped

    def take(self) -> Input | None:
        """The next input to send: what is sent again, then control, then the rest; None if none waits."""
        for lane in self._lanes:
            if lane.inputs:
                self._in_flight = lane.take()
                return self._in_flight
        return None

    # Sent, and waiting to be acknowledged

    @property
    def unacknowledged(self) -> int:
        """How many inputs were sent on this connection and are not known to have arrived."""
        return self._sent - self._acknowledged

    @property
    def acknowledged_inputs(self) -> int:
        """How many of the caller's inputs were sent on this connection and are known to have arrived."""
        return self._acknowledged - sum(place <= self._acknowledged for place in self._own_places)

    def sent(self) -> Input:
        """The input that was taken has been written whole; returns it."""
        assert self._in_flight is not None
        entry, self._in_flight = self._in_flight, None
        self._sent += 1
        if not entry.number:
            self._own_places.append(self._sent)
        ring = self._sent_control if entry.kind.is_control else self._sent_realtime
        ring.put(msgspec.structs.replace(entry, place=self._sent))
        self._settle()
        return entry

    def acknowledge(self, count: int) -> None:
        """The server has the first *count* inputs that were sent on this connection."""
        self._acknowledged = max(self._acknowledged, min(count, self._sent))
        self._sent_control.acknowledge(self._acknowledged)
        self._sent_realtime.acknowledge(self._acknowledged)

    # When the connection is gone

    def lose_connection(self, now: float, *, replay: bool = True, max_replays: int = MAX_REPLAYS) -> Loss:
        """Have what may not have arrived sent again on the next connection, before anything new.

        No input is sent again more than *max_replays* times: it may be what makes the server end its connections.
        One that was not written whole is, whatever *replay* says, and once in any case.
        """
        in_doubt = self.unacknowledged - sum(place > self._acknowledged for place in self._own_places)
        sent = [*self._sent_control.clear(), *self._sent_realtime.clear()]
        wanted = [entry for entry in sent if replay and self._is_worth_it(entry, now)]
        unacknowledged = in_doubt - _inputs_in(wanted)
        again = [_sent_again(entry) for entry in wanted if entry.replays < max_replays]
        if (cut := self._in_flight) is not None:
            wanted.append(cut)
            again.extend([_sent_again(cut)] if cut.replays < max(1, max_replays) else [])
        quarantined = _inputs_in(wanted) - _inputs_in(again)
        again.extend(self._replay.inputs)
        self._in_flight = None
        self._sent = self._acknowledged = 0
        self._own_places.clear()
        self._set_replay(again)
        return Loss(replayed=_inputs_in(again), unacknowledged=unacknowledged, quarantined=quarantined)

    def precede(self, frame: bytes, kind: Kind, now: float) -> None:
        """Send this of our own accord, first among what is sent again of its kind."""
        self._set_replay([Input(0, frame, kind, now), *self._replay.inputs])

    def first_of(self, frames: Collection[bytes]) -> bytes | None:
        """The first of these frames that waits, if one does."""
        waiting = (entry.frame for lane in self._lanes for entry in lane.inputs)
        return next((frame for frame in waiting if frame in frames), None)

    def discard_answers(self) -> tuple[int, int]:
        """Send no answers of tools that wait; returns how many were to be sent again, and how many never were sent."""
        waiting, self._control = self._control, _Lane()
        for entry in waiting.inputs:
            if entry.kind is not Kind.ANSWER:
                self._control.put(entry)
        unsent = len(waiting.inputs) - len(self._control.inputs)
        return self.quarantine(frozenset({Kind.ANSWER})), unsent

    def quarantine(self, kinds: frozenset[Kind]) -> int:
        """Don't send inputs of these kinds again; returns how many that spares the server."""
        kept = [entry for entry in self._replay.inputs if entry.kind not in kinds]
        spared = _inputs_in(self._replay.inputs) - _inputs_in(kept)
        self._set_replay(kept)
        return spared

    @property
    def _lanes(self) -> tuple[_Lane, _Lane, _Lane]:
        """In the order in which they are sent from."""
        return self._replay, self._control, self._realtime

    def _flying(self, *, is_control: bool) -> int:
        entry = self._in_flight
        return len(entry.frame) if entry is not None and entry.kind.is_control == is_control else 0

    def _is_worth_it(self, entry: Input, now: float) -> bool:
        return entry.kind is not Kind.MEDIA or now - entry.accepted_at <= self._remembered_seconds

    def _set_replay(self, entries: list[Input]) -> None:
        self._replay = _Lane()
        for entry in sorted(entries, key=lambda entry: entry.order):
            self._replay.put(entry)
        self._settle()

    def _settle(self) -> None:
        """Inputs that waited have gone, or others have come before them."""
        self.is_idle = self._in_flight is None and not any(lane.inputs for lane in self._lanes)


def _inputs_in(entries: Iterable[Input]) -> int:
    return sum(entry.number > 0 for entry in entries)


def _sent_again(entry: Input) -> Input:
    return msgspec.structs.replace(entry, replays=entry.replays + 1)
