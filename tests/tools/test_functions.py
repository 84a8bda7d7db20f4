"""Functions as tools: what the model is told of them, and what it may call them with."""

from __future__ import annotations

import datetime as dt
import enum
import functools
import sys  # noqa: TC003 - annotations are read at run time here
import threading
import types
from collections.abc import Callable, Iterator, Mapping, Sequence  # noqa: TC003 - the same
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, TypedDict

import msgspec
import pytest
import trio
from hypothesis import given, strategies as st

from livegen_trio import FunctionDeclaration, Schema, ToolError
from livegen_trio.tools import FunctionTool
from support.struct_strategies import JSON
from support.tool_calls import outcome

if TYPE_CHECKING:
    from imaginary import Imaginary  # type: ignore[import-not-found]  # there is no such package
    from trio.testing import MockClock


class Unit(enum.Enum):
    CELSIUS = "C"
    KELVIN = "K"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Place(msgspec.Struct):
    name: str
    altitude: int = 0


@dataclass
class Trip:
    start: Place
    via: list[Place]


class Options(TypedDict, total=False):
    wheels: int


class Opaque:
    """Something that JSON has no word for."""


class Unwritable(msgspec.Struct):
    inner: Opaque


def schema(function: Callable[..., object]) -> Any:
    return FunctionTool(function).declaration.parameters_json_schema


def properties(function: Callable[..., object]) -> Any:
    return schema(function)["properties"]


async def called(function: Callable[..., object], **args: object) -> Mapping[str, object]:
    return await outcome(FunctionTool(function), args)


# The declaration


def test_a_function_is_declared_by_its_name_its_docstring_and_its_parameters() -> None:
    async def get_weather(city: str, days: int = 1) -> dict[str, object]:
        """Current weather
        of a city.

        Not of a country.
        """
        raise NotImplementedError

    tool = FunctionTool(get_weather)
    assert (tool.name, tool.declaration.name) == ("get_weather", "get_weather")
    assert tool.declaration.description == "Current weather of a city.\n\nNot of a country."
    assert tool.declaration.parameters_json_schema == {
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer", "default": 1}},
        "required": ["city"],
    }


def test_a_function_without_a_docstring_has_no_description() -> None:
    def now() -> None: ...

    def later() -> None:
        """
        Returns:
            Nothing.
        """

    assert FunctionTool(now).declaration.description is None
    assert FunctionTool(later).declaration.description is None


def test_parameters_are_described_by_the_docstring_unless_they_say_it_themselves() -> None:
    def book(
        place: Place,
        guests: Annotated[int, msgspec.Meta(description="How many come", ge=1)],
        unit: Unit = Unit.KELVIN,
        wish: object = None,
        extra: Annotated[object, msgspec.Meta(description="More")] = None,
    ) -> None:
        """Book a table.

        Args:
            place: Where.
            guests: The party.
            unit (Unit): What the heating
                is set in.
            wish: What else matters.
            extra: Nothing.
            nobody: No parameter.

        Returns:
            Nothing.
        """

    assert FunctionTool(book).declaration.description == "Book a table."
    assert properties(book) == {
        "place": {"$ref": "#/$defs/Place", "description": "Where."},
        "guests": {"type": "integer", "description": "How many come", "minimum": 1},
        "unit": {"$ref": "#/$defs/Unit", "description": "What the heating is set in.", "default": "K"},
        "wish": {"description": "What else matters.", "default": None},
        "extra": {"description": "More", "default": None},
    }


def test_the_arguments_that_a_partial_gives_are_described_to_nobody() -> None:
    def move(robot: str, by: int) -> None:
        """Move it.

        Args:
            robot: Which.
            by: How far.
        """

    assert properties(functools.partial(move, robot="R2")) == {
        "by": {"type": "integer", "description": "How far."}
    }


def test_a_function_without_parameters_has_no_schema() -> None:
    def now() -> None: ...

    assert schema(now) is None


def test_a_function_whose_parameters_all_have_defaults_requires_none() -> None:
    def now(zone: str = "UTC") -> None: ...

    assert schema(now) == {"type": "object", "properties": {"zone": {"type": "string", "default": "UTC"}}}


