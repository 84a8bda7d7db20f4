"""When a checkpoint lets other tasks run, of what is called with every message."""

from __future__ import annotations

from typing import Final

_TIMES: Final = 8


class RareSwitch:
    """Says at every eighth checkpoint in a row that other tasks shall run; the others can only be cancelled.

    A switch of tasks is most of what it costs to send a chunk that goes out at once, or to receive one that is there. A
    loop of these still lets the others run before they would notice. One for both ways of a session: whoever has waited
    for an event has let the others run.
    """

    __slots__ = ("_left",)

    def __init__(self) -> None:
        self._left = _TIMES

    def is_due(self) -> bool:
        """Whether they shall run now."""
        self._left -= 1
        if self._left:
            return False
        self._left = _TIMES
        return True

    def has_happened(self) -> None:
        """They have run."""
        self._left = _TIMES
