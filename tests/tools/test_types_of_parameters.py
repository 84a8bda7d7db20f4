"""Types as people write them: pydantic's, attrs' and others; notes in annotations; times as models write them."""

from __future__ import annotations

import datetime as dt
import functools
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field, make_dataclass
from decimal import Decimal
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, Optional

import annotated_types as at
import attrs
import msgspec
import numpy as np
import pydantic
import pytest
import trio
from hypothesis import HealthCheck, given, settings
from pydantic import BaseModel, Discriminator, Field
from typing_extensions import Doc, TypeAliasType, TypedDict

import livegen_trio
import livegen_trio as lt
from livegen_trio import ToolContext, ToolContext as Ctx, ToolError, tool
from livegen_trio.tools import FunctionTool
from support.schema_values import values_of
from support.tool_calls import outcome

from .test_schemas_of_thirty_signatures import SIGNATURES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from livegen_trio import ToolContext as OnlyForCheckers


class Order(BaseModel):
    """An order."""

    dish: str
    count: int = Field(1, ge=1, le=9)


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int


class Dog(BaseModel):
    kind: Literal["dog"]
    name: str


class Tree(BaseModel):
    value: int
    children: list[Tree] = []


class Renamed(BaseModel):
    room_number: int = Field(alias="roomNumber")


@pydantic.dataclasses.dataclass
class Positive:
    number: int = Field(gt=0)


@attrs.define
class Stop:
    """A stop.

    Attributes:
        name: How it is called.
    """

    name: str
    at: dt.datetime | None = None
    tags: list[str] = attrs.Factory(list)


@dataclass
class Route:
    stops: list[Stop]
    order: Order | None = None
    home: Path = field(default_factory=lambda: Path("/home"))
    waits: dict[str, dt.time] = field(default_factory=dict)


class Window(NamedTuple):
    start: dt.time
    end: dt.time


class Wishes(TypedDict, total=False):
    days: list[dt.date]
    window: Window


class Late(msgspec.Struct, tag=True):
    until: dt.datetime


class Early(msgspec.Struct, tag=True):
    since: dt.time


def schema(function: Callable[..., object]) -> Any:
    return FunctionTool(function).declaration.parameters_json_schema


def properties(function: Callable[..., object]) -> Any:
    return schema(function)["properties"]


async def called(function: Callable[..., object], **args: object) -> Mapping[str, object]:
    return await outcome(FunctionTool(function), args)


def taking(annotation: object) -> Callable[..., object]:
    """A function of one parameter, which returns what it got."""

    def tool(value: Any) -> object:
        return [repr(value)]

    tool.__annotations__["value"] = annotation
    return tool


# Pydantic


async def test_models_of_pydantic_are_arguments_and_results() -> None:
    def place(order: Order, more: list[Order], other: Order | None = None) -> list[Order]:
        return [order, *more, *([other] if other else [])]

    declared = schema(place)
    assert declared["properties"]["order"]["properties"]["count"]["maximum"] == 9
    assert declared["properties"]["more"]["items"] == {"$ref": "#/$defs/Order"}
    assert await called(place, order={"dish": "soup"}, more=[{"dish": "rice", "count": 2.0}]) == {
        "output": [{"dish": "soup", "count": 1}, {"dish": "rice", "count": 2}]
    }


@pytest.mark.parametrize(
    ("annotation", "value", "got"),
    [
        (Order | str, "soup", "'soup'"),
        (Order | str, {"dish": "soup"}, "Order(dish='soup', count=1)"),
        (
            Annotated[Cat | Dog, Discriminator("kind")],
            {"kind": "dog", "name": "Rex"},
            "Dog(kind='dog', name='Rex')",
        ),
        (dict[str, Cat], {"a": {"kind": "cat", "lives": 9.0}}, "{'a': Cat(kind='cat', lives=9)}"),
        (
            Tree,
            {"value": 1, "children": [{"value": 2}]},
            "Tree(value=1, children=[Tree(value=2, children=[])])",
        ),
        (Renamed, {"roomNumber": 5}, "Renamed(room_number=5)"),
        (Positive, {"number": 5}, "Positive(number=5)"),
        (Annotated[Order, Field(description="What")], {"dish": "a"}, "Order(dish='a', count=1)"),
    ],
)
async def test_any_type_that_holds_models_is_read_by_pydantic(
    annotation: object, value: object, got: str
) -> None:
    assert await called(taking(annotation), value=value) == {"output": [got]}


