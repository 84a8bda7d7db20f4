"""`ResumeState`: what is written is read again, and nothing else is."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given, settings, strategies as st

from livegen_trio import ConfigError, Content, FunctionCall, Part, ResumeState, UsageMetadata
from support.struct_strategies import JSON

FULL = ResumeState(
    model="models/m",
    handle="a-secret",
    transparent=True,
    taken_at=1.5e9,
    pending_calls=(FunctionCall(id="c1", name="look_up", args={"city": "Paris", "days": [1, 2.5, None]}),),
    unacknowledged=3,
    in_turn=True,
    usage=UsageMetadata(total_token_count=7),
    history=(Content(role="user", parts=[Part(text="I am Ann.")]),),
)


@pytest.mark.parametrize("state", [FULL, ResumeState(model="m", handle="h", taken_at=0)])
def test_what_is_written_is_read_again(state: ResumeState) -> None:
    assert ResumeState.from_bytes(state.to_bytes()) == state


def test_the_format_has_a_version() -> None:
    assert json.loads(FULL.to_bytes())["version"] == 1


def test_its_repr_holds_neither_the_handle_nor_what_was_said() -> None:
    assert repr(FULL) == "ResumeState(model='models/m', taken_at=1500000000.0, handle=<hidden>)"


def of_version(version: int, **more: object) -> bytes:
    return json.dumps({**json.loads(FULL.to_bytes()), "version": version, **more}).encode()


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "this is no resume state"),
        (b"[]", "this is no resume state"),
        (b'{"handle": "a-secret"}', "this is no resume state"),
        (of_version(1, handle=7), "is damaged"),
        (of_version(1, spice="a-secret"), "is damaged"),
        (of_version(1, handle=""), "needs the handle"),
        (of_version(2), "is of format 2, and this version of livegen-trio knows 1"),
        (of_version(2, spice=1), "is of format 2, and this version of livegen-trio knows 1"),
    ],
)
def test_what_is_no_state_of_this_format_is_refused_without_its_contents(data: bytes, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint) as caught:
        ResumeState.from_bytes(data)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    assert "a-secret" not in str(caught.value)


@pytest.mark.parametrize(("field", "value"), [("version", 2), ("handle", "")])
def test_no_state_is_made_that_could_not_be_used(field: str, value: object) -> None:
    values: dict[str, object] = {"model": "m", "handle": "h", "taken_at": 0.0, field: value}
    with pytest.raises(ConfigError):
        ResumeState(**values)  # type: ignore[arg-type] # that is what is tested


@pytest.mark.parametrize(
    "data",
    [
        b'{"a":' * 100_000,
        b"[" * 100_000,
        b'{"version":1,"handle":"\xff"}',
        b'{"version":%b}' % (b"9" * 9_000),
    ],
)
def test_bytes_that_break_a_parser_are_no_resume_state(data: bytes) -> None:
    with pytest.raises(ConfigError, match=r"this (is no resume state|resume state is damaged)"):
        ResumeState.from_bytes(data)


@given(st.binary(max_size=200))
@settings(deadline=None, max_examples=300)
def test_any_bytes_are_refused_with_an_error_of_ours(data: bytes) -> None:
    with pytest.raises(ConfigError):
        ResumeState.from_bytes(data)


@given(st.data())
@settings(deadline=None, max_examples=300)
def test_a_damaged_state_is_read_or_refused_with_an_error_of_ours(data: st.DataObject) -> None:
    state = bytearray(FULL.to_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(state)))
        state[start : start + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
    with contextlib.suppress(ConfigError):
        ResumeState.from_bytes(bytes(state))


@given(st.data())
@settings(deadline=None, max_examples=300)
def test_a_state_with_odd_values_is_read_or_refused_with_an_error_of_ours(data: st.DataObject) -> None:
    state = json.loads(FULL.to_bytes())
    state[data.draw(st.sampled_from([*state, "spice"]))] = data.draw(JSON)
    with contextlib.suppress(ConfigError):
        ResumeState.from_bytes(json.dumps(state).encode())