def test_the_types_of_parameters_become_their_schemas() -> None:
    def tool(
        a: bool,
        *,
        b: float,
        c: Literal["x", "y"],
        d: Unit,
        e: str | None,
        f: list[int],
        g: dict[str, float],
        h: dt.date,
        i: bytes,
        j: tuple[int, str],
        k: int | str,
        l: object,  # noqa: E741
        m: Any,
        n: dict[str, object],
        o: Sequence[str],
    ) -> None: ...

    assert properties(tool) == {
        "a": {"type": "boolean"},
        "b": {"type": "number"},
        "c": {"type": "string", "enum": ["x", "y"]},
        "d": {"$ref": "#/$defs/Unit"},
        "e": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "f": {"type": "array", "items": {"type": "integer"}},
        "g": {"type": "object", "additionalProperties": {"type": "number"}},
        "h": {"type": "string", "format": "date"},
        "i": {"type": "string", "contentEncoding": "base64"},
        "j": {
            "type": "array",
            "prefixItems": [{"type": "integer"}, {"type": "string"}],
            "items": False,
            "minItems": 2,
            "maxItems": 2,
        },
        "k": {"anyOf": [{"type": "integer"}, {"type": "string"}]},
        "l": {"description": "any value"},
        "m": {},
        "n": {"type": "object", "additionalProperties": {"description": "any value"}},
        "o": {"type": "array", "items": {"type": "string"}},
    }
    assert schema(tool)["$defs"] == {"Unit": {"type": "string", "title": "Unit", "enum": ["C", "K"]}}
    assert schema(tool)["required"] == list("abcdefghijklmno")


def test_annotations_describe_and_bound_a_parameter() -> None:
    def tool(
        days: Annotated[int, msgspec.Meta(description="How many days ahead", ge=0, le=7)],
        zone: Annotated[str, "As in Europe/Berlin", "a note for somebody else"],
        more: Annotated[object, msgspec.Meta(description="Whatever else matters")],
    ) -> None: ...

    assert properties(tool) == {
        "days": {"type": "integer", "description": "How many days ahead", "minimum": 0, "maximum": 7},
        "zone": {"type": "string", "description": "As in Europe/Berlin"},
        "more": {"description": "Whatever else matters"},
    }


def test_nested_structs_and_dataclasses_are_defined_beside_the_properties() -> None:
    def travel(trip: Trip, options: Options, first: Place) -> None: ...

    declared = schema(travel)
    assert declared["properties"] == {
        "trip": {"$ref": "#/$defs/Trip"},
        "options": {"$ref": "#/$defs/Options"},
        "first": {"$ref": "#/$defs/Place"},
    }
    assert set(declared["$defs"]) == {"Trip", "Place", "Options"}
    assert declared["$defs"]["Trip"]["properties"]["via"]["items"] == {"$ref": "#/$defs/Place"}
    assert "additionalProperties" not in declared


class Guest(msgspec.Struct):
    """Somebody who comes,
    as they said.

    Attributes:
        name: How they are called.
        age: In years.
        wish: What else
            they said.
    """

    name: str
    age: Annotated[int, msgspec.Meta(description="In months")] = 0
    wish: object = None
    table: int = 0


class Seat(NamedTuple):
    """Where
    to sit.
    """

    row: int


class Meal(enum.Enum):
    """What is eaten."""

    LUNCH = "lunch"


def test_choices_that_are_alike_have_their_type() -> None:
    def tool(
        text: list[Literal["a", "b"]],
        number: Literal[1, 2],
        level: Level,
        mixed: Literal[1, "a"],
        other: Annotated[dict[str, object], msgspec.Meta(examples=[{"enum": ["a"]}])],
    ) -> None: ...

    declared = properties(tool)
    assert declared["text"]["items"] == {"type": "string", "enum": ["a", "b"]}
    assert declared["number"] == {"type": "integer", "enum": [1, 2]}
    assert schema(tool)["$defs"]["Level"]["type"] == "integer"
    assert declared["mixed"] == {"enum": [1, "a"]}
    assert declared["other"]["examples"] == [{"enum": ["a"]}]


