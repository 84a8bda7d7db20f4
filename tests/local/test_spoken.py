"""Text as it is read aloud."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, strategies as st

from livegen_trio.local.speech._spoken import spoken


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It is 12.5\u00b0C.", "It is 12.5 degrees Celsius."),
        ("1 \u00b0C", "1 degree Celsius"),
        ("70\u00b0F, 90\u00b0", "70 degrees Fahrenheit, 90 degrees"),
        ("60 km/h for 5 km", "60 kilometers per hour for 5 kilometers"),
        ("5 kmx", "5 kmx"),
        ("10:30 pm, 7:05, 9:00, 8:00 am and 10:30:15", "10 30 pm, 7 oh 5, 9 o'clock, 8 am and 10 30"),
        ("2024-05-01", "May 1, 2024"),
        ("2024-15-01", "2024 to 15 to 01"),
        ("\u00a5100, $5 and -$5", "100 yen, $5 and minus $5"),
        ("1/2 of 3*4 = 6", "1 over 2 of 3 times 4 equals 6"),
        ("5-10 minutes", "5 to 10 minutes"),
        ("e.g. this, i.e. that, etc.", "for example this, that is that, and so on"),
        ("see https://www.example.com/a", "see example.com a"),
        ("snake_case *bold* #1", "snake case bold number 1"),
        ("1234567890123456", "1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6"),
        ("Z\u00fcrich voil\u00e0 stra\u00dfe", "Zurich voila strasse"),
        ("\u65e5\u672c \U0001f642 hi\x00\u200b!", "hi !"),
        ("5 \u20ac", "5 \u20ac"),
        ("one\n\ttwo", "one\ntwo"),
        ("\u00bd cup", "one half cup"),
        ("50% & more", "50% & more"),
    ],
)
def test_what_is_read_otherwise_is_written_out(text: str, expected: str) -> None:
    assert spoken(text) == expected


@given(st.text())
def test_any_text_can_be_read_aloud(text: str) -> None:
    assert all(character.isprintable() or character == "\n" for character in spoken(text))


@pytest.mark.parametrize(
    "text", ["9" * 50_000, "9," * 25_000, "1 " * 25_000, "1." * 25_000, "http://" * 5000, "-" * 50_000]
)
def test_no_text_takes_long(text: str) -> None:
    began = time.process_time()
    spoken(text)
    assert time.process_time() - began < 2