async def test_what_pydantic_refuses_is_named_without_its_value() -> None:
    def place(order: Order) -> None: ...

    with pytest.raises(
        ToolError, match=r"place can't be called .* dish: Field required; count: Input"
    ) as caught:
        await called(place, order={"count": "hunter2"})
    assert "hunter2" not in str(caught.value)
    with pytest.raises(
        ToolError, match=r"order.count: .* less than or equal to 9|count: .*less than or equal to 9"
    ):
        await called(place, order={"dish": "a", "count": 10})


async def test_models_may_stand_inside_other_classes() -> None:
    def go(route: Route) -> Route:
        return route

    assert schema(go)["$defs"]["Route"]["properties"]["order"]["anyOf"][0]["required"] == ["dish"]
    args = {
        "stops": [{"name": "a", "at": "2026-01-02T10:00"}],
        "order": {"dish": "soup"},
        "waits": {"a": "09:30"},
    }
    assert await called(go, route=args) == {
        "stops": [{"name": "a", "at": "2026-01-02T10:00:00", "tags": []}],
        "order": {"dish": "soup", "count": 1},
        "home": "/home",
        "waits": {"a": "09:30:00"},
    }
    with pytest.raises(ToolError, match=r"dish: Field required - at `\$\.route\.order`"):
        await called(go, route={"stops": [], "order": {}})


async def test_models_that_refer_to_themselves_keep_their_definitions() -> None:
    def plant(tree: Tree, trees: list[Tree]) -> None: ...

    declared = schema(plant)
    assert declared["properties"]["tree"] == {"$ref": "#/$defs/Tree"}
    assert set(declared["$defs"]) == {"Tree"}


def test_two_types_of_one_name_can_not_be_declared_together() -> None:
    other = make_dataclass("Order", [("number", int)])

    def place(orders: list[Order], more: Any) -> None: ...

    place.__annotations__["more"] = other
    with pytest.raises(
        ToolError, match="the parameters of place can't be declared: two types are called Ord"
    ):
        FunctionTool(place)


async def test_a_field_of_pydantic_may_be_a_default() -> None:
    def book(
        city: str = Field(description="Where"),
        nights: int = Field(default=2, ge=1),
        extras: list[str] = Field(default_factory=lambda: ["breakfast"]),  # noqa: B008 - as users write it
    ) -> list[object]:
        return [city, nights, extras]

    assert schema(book) == {
        "type": "object",
        "properties": {
            "city": {"type": "string", "description": "Where"},
            "nights": {"type": "integer", "minimum": 1, "default": 2},
            "extras": {"type": "array", "items": {"type": "string"}, "default": ["breakfast"]},
        },
        "required": ["city"],
    }
    assert await called(book, city="Rome") == {"output": ["Rome", 2, ["breakfast"]]}
    with pytest.raises(ToolError, match="nights"):
        await called(book, city="Rome", nights=0)


Short = TypeAliasType("Short", Annotated[str, "A short word", Field(max_length=3)])


def doubled(value: int) -> int:
    return 2 * value


@pytest.mark.parametrize(
    ("annotation", "value", "got"),
    [
        (Annotated[int, pydantic.AfterValidator(doubled)], 4, "8"),
        (pydantic.PositiveInt, 4, "4"),
        (pydantic.HttpUrl, "https://example.com", "HttpUrl('https://example.com/')"),
        (Short, "abc", "'abc'"),
        (list[Short] | None, ["abc"], "['abc']"),
        (Iterable[int], [1.0], "[1]"),
        (Iterable[Short], ["a"], "['a']"),
    ],
)
async def test_types_that_others_have_made_are_read(annotation: object, value: object, got: str) -> None:
    assert await called(taking(annotation), value=value) == {"output": [got]}
    with pytest.raises(ToolError, match="tool can't be called with these arguments"):
        await called(taking(annotation), value=["abcd"])


