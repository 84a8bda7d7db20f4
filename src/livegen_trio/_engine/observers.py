"""The parts of a session that see each event before its consumer does."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..types import ServerEvent

Observe: TypeAlias = "Callable[[ServerEvent], None]"


class Observers:
    """Functions that are called with events of certain types, in the order in which they were added.

    None of them may block. Each frame's events are walked through once; a type that nobody observes costs one look-up.
    """

    __slots__ = ("_by_type",)

    def __init__(self) -> None:
        self._by_type: dict[type[ServerEvent], tuple[Observe, ...]] = {}

    def add(self, observe: Observe, *types: type[ServerEvent]) -> None:
        """Call *observe* with events of these types from now on, after those that were added before."""
        for kind in types:
            self._by_type[kind] = (*self._by_type.get(kind, ()), observe)

    def remove(self, observe: Observe) -> None:
        """Call *observe* no more. It may do this while it is called, and need not have been added."""
        for kind, observers in list(self._by_type.items()):
            self._by_type[kind] = tuple(one for one in observers if one != observe)

    def notify(self, events: Sequence[ServerEvent]) -> None:
        """Show a frame's events to their observers."""
        for event in events:
            for observe in self._by_type.get(type(event), ()):
                observe(event)
