"""Messages and pongs on their way to the receiver, without a connection."""

from __future__ import annotations

import pytest

from livegen_trio.transports._direct.delivery import Delivery


def test_pongs_wait_for_the_messages_before_them_and_a_later_one_replaces_an_earlier() -> None:
    delivery = Delivery()
    noted: list[int] = []
    delivery.note_pong = noted.append
    delivery.pong(1)
    assert noted == [1]
    assert delivery.message(b"one")
    delivery.pong(2)
    delivery.pong(3)
    assert delivery.message(b"two")
    delivery.pong(4)
    assert (delivery.next_kept(), noted) == (b"one", [1])
    assert (delivery.next_kept(), noted) == (b"two", [1, 3])
    assert (delivery.next_kept(), noted) == (None, [1, 3, 4])


def test_a_callback_that_fails_is_left_and_its_error_raised_once() -> None:
    def fail(_: bytes) -> bool:
        raise ZeroDivisionError

    delivery = Delivery()
    delivery.take = fail
    assert not delivery.message(b"one")
    assert delivery.take is None
    assert delivery.message(b"two")
    with pytest.raises(ZeroDivisionError):
        delivery.raise_failure()
    delivery.raise_failure()
    assert delivery.next_kept() == b"two"


def test_what_was_kept_can_be_given_up() -> None:
    delivery = Delivery()
    delivery.message(b"one")
    delivery.pong(1)
    delivery.drop_kept()
    assert delivery.next_kept() is None
