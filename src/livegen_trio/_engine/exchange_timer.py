"""The end of exchanges that no event of the server's ends, after the time in which more of them might have come."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._protocol.exchanges import Exchanges
    from ..types import ServerEvent


class ExchangeTimer:
    """Lets exchanges expire when their grace is over. There is a task for it only while there is something to wait for.

    Args:
        exchanges: The account of the session.
        notify: Called after exchanges have expired, with the event for those who wait for them, if somebody does.
    """

    def __init__(self, exchanges: Exchanges, notify: Callable[[ServerEvent | None], None]) -> None:
        self._exchanges = exchanges
        self._notify = notify
        self._nursery: trio.Nursery | None = None
        self._waiting: trio.CancelScope | None = None

    def start(self, nursery: trio.Nursery) -> None:
        """Follow the exchanges from now on, with tasks in *nursery*."""
        self._nursery = nursery
        self._exchanges.notify_change = self._restart

    def stop(self) -> None:
        """Follow them no more."""
        self._nursery = None
        self._stop_waiting()

    def _restart(self) -> None:
        self._stop_waiting()
        grace = self._exchanges.grace
        if grace is None or self._nursery is None:
            return
        if grace == 0:
            self._expire()
            return
        self._waiting = trio.CancelScope()
        self._nursery.start_soon(self._wait, self._waiting, grace)

    async def _wait(self, scope: trio.CancelScope, grace: float) -> None:
        with scope:
            await trio.sleep(grace)
            self._waiting = None
            self._expire()

    def _expire(self) -> None:
        self._notify(self._exchanges.expire())
        self._restart()  # others may have a longer grace

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel(reason="the exchanges have changed")
            self._waiting = None
