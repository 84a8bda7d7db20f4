"""Reads the recorded frames in `data/recordings`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, Literal, NamedTuple

DIRECTORY: Final = Path(__file__).parents[1] / "data" / "recordings"

_HEADER: Final = re.compile(rb"([<>])(\d+) ")


class RecordedFrame(NamedTuple):
    """One frame, and who sent it."""

    sender: Literal["client", "server"]
    data: bytes


def load_recording(path: Path) -> list[RecordedFrame]:
    """Read a recording's frames in order."""
    content = path.read_bytes()
    frames: list[RecordedFrame] = []
    position = 0
    while header := _HEADER.match(content, position):
        end = header.end() + int(header[2])
        frames.append(
            RecordedFrame("client" if header[1] == b">" else "server", content[header.end() : end - 1])
        )
        position = end
    if position != len(content):
        raise ValueError(f"{path.name} is no recording from byte {position} on")
    return frames


def recorded_frames(sender: Literal["client", "server"]) -> list[bytes]:
    """All frames of one sender, in all recordings."""
    paths = sorted(DIRECTORY.glob("*.log"))
    return [frame.data for path in paths for frame in load_recording(path) if frame.sender == sender]