def test_a_class_and_its_attributes_are_described_by_its_docstring() -> None:
    def welcome(guest: Guest, seat: Seat, meal: Meal) -> None: ...

    definitions = schema(welcome)["$defs"]
    assert definitions["Guest"]["description"] == "Somebody who comes, as they said."
    assert definitions["Guest"]["properties"] == {
        "name": {"type": "string", "description": "How they are called."},
        "age": {"type": "integer", "description": "In months", "default": 0},
        "wish": {"description": "What else they said.", "default": None},
        "table": {"type": "integer", "default": 0},
    }
    assert definitions["Seat"]["description"] == "Where\nto sit."
    assert definitions["Meal"]["description"] == "What is eaten."


def test_a_function_may_be_called_as_one_of_its_types_is() -> None:
    def tour(place: Place) -> None: ...

    tour.__name__ = "Place"
    tool = FunctionTool(tour)
    assert tool.name == "Place"
    assert tool.declaration.parameters_json_schema == {
        "type": "object",
        "properties": {"place": {"$ref": "#/$defs/Place"}},
        "required": ["place"],
        "$defs": {
            "Place": {
                "title": "Place",
                "type": "object",
                "properties": {"name": {"type": "string"}, "altitude": {"type": "integer", "default": 0}},
                "required": ["name"],
            }
        },
    }


@pytest.mark.parametrize(
    ("default", "shown"),
    [
        (None, None),
        (["a"], ["a"]),
        ({"a": 1}, {"a": 1}),
        ((1, 2), [1, 2]),
        (Unit.KELVIN, "K"),
        (dt.date(2026, 1, 2), "2026-01-02"),
    ],
)
def test_a_default_is_shown_as_json_writes_it(default: object, shown: object) -> None:
    def tool(value: Any = default) -> None: ...

    assert properties(tool) == {"value": {"default": shown}}


def test_a_default_that_only_python_knows_is_not_shown() -> None:
    def tool(value: int = Opaque()) -> None: ...  # type: ignore[assignment]  # as sentinels are

    assert schema(tool) == {"type": "object", "properties": {"value": {"type": "integer"}}}


@given(st.lists(JSON, min_size=3, max_size=3))
def test_any_default_can_be_declared(defaults: list[object]) -> None:
    def tool(a: Any = 0, b: Any = 0, c: Any = 0) -> None: ...

    tool.__defaults__ = tuple(defaults)
    assert [one["default"] for one in properties(tool).values()] == defaults


# The declaration in OpenAPI's subset


def test_a_function_can_be_declared_in_the_subset_of_openapi_too() -> None:
    def get_weather(city: str, days: Annotated[int, msgspec.Meta(ge=1)] = 1) -> None:
        """The weather.

        Args:
            city: Where.
        """

    assert FunctionTool(get_weather).openapi_declaration == FunctionDeclaration(
        name="get_weather",
        description="The weather.",
        parameters=Schema(
            type="OBJECT",
            properties={
                "city": Schema(type="STRING", description="Where."),
                "days": Schema(type="INTEGER", minimum=1, default=1),
            },
            required=["city"],
        ),
    )


def test_a_function_without_parameters_is_declared_the_same_in_both_ways() -> None:
    def now() -> None: ...

    assert FunctionTool(now).openapi_declaration == FunctionTool(now).declaration


def test_what_the_subset_cannot_express_is_named_with_its_function() -> None:
    def note(thing: object) -> None: ...

    tool = FunctionTool(note)
    with pytest.raises(ToolError, match=r"^note: parameter 'thing' can't be declared in OpenAPI's subset: "):
        _ = tool.openapi_declaration


# What is a function


class Shop:
    def __init__(self, stock: int) -> None:
        self.stock = stock

    def buy(self, count: int) -> int:
        """Buy something."""
        return self.stock - count

    @classmethod
    def open_on(cls, day: str) -> str:
        """Whether it is open."""
        return f"{cls.__name__} {day}"

    @staticmethod
    def price(thing: str) -> int:
        """What something costs."""
        return len(thing)


