"""When a session changes its connection: the table of states."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from livegen_trio import Reconnection
from livegen_trio._resumption.connection_states import ReconnectionMachine, State, Trigger


def machine_of(policy: Reconnection | None = None) -> ReconnectionMachine:
    return ReconnectionMachine(policy or Reconnection(), lambda: 0.5)


def after(*triggers: Trigger, policy: Reconnection | None = None) -> ReconnectionMachine:
    """A machine in which all this has happened, pauses included; the clock stands at 1000 and more."""
    machine, now = machine_of(policy), 1000.0
    for trigger in triggers:
        if machine.state is State.WAITING and trigger not in (Trigger.DUE, Trigger.ASKED):
            now = max(now, machine.wake_at)
            machine.note(Trigger.DUE, now)
        if trigger is Trigger.DUE:
            now = max(now, machine.wake_at)
        machine.note(trigger, now)
    return machine


OPENED, LOST, REFUSED = Trigger.OPENED, Trigger.LOST, Trigger.REFUSED
ASKED, LEFT, DUE = Trigger.ASKED, Trigger.LEFT, Trigger.DUE
GOING_AWAY, HAND_OVER, FORGOTTEN = Trigger.GOING_AWAY, Trigger.HAND_OVER, Trigger.FORGOTTEN
LOST_FOR_GOOD, REFUSED_FOR_GOOD = Trigger.LOST_FOR_GOOD, Trigger.REFUSED_FOR_GOOD


@pytest.mark.parametrize(
    ("triggers", "state"),
    [
        ([], State.DIALLING),
        ([OPENED], State.LIVE),
        ([OPENED, LOST], State.DIALLING),
        ([OPENED, LOST_FOR_GOOD], State.ENDED),
        ([OPENED, ASKED], State.LEAVING),
        ([OPENED, ASKED, LEFT], State.DIALLING),
        ([OPENED, GOING_AWAY], State.HANDING_OVER),
        ([OPENED, GOING_AWAY, GOING_AWAY], State.HANDING_OVER),
        ([OPENED, GOING_AWAY, HAND_OVER], State.LEAVING),
        ([OPENED, GOING_AWAY, HAND_OVER, LEFT], State.DIALLING),
        ([OPENED, GOING_AWAY, ASKED], State.LEAVING),
        ([OPENED, GOING_AWAY, LOST], State.DIALLING),
        ([OPENED, GOING_AWAY, LOST_FOR_GOOD], State.ENDED),
        ([OPENED, LOST, OPENED], State.LIVE),
        ([OPENED, LOST, OPENED, LOST], State.WAITING),
        ([OPENED, LOST, REFUSED], State.WAITING),
        ([OPENED, LOST, REFUSED, DUE], State.DIALLING),
        ([OPENED, LOST, REFUSED, ASKED], State.DIALLING),
        ([OPENED, LOST, REFUSED_FOR_GOOD], State.ENDED),
        ([OPENED, LOST, FORGOTTEN], State.DIALLING),
        ([OPENED, LOST, FORGOTTEN, OPENED, LOST, FORGOTTEN], State.WAITING),
        ([OPENED, LOST, REFUSED, FORGOTTEN], State.DIALLING),
        ([OPENED, LOST, REFUSED_FOR_GOOD, ASKED], State.DIALLING),
        ([OPENED, LOST_FOR_GOOD, ASKED], State.DIALLING),
    ],
)
def test_states_follow_from_triggers(triggers: list[Trigger], state: State) -> None:
    assert after(*triggers).state is state


@given(st.lists(st.sampled_from(Trigger)))
def test_what_means_nothing_in_a_state_changes_nothing(triggers: list[Trigger]) -> None:
    machine = after(*triggers)
    before = (machine.state, machine.backoff.attempt, machine.wake_at)
    machine.note(Trigger.CLOSED, 5000.0)
    assert (machine.state, machine.backoff.attempt, machine.wake_at) == before


def test_the_gap_is_measured_from_the_loss_to_the_next_connection() -> None:
    machine = after(OPENED)
    assert machine.gap(1005) == 0
    machine.note(LOST, 1005)
    machine.note(REFUSED, 1006)
    assert machine.gap(1008) == 3
    machine.note(DUE, 1008)
    machine.note(OPENED, 1009)
    assert machine.gap(1010) == 0


@pytest.mark.parametrize("triggers", [[ASKED], [GOING_AWAY, HAND_OVER]])
def test_the_gap_of_a_connection_that_is_left_begins_with_the_decision(triggers: list[Trigger]) -> None:
    machine = after(OPENED, *triggers)
    machine.note(LEFT, 1001)
    assert machine.gap(1003) == 3


def test_a_session_that_is_taken_over_has_been_without_a_connection_from_the_beginning() -> None:
    machine = machine_of()
    machine.take_over(10)
    assert machine.gap(12) == 2
    assert machine.note(REFUSED, 12) is State.WAITING
    assert machine.wake_at == 13
    assert machine.note(DUE, 13) is State.DIALLING
    assert machine.note(REFUSED, 70) is State.ENDED
