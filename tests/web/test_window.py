"""Messages that wait for their acknowledgement."""

from __future__ import annotations

import pytest
import trio

from livegen_trio.web._window import Window


async def test_room_comes_with_acknowledgements() -> None:
    window = Window(10)
    window.put(b"x" * 10)
    with trio.move_on_after(0.05) as patience:
        await window.wait_room()
    assert patience.cancelled_caught
    assert window.acknowledge(1)
    assert window.size == 0
    await window.wait_room()


async def test_what_is_unacknowledged_can_be_read_again_and_the_rest_is_gone() -> None:
    window = Window(100)
    for message in (b"one", "two", b"three"):
        window.put(message)
    assert window.acknowledge(1)
    assert not window.has(0)
    assert not window.acknowledge(4)
    assert [await window.next(1), await window.next(2)] == ["two", b"three"]
    window.close()
    assert await window.next(3) is None


@pytest.mark.parametrize("count", [0, 1])
async def test_acknowledging_twice_is_harmless(count: int) -> None:
    window = Window(100)
    window.put(b"one")
    assert window.acknowledge(1)
    assert window.acknowledge(count)
    assert window.end == 1