async def test_methods_are_tools() -> None:
    shop = Shop(5)
    assert schema(shop.buy)["required"] == ["count"]
    assert FunctionTool(shop.buy).declaration.description == "Buy something."
    assert await called(shop.buy, count=2) == {"output": 3}
    assert await called(Shop.open_on, day="Monday") == {"output": "Shop Monday"}
    assert await called(shop.price, thing="cup") == {"output": 3}


class Greeter:
    def __init__(self, name: str) -> None:
        self.__name__ = name

    async def __call__(self, whom: str) -> str:
        """Greet somebody."""
        await trio.lowlevel.checkpoint()
        return f"Hello, {whom}"


async def test_an_object_that_can_be_called_is_a_tool_if_it_has_a_name() -> None:
    tool = FunctionTool(Greeter("greet"))
    assert (tool.name, tool.declaration.description) == ("greet", "Greet somebody.")
    assert await outcome(tool, {"whom": "you"}) == {"output": "Hello, you"}
    with pytest.raises(ToolError, match="'no name' can't be a tool's name"):
        FunctionTool(Greeter("no name"))


async def lookup(shelf: dict[str, int], user: str, thing: str, count: int = 1) -> str:
    """Look something up."""
    await trio.lowlevel.checkpoint()
    return f"{user}: {count * shelf[thing]}"


async def test_a_partial_is_the_tool_that_is_left_of_the_function() -> None:
    tool = FunctionTool(functools.partial(functools.partial(lookup, {"cup": 7}), user="Ada"))
    assert (tool.name, tool.declaration.description) == ("lookup", "Look something up.")
    assert schema(functools.partial(lookup, {}, user="Ada")) == {
        "type": "object",
        "properties": {"thing": {"type": "string"}, "count": {"type": "integer", "default": 1}},
        "required": ["thing"],
    }
    assert await outcome(tool, {"thing": "cup", "count": 2}) == {"output": "Ada: 14"}


async def test_the_model_cannot_change_what_a_partial_has_given() -> None:
    tool = FunctionTool(functools.partial(lookup, {"cup": 7}, user="Ada"))
    assert await outcome(tool, {"thing": "cup", "user": "Bob"}) == {"output": "Ada: 7"}


async def test_a_decorated_function_is_what_it_wraps() -> None:
    def logged(function: Callable[..., object]) -> Callable[..., object]:
        @functools.wraps(function)
        def wrapper(*args: object, **kwargs: object) -> object:
            return function(*args, **kwargs)

        return wrapper

    @logged
    async def double(number: int) -> int:
        """Twice as much."""
        await trio.lowlevel.checkpoint()
        return 2 * number

    tool = FunctionTool(double)
    assert (tool.name, tool.declaration.description) == ("double", "Twice as much.")
    assert await outcome(tool, {"number": 4}) == {"output": 8}


async def test_parameters_may_have_any_name() -> None:
    def tool(self: int, cls: int, func: int, *, args: int, name: int, tag: int, _private: int) -> int:
        return self + cls + func + args + name + tag + _private

    names = ["self", "cls", "func", "args", "name", "tag", "_private"]
    assert schema(tool)["required"] == names
    assert await outcome(FunctionTool(tool), dict.fromkeys(names, 2)) == {"output": 14}


@pytest.mark.parametrize(
    ("thing", "words"),
    [
        (lambda: 1, "has none; wrap it into a function"),
        (functools.partial(lambda: 1), "has none; wrap it into a function"),
        (type("Nameless", (), {"__call__": lambda _self: 1})(), "has none; wrap it into a function"),
        (Shop, "the class Shop is no tool"),
        (Options, "the class Options is no tool"),
        ("get_weather", "a str is no tool; give a function, a FunctionDeclaration or a Tool"),
        (None, "a NoneType is no tool"),
    ],
)
def test_what_has_no_name_or_cannot_be_called_is_no_tool(thing: Any, words: str) -> None:
    with pytest.raises(ToolError, match=words):
        FunctionTool(thing)


