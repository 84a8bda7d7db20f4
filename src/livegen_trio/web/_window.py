"""Messages for a browser that it has not acknowledged; a later connection of its gets them again."""

from __future__ import annotations

from collections import deque

import anyio


class Window:
    """Numbered messages, from the first that is unacknowledged on, bounded in bytes.

    Args:
        limit: Bytes from which on `wait_room` waits.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._messages: deque[bytes | str] = deque()
        self._first = 0
        self._size = 0
        self._changed = anyio.Event()
        self.is_closed = False

    @property
    def end(self) -> int:
        """The number that the next message gets."""
        return self._first + len(self._messages)

    @property
    def size(self) -> int:
        """Bytes that are kept."""
        return self._size

    def put(self, message: bytes | str) -> None:
        """Append a message. It is the sender who waits for room, before."""
        self._messages.append(message)
        self._size += _size(message)
        self._notify()

    def close(self) -> None:
        """Append nothing more: those who have sent all are done."""
        self.is_closed = True
        self._notify()

    def has(self, number: int) -> bool:
        """Whether a connection can go on with message *number*."""
        return self._first <= number <= self.end

    def acknowledge(self, count: int) -> bool:
        """Forget the first *count* messages; False if so many were never put."""
        if count > self.end:
            return False
        while self._first < count:
            self._size -= _size(self._messages.popleft())
            self._first += 1
        self._notify()
        return True

    async def wait_room(self) -> None:
        """Wait until less than the limit is unacknowledged."""
        while self._size >= self._limit and not self.is_closed:
            await self._changed.wait()

    async def next(self, number: int) -> bytes | str | None:
        """Wait for message *number*, and return it; None if there is none and there will be none."""
        while number >= self.end:
            if self.is_closed:
                return None
            await self._changed.wait()
        return self._messages[max(0, number - self._first)]

    def _notify(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()


def _size(message: bytes | str) -> int:
    return len(message) if isinstance(message, bytes) else 4 * len(message)