async def test_a_default_is_taken_as_it_is_and_a_value_like_it_is_read() -> None:
    def tool(
        number: Annotated[int, pydantic.AfterValidator(doubled)] = 4,
        names: list[str] = Field(default=None),  # type: ignore[arg-type]  # noqa: B008 - as users write it
    ) -> object:
        return [number, names]

    assert await called(tool) == {"output": [4, None]}
    assert await called(tool, number=4, names=None) == {"output": [8, None]}
    assert properties(tool)["names"]["anyOf"] == [
        {"type": "array", "items": {"type": "string"}},
        {"type": "null"},
    ]


# Notes in annotations


def test_a_description_may_be_written_in_several_ways() -> None:
    def find(
        *,
        text: Annotated[str, "Just text"],
        doc: Annotated[str, Doc("By Doc")],
        by_field: Annotated[int, Field(description="By Field", ge=1, examples=[3])],
        meta: Annotated[str, "Not this", msgspec.Meta(description="By Meta")],
        deep: list[Annotated[str, "In a list", Field(min_length=2, pattern="^a")]],
        maybe: Annotated[int, "Maybe"] | None = None,
        tested: Annotated[int, at.Interval(ge=1, lt=9), at.MultipleOf(2)] = 2,
        sized: Annotated[list[int], at.Len(1, 3)] = [1],  # noqa: B006
        other: Annotated[int, object(), at.Unit("m")] = 1,
    ) -> None:
        """Find something.

        Args:
            text: Not this.
        """

    assert properties(find) == {
        "text": {"type": "string", "description": "Just text"},
        "doc": {"type": "string", "description": "By Doc"},
        "by_field": {"type": "integer", "description": "By Field", "minimum": 1, "examples": [3]},
        "meta": {"type": "string", "description": "By Meta"},
        "deep": {
            "type": "array",
            "items": {"type": "string", "description": "In a list", "minLength": 2, "pattern": "^a"},
        },
        "maybe": {"anyOf": [{"type": "integer", "description": "Maybe"}, {"type": "null"}], "default": None},
        "tested": {"type": "integer", "minimum": 1, "exclusiveMaximum": 9, "multipleOf": 2, "default": 2},
        "sized": {
            "type": "array",
            "items": {"type": "integer"},
            "minItems": 1,
            "maxItems": 3,
            "default": [1],
        },
        "other": {"type": "integer", "default": 1},
    }


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (Annotated[int, Field(ge=1)], 0),
        (Annotated[str, at.MinLen(2)], "a"),
        (list[Annotated[int, at.Lt(5)]], [5]),
        (Annotated[str, Field(pattern="^a")], "b"),
    ],
)
async def test_a_bound_is_held_whoever_has_written_it(annotation: object, value: object) -> None:
    with pytest.raises(ToolError, match="tool can't be called with these arguments"):
        await called(taking(annotation), value=value)


async def test_a_default_of_none_makes_a_parameter_optional() -> None:
    def add(
        numbers: list[int] = None,  # type: ignore[assignment]  # noqa: RUF013 - as users write it
        word: Annotated[str, "A word"] = None,  # type: ignore[assignment]  # noqa: RUF013 - the same
        any_value: object = None,
    ) -> object:
        return [numbers, word, any_value]

    assert properties(add)["numbers"] == {
        "anyOf": [{"type": "array", "items": {"type": "integer"}}, {"type": "null"}],
        "default": None,
    }
    assert await called(add) == {"output": [None, None, None]}
    assert await called(add, numbers=None, word=None) == {"output": [None, None, None]}
    assert await called(add, numbers=[1], word="a") == {"output": [[1], "a", None]}


# The context


def plain(context: ToolContext) -> bool:
    return isinstance(context, ToolContext)


def maybe(context: ToolContext | None = None) -> bool:
    return isinstance(context, ToolContext)


def optional(context: Optional[ToolContext] = None) -> bool:  # noqa: UP045
    return isinstance(context, ToolContext)


def aliased(context: Ctx | None = None) -> bool:
    return isinstance(context, ToolContext)


def qualified(context: livegen_trio.ToolContext | None = None) -> bool:
    return isinstance(context, ToolContext)


def by_module(context: lt.ToolContext) -> bool:
    return isinstance(context, ToolContext)