@pytest.mark.parametrize("name", ["größe", "", "a.b", "1st", "x" * 129])
def test_a_name_that_the_service_refuses_is_refused_here(name: str) -> None:
    def tool() -> None: ...

    tool.__name__ = name
    with pytest.raises(ToolError, match="can't be a tool's name"):
        FunctionTool(tool)


def test_a_name_may_be_as_long_as_the_service_takes_it() -> None:
    def tool() -> None: ...

    tool.__name__ = "x" * 128
    assert FunctionTool(tool).name == "x" * 128


def test_generators_that_block_are_no_tools() -> None:
    def count() -> Iterator[int]:
        yield 1

    for function in (count, functools.partial(count)):
        with pytest.raises(
            ToolError, match=r"^count is a generator, which would block; make it an async one"
        ):
            FunctionTool(function)


# What can't be declared


def untyped(city: str, days) -> None: ...  # type: ignore[no-untyped-def]  # noqa: ANN001


def positional(city: str, /) -> None: ...


def many(*cities: str) -> None: ...


def any_names(**cities: str) -> None: ...


def opaque(thing: Opaque) -> None: ...


def opaque_explained(thing: Annotated[Opaque, msgspec.Meta(description="A thing")]) -> None: ...


def opaque_inside(thing: list[Unwritable]) -> None: ...


def two_lists(thing: list[int] | tuple[str]) -> None: ...


def imaginary(thing: Imaginary) -> None: ...


def unlike(thing: Annotated[int, msgspec.Meta(examples=[Opaque()])]) -> None: ...


def missing(thing: sys.missing) -> None: ...  # type: ignore[name-defined]


def no_type(thing: 5) -> None: ...  # type: ignore[valid-type]


def dividing(thing: 1 / 0) -> None: ...  # type: ignore[valid-type]


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (untyped, "'days' of untyped can't be declared: it has no type"),
        (positional, "'city' of positional can't be declared: it has to be a named one"),
        (many, "'cities' of many can't be declared: it has to be a named one"),
        (any_names, "'cities' of any_names can't be declared: it has to be a named one"),
        (opaque, "'thing' of opaque can't be declared: type <class '.*Opaque'> is not supported"),
        (opaque_explained, "'thing' of opaque_explained can't be declared: type <class '.*Opaque'> is not s"),
        (opaque_inside, "'thing' of opaque_inside can't be declared: type <class '.*Opaque'> is not supp"),
        (
            two_lists,
            "'thing' of two_lists can't be declared: Type unions may not contain more than one array",
        ),
        (unlike, "'thing' of unlike can't be declared: it can't be written as JSON: "),
        (imaginary, "'thing' of imaginary can't be declared: name 'Imaginary' is not defined"),
        (missing, "'thing' of missing can't be declared: module 'sys' has no attribute 'missing'"),
        (no_type, "'thing' of no_type can't be declared: "),
        (dividing, "'thing' of dividing can't be declared: division by zero"),
    ],
)
def test_what_cannot_be_declared_is_named(function: Callable[..., object], words: str) -> None:
    with pytest.raises(ToolError, match=f"^parameter {words}") as caught:
        FunctionTool(function)
    assert str(caught.value).isprintable()


def test_a_built_in_without_a_signature_cannot_be_declared() -> None:
    with pytest.raises(ToolError, match="the parameters of max can't be read"):
        FunctionTool(max)


def test_types_that_only_the_result_needs_need_not_be_there() -> None:
    def tool(number: int) -> Imaginary: ...

    assert schema(tool)["required"] == ["number"]


def test_an_exception_without_words_is_named_by_its_kind() -> None:
    class Silent(type):
        def __getattr__(cls, name: str) -> object:
            raise AssertionError

    def tool(thing: silent.x) -> None: ...  # type: ignore[name-defined]  # noqa: F821

    tool.__globals__["silent"] = Silent("silent", (), {})
    with pytest.raises(ToolError, match=r"'thing' of tool can't be declared: AssertionError$"):
        FunctionTool(tool)
    del tool.__globals__["silent"]


# The call


def echo(value: Any) -> object:
    return value


