"""Replies in sentences."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, strategies as st

from livegen_trio.local._sentences import sentences


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("  \n ", []),
        ("One", ["One"]),
        ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        ("One...  Two?! Three", ["One...", "Two?!", "Three"]),
        ('"One." (Two.) Three', ['"One."', "(Two.)", "Three"]),
        (
            "Dr. Smith costs 3.50 dollars, e.g. today. Yes.",
            ["Dr. Smith costs 3.50 dollars, e.g. today.", "Yes."],
        ),
        ("One\nTwo\r\n\nThree", ["One", "Two", "Three"]),
    ],
)
def test_text_is_cut_into_sentences(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


def test_a_long_sentence_is_cut_where_a_clause_ends() -> None:
    assert sentences("one two, three four, five six", longest=22) == ["one two, three four,", "five six"]


def test_a_long_clause_is_cut_between_words() -> None:
    assert sentences("one two three four", longest=10) == ["one two", "three four"]


def test_a_long_word_is_cut_anywhere() -> None:
    assert sentences("abcdefgh", longest=3) == ["abc", "def", "gh"]


@given(st.text("ab. ,!\n", max_size=200), st.integers(1, 20))
def test_nothing_is_lost_but_spaces(text: str, longest: int) -> None:
    pieces = sentences(text, longest=longest)
    assert "".join("".join(pieces).split()) == "".join(text.split())
    assert all(0 < len(piece) <= longest for piece in pieces)


@pytest.mark.parametrize(
    "text", ["." * 200_000, " " * 200_000, "\n" * 200_000, "a" * 200_000, ", " * 100_000]
)
def test_no_text_takes_long(text: str) -> None:
    began = time.process_time()
    sentences(text)
    assert time.process_time() - began < 2
