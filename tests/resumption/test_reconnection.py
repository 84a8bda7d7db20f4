"""When a session changes its connection: the table, and the patience."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, strategies as st

from livegen_trio import ConfigError, Reconnection
from livegen_trio._resumption.reconnection import Happening, State, Supervision


def after(*happenings: Happening, policy: Reconnection | None = None) -> Supervision:
    machine = Supervision(policy or Reconnection())
    for happening in happenings:
        machine.note(happening, 0.0)
    return machine


OPENED, LOST, REFUSED = Happening.OPENED, Happening.LOST, Happening.REFUSED


@pytest.mark.parametrize(
    ("happenings", "state"),
    [
        ([], State.DIALLING),
        ([OPENED], State.LIVE),
        ([OPENED, LOST], State.DIALLING),
        ([OPENED, Happening.LOST_FOR_GOOD], State.ENDED),
        ([OPENED, Happening.MOVE], State.LEAVING),
        ([OPENED, Happening.MOVE, Happening.LEFT], State.DIALLING),
        ([OPENED, Happening.GOING_AWAY], State.HANDING_OVER),
        ([OPENED, Happening.GOING_AWAY, Happening.MOVE], State.LEAVING),
        ([OPENED, Happening.GOING_AWAY, LOST], State.DIALLING),
        ([OPENED, LOST, REFUSED], State.WAITING),
        ([OPENED, LOST, REFUSED, Happening.DUE], State.DIALLING),
        ([OPENED, LOST, REFUSED, Happening.MOVE], State.DIALLING),
        ([OPENED, LOST, Happening.REFUSED_FOR_GOOD], State.ENDED),
        ([OPENED, LOST, Happening.FORGOTTEN], State.DIALLING),
        ([OPENED, LOST, Happening.REFUSED_FOR_GOOD, Happening.MOVE], State.DIALLING),
    ],
)
def test_states_follow_from_what_happens(happenings: list[Happening], state: State) -> None:
    assert after(*happenings).state is state


@given(st.lists(st.sampled_from(Happening)))
def test_what_means_nothing_in_a_state_changes_nothing(happenings: list[Happening]) -> None:
    machine = after(*happenings)
    before = machine.state
    machine.note(Happening.CLOSED, 0.0)
    assert machine.state is before


def test_pauses_grow_up_to_the_last() -> None:
    machine = after(OPENED, LOST)
    pauses = []
    for _ in range(6):
        machine.note(REFUSED, 0.0)
        pauses.append(machine.delay(0.5))
        machine.note(Happening.DUE, 0.0)
    assert pauses == [1, 2, 4, 8, 8, 8]


@given(st.floats(0, 1))
def test_a_pause_is_varied_by_a_quarter(chance: float) -> None:
    assert 0.75 <= after(OPENED, LOST, REFUSED).delay(chance) <= 1.25


def test_patience_is_time_without_a_connection() -> None:
    machine = Supervision(Reconnection(give_up_after=10))
    machine.note(OPENED, 0)
    machine.note(LOST, 1000)
    assert machine.note(REFUSED, 1006) is State.WAITING
    machine.note(Happening.DUE, 1007)
    machine.note(OPENED, 1008)
    machine.note(LOST, 2000)
    assert machine.note(REFUSED, 2001) is State.WAITING
    machine.note(Happening.DUE, 2001)
    assert machine.note(REFUSED, 2003) is State.ENDED


def test_progress_restores_patience_and_opening_alone_does_not() -> None:
    machine = Supervision(Reconnection(give_up_after=10))
    for _ in range(5):
        machine.note(OPENED, 0)
        machine.progress()
        machine.note(LOST, 0)
        machine.note(REFUSED, 9)
        machine.note(Happening.DUE, 9)
    assert machine.state is State.DIALLING
    assert machine.attempt == 1


def test_a_new_session_has_a_patience_of_its_own() -> None:
    machine = after(OPENED, LOST, REFUSED)
    assert machine.is_impatient(60.0)
    machine.note(Happening.FORGOTTEN, 60.0)
    assert machine.attempt == 0
    assert not machine.is_impatient(119.0)
    assert machine.is_impatient(120.0)
    assert machine.gap(60.0) == 60.0


def test_the_gap_is_measured_from_the_loss_to_the_next_connection() -> None:
    machine = after(OPENED)
    assert machine.gap(5) == 0
    machine.note(LOST, 5)
    machine.note(REFUSED, 6)
    assert machine.gap(8) == 3
    machine.note(Happening.DUE, 8)
    machine.note(OPENED, 9)
    assert machine.gap(10) == 0


def test_without_patience_one_attempt_is_made() -> None:
    machine = after(OPENED, LOST, policy=Reconnection(give_up_after=0))
    assert machine.state is State.DIALLING
    assert machine.note(REFUSED, 0) is State.ENDED


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"delays": ()}, "at least one"),
        ({"delays": (1, -1)}, "from 0 on"),
        ({"delays": (math.nan,)}, "from 0 on"),
        ({"give_up_after": -1}, "from 0 on"),
        ({"give_up_after": math.nan}, "from 0 on"),
        ({"margin": -1}, "from 0 on"),
        ({"replay": "all"}, '"recent" or "none"'),
        ({"when_forgotten": "weep"}, '"fail" or "fresh"'),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(options: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        Reconnection(**options)  # type: ignore[arg-type]  # what users may write all the same