def taking(annotation: object) -> Callable[..., object]:
    """A function of one parameter, which returns what it got."""

    def tool(value: Any) -> object:
        return [repr(value)]

    tool.__annotations__["value"] = annotation
    return tool


@pytest.mark.parametrize(
    ("annotation", "value", "got"),
    [
        (int, 5, "5"),
        (int, 5.0, "5"),
        (int, -3.0, "-3"),
        (int, "5", "5"),
        (int | None, 5.0, "5"),
        (int | str, 5.0, "5"),
        (float, 5, "5.0"),
        (float, 5.0, "5.0"),
        (float, 0.5, "0.5"),
        (float, 1e300, "1e+300"),
        (list[int], [1.0, 2.0], "[1, 2]"),
        (dict[str, int], {"a": 1.0}, "{'a': 1}"),
        (Place, {"name": "K2", "altitude": 8611.0}, "Place(name='K2', altitude=8611)"),
        (Literal[1, 2], 2.0, "2"),
        (Level, 2.0, "<Level.HIGH: 2>"),
        (Unit, "K", "<Unit.KELVIN: 'K'>"),
        (bool, True, "True"),
        (str, "5", "'5'"),
        (str | None, "null", "'null'"),
        (str | None, None, "None"),
        (int | str, "05", "'05'"),
        (bytes, "AAE=", r"b'\x00\x01'"),
        (dt.date, "2026-01-02", "datetime.date(2026, 1, 2)"),
        (Decimal, "1.50", "Decimal('1.50')"),
        (object, {"a": [1.0]}, "{'a': [1]}"),
        (dict[str, object], {"a": 9007199254740994.0}, "{'a': 9007199254740994.0}"),
        (object, 9007199254740992.0, "9007199254740992"),
        (tuple[int, str], [1.0, "a"], "(1, 'a')"),
        (
            Trip,
            {"start": {"name": "a"}, "via": [{"name": "b", "altitude": 1.0}]},
            "Trip(start=Place(name='a', altitude=0), via=[Place(name='b', altitude=1)])",
        ),
    ],
)
async def test_arguments_arrive_as_the_types_that_were_asked_for(
    annotation: object, value: object, got: str
) -> None:
    assert await called(taking(annotation), value=value) == {"output": [got]}


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (int, 5.5),
        (int, "five"),
        (int, None),
        (str, 5),
        (Literal["a"], "b"),
        (Unit, "F"),
        (Place, {}),
        (list[int], {"0": 1}),
        (Annotated[int, msgspec.Meta(le=7)], 8.0),
        (int, 1e300),
    ],
)
async def test_an_argument_that_does_not_fit_is_named(annotation: object, value: object) -> None:
    with pytest.raises(ToolError, match=r"^tool can't be called with these arguments: .*`\$\.value"):
        await called(taking(annotation), value=value)


async def test_a_missing_argument_is_named() -> None:
    with pytest.raises(ToolError, match=r"double can't be called .* required field `number`"):
        await called(double)


async def test_an_argument_too_many_is_left_out_with_a_warning_as_its_schema_allows_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert await called(double, number=1, factor=3) == {"output": 2}
    assert caplog.messages == [
        "the model gave double the arguments ['factor'], which it doesn't have: left out"
    ]


async def test_arguments_that_no_json_can_hold_are_an_error_of_the_caller() -> None:
    with pytest.raises(ToolError, match="double can't be called with these arguments: it can't be written"):
        await called(double, number=Opaque())


async def test_the_arguments_may_be_any_mapping_and_stay_as_they_are() -> None:
    args = types.MappingProxyType({"value": [1.0]})
    assert await outcome(FunctionTool(echo), args) == {"output": [1]}
    assert args == {"value": [1.0]}


async def test_a_parameter_that_is_not_given_has_its_default() -> None:
    default = Opaque()
    seen: list[object] = []

    def tool(value: Any = default, other: list[str] = ["a"]) -> None:  # noqa: B006
        seen.append((value, other))

    await called(tool)
    await called(tool, value=1, other=[])
    assert seen == [(default, ["a"]), (1, [])]


