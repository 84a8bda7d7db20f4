"""The slow tool of the demonstration, which is there to be spoken over."""

from __future__ import annotations

from typing import Final

import trio

_SECONDS: Final = 60.0


class FlightSearch:
    """Searches flights for longer than anybody waits.

    Attributes:
        begun: Set when a search is under way.
        given_up: The cities whose search was cancelled.
    """

    def __init__(self) -> None:
        self.begun: trio.Event = trio.Event()
        self.given_up: list[str] = []

    async def search_flights(self, city: str) -> str:
        """Search flights to a city."""
        self.begun.set()
        try:
            await trio.sleep(_SECONDS)
        except trio.Cancelled:
            self.given_up.append(city)
            raise
        return f"There are no flights to {city}."
