"""Which functions are called for what was said, and with which arguments."""

from __future__ import annotations

from typing import Literal

import pytest
from hypothesis import given, strategies as st

from livegen_trio.local._engines import CallTool, Say
from livegen_trio.local.rules._tool_choice import choose, is_question
from livegen_trio.tools._functions import FunctionTool
from livegen_trio.types import FunctionDeclaration, Schema
from support.json_strategies import schema_like


def get_weather(city: str, unit: Literal["celsius", "fahrenheit"] | None = None) -> None:
    """Current weather of a city."""


def set_light(
    room: Literal["kitchen", "living_room", "room"], on: bool, brightness: int | None = None
) -> None:
    """Turn the light in a room on or off."""


def set_timer(minutes: int, label: str = "") -> None:
    """Start a timer."""


def book_table(restaurant: str, people: int, day: str) -> None:
    """Book a table at a restaurant."""


def book_flight(origin: str, destination: str, date: str) -> None:
    """Book a flight."""


def send_message(recipient: str, text: str) -> None:
    """Send a text message to somebody."""


def search_web(query: str) -> None:
    """Search the web."""


def convert(amount: float, source: Literal["EUR", "USD"], target: Literal["EUR", "USD"]) -> None:
    """Convert an amount of money into another currency."""


def play(songs: list[str], shuffle: bool = False) -> None:
    """Play music."""


def water(beds: list[Literal["roses", "herbs", "tulips"]], minutes: list[int]) -> None:
    """Water the garden."""


def lock_doors() -> None:
    """Lock all the doors of the house."""


FUNCTIONS = [
    FunctionTool(function).declaration
    for function in (
        get_weather, set_light, set_timer, book_table, book_flight, send_message, search_web, convert, play, water,
        lock_doors,
    )
]  # fmt: skip


def declared(parameters: dict[str, object], name: str = "do_thing") -> list[FunctionDeclaration]:
    schema = {"type": "object", "properties": parameters, "required": list(parameters)}
    return [FunctionDeclaration(name=name, description="Frobnicate.", parameters_json_schema=schema)]


@pytest.mark.parametrize(
    ("text", "name", "args"),
    [
        ("What is the weather in Paris?", "get_weather", {"city": "Paris"}),
        ("what's the weather like in new york today", "get_weather", {"city": "new york"}),
        ("Paris weather?", "get_weather", {"city": "Paris"}),
        ("How warm is it in London?", "get_weather", {"city": "London"}),
        ("Will it rain tomorrow in San Francisco?", "get_weather", {"city": "San Francisco"}),
        ("The weather in Rome in Fahrenheit", "get_weather", {"city": "Rome", "unit": "fahrenheit"}),
        ("Please turn on the light in the kitchen.", "set_light", {"room": "kitchen", "on": True}),
        ("Switch off the lamp in the living room", "set_light", {"room": "living_room", "on": False}),
        ("Set the kitchen light on at 40", "set_light", {"room": "kitchen", "on": True, "brightness": 40}),
        ("Set a timer for ten minutes.", "set_timer", {"minutes": 10}),
        ("Start a 25 minute timer", "set_timer", {"minutes": 25}),
        (
            "Book a table for four people at the Italian on Friday",
            "book_table",
            {"restaurant": "Italian", "people": 4, "day": "Friday"},
        ),
        (
            "Book a flight from Berlin to New York next Monday",
            "book_flight",
            {"origin": "Berlin", "destination": "New York", "date": "next Monday"},
        ),
        (
            "Send a message to Anna saying I will be late.",
            "send_message",
            {"recipient": "Anna", "text": "I will be late"},
        ),
        (
            "Send Bob the message \u201csee you\u201d",
            "send_message",
            {"recipient": "see you", "text": "see you"},
        ),
        ("Search the web for cancel scopes", "search_web", {"query": "cancel scopes"}),
        ("Web search", "search_web", {"query": "Web search"}),
        ("Convert 20.5 EUR to USD", "convert", {"amount": 20.5, "source": "EUR", "target": "USD"}),
        ("Play the song called Hello and shuffle", "play", {"songs": ["Hello"], "shuffle": True}),
        (
            "Water the roses and the herbs in the garden for 5 minutes",
            "water",
            {"beds": ["roses", "herbs"], "minutes": [5]},
        ),
        ("Lock the doors", "lock_doors", {}),
    ],
)
def test_a_function_is_called_with_what_was_said(text: str, name: str, args: dict[str, object]) -> None:
    assert choose(FUNCTIONS, text) == [CallTool(name, args)]


