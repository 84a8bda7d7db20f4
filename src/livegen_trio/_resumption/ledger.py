"""The caller's inputs, from their acceptance until a resumed session is sure to have them. Pure: time is an argument.

An accepted input ends in one of these ways: covered by what the server resumes with, sent again on the next
connection, dropped by the caller's own policy, or counted in a `Loss`. None disappears. What is lost with a connection
stays in the ledger's account until `take_loss` gives it to be reported.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import msgspec

from .backlog import Backlog
from .inputs import Input, Kind
from .sent_log import SentLog

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

# Half a minute of 16 kHz speech, in base64.
REMEMBERED_BYTES: Final = 2**20

# Older speech only confuses a listener who hears it late.
REMEMBERED_SECONDS: Final = 10.0

# How often an input is sent again, if the caller doesn't say.
MAX_REPLAYS: Final = 2


@dataclass(frozen=True, slots=True)
class Loss:
    """The inputs that lost connections leave in doubt, counted.

    Attributes:
        replayed: To be sent again.
        unacknowledged: Sent, not known to be read, and not to be sent again.
        uncovered: Read, but not part of the session that the server resumes, and not to be sent again.
        quarantined: Sent again as often as is allowed, and not any more.
    """

    replayed: int = 0
    unacknowledged: int = 0
    uncovered: int = 0
    quarantined: int = 0

    @property
    def given_up(self) -> int:
        """The number of those that are not sent again."""
        return self.unacknowledged + self.uncovered + self.quarantined


class Ledger:
    """The inputs of a session: those that wait, and those that were sent on the present connection.

    Args:
        remembered_bytes: How much of what was sent is kept until it is covered, of control and media each.
        remembered_seconds: How old media may be and still be sent again.

    Attributes:
        backlog: Inputs that wait to be written whole.
        sent: Inputs that were sent on the present connection.
        accepted: How many inputs were ever accepted.
        dropped: How many of them were dropped before they were sent.
        given_up: How many of them a lost connection has left in doubt, and are not sent again.
        unreported: Those of them that no report has counted yet.
    """

    def __init__(
        self, *, remembered_bytes: int = REMEMBERED_BYTES, remembered_seconds: float = REMEMBERED_SECONDS
    ) -> None:
        self._remembered_seconds = remembered_seconds
        self._reported_drops = 0
        self._read_numbers: frozenset[int] = frozenset()
        self.backlog: Backlog = Backlog()
        self.sent: SentLog = SentLog(remembered_bytes)
        self.accepted: int = 0
        self.dropped: int = 0
        self.given_up: int = 0
        self.unreported: Loss = Loss()

    @property
    def in_doubt(self) -> int:
        """The number of inputs that a session resumed now may lack, but for those that a report has counted."""
        return (
            self.backlog.count
            + self.sent.unacknowledged
            + self.sent.uncovered_count
            + self.unreported.given_up
        )

    # Waiting to be sent, and being sent

    def accept(self, frame: bytes, kind: Kind, now: float) -> None:
        """Add an input that has to wait."""
        self.accepted += 1
        self.backlog.put(Input(self.accepted, frame, kind, now))

    def accept_sent(self, frame: bytes, kind: Kind, now: float) -> None:
        """Add an input that has been sent at once."""
        self.accepted += 1
        sent = self.sent
        sent.count = place = sent.count + 1
        ring = sent.control if kind.is_control else sent.realtime
        ring.put(Input(self.accepted, frame, kind, now, place))

    def note_written(self) -> Input:
        """Note that the input taken last from the backlog has been written whole; returns it."""
        entry = self.backlog.take_written()
        self.sent.put(msgspec.structs.replace(entry, place=self.sent.count + 1))
        return entry

    def drop_media(self, *, max_bytes: int, before: float) -> None:
        """Drop media that wait: the oldest while there are more than *max_bytes*, and all from *before* then."""
        self.dropped += self.backlog.drop_media(max_bytes=max_bytes, before=before)

    def take_dropped(self) -> int:
        """Return how many inputs were dropped since the last call."""
        dropped = self.dropped - self._reported_drops
        self._reported_drops = self.dropped
        return dropped

    def acknowledge(self, count: int, now: float) -> None:
        """Note that the server has read the first *count* inputs that were sent on this connection."""
        self.sent.acknowledge(count)
        self.sent.forget_media(before=now - self._remembered_seconds)

    # When the connection is gone

    def lose_connection(self, now: float, *, replay: bool = True, max_replays: int = MAX_REPLAYS) -> None:
        """Have the inputs that a resumed session may lack sent again on the next connection, before anything new.

        No input is sent again more than *max_replays* times: it may be what makes the server end its connections.
        One that was not written whole is, whatever *replay* says, and once in any case.
        """
        sent, self.sent = self.sent, self.sent.successor()
        uncovered = sent.uncovered()
        wanted = [e for e in uncovered.remembered if replay and self._is_worth_a_replay(e, sent, now)]
        unread = _caller_inputs(entry for entry in wanted if entry.place > sent.acknowledged)
        read = _caller_inputs(wanted) - unread
        again = [entry for entry in wanted if entry.replays < max_replays]
        if (cut := self.backlog.take_cut()) is not None:
            wanted.append(cut)
            again += [cut] if cut.replays < max(1, max_replays) else []
        self._read_numbers = frozenset(e.number for e in again if 0 < e.place <= sent.acknowledged)
        again = [msgspec.structs.replace(e, place=0, replays=e.replays + 1) for e in again]
        self.backlog.set_replay([*again, *self.backlog.replay])
        self.give_up(
            unacknowledged=uncovered.unread - unread,
            uncovered=uncovered.read - read,
            quarantined=_caller_inputs(wanted) - _caller_inputs(again),
        )

    def give_up(self, *, unacknowledged: int = 0, uncovered: int = 0, quarantined: int = 0) -> None:
        """Count inputs that are not sent again."""
        so_far = self.unreported
        self.given_up += unacknowledged + uncovered + quarantined
        self.unreported = Loss(
            unacknowledged=so_far.unacknowledged + unacknowledged,
            uncovered=so_far.uncovered + uncovered,
            quarantined=so_far.quarantined + quarantined,
        )

    def take_loss(self) -> Loss:
        """Return what was lost since the last call, to be reported, with what is to be sent again now."""
        loss, self.unreported = self.unreported, Loss()
        return replace(loss, replayed=_caller_inputs(self.backlog.replay))

    def precede(self, frame: bytes, kind: Kind, now: float) -> None:
        """Send a message of the session's own, first among what is sent again of its kind."""
        self.backlog.set_replay([Input(0, frame, kind, now), *self.backlog.replay])

    @property
    def replays(self) -> bool:
        """Whether inputs of the caller's are to be sent again."""
        return _caller_inputs(self.backlog.replay) > 0

    def quarantine(self, kinds: Collection[Kind]) -> None:
        """Don't send inputs of these kinds again: they may be what makes the server end its connections."""
        self.give_up(quarantined=self._keep_for_replay(lambda entry: entry.kind not in kinds))

    def discard_answers(self) -> None:
        """Send no answers of tools that wait: the server doesn't know of their calls."""
        replayed = self._keep_for_replay(lambda entry: entry.kind is not Kind.ANSWER)
        self.give_up(unacknowledged=replayed + self.backlog.discard_answers())

    def discard_read(self) -> None:
        """Don't send inputs again that the server has read."""
        self.give_up(uncovered=self._keep_for_replay(lambda entry: entry.number not in self._read_numbers))

    def _keep_for_replay(self, is_kept: Callable[[Input], bool]) -> int:
        before = self.backlog.replay
        self.backlog.set_replay([entry for entry in before if is_kept(entry)])
        return _caller_inputs(before) - _caller_inputs(self.backlog.replay)

    def _is_worth_a_replay(self, entry: Input, sent: SentLog, now: float) -> bool:
        if entry.kind is Kind.MEDIA:
            return now - entry.accepted_at <= self._remembered_seconds
        # A session that lacks an answer of a tool, though it was read, lacks the call as well.
        return entry.kind is not Kind.ANSWER or sent.reading_covers


def _caller_inputs(entries: Iterable[Input]) -> int:
    return sum(entry.number > 0 for entry in entries)
