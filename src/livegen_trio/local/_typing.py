"""Text that the user writes in real time, until it is a turn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import trio

if TYPE_CHECKING:
    from collections.abc import Callable

TEXT_GRACE: Final = 0.1  # seconds without more text, after which it is a turn: text may come in fragments

_TEXT_PATIENCE: Final = 2.0  # seconds after which text is a turn, even if more of it comes all the time
_TEXT_SIZE: Final = 2**20  # bytes of text, about, after which the rest is another turn
_FRAGMENT_SIZE: Final = 64  # bytes of memory that a fragment takes besides its text


class Typing:
    """Text that the user writes in real time, in fragments, until it is a turn."""

    def __init__(self, nursery: trio.Nursery, end: Callable[[], None]) -> None:
        self._nursery = nursery
        self._end = end
        self._fragments: list[str] = []
        self._size = 0
        self._waiting: trio.CancelScope | None = None
        self._since = 0.0

    @property
    def is_under_way(self) -> bool:
        """Whether a turn is to be made of the text soon."""
        return self._waiting is not None

    def has_room_for(self, text: str) -> bool:
        """Whether a fragment can be added to what there is."""
        return not self._fragments or self._size + len(text) + _FRAGMENT_SIZE <= _TEXT_SIZE

    def add(self, text: str) -> None:
        """Add a fragment."""
        self._fragments.append(text)
        self._size += len(text) + _FRAGMENT_SIZE

    def take(self) -> str:
        """Take the text so far."""
        text, self._fragments, self._size = "".join(self._fragments), [], 0
        return text

    def wait_for_more(self) -> None:
        """Make a turn of the text as soon as no more has come for a while."""
        now = trio.current_time()
        if self._waiting is None:
            self._waiting, self._since = trio.CancelScope(), now
            self._nursery.start_soon(self._wait, self._waiting)
        self._waiting.deadline = min(now + TEXT_GRACE, self._since + _TEXT_PATIENCE)

    async def _wait(self, scope: trio.CancelScope) -> None:
        with scope:
            await trio.sleep_forever()
        self._waiting = None
        self._end()
