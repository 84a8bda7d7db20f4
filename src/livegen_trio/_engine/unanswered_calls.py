"""Calls that the caller is to answer: reported if they wait for too long."""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING, Final

import trio

from ..types import ToolCallUnanswered

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..types import FunctionCall, ServerEvent

_logger: Final = logging.getLogger(__name__)

UNANSWERED_AFTER: Final = 30.0
"""Seconds after which a call that the caller has not answered is reported: no service waits as patiently as that."""


class UnansweredCalls:
    """Reports each call once, `UNANSWERED_AFTER` seconds after it has come, if it is still not answered.

    Args:
        is_pending: Whether a call still waits for its answer.
        report: Puts an event into the session's inbox.
    """

    def __init__(
        self, is_pending: Callable[[FunctionCall], bool], report: Callable[[ServerEvent], None]
    ) -> None:
        self._is_pending = is_pending
        self._report = report
        self._due: deque[tuple[float, FunctionCall]] = deque()  # in the order of their times
        self._parking_lot = trio.lowlevel.ParkingLot()

    def add(self, call: FunctionCall) -> None:
        """Watch *call* from now on."""
        self._due.append((trio.current_time() + UNANSWERED_AFTER, call))
        self._parking_lot.unpark_all()

    async def watch(self) -> None:
        """Report calls until this is cancelled."""
        while True:
            if not self._due:
                await self._parking_lot.park()
            await trio.sleep_until(self._due[0][0])
            _, call = self._due.popleft()
            if self._is_pending(call):
                _logger.warning(
                    "the call %s of %s is not answered; the model may wait for it", call.id, call.name
                )
                self._report(ToolCallUnanswered(call=call, seconds=UNANSWERED_AFTER))
