"""The tool of the demonstration: weather that is made up, and the same for a city every time."""

from __future__ import annotations

from typing import Final
from zlib import crc32

_SKIES: Final = ("sunny", "cloudy", "rainy", "windy", "foggy")


async def get_weather(city: str) -> dict[str, object]:
    """Current weather of a city."""
    number = crc32(city.strip().lower().encode())
    return {"city": city, "celsius": 5 + number % 25, "conditions": _SKIES[number % len(_SKIES)]}
