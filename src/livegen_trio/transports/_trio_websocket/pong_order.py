"""Pongs in order with the messages that trio-websocket receives."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

from ..base import ignore_delivery

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    import trio
    import trio_websocket


class PongOrder:
    """Reports each pong after the messages before it have been received.

    trio-websocket's reader is ahead of the task that receives: it may just have handed it a message, which that task
    will have when it runs. A pong that the reader comes to meanwhile waits for the next `receiving`.

    Attributes:
        note: Called with the number of messages that the peer has read, by each pong.
    """

    def __init__(self, connection: trio_websocket.WebSocketConnection) -> None:
        self._connection = connection
        self._pings = 0
        self._is_receiving = False
        self._late: list[int] = []
        self.note: Callable[[int], None] = ignore_delivery

    def expect_after(self, messages: int) -> bytes:
        """Expect the pong of a ping that goes out after so many messages. Returns the ping's payload."""
        self._pings += 1
        payload = b"%d" % messages
        pings = self._connection._pings  # pyright: ignore[reportPrivateUsage]
        if payload in pings:  # one that is not answered yet, and whose answer counts as well
            payload += b".%d" % self._pings
        # Where trio-websocket's reader looks up which task waits for a pong. It only calls `set`.
        pings[payload] = cast("trio.Event", _Pong(self, messages))
        return payload

    @contextmanager
    def receiving(self) -> Generator[None]:
        """Receive one message inside of this."""
        while self._late:
            self.note(self._late.pop(0))
        self._is_receiving = True
        try:
            yield
        finally:
            self._is_receiving = False

    def arrived(self, messages: int) -> None:
        """Report a pong, now or later."""
        channel = self._connection._recv_channel  # pyright: ignore[reportPrivateUsage]
        if self._is_receiving and not channel.statistics().tasks_waiting_receive:
            self._late.append(messages)
        else:
            self.note(messages)


class _Pong:
    """Looks to trio-websocket like the event that is set when a pong comes."""

    def __init__(self, order: PongOrder, messages: int) -> None:
        self._order = order
        self._messages = messages

    def set(self) -> None:
        self._order.arrived(self._messages)
