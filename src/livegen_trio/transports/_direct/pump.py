"""One task reads for all connections of a run: one leads, and the others sleep until their connection has ended.

For each wake-up Trio lets a task run, and arms the socket again; that costs more than reading a frame. So all sockets
are in one epoll instance, and one task waits for that and reads what has arrived on any of them. It needs no nursery:
it is one of the tasks that would have read for themselves, and when its connection ends another one takes its place.
"""

from __future__ import annotations

import select
from typing import TYPE_CHECKING, Final, Protocol

import trio

if TYPE_CHECKING:
    import socket

IS_AVAILABLE: Final = hasattr(select, "epoll")
"""True on systems with epoll."""

_running: Final[trio.lowlevel.RunVar[Pump | None]] = trio.lowlevel.RunVar("livegen_trio.pump", None)


class Member(Protocol):
    """A connection that the pump reads for."""

    @property
    def sock(self) -> socket.socket:
        """The socket to wait for."""
        ...

    @property
    def is_finished(self) -> bool:
        """True once nothing more is to be read."""
        ...

    @property
    def wants_to_write(self) -> bool:
        """True while the network has not taken everything."""
        ...

    def on_ready(self, now: float) -> None:
        """Read and write what is possible now. Raises nothing and doesn't wait."""
        ...


class Pump:
    """The reader of one run of Trio, as long as it has members."""

    def __init__(self) -> None:
        self._epoll: select.epoll = select.epoll()
        self._members: dict[int, Member] = {}
        self._followers: dict[Member, trio.lowlevel.ParkingLot] = {}
        self._leader: Member | None = None
        self._leading = trio.CancelScope()

    async def serve(self, member: Member) -> None:
        """Have `on_ready` called until the member is finished; and read for the others, if no other task does."""
        descriptor = member.sock.fileno()
        self._epoll.register(descriptor, _interests(member))
        self._members[descriptor] = member
        try:
            while not member.is_finished:
                if self._leader is None:
                    await self._lead(member)
                else:
                    await self._follow(member)
        finally:
            self._forget(member)
            self._promote_follower()

    def rearm(self, member: Member) -> None:
        """Note that the member has begun, or ceased, to want to write."""
        descriptor = member.sock.fileno()
        if self._members.get(descriptor) is member:  # else it is released, and its task is about to go on
            self._epoll.modify(descriptor, _interests(member))

    def release(self, member: Member) -> None:
        """Let go of a member that is finished, and have its task go on. Its socket has to be open still.

        A closed socket would stay in the epoll instance as long as another process has a copy of it, and its number may
        soon be another's.
        """
        self._forget(member)
        if member is self._leader:
            self._leading.cancel(reason="its own connection has ended")
        else:
            self._followers[member].unpark_all()

    async def _lead(self, member: Member) -> None:
        self._leader = member
        try:
            with trio.CancelScope() as self._leading:
                while not member.is_finished:
                    await trio.lowlevel.wait_readable(self._epoll)
                    self._serve_ready()
        finally:
            self._leader = None

    async def _follow(self, member: Member) -> None:
        lot = self._followers[member] = trio.lowlevel.ParkingLot()
        try:
            await lot.park()
        finally:
            del self._followers[member]

    def _serve_ready(self) -> None:
        now = trio.current_time()
        for descriptor, _ in self._epoll.poll(0):
            member = self._members.get(descriptor)  # the one before it may have ended it
            if member is not None:
                member.on_ready(now)

    def _forget(self, member: Member) -> None:
        descriptor = member.sock.fileno()
        if self._members.get(descriptor) is member:
            del self._members[descriptor]
            self._epoll.unregister(descriptor)

    def _promote_follower(self) -> None:
        if self._leader is not None:
            return
        for lot in self._followers.values():
            lot.unpark_all()
            return
        self._epoll.close()
        _running.set(None)


def pump_of_this_run() -> Pump:
    """Return the pump of the calling task's run."""
    pump = _running.get()
    if pump is None:
        pump = Pump()
        _running.set(pump)
    return pump


def _interests(member: Member) -> int:
    return select.EPOLLIN | (select.EPOLLOUT if member.wants_to_write else 0)
