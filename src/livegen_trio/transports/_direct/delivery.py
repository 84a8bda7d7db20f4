"""Messages and pongs on their way to the receiver, in the order in which they came. Without I/O."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from ..base import ignore_delivery

if TYPE_CHECKING:
    from collections.abc import Callable


class Delivery:
    """Hands messages to a callback. While there is none, it keeps them, and the pongs that come between them.

    Attributes:
        take: The callback, which returns False when it wants no more; then it is replaced by None.
        note_pong: Called with the number of messages that the peer has read, by each pong.
        failure: An exception that the receiver's task has to raise: the callback's, or one that came up on its way.
    """

    def __init__(self) -> None:
        self._kept: deque[bytes | int] = deque()  # messages, and what the pongs between them say
        self.take: Callable[[bytes], bool] | None = None
        self.note_pong: Callable[[int], None] = ignore_delivery
        self.failure: BaseException | None = None

    def message(self, message: bytes) -> bool:
        """Hand over a message, or keep it. Returns whether the callback, if there is one, wants more."""
        if self.take is None:
            self._kept.append(message)
            return True
        try:
            if self.take(message):
                return True
        except BaseException as exc:  # noqa: ASYNC103, BLE001 - its own task raises it; what comes behind is kept
            self.failure = exc
        self.take = None
        return False

    def pong(self, messages: int) -> None:
        """Report that the peer has read so many messages, once those before the pong have been received."""
        if not self._kept:
            self.note_pong(messages)
        elif isinstance(self._kept[-1], int):
            self._kept[-1] = messages  # the later one says more
        else:
            self._kept.append(messages)

    def next_kept(self) -> bytes | None:
        """Take the next message that was kept, and report the pongs before it."""
        while self._kept:
            item = self._kept.popleft()
            if isinstance(item, bytes):
                return item
            self.note_pong(item)
        return None

    def drop_kept(self) -> None:
        """Give up the messages that were kept."""
        self._kept.clear()

    def raise_failure(self) -> None:
        """Raise the failure, if there is one, once."""
        if self.failure is not None:
            failure, self.failure = self.failure, None
            raise failure
