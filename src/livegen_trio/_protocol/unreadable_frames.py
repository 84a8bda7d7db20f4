"""Frames that can't be read at all: each is an event, and many in a row are no Live API's. Pure."""

from __future__ import annotations

from typing import Final

from .._errors import RemoteProtocolError
from ..types import UnreadableFrame

_MOST_IN_ROW: Final = 8
_MOST_DATA: Final = 1024  # bytes that an event keeps of a frame


class UnreadableFrames:
    """The count of unreadable frames in a row.

    Attributes:
        in_row: How many there were since the last one that could be read.
    """

    def __init__(self) -> None:
        self.in_row: int = 0

    def note(self, frame: bytes | str, exc: RemoteProtocolError) -> UnreadableFrame:
        """Count a frame, and return its event.

        Raises:
            RemoteProtocolError: There were too many in a row.
        """
        self.in_row += 1
        if self.in_row == _MOST_IN_ROW:
            raise RemoteProtocolError(f"{_MOST_IN_ROW} frames in a row: {exc}") from exc
        data = frame if isinstance(frame, bytes) else frame.encode(errors="surrogatepass")
        return UnreadableFrame(reason=str(exc), data=data[:_MOST_DATA], size=len(data))
