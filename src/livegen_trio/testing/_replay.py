"""A recording as a script: the server sends again what it sent, after the client's messages of the same kinds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from .._errors import ConfigError
from ._script import CLOSE_CODES, Close, Emit, Expect, HangUp, Step
from ._scripted_server import Connection

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._recording import RecordedEnding, RecordedFrame, Recording

_OBJECTS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_UNEXPECTED: Final = "realtimeInput"


def connections_of(recording: Recording) -> tuple[Connection, ...]:
    """Make a script for a `ScriptedServer`, which answers as the recorded server did, and ends connections as it did.

    A client has to send messages of the same kinds in the same order, but for real-time input: sound depends on the
    time, so it is neither expected nor refused. Give the server `ignored=[{"realtimeInput": {}}]`.

    Raises:
        ConfigError: A connection doesn't begin with the client's setup, or a frame of the client's is no JSON object.
    """
    return tuple(
        _connection(frames, recording.ending_of(frames[0].connection)) for frames in recording.connections
    )


def _connection(frames: Sequence[RecordedFrame], ending: RecordedEnding | None) -> Connection:
    setup, *others = frames
    if setup.sender != "client" or "setup" not in _kinds(setup):
        raise ConfigError(
            f"connection {setup.connection} doesn't begin with the client's setup; record it from its beginning"
        )
    return Connection(*_steps(others), *_ending(ending), accept=None)


def _steps(frames: Sequence[RecordedFrame]) -> list[Step]:
    steps: list[Step] = []
    for frame in frames:
        if frame.sender == "server":
            steps.append(Emit(frame.data))
            continue
        kinds = _kinds(frame)
        if _UNEXPECTED not in kinds:
            steps.append(Expect({kind: {} for kind in kinds}))
    return steps


def _ending(ending: RecordedEnding | None) -> list[Step]:
    """The step by which the server ends the connection, if it did."""
    if ending is None or ending.closed_by != "server":
        return []
    if ending.code in CLOSE_CODES:
        return [Close(ending.code, ending.reason)]
    return [HangUp()]


def _kinds(frame: RecordedFrame) -> Sequence[str]:
    """The names of the fields of a client's message."""
    try:
        return list(_OBJECTS.decode(frame.text))
    except (msgspec.MsgspecError, RecursionError):
        raise ConfigError(
            f"a frame of the client's on connection {frame.connection} is no JSON object"
        ) from None
