"""The ledger: each accepted input is acknowledged, sent again, dropped or counted, and comes in order."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from livegen_trio._resumption.inputs import Input, Kind
from livegen_trio._resumption.ledger import MAX_REPLAYS, Ledger, Loss

CONTROL, ANSWER, MARK, MEDIA = Kind.CONTROL, Kind.ANSWER, Kind.MARK, Kind.MEDIA


def filled(*kinds: Kind) -> Ledger:
    """A ledger with inputs whose frames are their numbers."""
    ledger = Ledger()
    for number, kind in enumerate(kinds, start=1):
        ledger.accept(str(number).encode(), kind, float(number))
    return ledger


def send(ledger: Ledger, count: int = 1_000) -> list[int]:
    """Send so many inputs, as far as there are any; returns their numbers."""
    sent = []
    for _ in range(count):
        entry = ledger.backlog.take()
        if entry is None:
            break
        ledger.note_written()
        sent.append(entry.number)
    return sent


def lose(ledger: Ledger, now: float, *, replay: bool = True, max_replays: int = MAX_REPLAYS) -> Loss:
    """Lose the connection; returns what is reported then."""
    ledger.lose_connection(now, replay=replay, max_replays=max_replays)
    return ledger.take_loss()


def test_inputs_are_sent_in_order_control_first() -> None:
    assert send(filled(MEDIA, MARK, CONTROL, MEDIA, CONTROL)) == [3, 5, 1, 2, 4]


def test_nothing_is_taken_from_an_empty_ledger() -> None:
    assert Ledger().backlog.take() is None


def test_an_input_waits_until_it_was_written_whole() -> None:
    ledger = filled(CONTROL, MEDIA)
    ledger.backlog.take()
    assert (
        ledger.backlog.count,
        ledger.backlog.size(is_control=True),
        ledger.backlog.size(is_control=False),
    ) == (2, 1, 1)
    ledger.note_written()
    assert (
        ledger.backlog.count,
        ledger.backlog.size(is_control=True),
        ledger.backlog.size(is_control=False),
    ) == (1, 0, 1)
    ledger.backlog.take()
    assert (ledger.backlog.count, ledger.backlog.size(is_control=False)) == (1, 1)
    ledger.note_written()
    assert (ledger.backlog.count, ledger.backlog.size(is_control=False)) == (0, 0)


def test_the_oldest_input_that_waits_shows_how_far_behind_the_sender_is() -> None:
    ledger = filled(MEDIA, CONTROL)
    assert ledger.backlog.since == 1
    send(ledger)
    assert ledger.backlog.since is None


# Dropping


def test_media_are_dropped_from_the_oldest_on_until_they_fit() -> None:
    ledger = filled(MEDIA, MARK, MEDIA, MEDIA, CONTROL)
    ledger.drop_media(max_bytes=2, before=-math.inf)
    assert ledger.dropped == 2
    assert send(ledger) == [5, 2, 4]


def test_media_are_dropped_when_they_are_old() -> None:
    ledger = filled(MEDIA, MARK, CONTROL, MEDIA)
    ledger.drop_media(max_bytes=100, before=3.0)
    assert ledger.dropped == 1
    assert send(ledger) == [3, 2, 4]


def test_marks_alone_are_never_dropped() -> None:
    ledger = filled(MARK, MARK, MARK)
    ledger.drop_media(max_bytes=1, before=100.0)
    assert (ledger.dropped, send(ledger)) == (0, [1, 2, 3])


def test_what_is_being_written_is_not_dropped() -> None:
    ledger = filled(MEDIA, MEDIA)
    ledger.backlog.take()
    ledger.drop_media(max_bytes=0, before=-math.inf)
    ledger.note_written()
    assert (ledger.dropped, ledger.sent.unacknowledged) == (1, 1)


def test_drops_are_reported_once() -> None:
    ledger = filled(MEDIA, MEDIA)
    ledger.drop_media(max_bytes=1, before=-math.inf)
    assert (ledger.take_dropped(), ledger.take_dropped(), ledger.dropped) == (1, 0, 1)


# Acknowledgement


def test_what_is_acknowledged_is_not_sent_again() -> None:
    ledger = filled(CONTROL, MEDIA, MEDIA)
    send(ledger)
    ledger.acknowledge(2, 0.0)
    assert ledger.sent.unacknowledged == 1
    assert lose(ledger, 3.0) == Loss(replayed=1, unacknowledged=0)
    assert send(ledger) == [3]


@pytest.mark.parametrize("counts", [(3, 1), (0, 3), (99,), (-1, 3)])
def test_an_acknowledgement_that_makes_no_sense_does_no_harm(counts: tuple[int, ...]) -> None:
    ledger = filled(CONTROL, MEDIA, MEDIA)
    send(ledger)
    for count in counts:
        ledger.acknowledge(count, 0.0)
    assert ledger.sent.unacknowledged == 0


def test_inputs_that_are_sent_at_once_are_acknowledged_like_others() -> None:
    ledger = Ledger()
    ledger.accept_sent(b"1", CONTROL, 1.0)
    ledger.accept(b"2", MEDIA, 2.0)
    send(ledger)
    ledger.accept_sent(b"3", MEDIA, 3.0)
    assert (ledger.accepted, ledger.sent.unacknowledged) == (3, 3)
    ledger.acknowledge(2, 3.0)
    ledger.lose_connection(3.0)
    assert send(ledger) == [3]


# Losing a connection


def test_what_is_in_doubt_is_sent_again_before_anything_new_control_first() -> None:
    ledger = filled(MEDIA, CONTROL, MEDIA)
    send(ledger)
    ledger.accept(b"4", CONTROL, 4.0)
    ledger.accept(b"5", MEDIA, 5.0)
    assert lose(ledger, 5.0) == Loss(replayed=3, unacknowledged=0)
    assert send(ledger) == [2, 1, 3, 4, 5]


def test_what_was_not_sent_whole_is_sent_again() -> None:
    ledger = filled(MEDIA, MEDIA)
    ledger.backlog.take()
    assert lose(ledger, 2.0, replay=False) == Loss(replayed=1, unacknowledged=0)
    assert send(ledger) == [1, 2]


def test_old_media_are_counted_and_not_sent_again() -> None:
    ledger = filled(MEDIA, CONTROL, MARK)
    send(ledger)
    assert lose(ledger, 100.0) == Loss(replayed=2, unacknowledged=1)
    assert send(ledger) == [2, 3]


def test_more_than_can_be_remembered_is_counted() -> None:
    ledger = Ledger(remembered_bytes=10)
    for kind in (MEDIA, CONTROL):
        for _ in range(8):
            ledger.accept(b"xxxx", kind, 0.0)
    send(ledger)
    assert lose(ledger, 0.0) == Loss(replayed=4, unacknowledged=12)


def test_without_a_replay_all_in_doubt_is_counted() -> None:
    ledger = filled(CONTROL, MEDIA)
    send(ledger)
    assert lose(ledger, 2.0, replay=False) == Loss(replayed=0, unacknowledged=2)


def test_losses_add_up_until_they_are_reported() -> None:
    ledger = filled(CONTROL, MEDIA)
    send(ledger)
    ledger.lose_connection(2.0, replay=False)
    ledger.accept(b"3", CONTROL, 3.0)
    send(ledger)
    ledger.lose_connection(3.0, replay=False)
    assert (ledger.unreported.given_up, ledger.in_doubt, ledger.given_up) == (3, 3, 3)
    assert ledger.take_loss() == Loss(unacknowledged=3)
    assert ledger.take_loss() == Loss()
    assert (ledger.unreported.given_up, ledger.in_doubt, ledger.given_up) == (0, 0, 3)


def test_a_replay_that_is_broken_off_goes_on() -> None:
    ledger = filled(CONTROL, CONTROL, CONTROL)
    send(ledger)
    ledger.lose_connection(3.0)
    assert send(ledger, 1) == [1]
    ledger.backlog.take()
    assert lose(ledger, 3.0) == Loss(replayed=3, unacknowledged=0)
    assert send(ledger) == [1, 2, 3]


def test_acknowledgements_count_from_zero_on_each_connection() -> None:
    ledger = filled(CONTROL, CONTROL)
    send(ledger)
    ledger.acknowledge(1, 0.0)
    ledger.lose_connection(2.0)
    send(ledger)
    assert ledger.sent.unacknowledged == 1
    ledger.acknowledge(1, 0.0)
    assert lose(ledger, 2.0) == Loss(replayed=0, unacknowledged=0)


def test_what_is_sent_of_our_own_accord_goes_first_and_is_no_input() -> None:
    ledger = filled(MEDIA, CONTROL)
    send(ledger)
    ledger.lose_connection(2.0)
    ledger.precede(b"activity", MARK, 2.0)
    ledger.precede(b"history", CONTROL, 2.0)
    assert ledger.backlog.numbers == {0, 1, 2}
    assert send(ledger) == [0, 2, 0, 1]
    assert lose(ledger, 2.0) == Loss(replayed=2, unacknowledged=0)
    send(ledger)
    assert lose(ledger, 2.0, replay=False) == Loss(replayed=0, unacknowledged=2)


def test_the_first_of_some_frames_is_found_where_it_waits() -> None:
    ledger = filled(MEDIA, MARK, MARK)
    send(ledger, 2)
    ledger.lose_connection(3.0)
    assert ledger.backlog.first_of({b"2", b"3"}) == b"2"
    send(ledger, 2)
    assert ledger.backlog.first_of({b"2", b"3"}) == b"3"
    assert ledger.backlog.first_of({b"2"}) is None


def test_what_is_being_written_waits() -> None:
    ledger = filled(MEDIA)
    ledger.backlog.take()
    assert ledger.backlog.numbers == {1}


def test_answers_can_be_discarded() -> None:
    ledger = filled(ANSWER, CONTROL, MEDIA)
    send(ledger)
    ledger.lose_connection(3.0)
    ledger.accept(b"4", ANSWER, 4.0)
    ledger.accept(b"5", CONTROL, 4.0)
    ledger.take_loss()
    ledger.discard_answers()
    assert ledger.take_loss() == Loss(replayed=2, unacknowledged=2)
    assert send(ledger) == [2, 3, 5]


def test_a_quarantine_keeps_kinds_from_being_sent_again() -> None:
    ledger = filled(MEDIA, CONTROL, MARK)
    send(ledger)
    ledger.lose_connection(3.0)
    ledger.accept(b"4", MEDIA, 4.0)
    ledger.quarantine(frozenset({MEDIA}))
    ledger.quarantine(frozenset())
    assert ledger.take_loss() == Loss(replayed=2, quarantined=1)
    assert send(ledger) == [2, 3, 4]


@pytest.mark.parametrize("max_replays", [0, 1, 2, 5])
def test_an_input_is_sent_again_no_more_often_than_is_allowed(max_replays: int) -> None:
    ledger = filled(CONTROL, MEDIA)
    for _ in range(max_replays):
        send(ledger)
        assert lose(ledger, 1.0, max_replays=max_replays) == Loss(replayed=2, unacknowledged=0)
    send(ledger)
    loss = lose(ledger, 1.0, max_replays=max_replays)
    assert loss == Loss(replayed=0, unacknowledged=0, quarantined=2)
    assert ledger.backlog.count == 0


def test_an_input_that_is_never_written_whole_is_not_tried_for_ever() -> None:
    ledger = filled(CONTROL)
    for _ in range(2):
        ledger.backlog.take()
        assert lose(ledger, 1.0) == Loss(replayed=1, unacknowledged=0)
    ledger.backlog.take()
    assert lose(ledger, 1.0) == Loss(replayed=0, unacknowledged=0, quarantined=1)


def test_waiting_for_a_connection_is_not_being_sent_again() -> None:
    ledger = filled(CONTROL)
    send(ledger)
    for _ in range(10):
        assert lose(ledger, 1.0, max_replays=1) == Loss(replayed=1, unacknowledged=0)
    assert send(ledger) == [1]


def test_acknowledged_inputs_are_counted_without_what_is_sent_of_our_own_accord() -> None:
    ledger = filled(CONTROL)
    ledger.precede(b"history", CONTROL, 0.0)
    send(ledger)
    ledger.acknowledge(1, 0.0)
    assert ledger.sent.acknowledged_inputs == 0
    ledger.acknowledge(2, 0.0)
    assert ledger.sent.acknowledged_inputs == 1


class Accounts(RuleBasedStateMachine):
    """Any history of a session: all that was accepted is accounted for."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger(remembered_bytes=40, remembered_seconds=5)
        self.now = 0.0
        self.received: set[int] = set()
        self.on_the_wire: list[Input] = []
        self.acknowledged = 0
        self.reported = 0

    @rule(kind=st.sampled_from(Kind), size=st.integers(1, 10))
    def accept(self, kind: Kind, size: int) -> None:
        self.ledger.accept(bytes(size), kind, self.now)

    @rule()
    def send(self) -> None:
        if (entry := self.ledger.backlog.take()) is not None:
            self.ledger.note_written()
            self.on_the_wire.append(entry)

    @precondition(lambda self: self.on_the_wire)
    @rule(share=st.floats(0, 1))
    def acknowledge(self, share: float) -> None:
        count = round(len(self.on_the_wire) * share)
        self.received.update(entry.number for entry in self.on_the_wire[:count])
        self.acknowledged = max(self.acknowledged, count)
        self.ledger.acknowledge(count, self.now)

    @rule(seconds=st.floats(0, 10))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(max_bytes=st.integers(0, 50), age=st.floats(0, 10))
    def drop(self, max_bytes: int, age: float) -> None:
        self.ledger.drop_media(max_bytes=max_bytes, before=self.now - age)

    @rule(replay=st.booleans(), begun=st.booleans())
    def lose(self, *, replay: bool, begun: bool) -> None:
        if begun:
            self.ledger.backlog.take()
        self.ledger.lose_connection(self.now, replay=replay)
        self.on_the_wire.clear()
        self.acknowledged = 0

    @rule(kinds=st.frozensets(st.sampled_from(Kind)))
    def quarantine(self, kinds: frozenset[Kind]) -> None:
        self.ledger.quarantine(kinds)

    @rule()
    def report(self) -> None:
        self.reported += self.ledger.take_loss().given_up

    @invariant()
    def all_is_accounted_for(self) -> None:
        known = len(self.received) + self.ledger.sent.unacknowledged + self.ledger.backlog.count
        assert known + self.ledger.given_up + self.ledger.dropped == self.ledger.accepted
        assert self.reported + self.ledger.unreported.given_up == self.ledger.given_up

    @invariant()
    def numbers_on_a_connection_rise_within_a_kind_of_lane(self) -> None:
        control = [entry.number for entry in self.on_the_wire if entry.kind is CONTROL]
        assert control == sorted(control)


TestAccounts = Accounts.TestCase


@given(st.lists(st.sampled_from(Kind)))
def test_everything_comes_out_once(kinds: list[Kind]) -> None:
    assert sorted(send(filled(*kinds))) == list(range(1, len(kinds) + 1))
