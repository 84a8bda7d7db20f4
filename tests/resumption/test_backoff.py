"""The pace of re-dialling, and the bound on the number of dials that docs/resuming.md states."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, strategies as st

from livegen_trio import Reconnection
from livegen_trio._resumption.backoff import SHORTEST_DELAY, UNDELAYED_INTERVAL
from livegen_trio._resumption.connection_states import ReconnectionMachine, State, Trigger

OPENED, LOST, REFUSED, DUE = Trigger.OPENED, Trigger.LOST, Trigger.REFUSED, Trigger.DUE


def lost(policy: Reconnection | None = None, *, useful: bool = False) -> ReconnectionMachine:
    """A machine whose first connection was opened and lost at once."""
    machine = ReconnectionMachine(policy or Reconnection(), lambda: 0.5)
    machine.note(OPENED, 0)
    machine.note(LOST, 0, useful=useful)
    return machine


def most_dials(policy: Reconnection) -> int:
    """How many dials there are at most between two useful connections, as docs/resuming.md has it."""
    dials, time = 1, 0.0
    while True:
        delay = policy.delays[min(dials, len(policy.delays)) - 1]
        time += 0.75 * max(delay, SHORTEST_DELAY)
        if time >= policy.give_up_after:
            return dials
        dials += 1


# Refusals


def test_pauses_grow_up_to_the_last() -> None:
    machine, now = lost(Reconnection(give_up_after=100)), 0.0
    pauses = []
    for _ in range(6):
        machine.note(REFUSED, now)
        pauses.append(machine.wake_at - now)
        now = machine.wake_at
        machine.note(DUE, now)
    assert pauses == [1, 2, 4, 8, 8, 8]


@given(st.floats(0, 1))
def test_a_pause_is_varied_by_a_quarter(chance: float) -> None:
    machine = ReconnectionMachine(Reconnection(), lambda: chance)
    for trigger in (OPENED, LOST, REFUSED):
        machine.note(trigger, 0)
    assert 0.75 <= machine.wake_at <= 1.25


def test_delays_of_zero_are_pauses_all_the_same() -> None:
    machine = lost(Reconnection(delays=(0,)))
    machine.note(REFUSED, 0)
    assert machine.wake_at == SHORTEST_DELAY


def test_patience_runs_from_the_end_of_the_last_useful_connection() -> None:
    machine = ReconnectionMachine(Reconnection(give_up_after=10), lambda: 0.5)
    machine.note(OPENED, 0)
    machine.note(LOST, 1000)
    assert machine.note(REFUSED, 1006) is State.WAITING
    machine.note(DUE, 1007)
    machine.note(OPENED, 1008)
    machine.note(LOST, 1009)
    assert machine.state is State.WAITING
    assert machine.wake_at == 1010, "a pause doesn't outlast the patience"
    assert machine.note(DUE, 1010) is State.ENDED


def test_a_refusal_after_the_patience_is_the_last() -> None:
    machine = lost(Reconnection(give_up_after=10))
    assert machine.backoff.time_left(4) == 6
    assert machine.note(REFUSED, 10) is State.ENDED


def test_without_patience_one_attempt_is_made_and_has_all_the_time() -> None:
    machine = lost(Reconnection(give_up_after=0))
    assert machine.state is State.DIALLING
    assert machine.backoff.time_left(5) == math.inf
    assert machine.note(REFUSED, 0) is State.ENDED


def test_what_the_user_asks_for_is_dialled_at_once_with_a_whole_patience() -> None:
    machine = lost()
    machine.note(REFUSED, 5)
    assert machine.note(Trigger.ASKED, 5.1) is State.DIALLING
    assert machine.backoff.deadline == 65.1


def test_a_new_session_has_a_patience_of_its_own_but_only_once() -> None:
    machine = lost()
    assert machine.note(Trigger.FORGOTTEN, 60) is State.DIALLING
    assert machine.backoff.deadline == 120
    assert machine.gap(60) == 60
    machine.note(OPENED, 61)
    machine.note(LOST, 62)
    machine.note(DUE, machine.wake_at)
    assert machine.note(Trigger.FORGOTTEN, 65) is State.WAITING
    assert machine.backoff.deadline == 120


# Connections


def test_the_first_loss_is_dialled_at_once() -> None:
    assert lost().state is State.DIALLING


@pytest.mark.parametrize(
    ("useful", "uptime", "state"),
    [
        (False, 0, State.WAITING),
        (False, 9.9, State.WAITING),
        (False, 10, State.DIALLING),
        (True, 2, State.DIALLING),
    ],
)
def test_a_connection_is_useful_by_what_happened_on_it_or_by_its_life(
    useful: bool,
    uptime: float,
    state: State,
) -> None:
    machine = lost()
    machine.note(OPENED, 1)
    assert machine.note(LOST, 1 + uptime, useful=useful) is state
    assert machine.backoff.attempt == 1


def test_opening_alone_does_not_restore_patience() -> None:
    machine, now = lost(Reconnection(give_up_after=20)), 0.0
    dials = 0
    while machine.state is not State.ENDED:
        if machine.state is State.WAITING:
            now = machine.wake_at
            machine.note(DUE, now)
            continue
        dials += 1
        machine.note(OPENED, now)
        now += 0.1
        machine.note(LOST, now)
    assert now == 20
    assert dials == 5  # at 0, 1, 3, 7 and 15 seconds


def test_a_server_that_is_useful_for_a_moment_is_dialled_once_a_second() -> None:
    machine, now, dials = lost(useful=True), 0.0, 0
    while now < 10:
        if machine.state is State.WAITING:
            now = machine.wake_at
            machine.note(DUE, now)
        dials += 1
        machine.note(OPENED, now)
        now += 0.1
        machine.note(LOST, now, useful=True)
    assert dials == 11  # at 0, 1, 2, ... 10 seconds


@pytest.mark.parametrize(
    ("attempts", "useful", "may_leave_at"),
    [(0, False, -math.inf), (1, False, 110), (1, True, UNDELAYED_INTERVAL)],
)
def test_a_connection_that_was_of_no_use_yet_is_not_left_for_another(
    attempts: int,
    useful: bool,
    may_leave_at: float,
) -> None:
    machine = lost() if attempts else ReconnectionMachine(Reconnection(), lambda: 0.5)
    machine.note(OPENED, 100)
    assert machine.may_leave_at(useful=useful) == may_leave_at


# Any server

policies = st.builds(
    Reconnection,
    delays=st.lists(st.floats(0, 10), min_size=1, max_size=4).map(tuple),
    give_up_after=st.floats(0, 60),
    min_uptime=st.floats(0.5, 20),
)
answers = st.lists(
    st.tuples(st.sampled_from(["refuse", "drop", "go away", "forget"]), st.floats(0, 0.4)), max_size=30
)


@given(policies, answers, st.floats(0, 1))
def test_dials_between_useful_connections_are_bounded_whatever_the_server_does(
    policy: Reconnection, answers: list[tuple[str, float]], chance: float
) -> None:
    machine = ReconnectionMachine(policy, lambda: chance)
    machine.note(OPENED, 0)
    machine.note(LOST, 0)
    now, dials, renewals = 0.0, 0, 0
    for answer, seconds in answers * 10:
        if machine.state is State.WAITING:
            now = machine.wake_at
            machine.note(DUE, now)
        if machine.state is State.ENDED:
            break
        assert machine.state is State.DIALLING
        dials += 1
        now += seconds
        match answer:
            case "refuse":
                machine.note(REFUSED, now)
            case "forget":
                renewals = 1
                machine.note(Trigger.FORGOTTEN, now)
            case _:
                machine.note(OPENED, now)
                now += seconds
                if answer == "drop":
                    machine.note(LOST, now)
                else:
                    machine.note(Trigger.GOING_AWAY, now)
                    machine.note(Trigger.HAND_OVER, now)
                    machine.note(Trigger.LEFT, now)
    assert dials <= (1 + renewals) * most_dials(policy)
    # What is under way when the patience ends is cut short by the supervisor; here it takes its time.
    assert now <= (1 + renewals) * policy.give_up_after + 0.8 * (1 + renewals) + 0.8