async def test_a_required_parameter_may_follow_one_with_a_default() -> None:
    def power(*, exponent: int = 2, base: int) -> int:
        return int(base**exponent)

    assert schema(power)["required"] == ["base"]
    assert await called(power, base=3) == {"output": 9}


async def double(number: int) -> int:
    await trio.lowlevel.checkpoint()
    return 2 * number


async def test_an_async_function_runs_where_it_is_called() -> None:
    async def where() -> bool:
        await trio.lowlevel.checkpoint()
        return trio.lowlevel.in_trio_task()

    assert await called(where) == {"output": True}


async def test_a_sync_function_runs_in_a_thread_and_may_call_back() -> None:
    def where() -> list[bool]:
        return [trio.lowlevel.in_trio_task(), trio.from_thread.run_sync(trio.lowlevel.in_trio_task)]

    assert await called(where) == {"output": [False, True]}


async def test_a_call_is_cancelled_with_its_scope(autojump_clock: MockClock) -> None:
    ended = []

    async def wait() -> None:
        try:
            await trio.sleep_forever()
        finally:
            ended.append(trio.current_time())

    with trio.move_on_after(3) as scope:
        await called(wait)
    assert scope.cancelled_caught
    assert ended == [3]


async def test_a_sync_function_is_left_alone_with_its_thread_if_its_call_is_cancelled() -> None:
    begun, released, ended = threading.Event(), threading.Event(), threading.Event()

    def block() -> None:
        begun.set()
        released.wait()
        ended.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(outcome, FunctionTool(block), {})
        await trio.to_thread.run_sync(begun.wait)
        nursery.cancel_scope.cancel()
    assert not ended.is_set()
    released.set()
    await trio.to_thread.run_sync(ended.wait)


async def test_what_a_function_raises_leaves_the_call() -> None:
    def fail() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        await called(fail)


# The result


@pytest.mark.parametrize(
    ("result", "answer"),
    [
        ({"celsius": 21}, {"celsius": 21}),
        ({"output": 1, "error": 2}, {"output": 1, "error": 2}),
        (Place("K2", 8611), {"name": "K2", "altitude": 8611}),
        (Trip(Place("a"), []), {"start": {"name": "a", "altitude": 0}, "via": []}),
        ({1: "a", "b": Unit.KELVIN}, {"1": "a", "b": "K"}),
        ({}, {"output": {}}),
        (None, {"output": None}),
        (0, {"output": 0}),
        (5.0, {"output": 5.0}),
        ("warm", {"output": "warm"}),
        ([1, 2], {"output": [1, 2]}),
        ((1, {2}), {"output": [1, [2]]}),
        (b"\0\1", {"output": "AAE="}),
        (Unit.KELVIN, {"output": "K"}),
        (dt.datetime(2026, 1, 2, tzinfo=dt.UTC), {"output": "2026-01-02T00:00:00Z"}),
        ({"at": dt.date(2026, 1, 2)}, {"at": "2026-01-02"}),
        (float("nan"), {"output": None}),
    ],
)
async def test_a_result_becomes_a_json_object(result: object, answer: dict[str, object]) -> None:
    def tool() -> object:
        return result

    assert repr(await called(tool)) == repr(answer)


def endless() -> list[object]:
    inside: list[object] = []
    inside.append(inside)
    return inside


@pytest.mark.parametrize(
    "result",
    [Opaque(), [Opaque()], {(1, 2): 3}, "\ud800", {"\ud800": 1}, 1j, endless(), iter("ab"), ValueError("x")],
)
async def test_a_result_that_json_cannot_hold_is_an_error_of_the_tool(result: object) -> None:
    def tool() -> object:
        return result

    with pytest.raises(ToolError, match=r"^the result of tool is of no use: it can't be written as JSON"):
        await called(tool)


@given(JSON)
def test_any_json_comes_through_a_tool(value: object) -> None:
    result = trio.run(functools.partial(called, echo_as_given, value=value))
    expected = value if isinstance(value, dict) and value else {"output": value}
    assert result == expected


async def echo_as_given(value: Any) -> object:
    await trio.lowlevel.checkpoint()
    return value
