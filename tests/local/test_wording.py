"""Answers made of the results of functions."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from livegen_trio.local.rules._wording import Answered, in_words
from support.json_strategies import objects

PARIS: dict[str, object] = {"city": "Paris"}


def words(response: dict[str, object], args: dict[str, object] | None = None) -> str:
    return in_words([Answered(args or {}, response)])


@pytest.mark.parametrize(
    ("response", "answer"),
    [
        ({"celsius": 21}, "In Paris it is 21 degrees Celsius."),
        ({"celsius": 21.0, "sky": "sunny"}, "In Paris it is 21 degrees Celsius and sunny."),
        (
            {"temperature_celsius": 1, "condition": "sunny", "humidity_percent": 40, "city": "Paris"},
            "In Paris it is sunny, the temperature is 1 degree Celsius, and the humidity is 40 percent.",
        ),
        ({"temperature": 21, "unit": "parrots"}, "In Paris the temperature is 21, and the unit is parrots."),
        ({"output": "10:30"}, "In Paris it is 10:30."),
        ({"output": "The sun shines"}, "The sun shines."),
        ({"error": "no such city"}, "That did not work: No such city."),
        ({"error": {"code": 404}}, "That did not work: Code 404."),
    ],
)
def test_an_answer_about_a_place_names_it(response: dict[str, object], answer: str) -> None:
    assert words(response, PARIS) == answer


@pytest.mark.parametrize(
    ("response", "answer"),
    [
        ({}, "Done."),
        ({"output": None}, "Done."),
        ({"output": ""}, "It is empty."),
        ({"ok": True}, "Done."),
        ({"success": False}, "That did not work."),
        ({"ok": True, "minutes": 10}, "It is 10 minutes."),
        ({"result": 3.14159}, "It is 3.14."),
        ({"result": 1e300}, "It is 1e+300."),
        ({"result": True}, "It is yes."),
        ({"result": "sunny."}, "Sunny."),
        ({"output": []}, "There is nothing."),
        ({"output": [1, 2, 3]}, "There is 1, 2 and 3."),
        ({"items": ["a", "b"], "count": 2}, "The items are a and b, and the count is 2."),
        ({"items": ["a"]}, "The items is a."),
        ({"items": []}, "The items are none."),
        ({"note": ""}, "The note is empty."),
        ({"is_open": True, "is_full": False}, "It is open and not full."),
        ({"hours": {"from": "9:00"}}, "The hours is from 9:00."),
        ({"a": {"b": {"c": {"d": {"e": 1}}}}}, "The a is b c d more."),
        ({"nothing": None, "some": [None, {}]}, "The some are unknown and none."),
        ({"deep": [[[[1]]]]}, "The deep is more."),
    ],
)
def test_any_fields_are_worded(response: dict[str, object], answer: str) -> None:
    assert words(response) == answer


def test_what_the_user_said_is_not_repeated() -> None:
    assert words({"room": "Kitchen", "on": True}, {"room": "kitchen"}) == "It is on."


def test_only_so_many_fields_are_worded() -> None:
    assert words({f"field{i}": i for i in range(100)}).count(" is ") == 6


def test_long_texts_are_cut() -> None:
    assert words({"output": "word " * 1000}).endswith(" and so on.")
    assert len(words({"output": "It is. " * 1000})) < 500


def test_several_answers_follow_each_other() -> None:
    assert in_words([Answered(PARIS, {"celsius": 21}), Answered({"city": "Rome"}, {"celsius": 25})]) == (
        "In Paris it is 21 degrees Celsius. In Rome it is 25 degrees Celsius."
    )


@given(objects(st.sampled_from(["output", "error", "result", "ok", "unit", "x"]) | st.text()))
def test_any_response_can_be_worded(response: dict[str, object]) -> None:
    answer = words(response, {"city": "Paris", "x": 3})
    assert answer.strip()
    assert len(answer) < 10_000