def annotated(context: Annotated[ToolContext, "Not for the model"]) -> bool:
    return isinstance(context, ToolContext)


def quoted(context: "ToolContext | None" = None) -> bool:  # noqa: UP037
    return isinstance(context, ToolContext)


def unresolved(context: "imaginary.ToolContext | None" = None) -> bool:  # type: ignore[name-defined]  # noqa: F821, UP037
    return isinstance(context, ToolContext)


@pytest.mark.parametrize(
    "function", [plain, maybe, optional, aliased, qualified, by_module, annotated, quoted, unresolved]
)
async def test_a_context_is_given_however_its_type_is_written(function: Callable[..., object]) -> None:
    assert schema(function) is None
    assert await called(function) == {"output": True}


def test_an_alias_that_only_checkers_see_is_named() -> None:
    def tool(context: OnlyForCheckers) -> None: ...

    with pytest.raises(
        ToolError, match="'context' of tool can't be declared: name 'OnlyForCheckers' is not defined"
    ):
        FunctionTool(tool)


# Functions of any kind


def weather(key: str, city: str, *, days: int = 1) -> str:
    """Weather."""
    return f"{key} {city} {days}"


def wrapped_partial() -> Callable[..., object]:
    return functools.update_wrapper(functools.partial(weather, "secret"), weather)


def partial_of_a_wrapped_partial() -> Callable[..., object]:
    return functools.partial(wrapped_partial(), days=3)


def decorated_partial() -> Callable[..., object]:
    @functools.wraps(wrapped_partial())
    def wrapper(*args: object, **kwargs: object) -> object:
        return wrapped_partial()(*args, **kwargs)

    return wrapper


@pytest.mark.parametrize(
    ("make", "names", "answer"),
    [
        (wrapped_partial, ["city", "days"], "secret Rome 1"),
        (partial_of_a_wrapped_partial, ["city"], "secret Rome 3"),
        (decorated_partial, ["city", "days"], "secret Rome 1"),
    ],
)
async def test_what_a_partial_has_given_is_not_declared_whatever_it_claims(
    make: Callable[[], Callable[..., object]], names: list[str], answer: str
) -> None:
    assert list(properties(make())) == names
    assert FunctionTool(make()).declaration.description == "Weather."
    assert await called(make(), city="Rome") == {"output": answer}


class Speaker:
    """Say something."""

    __name__ = "speak"

    def __call__(self, text: str, context: ToolContext | None = None) -> str:
        return f"{text} {context is not None}"


async def test_an_object_without_a_docstring_on_its_call_has_that_of_its_class() -> None:
    tool = FunctionTool(Speaker())
    assert tool.declaration.description == "Say something."
    assert await outcome(tool, {"text": "hi"}) == {"output": "hi True"}


@functools.cache
def cached(city: str) -> str:
    """Look it up once."""
    return city.upper()


class Robot:
    def __init__(self, name: str) -> None:
        self.name = name

    async def move(self, by: int, fast: bool = False) -> str:
        """Move it."""
        await trio.lowlevel.checkpoint()
        return f"{self.name} {by} {fast}"

    back = functools.partialmethod(move, -1)


class Asynchronous:
    __name__ = "wait"

    async def __call__(self, seconds: float) -> float:
        """Wait."""
        await trio.sleep(seconds)
        return seconds


@pytest.mark.parametrize(
    ("function", "name", "doc", "names", "args", "answer"),
    [
        (cached, "cached", "Look it up once.", ["city"], {"city": "rome"}, "ROME"),
        (Robot("R2").move, "move", "Move it.", ["by", "fast"], {"by": 2}, "R2 2 False"),
        (functools.partial(Robot("R2").move, 5), "move", "Move it.", ["fast"], {"fast": True}, "R2 5 True"),
        (
            functools.partial(Robot.move, Robot("C3")),
            "move",
            "Move it.",
            ["by", "fast"],
            {"by": 1},
            "C3 1 False",
        ),
        (tool(name="back")(Robot("R2").back), "back", "Move it.", ["fast"], {}, "R2 -1 False"),
        (Asynchronous(), "wait", "Wait.", ["seconds"], {"seconds": 0}, 0.0),
    ],
)
async def test_anything_that_can_be_called_is_a_tool(
    *, function: Any, name: str, doc: str, names: list[str], args: dict[str, object], answer: object
) -> None:
    made = FunctionTool(function)
    assert (made.name, made.declaration.description) == (name, doc)
    assert list(properties(function)) == names
    assert await outcome(made, args) == {"output": answer}


