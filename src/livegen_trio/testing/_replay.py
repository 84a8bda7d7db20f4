"""A recording as a script: the server says again what it said, where the client says again what it said."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ._script import Emit, Expect, Step
from ._scripted_server import Connection

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ._recording import RecordedFrame, Recording


def connections_of(recording: Recording) -> tuple[Connection, ...]:
    """A script for a `ScriptedServer`, which answers as the recorded one did.

    A client is held to say messages of the same kinds in the same order, but for real-time input: sound depends on the
    time, so it is neither expected nor refused. Give the server `ignored=[{"realtimeInput": {}}]`.
    """
    return tuple(_connection(frames) for frames in recording.connections)


def _connection(frames: Sequence[RecordedFrame]) -> Connection:
    return Connection(*_steps(frames[1:]), accept=None)


def _steps(frames: Sequence[RecordedFrame]) -> list[Step]:
    steps: list[Step] = []
    for frame in frames:
        if frame.sender == "server":
            steps.append(Emit(frame.data))
        elif (pattern := _pattern(frame)) is not None:
            steps.append(Expect(pattern))
    return steps


def _pattern(frame: RecordedFrame) -> Mapping[str, object] | None:
    kinds: Mapping[str, object] = json.loads(frame.text)
    return None if "realtimeInput" in kinds else {kind: {} for kind in kinds}
