"""Frames with something wrong in them: a server's lose nothing else, a client's are refused in one way."""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from livegen_trio import types as t
from livegen_trio._errors import RemoteProtocolError
from livegen_trio._protocol.codec import (
    decode_client_message,
    decode_server_message,
    encode_client_message,
    encode_server_message,
)
from support.recordings import recorded_frames
from support.struct_strategies import JSON, structs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

Path: TypeAlias = tuple[str | int, ...]

CLIENT_MESSAGES: Final[tuple[type[t.ClientMessage], ...]] = (
    t.Setup,
    t.ClientContent,
    t.RealtimeInput,
    t.ToolResponse,
    t.ContextUpdate,
)
EVENTS: Final[tuple[type[t.ServerEvent], ...]] = (
    t.SetupComplete,
    t.SessionResumptionUpdate,
    t.GoAway,
    t.VoiceActivity,
    t.VoiceActivityDetectionSignal,
    t.ToolCallCancellation,
    t.ToolCall,
    t.UsageMetadata,
    t.ServerContent,
    t.ServerError,
)

CLIENT_FRAMES: Final = st.sampled_from(recorded_frames("client")) | st.sampled_from(CLIENT_MESSAGES).flatmap(
    lambda message: structs(message).map(encode_client_message)
)
GENERATED_FRAMES: Final = st.lists(st.sampled_from(EVENTS), min_size=1, max_size=3, unique=True).flatmap(
    lambda events: st.tuples(*map(structs, events)).map(lambda made: encode_server_message(*made))
)
SERVER_FRAMES: Final = st.sampled_from(recorded_frames("server")) | GENERATED_FRAMES
"""What was recorded, and what could have been: recordings have few of the fields."""

UNKNOWN_NAMES: Final = st.text(min_size=1, max_size=5).map("x-{}".format)
NAMES: Final = UNKNOWN_NAMES | st.sampled_from(
    [
        *(
            "serverContent",
            "modelTurn",
            "parts",
            "text",
            "inlineData",
            "data",
            "args",
            "usageMetadata",
            "ids",
        ),
        *("model_turn", "turn_complete", "turnComplete", "error", "setup", "tools", "realtimeInput"),
        *("outputTranscription", "inputTranscription", "unknownFields", "audioEpoch"),
    ]
)
"""Names that no struct has, and some that structs have: they may come where they don't belong."""

WAYS: Final = ("add", "drop", "rename", "replace", "repeat", "lift")
"""`repeat` says it again in snake_case; `lift` moves it to the top, where Vertex's reference has transcriptions."""

RESPELT: Final = {
    "candidatesTokenCount": "responseTokenCount",
    "candidatesTokensDetails": "responseTokensDetails",
    "client_content": "clientContent",
    "tool_response": "toolResponse",
}
"""What is written under another name than it was read from."""


class Mutant(NamedTuple):
    """A frame that something was done to.

    Attributes:
        frame: As it is now.
        kept: What it still has of the original's values, by their paths.
    """

    frame: bytes
    kept: dict[Path, object]


@st.composite
def mutants(
    draw: st.DrawFn, frames: st.SearchStrategy[bytes], names: st.SearchStrategy[str], ways: Sequence[str]
) -> Mutant:
    """Frames in which one to three names were dealt with in one of the *ways*."""
    frame = draw(frames)
    plain = json.loads(frame)
    touched: set[Path] = set()
    for _ in range(draw(st.integers(1, 3))):
        path, place = draw(st.sampled_from([*objects_in(plain)]))
        way = draw(st.sampled_from(ways))
        if way == "lift":
            touched |= lift(draw, plain, path, place)
        else:
            touched |= {(*path, name) for name in mutate(draw, place, names, way)}
    kept = {
        path: value
        for path, value in leaves_of(json.loads(frame))
        if touched.isdisjoint(path[:length] for length in range(len(path) + 1))
    }
    return Mutant(msgspec.json.encode(plain), kept)


def lift(draw: st.DrawFn, plain: dict[str, object], path: Path, place: dict[str, object]) -> set[Path]:
    """Move something to the top, if there is room; returns the paths that it concerns."""
    free = [name for name in place if name not in plain]
    if not free:
        return set()
    name = draw(st.sampled_from(free))
    plain[name] = place.pop(name)
    return {(name,), (*path, name)}