# Times and other texts


@pytest.mark.parametrize(
    ("annotation", "value", "got"),
    [
        (dt.datetime, "2025-10-26T10:00", "datetime.datetime(2025, 10, 26, 10, 0)"),
        (
            dt.datetime,
            "2025-10-26 10:00Z",
            "datetime.datetime(2025, 10, 26, 10, 0, tzinfo=datetime.timezone.utc)",
        ),
        (dt.datetime, "2025-10-26", "datetime.datetime(2025, 10, 26, 0, 0)"),
        (dt.datetime | None, "20251026T100000", "datetime.datetime(2025, 10, 26, 10, 0)"),
        (
            dt.datetime,
            "2025-10-26t10:00:00z",
            "datetime.datetime(2025, 10, 26, 10, 0, tzinfo=datetime.timezone.utc)",
        ),
        (list[dt.time], ["09:30", "T10"], "[datetime.time(9, 30), datetime.time(10, 0)]"),
        (dt.date, "2025-10-26T23:00:00", "datetime.date(2025, 10, 26)"),
        (dict[str, dt.date], {"a": "20251026"}, "{'a': datetime.date(2025, 10, 26)}"),
        (dt.timedelta, "PT1H30M", "datetime.timedelta(seconds=5400)"),
        (dt.timedelta, "-P1W", "datetime.timedelta(days=-7)"),
        (dt.timedelta, "P1Y1M1DT0.5S", "datetime.timedelta(days=396, microseconds=500000)"),
        (dt.timedelta, 90, "datetime.timedelta(seconds=90)"),
        (Window, ["09:30", "10:30"], "Window(start=datetime.time(9, 30), end=datetime.time(10, 30))"),
        (tuple[dt.date, str], ["20251026", "20251026"], "(datetime.date(2025, 10, 26), '20251026')"),
        (Annotated[dt.time, "When"], "09:30", "datetime.time(9, 30)"),
        (
            Late | Early,
            {"type": "Late", "until": "2025-10-26"},
            "Late(until=datetime.datetime(2025, 10, 26, 0, 0))",
        ),
        (Wishes, {"days": ["20251026"], "more": 1}, "{'days': [datetime.date(2025, 10, 26)]}"),
        (Path, "/tmp/x", "PosixPath('/tmp/x')"),
        (Path | None, None, "None"),
        (str | Path, "/tmp/x", "'/tmp/x'"),
        (PurePosixPath, "a/b", "PurePosixPath('a/b')"),
        (Decimal, 1.5, "Decimal('1.5')"),
        (uuid.UUID, "12345678123456781234567812345678", "UUID('12345678-1234-5678-1234-567812345678')"),
    ],
)
async def test_a_time_is_read_as_models_write_it(annotation: object, value: object, got: str) -> None:
    assert await called(taking(annotation), value=value) == {"output": [got]}


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (dt.datetime, "tomorrow"),
        (dt.datetime, {"year": 2025}),
        (dt.timedelta, "P"),
        (dt.timedelta, "P1DT"),
        (dt.timedelta, "P99999999999Y"),
        (dt.time, "25:00"),
        (Annotated[dt.datetime, msgspec.Meta(tz=True)], "2025-10-26T10:00"),
        (Window, ["09:30", "later"]),
        (tuple[dt.date, str], ["20251026"]),
        (Stop, 5),
        (Path, 5),
    ],
)
async def test_what_is_no_time_is_an_error_that_names_it(annotation: object, value: object) -> None:
    with pytest.raises(ToolError, match=r"^tool can't be called with these arguments: .*\$\.value"):
        await called(taking(annotation), value=value)


class Nested(msgspec.Struct):
    inside: Nested | None = None


async def test_arguments_that_are_nested_too_deeply_are_an_error_of_the_caller() -> None:
    value: object = None
    for _ in range(5000):
        value = {"inside": value}
    with pytest.raises(ToolError, match="tool can't be called with these arguments"):
        await called(taking(Nested), value=value)


