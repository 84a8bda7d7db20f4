"""The stream of one client of the embedded server, on which a flood ends the connection and not the server."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import trio

from ._frame_scanner import FrameScanner

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Buffer

    from ._fairness import WorkShare
    from ._request import Request

LARGEST_SETUP: Final = 2 * 2**20  # bytes of the first message
UNFINISHED_BYTES: Final = 128 * 2**20  # of all clients' messages that are not read whole
MESSAGE_TIMEOUT: Final = 30.0  # seconds from a message's first byte to its last

_READ_SIZE: Final = 64 * 2**10  # bytes
_FRAMES_A_ROUND: Final = 16
_FRAME_SECONDS: Final = 20e-6  # of work that the WebSocket library has with a frame
_BYTE_SECONDS: Final = 10e-9  # and with a byte
_OVERHEAD_BURST: Final = 1000  # frames that carry nothing or little
_OVERHEAD_RATE: Final = 200.0  # such frames a second
_DISCARDING_PAUSE: Final = 0.02  # seconds

_POLICY_VIOLATION: Final = 1008
_TOO_BIG: Final = 1009
_TRY_AGAIN_LATER: Final = 1013
_NO_ROOM: Final = "The server has too many unfinished messages; try again later."


class MemoryBudget:
    """Bytes that all clients together may have the server keep. If they are used up, the greediest one has to go."""

    def __init__(self, size: int = UNFINISHED_BYTES) -> None:
        self._left = size
        self._kept: dict[GuardedStream, int] = {}

    def keep(self, stream: GuardedStream, size: int) -> None:
        """Note that *size* bytes are kept for a client now."""
        self._left -= size - self._kept.get(stream, 0)
        self._kept[stream] = size
        if self._left < 0:
            max(self._kept, key=self._kept.__getitem__).end(_TRY_AGAIN_LATER, _NO_ROOM)

    def release(self, stream: GuardedStream) -> None:
        """Give back all of a client's bytes."""
        self._left += self._kept.pop(stream, 0)


class GuardedStream(trio.abc.Stream):
    """A client's stream, which hands over its frames in small numbers, and ends the connection on a flood.

    The request's head is read from it once more, by the WebSocket library. Behind it frames are counted by their
    headers. A client that sends too many frames that carry little, a message that takes too long, or more unfinished
    bytes than there is room for, ends by `on_breach`; from then on what it sends is dropped.
    """

    def __init__(
        self, stream: trio.abc.Stream, request: Request, share: WorkShare, budget: MemoryBudget
    ) -> None:
        self._stream = stream
        self._share = share
        self._budget = budget
        self._head, self._held = request.head, request.rest
        self._scanner = FrameScanner()
        self._unfinished = 0
        self._messages = 0
        self._message_ends_by: float | None = None
        self._overhead = _Bucket(_OVERHEAD_BURST, _OVERHEAD_RATE)
        self._breach: tuple[int, str] | None = None
        self._on_breach: Callable[[int, str], None] | None = None
        self.largest_message: int = LARGEST_SETUP

    def on_breach(self, end: Callable[[int, str], None]) -> None:
        """Call *end* with a close code and a reason when the client has broken a rule; at once if it has already."""
        self._on_breach = end
        if self._breach is not None:
            end(*self._breach)

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Receive the bytes of some frames; none any more after a breach."""
        if self._head:
            await trio.lowlevel.checkpoint()
            head, self._head = self._head, b""
            return head
        if self._breach is None:
            self._release()
        await self._share.wait_turn()
        if self._breach is None and not self._held:
            with trio.CancelScope(deadline=self._deadline()) as scope:
                self._held = bytes(await self._stream.receive_some(max_bytes or _READ_SIZE))
            if scope.cancelled_caught:
                self.end(_POLICY_VIOLATION, "A message took too long to arrive.")
        data = self._next_frames() if self._breach is None else b""
        if self._breach is not None:
            await self._discard()
            return b""
        return data

    async def send_all(self, data: Buffer) -> None:
        await self._stream.send_all(memoryview(data))

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        self._budget.release(self)
        await self._stream.aclose()

    def end(self, code: int, reason: str) -> None:
        """End the connection with a close code, and drop what still comes of it."""
        if self._breach is None:
            self._breach = code, reason
            self._budget.release(self)
            if self._on_breach is not None:
                self._on_breach(code, reason)

    def _next_frames(self) -> bytes:
        scanner, before = self._scanner, (self._scanner.frames, self._scanner.overhead)
        size = scanner.scan(self._held, _FRAMES_A_ROUND)
        data, self._held = self._held[:size], self._held[size:]
        self._share.charge((scanner.frames - before[0]) * _FRAME_SECONDS + size * _BYTE_SECONDS)
        if not self._overhead.take(scanner.overhead - before[1]):
            self.end(_POLICY_VIOLATION, "Too many frames that carry little or nothing.")
        elif scanner.unfinished > self.largest_message:
            self.end(_TOO_BIG, f"The message is larger than {self.largest_message} bytes.")
        else:
            self._budget.keep(self, self._unfinished + size)
        return data

    def _release(self) -> None:
        """Note that the library wants more: what it has had is taken, but for a message that is not whole."""
        scanner = self._scanner
        self._unfinished = scanner.unfinished
        self._budget.keep(self, self._unfinished)
        if scanner.is_between_messages:
            self._message_ends_by = None
        elif self._message_ends_by is None or scanner.messages != self._messages:
            self._message_ends_by = trio.current_time() + MESSAGE_TIMEOUT
        self._messages = scanner.messages

    def _deadline(self) -> float:
        return float("inf") if self._message_ends_by is None else self._message_ends_by

    async def _discard(self) -> None:
        """Drop what comes, so that our Close gets through, until the client hangs up or the stream is closed."""
        self._held = b""
        while await self._stream.receive_some(_READ_SIZE):  # noqa: ASYNC110 - it paces what it drops
            await trio.sleep(_DISCARDING_PAUSE)


class _Bucket:
    """A number of things at once, and so many a second in the long run."""

    def __init__(self, burst: float, rate: float) -> None:
        self._left = self._burst = burst
        self._rate = rate
        self._counted_at = time.perf_counter()

    def take(self, count: int) -> bool:
        """Take some; False if there are not so many."""
        now = time.perf_counter()
        self._left = min(self._left + (now - self._counted_at) * self._rate, self._burst) - count
        self._counted_at = now
        return self._left >= 0