def mutate(draw: st.DrawFn, place: dict[str, object], names: st.SearchStrategy[str], way: str) -> set[str]:
    """Do one thing to an object; returns the names that it concerns."""
    new = draw(names.filter(lambda name: name not in place))
    if way == "add" or not place:
        place[new] = draw(JSON)
        return {new}
    old = draw(st.sampled_from([*place]))
    match way:
        case "drop":
            del place[old]
        case "rename":
            place[new] = place.pop(old)
        case "repeat":
            other_spelling = re.sub("[A-Z]", r"_\g<0>", old).lower()
            place.setdefault(other_spelling, draw(values_like(place[old])))
            return {other_spelling} - {old}
        case _:
            place[old] = draw(JSON | values_like(place[old]))
    return {old, new}


def values_like(value: object) -> st.SearchStrategy[object]:
    """Values of the same type, some of them beyond what is sensible."""
    match value:
        case bool():
            return st.booleans()
        case int() | float():
            return st.sampled_from([-1, 0, 0.5, 2**31, 2**63, -(2**63) - 1, 1e308])
        case str():
            return st.sampled_from(["", "other", "12", "-1s", "soons", "1e9s", "QUJD", "QUJ", "\n"])
        case list():
            return st.just([*value, *value])
        case _:
            return st.just({})


def leaves_of(value: object, path: Path = ()) -> Iterator[tuple[Path, object]]:
    """All values that hold no others, by their paths."""
    inner = [*items_of(value)]
    if not inner:
        yield path, value
    for name, item in inner:
        yield from leaves_of(item, (*path, name))


def objects_in(value: object, path: Path = ()) -> Iterator[tuple[Path, dict[str, object]]]:
    if isinstance(value, dict):
        yield path, value
    for name, item in items_of(value):
        yield from objects_in(item, (*path, name))


def items_of(value: object) -> Iterable[tuple[str | int, object]]:
    if isinstance(value, dict):
        return value.items()
    return enumerate(value) if isinstance(value, list) else ()


def assert_kept(kept: dict[Path, object], written: bytes) -> None:
    """What was not touched is written as it was read, but that defaults are left out."""
    found = dict(leaves_of(json.loads(written)))
    containers = {path[:length] for path in found for length in range(len(path) + 1)}
    for path, value in kept.items():
        written_path = tuple(RESPELT.get(name, name) if isinstance(name, str) else name for name in path)
        if value == {}:  # in two fields that means the same as none
            assert written_path in containers or path[-1] in {"args", "properties"}, path
        else:
            assert found.get(written_path, None if value else value) == value, path


def assert_refused_properly(refusal: RemoteProtocolError) -> None:
    assert refusal.code == 1007
    assert "\n" not in str(refusal)


@given(mutants(SERVER_FRAMES, NAMES, WAYS))
@settings(max_examples=200, deadline=None)
def test_a_mutated_server_frame_is_never_refused_and_loses_nothing_else(mutant: Mutant) -> None:
    assert_kept(mutant.kept, encode_server_message(*decode_server_message(mutant.frame)))


# One of each type of JSON, with a name for the reports.
ODD_VALUES: Final[dict[str, object]] = {
    "null": None,
    "a truth value": True,
    "a number": 99,
    "a fraction": 0.5,
    "a number beyond 64 bits": 2**70,
    "NaN": math.nan,
    "an empty text": "",
    "a text": "neither a number nor base64",
    "half a surrogate pair": "\ud800",
    "an empty list": [],
    "a list": [1, "a", None],
    "an empty object": {},
    "an object": {"x-odd": [1]},
}


@pytest.mark.parametrize("odd", ODD_VALUES.values(), ids=ODD_VALUES)
def test_any_value_of_a_recorded_frame_may_be_odd_and_costs_nothing_else(odd: object) -> None:
    for frame in DIFFERENT_FRAMES:
        for path, _ in values_in(json.loads(frame)):
            assert_costs_nothing_else(json.loads(frame), path, odd)


def assert_costs_nothing_else(plain: dict[str, object], path: Path, odd: object) -> None:
    """Put the *odd* value in place of that at *path*: the others are read as they were, and it is not lost."""
    before = written_of(decode_server_message(msgspec.json.encode(plain)))
    put(plain, path, odd)
    events = decode_server_message(json.dumps(plain).encode())
    after = written_of(events)
    assert without(before, path) == without(after, path)
    assert is_kept(path, events) or is_read(odd, path, after)


def written_of(events: Sequence[t.ServerEvent]) -> dict[str, Any]:
    """What was understood of a frame, as the JSON that it would be written as."""
    known = [event for event in events if not isinstance(event, t.UnknownEvent)]
    frame: dict[str, Any] = json.loads(encode_server_message(*known))
    return frame


