"""Writes frames as new recordings in the format of `data/recordings`, without what is nobody's business."""

from __future__ import annotations

from typing import TYPE_CHECKING

from livegen_trio.testing import Redaction

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from livegen_trio.testing import RecordedFrame as TimedFrame
    from support.recordings import RecordedFrame

KEPT = 4096
"""Characters of base64 that are kept of a sound or a picture: whole samples."""


def redaction(secrets: Sequence[str] = ()) -> Redaction:
    """What every recording goes through."""
    return Redaction(secrets, media_characters=KEPT)


def write_recording(path: Path, frames: Iterable[RecordedFrame | TimedFrame], redacted: Redaction) -> None:
    """Write *frames* so that `load_recording` reads them, redacted."""
    with path.open("wb") as file:
        for frame in frames:
            kept = redacted.redact(frame.data)
            mark = b">" if frame.sender == "client" else b"<"
            file.write(b"%b%d %b\n" % (mark, len(kept) + 1, kept))
