"""The exchanges of the tool calls that wait for their answer, found by the calls. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .exchange import Exchange

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..types import FunctionCall


class ExchangesByCall:
    """Exchanges by the ids of their calls; each knows how many of its calls wait."""

    def __init__(self) -> None:
        self._exchanges: dict[str, Exchange] = {}

    def __bool__(self) -> bool:
        return bool(self._exchanges)

    def __iter__(self) -> Iterator[Exchange]:
        """Iterate over the exchanges, each once, in the order of their oldest calls."""
        return iter({id(one): one for one in self._exchanges.values()}.values())

    def assign(self, calls: Iterable[FunctionCall], exchange: Exchange) -> None:
        """Have *exchange* wait for the answers to *calls*."""
        for call in calls:
            self._assign(call.id or "", exchange)

    def find(self, ids: Iterable[str]) -> list[Exchange]:
        """Return the exchanges of the calls of these ids, each once."""
        found = {id(one): one for one in map(self._exchanges.get, ids) if one is not None}
        return [*found.values()]

    def release(self, ids: Iterable[str]) -> list[Exchange]:
        """Have nothing wait for the calls of these ids; return the exchange of each that was waited for.

        A server may send any number of ids.
        """
        return [exchange for exchange in map(self._release, ids) if exchange is not None]

    def orphan(self) -> list[Exchange]:
        """Take all calls from their exchanges, to which they mean nothing any more; return the exchanges."""
        exchanges, orphaned = [*self], Exchange(is_orphaned=True)
        for call_id in [*self._exchanges]:
            self._assign(call_id, orphaned)
        return exchanges

    def clear(self) -> list[Exchange]:
        """Have nothing wait for any call; return the exchanges."""
        exchanges = [*self]
        self.release([*self._exchanges])
        return exchanges

    def _assign(self, call_id: str, exchange: Exchange) -> None:
        self._release(call_id)  # a call may come in pieces
        self._exchanges[call_id] = exchange
        exchange.pending_calls += 1

    def _release(self, call_id: str) -> Exchange | None:
        exchange = self._exchanges.pop(call_id, None)
        if exchange is not None:
            exchange.pending_calls -= 1
        return exchange
