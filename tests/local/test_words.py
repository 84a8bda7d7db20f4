"""Words and numbers in a message."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from livegen_trio.local.rules._words import Utterance, name_words, stem


def numbers(text: str) -> list[int | float]:
    return [number.value for number in Utterance(text).numbers]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("nothing here", []),
        ("21 degrees", [21]),
        ("1,234.5", [1234.5]),
        ("twenty-one", [21]),
        ("one two three", [1, 2, 3]),
        ("twenty thirty", [20, 30]),
        ("nineteen eighty", [19, 80]),
        ("from five to ten", [5, 10]),
        ("two and three", [2, 3]),
        ("the point is", []),
        ("five point", [5]),
        ("five minus three", [5, 3]),
        ("5 minus 3", [5, 3]),
        ("9" * 400, []),
        ("10:30", []),
        ("1.2.3", []),
        ("\u0663", []),
    ],
)
def test_numbers_are_read(text: str, values: list[int | float]) -> None:
    assert numbers(text) == values


def test_a_number_knows_its_words() -> None:
    utterance = Utterance("set it to twenty-one degrees")
    (number,) = utterance.numbers
    assert utterance.between(number.first, number.after) == "twenty-one"


def test_words_are_in_lower_case_and_keep_their_apostrophes() -> None:
    assert Utterance("What\u2019s UP, it's me!").plain == " what's up it's me "


def test_punctuation_parts_words() -> None:
    utterance = Utterance("New York, tomorrow")
    assert utterance.is_joined(1)
    assert not utterance.is_joined(2)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("light", "lights"),
        ("city", "cities"),
        ("play", "playing"),
        ("rain", "rainy"),
        ("booked", "book"),
        ("A", "a's"),
    ],
)
def test_forms_of_a_word_have_one_stem(one: str, other: str) -> None:
    assert stem(one) == stem(other)


@pytest.mark.parametrize("name", ["getWeatherNow", "get_weather_now", "get-weather.now", "Get weather now"])
def test_a_name_is_made_of_words(name: str) -> None:
    assert name_words(name) == ["get", "weather", "now"]


@given(st.text())
def test_any_text_can_be_read(text: str) -> None:
    utterance = Utterance(text)
    assert all(utterance.between(number.first, number.after) for number in utterance.numbers)
    assert all(stem(word.text) for word in utterance.words)


@given(st.lists(st.sampled_from(["one", "five", "twenty", "ten", "and", "point", "x", "7", "1.5"])))
def test_numbers_do_not_overlap(words: list[str]) -> None:
    position = 0
    for number in Utterance(" ".join(words)).numbers:
        assert position <= number.first < number.after <= len(words)
        position = number.after