def test_formats_say_what_a_text_has_to_be() -> None:
    def tool(
        *,
        at: dt.datetime,
        hour: dt.time | None,
        local: Annotated[dt.datetime, msgspec.Meta(tz=False)],
        hours: Annotated[dt.time, msgspec.Meta(tz=False)],
        wishes: Wishes,
        either: Late | Early | None,
        path: Path,
        by_day: dict[dt.date, int],
        pair: tuple[dt.time, int],
    ) -> None: ...

    declared = schema(tool)
    assert declared["properties"]["at"] == {"type": "string", "format": "date-time"}
    assert declared["properties"]["hour"] == {
        "anyOf": [{"type": "string", "format": "time"}, {"type": "null"}]
    }
    assert "format" not in declared["properties"]["local"]
    assert declared["properties"]["local"]["pattern"].startswith(r"^[1-9]\d{3}-")
    assert declared["properties"]["hours"]["pattern"].startswith("^([01]")
    assert declared["properties"]["path"] == {"type": "string", "format": "path"}
    assert declared["properties"]["by_day"]["propertyNames"] == {"format": "date"}
    assert declared["properties"]["pair"]["prefixItems"][0] == {"type": "string", "format": "time"}
    assert declared["$defs"]["Window"]["prefixItems"] == [{"type": "string", "format": "time"}] * 2
    assert declared["$defs"]["Late"]["properties"]["until"] == {"type": "string", "format": "date-time"}
    assert declared["$defs"]["Early"]["properties"]["since"] == {"type": "string", "format": "time"}


# Results


@pytest.mark.parametrize(
    ("result", "answer"),
    [
        (np.float64(1.5), {"output": 1.5}),
        (np.int32(3), {"output": 3}),
        (np.bool_(True), {"output": True}),
        (np.array([[1, 2], [3, 4]]), {"output": [[1, 2], [3, 4]]}),
        ({"mean": np.float32(0.5), "all": np.arange(2)}, {"mean": 0.5, "all": [0, 1]}),
        (np.str_("x"), {"output": "x"}),
        (np.datetime64("2026-01-02"), {"output": "2026-01-02"}),
        (np.float64("nan"), {"output": None}),
        (Order(dish="soup", count=1), {"dish": "soup", "count": 1}),
        ([Renamed(roomNumber=5)], {"output": [{"roomNumber": 5}]}),
        (Positive(number=1), {"number": 1}),
        (Path("/tmp/x"), {"output": "/tmp/x"}),
        (Stop("a"), {"name": "a", "at": None, "tags": []}),
        ({"for": dt.timedelta(minutes=5)}, {"for": "PT300S"}),
    ],
)
async def test_a_result_of_any_package_becomes_a_json_object(
    result: object, answer: dict[str, object]
) -> None:
    def tool() -> object:
        return result

    assert await called(tool) == answer


async def test_an_array_of_what_json_can_not_hold_is_an_error_of_the_tool() -> None:
    def tool() -> object:
        return np.array([1j])

    with pytest.raises(ToolError, match="the result of tool is of no use"):
        await called(tool)


# Declaration and check agree


def more_types(
    *,
    order: Order,
    pets: list[Annotated[Cat | Dog, Discriminator("kind")]],
    route: Route,
    wishes: Wishes,
    window: Window,
    late: Late | Early | None,
    local: Annotated[dt.datetime, msgspec.Meta(tz=False)],
    path: Path,
    word: str = None,  # type: ignore[assignment]  # noqa: RUF013 - as users write it
    by_day: dict[dt.date, int] = {},  # noqa: B006
    tree: Tree | None = None,
) -> None: ...


@pytest.mark.parametrize(
    "function", [pytest.param(one, id=one.__name__) for one in [*(one for one, _ in SIGNATURES), more_types]]
)
def test_a_call_accepts_what_its_declaration_allows(function: Callable[..., object]) -> None:
    tool = FunctionTool(function)

    @settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
    @given(args=values_of(tool.declaration.parameters_json_schema))
    def accepts(args: Mapping[str, object]) -> None:
        trio.run(outcome, tool, args)

    accepts()
