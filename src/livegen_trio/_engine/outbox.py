"""Acceptance of inputs from any number of tasks, as long as the session is open and has room."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from .._resumption.inputs import Kind
from .._resumption.ledger import Ledger
from .transmission import Transmission

if TYPE_CHECKING:
    from .._session.buffering import Buffering
    from .._session.closed import Ending
    from .checkpoints import EveryNthCheckpoint


class Outbox:
    """Accepts inputs, which a `Transmission` sends.

    A caller waits in `wait_for_room`, and then puts its frame without another checkpoint in between: so a caller that
    was cancelled has put nothing, and one that was not has put the whole frame. Inputs are accepted between two
    connections as well.

    Attributes:
        ledger: Inputs that wait, that were sent, and the count of those that were dropped.
        transmission: The sending side of the present connection.
        ending_was_seen: Whether a caller has got the error of the session's ending.
    """

    def __init__(self, buffering: Buffering, checkpoints: EveryNthCheckpoint) -> None:
        self._buffering = buffering
        self._checkpoints = checkpoints
        self._ending: Ending | None = None
        self._is_closed = False
        self.ledger: Ledger = Ledger()
        self.transmission: Transmission = Transmission(self.ledger)
        self.ending_was_seen: bool = False

    @property
    def is_closed(self) -> bool:
        """Whether the session was closed on this side."""
        return self._is_closed

    @property
    def unsent_bytes(self) -> int:
        """The size of the frames that wait to be sent for the first time."""
        return sum(self.ledger.backlog.size(is_control=is_control) for is_control in (True, False))

    async def wait_for_room(self, kind: Kind) -> None:
        """Wait until an input of this kind may be put.

        Raises:
            trio.WouldBlock: There is no room for media, and `Buffering.media` is "fail".
            trio.ClosedResourceError: The session was closed on this side.
            SessionClosedError: The session has ended.
        """
        if self._checkpoints.is_due():
            await trio.lowlevel.checkpoint()
        else:
            await trio.lowlevel.checkpoint_if_cancelled()
        if self._is_closed or self._ending is not None or not self.ledger.backlog.is_idle:
            await self._wait_until_room(kind)

    async def _wait_until_room(self, kind: Kind) -> None:  # noqa: ASYNC910 - part of `wait_for_room`
        self.check_open()
        while not self.has_room(kind):
            if kind is Kind.MEDIA and self._buffering.media == "fail":
                raise trio.WouldBlock
            await self.transmission.written.park()
            self.check_open()

    def has_room(self, kind: Kind, *, coming: int = 0) -> bool:
        """Return whether an input of this kind may be put, after others of *coming* bytes that are on their way."""
        if kind.is_control:
            return self.ledger.backlog.size(is_control=True) + coming < self._buffering.control_bytes
        if kind is Kind.MEDIA and self._buffering.media == "drop_oldest":
            # Else the inputs on their way would push each other out.
            return not coming or coming < self._buffering.media_bytes // 2
        return self.ledger.backlog.size(is_control=False) + coming < self._buffering.media_bytes

    def check_open(self) -> None:
        """Check that inputs are still accepted.

        Raises:
            trio.ClosedResourceError: The session was closed on this side.
            SessionClosedError: The session has ended.
        """
        if self._is_closed:
            raise trio.ClosedResourceError("this session has been closed")
        if self._ending is not None:
            self.ending_was_seen = True
            raise self._ending.error()

    @trio.lowlevel.enable_ki_protection  # Ctrl+C waits until the input is in one place: sent, or in the ledger
    def put(self, frame: bytes, kind: Kind) -> None:
        """Accept an input, right after `wait_for_room`."""
        now = trio.current_time()
        if self.transmission.send_nowait(
            frame, kind, now
        ):  # waking up the sender would cost more than sending
            return
        self.ledger.accept(frame, kind, now)
        if self._buffering.media == "drop_oldest":
            oldest = now - self._buffering.media_seconds
            self.ledger.drop_media(max_bytes=self._buffering.media_bytes, before=oldest)
        self.transmission.wake_sender()

    def reopen(self) -> None:
        """Accept inputs again, after an ending that the session has outlived."""
        self._ending = None
        self.ending_was_seen = False

    def end(self, ending: Ending) -> None:
        """Accept no more inputs, nor send any. The first ending counts."""
        self._ending = self._ending or ending
        self.transmission.written.unpark_all()

    def close(self) -> None:
        """Accept no more inputs; those that wait are still sent."""
        self._is_closed = True
        self.transmission.written.unpark_all()
        self.transmission.finish()