@pytest.mark.parametrize(
    "text", ["", "Hello, can you hear me?", "Tell me a story.", "What is seven times eight?"]
)
def test_no_function_is_called_for_what_is_none_of_its_business(text: str) -> None:
    assert choose(FUNCTIONS, text) == []


def test_nothing_is_called_if_nothing_is_declared() -> None:
    assert choose([], "What is the weather in Paris?") == []


def test_several_places_make_several_calls() -> None:
    assert choose(FUNCTIONS, "Weather in Paris, and London please") == [
        CallTool("get_weather", {"city": "Paris"})
    ]
    assert choose(FUNCTIONS, "Weather in Paris and London please") == [
        CallTool("get_weather", {"city": "Paris"}),
        CallTool("get_weather", {"city": "London"}),
    ]


def test_several_wishes_make_several_calls() -> None:
    assert choose(FUNCTIONS, "What is the weather in Paris, and turn on the light in the kitchen.") == [
        CallTool("get_weather", {"city": "Paris"}),
        CallTool("set_light", {"room": "kitchen", "on": True}),
    ]


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("What's the weather?", "Which city?"),
        ("Set a timer.", "How many minutes?"),
        ("Light on", "Which room?"),
        ("Play it.", "Which songs?"),
    ],
)
def test_what_was_not_said_is_asked_for(text: str, question: str) -> None:
    assert choose(FUNCTIONS, text) == Say(question)
    assert is_question(question)


def test_not_every_question_is_one_for_an_argument() -> None:
    assert not is_question("How are you?")
    assert not is_question("Which way? I do not know.")


def test_openapi_parameters_are_filled_in_as_well() -> None:
    lights = FunctionDeclaration(
        name="turn_on_the_lights",
        parameters=Schema(type="OBJECT", properties={"level": Schema(type="INTEGER")}, required=["level"]),
    )
    assert choose([lights], "lights to fifty") == [CallTool("turn_on_the_lights", {"level": 50})]


def test_the_description_may_tell_what_a_name_does_not() -> None:
    lookup = FunctionDeclaration(name="lookup", description="Finds the opening hours of a shop.")
    assert choose([lookup], "What are the opening hours?") == [CallTool("lookup", {})]


def test_a_time_that_was_not_said_is_what_remains_of_the_text() -> None:
    functions = declared({"date": {"type": "string"}}, name="frobnicate")
    assert choose(functions, "frobnicate at Christmas") == [CallTool("frobnicate", {"date": "Christmas"})]


def test_the_first_of_equals_is_called() -> None:
    functions = [FunctionDeclaration(name="ring_bell"), FunctionDeclaration(name="bell_ring")]
    assert choose(functions, "ring the bell") == [CallTool("ring_bell", {})]


def test_objects_are_filled_in() -> None:
    functions = declared({"where": {"properties": {"city": {"type": "string"}}}}, name="frobnicate")
    assert choose(functions, "frobnicate in Oslo") == [CallTool("frobnicate", {"where": {"city": "Oslo"}})]


def test_numbers_go_to_the_parameter_that_stands_beside_them() -> None:
    number = {"type": "number"}
    functions = declared({"minutes": number, "hours": number}, name="frobnicate")
    assert choose(functions, "frobnicate 2 hours and 5 minutes") == [
        CallTool("frobnicate", {"minutes": 5, "hours": 2})
    ]


def test_defaults_stand_in_for_what_is_required() -> None:
    functions = declared(
        {
            "count": {"type": "integer", "default": 3},
            "size": {"enum": ["s", "m"], "default": "m"},
            "void": {"type": "null", "default": 0},
        },
        name="frobnicate",
    )
    assert choose(functions[:0], "frobnicate") == []
    assert choose(functions, "frobnicate") == Say("Which void?")


def test_too_many_places_are_cut_down() -> None:
    calls = choose(FUNCTIONS, "weather in A and B and C and D and E and F")
    assert isinstance(calls, list)
    assert len(calls) <= 4


@given(
    st.text(max_size=60)
    | st.lists(
        st.sampled_from(["set", "a", "thing", "to", "in", "for", "5", "ten", "on", "and", ".", "Paris"])
    ).map(" ".join),
    schema_like(),
    st.from_regex(r"thing_[a-z0-9_.:-]{0,20}", fullmatch=True),
    st.text(max_size=20),
)
def test_any_declaration_and_any_text_will_do(
    text: str, schema: dict[str, object], name: str, description: str
) -> None:
    functions = [FunctionDeclaration(name=name, description=description, parameters_json_schema=schema)]
    chosen = choose(functions, f"thing {text}")
    assert isinstance(chosen, Say) or all(call.name == functions[0].name for call in chosen)
