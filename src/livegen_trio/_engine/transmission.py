"""The sending side of the present connection: what goes out at once, what the sender task writes, and the pings."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, TypeAlias

import trio

from .._resumption.inputs import Input, Kind
from .acknowledgement import SETUP_FRAMES, PingSchedule

if TYPE_CHECKING:
    from .._resumption.ledger import Ledger
    from ..transports.base import Transport


class Control(Enum):
    """Something that the sender task writes and that is not an input."""

    PING = "ping"


Outgoing: TypeAlias = Input | Control


class Transmission:
    """Moves the inputs of a ledger onto one connection after the other.

    An input that need not wait is written by the caller's own system call (`send_nowait`); the sender task writes the
    others (`wait_for_next`, `note_written`). Both note in the ledger what was written, and ping behind it.

    Attributes:
        written: Unparked whenever the sender task has written an input whole.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._schedule = PingSchedule()
        self._transport: Transport | None = None
        self._is_leaving = False
        self._is_finishing = False
        self._needs_ping = False
        self._has_unacknowledged = False
        self._sender = trio.lowlevel.ParkingLot()
        self._unacknowledged = trio.lowlevel.ParkingLot()
        self.written: trio.lowlevel.ParkingLot = trio.lowlevel.ParkingLot()

    @property
    def is_ending(self) -> bool:
        """Whether the connection is being left: for good, or for another one."""
        return self._is_finishing or self._is_leaving

    # From one connection to the next

    def start(self, transport: Transport, *, acknowledges_by_pong: bool) -> None:
        """Send on *transport* from now on, and ping where that is how the server acknowledges inputs."""
        self._transport = transport
        if acknowledges_by_pong:
            self._schedule.start()
            transport.watch_delivery(self._note_delivery)

    def leave(self) -> None:
        """Send nothing more on this connection: what waits, waits for the next one."""
        self._transport = None
        self._is_leaving = True
        self._sender.unpark_all()

    def finish(self) -> None:
        """Let the sender task end once everything that waits is written."""
        self._is_finishing = True
        self._sender.unpark_all()

    def lose_connection(self, *, replay: bool, max_replays: int) -> None:
        """Take back what may be lost with the connection; with *replay* it is sent again on the next one.

        An input that was sent again *max_replays* times is not.
        """
        self._transport = None
        self._schedule.stop()
        self._is_leaving = False
        self._needs_ping = False
        self._ledger.lose_connection(trio.current_time(), replay=replay, max_replays=max_replays)

    # Inputs

    def send_nowait(self, frame: bytes, kind: Kind, now: float) -> bool:
        """Send an input at once, if nothing waits before it; returns False, and nothing is sent, otherwise."""
        transport = self._transport
        if transport is None or self._needs_ping or not self._ledger.backlog.is_idle:
            return False
        ping = self._schedule.is_due(now, kind is not Kind.MEDIA)
        if not transport.send_nowait(frame, ping=ping):
            return False
        self._ledger.accept_sent(frame, kind, now)
        if ping:
            self._schedule.note_ping(now)
        if not self._has_unacknowledged:
            self._note_unacknowledged()
        return True

    def wake_sender(self) -> None:
        """Have the sender task look at the ledger again."""
        self._sender.unpark_all()

    async def wait_for_next(self) -> Outgoing | None:
        """Wait for the next thing to write, pings first; None when the connection is to be closed."""
        await trio.lowlevel.checkpoint()
        while True:
            if self._needs_ping:
                self._needs_ping = False
                self._schedule.note_ping(trio.current_time())
                return Control.PING
            if self._is_leaving:
                return None
            if (entry := self._ledger.backlog.take()) is not None:
                return entry
            if self._is_finishing:
                return None
            await self._sender.park()

    @trio.lowlevel.enable_ki_protection
    def note_written(self) -> None:
        """Note that the input that `wait_for_next` returned last has been written whole."""
        entry = self._ledger.note_written()
        if not self._has_unacknowledged:
            self._note_unacknowledged()
        if self._schedule.is_due(trio.current_time(), entry.kind is not Kind.MEDIA):
            self.ping()
        self.written.unpark_all()

    # Pings

    def ping(self) -> None:
        """Ping the server: at once, or as soon as the sender task can."""
        if self._transport is not None and not self._needs_ping and self._transport.ping_nowait():
            self._schedule.note_ping(trio.current_time())
            return
        self._needs_ping = True
        self._sender.unpark_all()

    def ping_unacknowledged(self) -> None:
        """Ping the server, if an input is not acknowledged and no ping was sent of late."""
        if self._ledger.sent.unacknowledged and self._schedule.is_due(trio.current_time()):
            self.ping()

    async def wait_unacknowledged(self) -> None:
        """Wait until an input was sent that is not acknowledged."""
        await trio.lowlevel.checkpoint()
        while not self._ledger.sent.unacknowledged:
            self._has_unacknowledged = False
            await self._unacknowledged.park()

    def _note_unacknowledged(self) -> None:
        self._has_unacknowledged = True
        self._unacknowledged.unpark_all()

    @trio.lowlevel.enable_ki_protection
    def _note_delivery(self, frames: int) -> None:
        self._ledger.acknowledge(frames - SETUP_FRAMES, trio.current_time())
