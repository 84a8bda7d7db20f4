"""Reads the recorded frames in `data/recordings`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, Literal, NamedTuple

DIRECTORY: Final = Path(__file__).parents[1] / "data" / "recordings"

_HEADER: Final = re.compile(rb"\n*([<>])(\d+) ")


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
        data = content[header.end() : end].removesuffix(b"\n")
        frames.append(RecordedFrame("client" if header[1] == b">" else "server", data))
        position = end
    if position > len(content) or content[position:].strip(b"\n"):
        raise ValueError(f"{path.name} is no recording from byte {position} on")
    return frames


def recorded_frames(sender: Literal["client", "server"]) -> list[bytes]:
    """All frames of one sender, in all recordings."""
    paths = sorted(DIRECTORY.glob("*.log"))
    return [frame.data for path in paths for frame in load_recording(path) if frame.sender == sender]


def as_written_here(value: object) -> object:
    """JSON without what means the same as nothing, and with the names of google-genai's envelopes in camelCase."""
    if isinstance(value, list):
        return [as_written_here(item) for item in value]
    if not isinstance(value, dict):
        return value
    spellings = {"client_content": "clientContent", "tool_response": "toolResponse"}
    return {
        spellings.get(name, name): as_written_here(item)
        for name, item in value.items()
        if item is not False and (item != {} or name not in {"args", "properties"})
    }