def without(plain: dict[str, Any], path: Path) -> list[tuple[Path, object]]:
    """The values that are not at *path*, nor in a list on it: what doesn't fit leaves it, and the next moves up."""
    depth = next((depth for depth, name in enumerate(path) if isinstance(name, int)), len(path))
    path = tuple(RESPELT.get(name, name) if isinstance(name, str) else name for name in path[:depth])
    return [(place, value) for place, value in leaves_of(plain) if place[: len(path)] != path and value != {}]


def is_kept(path: Path, events: Sequence[t.ServerEvent]) -> bool:
    """Whether the value, or what is odd in it, is kept as it came under its path."""
    key = "".join(f"[{name}]" if isinstance(name, int) else f".{name}" for name in path)[1:]
    for event in events:
        kept = event.raw if isinstance(event, t.UnknownEvent) else event.unknown_fields
        if any(name.startswith(key) or key.startswith(name) for name in kept):
            return True
    return False


def is_read(odd: object, path: Path, written: dict[str, Any]) -> bool:
    """Whether the value stands where it stood, as it is or as text; the default of a field is left out."""
    if odd in (None, "", [], {}):
        return True
    found: Any = written
    try:
        for name in path:
            found = found[RESPELT.get(name, name) if isinstance(name, str) else name]
    except (LookupError, TypeError):
        return False
    return found == odd or found == str(odd) or repr(found) == repr(odd) or found in ([], None)


def values_in(value: object, path: Path = ()) -> Iterator[tuple[Path, object]]:
    """All values within a value, objects and lists as well, by their paths."""
    for name, item in items_of(value):
        yield (*path, name), item
        yield from values_in(item, (*path, name))


def put(plain: dict[str, object], path: Path, value: object) -> None:
    place: Any = plain
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value


def shape_of(value: object) -> object:
    """The names in a value, and the types of the others."""
    if isinstance(value, dict):
        return tuple(sorted((name, shape_of(item)) for name, item in value.items()))
    if isinstance(value, list):
        return tuple(shape_of(item) for item in value)
    return type(value).__name__


# Of all recorded frames of one shape one is enough: hundreds are pieces of transcripts.
DIFFERENT_FRAMES: Final = [
    *{shape_of(json.loads(frame)): frame for frame in recorded_frames("server")}.values()
]


@pytest.mark.parametrize("odd", ODD_VALUES.values(), ids=ODD_VALUES)
@given(frame=GENERATED_FRAMES)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_value_of_any_field_of_any_struct_may_be_odd(odd: object, frame: bytes) -> None:
    plain = json.loads(frame)
    for path, _ in [*values_in(plain)][:60]:
        assert_costs_nothing_else(json.loads(frame), path, odd)


@given(mutants(CLIENT_FRAMES, NAMES, WAYS))
@settings(max_examples=200, deadline=None)
def test_a_mutated_client_frame_is_refused_or_loses_nothing_else(mutant: Mutant) -> None:
    try:
        message = decode_client_message(mutant.frame)
    except RemoteProtocolError as exc:
        assert_refused_properly(exc)
    else:
        assert_kept(mutant.kept, encode_client_message(message))


@given(SERVER_FRAMES, st.data())
@settings(deadline=None)
def test_a_server_frame_that_was_cut_off_is_refused(frame: bytes, data: st.DataObject) -> None:
    frame = frame.rstrip()
    with pytest.raises(RemoteProtocolError) as caught:
        decode_server_message(frame[: data.draw(st.integers(0, len(frame) - 1))])
    assert_refused_properly(caught.value)


@given(CLIENT_FRAMES, st.data())
@settings(deadline=None)
def test_a_client_frame_that_was_cut_off_is_refused(frame: bytes, data: st.DataObject) -> None:
    frame = frame.rstrip()
    with pytest.raises(RemoteProtocolError) as caught:
        decode_client_message(frame[: data.draw(st.integers(0, len(frame) - 1))])
    assert_refused_properly(caught.value)


def test_what_is_lost_is_noticed() -> None:
    kept: dict[Path, object] = {("a", 0, "b"): "text", ("c",): {}, ("d",): False}
    assert_kept(kept, b'{"a":[{"b":"text"}],"c":{"x":1}}')
    for written in (b'{"a":[{"b":"other"}],"c":{}}', b'{"a":[{}],"c":{}}', b'{"a":[{"b":"text"}]}', b"{}"):
        with pytest.raises(AssertionError):
            assert_kept(kept, written)
