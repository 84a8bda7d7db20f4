"""A checkpoint that seldom lets other tasks run, for what is called with every message."""

from __future__ import annotations

from typing import Final

import trio

_TIMES: Final = 8


class RareSwitch:
    """Checkpoints of one kind. Each can be cancelled; at every eighth other tasks run.

    A switch of tasks is most of what it costs to send a chunk that goes out at once, or to receive one that is there. A
    loop of these still lets the others run before they would notice.
    """

    def __init__(self) -> None:
        self._left = _TIMES

    async def checkpoint(self) -> None:
        """Pass it."""
        self._left -= 1
        if self._left:
            await trio.lowlevel.checkpoint_if_cancelled()
        else:
            self._left = _TIMES
            await trio.lowlevel.checkpoint()
