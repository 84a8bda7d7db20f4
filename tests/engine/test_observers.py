"""The parts of a session that see each event before its consumer does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from livegen_trio import GoAway, ServerContent, ToolCall
from livegen_trio._engine.observers import Observers

if TYPE_CHECKING:
    from collections.abc import Callable

    from livegen_trio import ServerEvent


def test_observers_see_the_events_of_their_types_in_the_order_in_which_they_were_added() -> None:
    seen: list[tuple[str, ServerEvent]] = []

    def note_as(name: str) -> Callable[[ServerEvent], None]:
        return lambda event: seen.append((name, event))

    observers = Observers()
    observers.add(note_as("a"), GoAway)
    observers.add(note_as("b"), ToolCall, GoAway)
    content, going, call = ServerContent(), GoAway(), ToolCall()
    observers.notify([content, going, call])
    assert seen == [("a", going), ("b", going), ("b", call)]


def test_an_observer_can_remove_itself_while_it_is_called() -> None:
    seen: list[str] = []
    observers = Observers()

    def once(_event: ServerEvent) -> None:
        seen.append("once")
        observers.remove(once)

    observers.add(once, GoAway, ToolCall)
    observers.add(lambda _event: seen.append("always"), GoAway)
    observers.notify([GoAway(), ToolCall(), GoAway()])
    assert seen == ["once", "always", "always"]
    observers.remove(once)  # and need not be there
