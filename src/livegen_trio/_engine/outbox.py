"""Where inputs wait for the sender, and what is sent waits to be acknowledged: the ledger, with tasks around it."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, TypeAlias

import trio

from .._resumption.ledger import Input, Kind, Ledger
from .acknowledgement import SETUP, Asking

if TYPE_CHECKING:
    from .._resumption.ledger import Loss
    from .._session.buffering import Buffering
    from .._session.closed import Ending
    from ..transports.base import Transport
    from .rare_switch import RareSwitch


class Control(Enum):
    """What the sender does beside sending inputs."""

    PING = "ping"


Outgoing: TypeAlias = Input | Control


class Outbox:
    """Inputs from any number of tasks, for one sender.

    A caller waits for `room`, and then puts its frame without another checkpoint in between: so a caller that was
    cancelled has put nothing, and one that was not has put the whole frame. Between two connections it takes more.

    Attributes:
        ledger: What waits, what was sent, what was dropped.
    """

    def __init__(self, buffering: Buffering, switching: RareSwitch) -> None:
        self._buffering = buffering
        self._putting = trio.lowlevel.ParkingLot()
        self._taking = trio.lowlevel.ParkingLot()
        self._doubting = trio.lowlevel.ParkingLot()
        self._switching = switching
        self._transport: Transport | None = None
        self._asking = Asking()
        self._in_doubt = False
        self._ping_wanted = False
        self._leaving = False
        self._ending: Ending | None = None
        self._closed = False
        self.ledger: Ledger = Ledger()
        self.ending_was_seen: bool = False

    @property
    def is_closed(self) -> bool:
        """Whether the session was closed on this side."""
        return self._closed

    @property
    def is_running_out(self) -> bool:
        """Whether the connection that it serves is being left: for good, or for another."""
        return self._closed or self._leaving

    @property
    def unsent_bytes(self) -> int:
        """The size of what waits to be sent for the first time."""
        return self.ledger.control_bytes + self.ledger.realtime_bytes

    # For whoever speaks

    async def room(self, kind: Kind) -> None:
        """Wait until an input of this kind may be put.

        Raises:
            trio.WouldBlock: There is none for media, which is to fail.
            trio.ClosedResourceError: The session was closed on this side.
            SessionClosedError: The session has ended.
        """
        if self._switching.is_due():
            await trio.lowlevel.checkpoint()
        else:
            await trio.lowlevel.checkpoint_if_cancelled()
        if self._closed or self._ending is not None or not self.ledger.is_idle:
            await self._wait_for_room(kind)

    async def _wait_for_room(self, kind: Kind) -> None:  # noqa: ASYNC910 - part of `room`
        self.check_open()
        while not self.has_room(kind):
            if kind is Kind.MEDIA and self._buffering.media == "fail":
                raise trio.WouldBlock
            await self._putting.park()
            self.check_open()

    def has_room(self, kind: Kind, *, coming: int = 0) -> bool:
        """Whether an input of this kind may be put, after others of *coming* bytes that are on their way."""
        if kind.is_control:
            return self.ledger.control_bytes + coming < self._buffering.control_bytes
        if kind is Kind.MEDIA and self._buffering.media == "drop_oldest":
            return (
                coming < self._buffering.media_bytes // 2 or not coming
            )  # so that they don't push each other out
        return self.ledger.realtime_bytes + coming < self._buffering.media_bytes

    def check_open(self) -> None:
        """See that inputs are still taken.

        Raises:
            trio.ClosedResourceError: The session was closed on this side.
            SessionClosedError: The session has ended.
        """
        if self._closed:
            raise trio.ClosedResourceError("this session has been closed")
        if self._ending is not None:
            self.ending_was_seen = True
            raise self._ending.error()

    def put(self, frame: bytes, kind: Kind) -> None:
        """Add an input, right after `room`."""
        now = trio.current_time()
        # It takes longer to wake up the sender than to send.
        if self._transport is not None and self.ledger.is_idle and not self._ping_wanted:
            ping = self._asking.is_due(now, urgent=kind is not Kind.MEDIA)
            if self._transport.send_nowait(frame, ping=ping):
                self.ledger.accept_sent(frame, kind, now)
                self._note_sent(now, asked=ping)
                return
        self.ledger.accept(frame, kind, now)
        if self._buffering.media == "drop_oldest":
            self.ledger.drop_media(
                max_bytes=self._buffering.media_bytes, before=now - self._buffering.media_seconds
            )
        self._taking.unpark_all()

    # For the connection

    def attach(self, transport: Transport, *, asks: bool) -> None:
        """Send by this what can be sent without waiting. The sender does the rest.

        Where it *asks*, pings go along with inputs, and their answers acknowledge what was sent.
        """
        self._transport = transport
        if asks:
            self._asking.begin()
            transport.watch_delivery(self._note_delivery)

    def ping(self) -> None:
        """Ping the server: at once, or as soon as the sender can."""
        if self._transport is not None and not self._ping_wanted and self._transport.ping_nowait():
            self._asking.has_asked(trio.current_time())
            return
        self._ping_wanted = True
        self._taking.unpark_all()

    async def take(self) -> Outgoing | None:
        """The next thing to send, pings first; None when the connection is to be closed."""
        await trio.lowlevel.checkpoint()
        while True:
            if self._ping_wanted:
                self._ping_wanted = False
                self._asking.has_asked(trio.current_time())
                return Control.PING
            if self._leaving:
                return None
            if (entry := self.ledger.take()) is not None:
                return entry
            if self._closed:
                return None
            await self._taking.park()

    def sent(self) -> None:
        """The input taken last has been sent whole."""
        entry = self.ledger.sent()
        now = trio.current_time()
        self._note_sent(now, asked=False)
        if self._asking.is_due(now, urgent=entry.kind is not Kind.MEDIA):
            self.ping()
        self._putting.unpark_all()

    async def wait_for_doubt(self) -> None:
        """Wait until something was sent that the server is not known to have."""
        await trio.lowlevel.checkpoint()
        while not self.ledger.unacknowledged:
            self._in_doubt = False
            await self._doubting.park()

    def ask_again(self) -> None:
        """Ping the server, if something is in doubt and it was not asked of late."""
        if self.ledger.unacknowledged and self._asking.is_due(trio.current_time()):
            self.ping()

    def _note_sent(self, now: float, *, asked: bool) -> None:
        if asked:
            self._asking.has_asked(now)
        if not self._in_doubt:
            self._in_doubt = True
            self._doubting.unpark_all()

    def _note_delivery(self, frames: int) -> None:
        self.ledger.acknowledge(frames - SETUP)

    # For the supervisor

    def leave(self) -> None:
        """The connection is being replaced: what waits, waits for the next one."""
        self._transport = None
        self._leaving = True
        self._taking.unpark_all()

    def lose_connection(self, *, replay: bool) -> Loss:
        """The connection is gone: with *replay*, what may not have arrived is sent again on the next one."""
        self._transport = None
        self._asking.stop()
        self._leaving = False
        self._ping_wanted = False
        return self.ledger.lose_connection(trio.current_time(), replay=replay)

    def reopen(self) -> None:
        """The session goes on after all."""
        self._ending = None
        self.ending_was_seen = False

    def end(self, ending: Ending) -> None:
        """Nothing can be sent any more. The first ending counts."""
        self._ending = self._ending or ending
        self._putting.unpark_all()

    def close(self) -> None:
        """Take no more inputs; what waits is still sent."""
        self._closed = True
        self._putting.unpark_all()
        self._taking.unpark_all()
