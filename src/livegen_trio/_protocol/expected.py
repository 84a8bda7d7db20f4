"""The exchanges that the model is to say something in, in order. Pure."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from .exchange import DUE_GRACE, FORGETTING_GRACE, LIKELY_GRACE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .exchange import Exchange, Turn

# Questions that nobody has answered are remembered up to this number; the oldest are forgotten.
_MOST: Final = 64


class Expected:
    """A queue of exchanges: questions without an answer, answers of tools without a reply, turns to be spoken again."""

    def __init__(self) -> None:
        self._exchanges: deque[Exchange] = deque()

    def __bool__(self) -> bool:
        return bool(self._exchanges)

    def __iter__(self) -> Iterator[Exchange]:
        return iter(self._exchanges)

    @property
    def grace(self) -> float | None:
        """The shortest grace of them."""
        return min((one.grace for one in self._exchanges if one.grace is not None), default=None)

    def append(self, exchange: Exchange) -> None:
        """Expect something in *exchange*, after the others, but before what the server has most likely forgotten."""
        if exchange not in self._exchanges:
            behind = 0 if exchange.is_orphaned else sum(one.is_orphaned for one in self._exchanges)
            self._exchanges.insert(len(self._exchanges) - behind, exchange)
        if len(self._exchanges) > _MOST:
            self._exchanges.popleft()

    def put_back(self, exchange: Exchange) -> None:
        """Expect something in *exchange* next."""
        self._exchanges.appendleft(exchange)

    def take(self) -> Exchange:
        """Take the exchange that the model says something in next."""
        return self._exchanges.popleft()

    def take_expired(self) -> list[Exchange]:
        """Take the exchanges of the shortest grace, since it is over."""
        grace = self.grace
        expired = [one for one in self._exchanges if one.grace == grace]
        self._exchanges = deque(one for one in self._exchanges if one.grace != grace)
        return expired

    def wait_without_limit(self) -> None:
        """Wait for all of them, as long as a turn is under way."""
        for exchange in self._exchanges:
            exchange.grace = None

    def doubt_after(self, turn: Turn) -> None:
        """Take a turn that has just ended for the answer to all questions, unless another one follows in time."""
        ended = turn.exchange
        goes_on = ended.ends_with is None and ended.grace is None and not ended.is_doubtful
        if goes_on or not turn.may_answer:
            return  # it was over before they were asked, or its exchange goes on
        for exchange in self._exchanges:
            is_next = exchange in turn.cut_by and not ended.is_doubtful
            if not (exchange.has_begun or is_next):
                exchange.grace = DUE_GRACE if turn.is_cut else LIKELY_GRACE
            elif exchange is not ended and ended.is_doubtful and not exchange.pending_calls:
                exchange.grace = DUE_GRACE  # the turn may have been its reply

    def doubt_behind(self) -> None:
        """Take what an exchange that is over has said for the answer to newer questions, unless another one follows."""
        for exchange in self._exchanges:
            if exchange.is_behind and not exchange.has_begun:
                exchange.grace = LIKELY_GRACE

    def limit_unread(self) -> None:
        """Forget answers that no reader waits for, if they don't come."""
        for exchange in self._exchanges:
            if exchange.grace is None and not exchange.is_asked:
                exchange.grace = FORGETTING_GRACE
