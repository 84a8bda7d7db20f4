"""The JSON schemas of thirty signatures, beside those that pydantic writes for models of the same fields.

Titles are left out of both, since pydantic makes one up for every field. What is different then has a reason each, and
nothing else may be different.
"""

from __future__ import annotations

import datetime as dt
import enum
import uuid  # noqa: TC003 - annotations are read at run time here
from collections.abc import Callable, Iterator, Mapping, Sequence  # noqa: TC003 - the same
from dataclasses import dataclass, field
from decimal import Decimal  # noqa: TC003 - the same
from typing import Annotated, Any, Final, Generic, Literal, NamedTuple, NewType, NotRequired, TypeVar

import msgspec
import pytest
from pydantic import BaseModel, Discriminator, Field
from typing_extensions import TypedDict  # pydantic takes typing's only from Python 3.12 on

from livegen_trio.tools import FunctionTool

T = TypeVar("T")

# Types that both sides know


class Unit(enum.Enum):
    """What degrees are meant."""

    CELSIUS = "C"
    KELVIN = "K"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Colour(enum.StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass
class Stop:
    """A place on the way.

    Attributes:
        name: What it is called.
        minutes: How long to stay.
    """

    name: str
    minutes: int = 5


@dataclass
class Route:
    stops: list[Stop]
    by: Literal["bike", "train"] = "train"
    tags: list[str] = field(default_factory=list)


class Options(TypedDict):
    wheels: int
    bell: NotRequired[bool]


class Wishes(TypedDict, total=False):
    window: bool
    stop: Stop


class Point(NamedTuple):
    x: float
    y: float = 0.0


UserId = NewType("UserId", int)

# Types that each side has of its own


class Place(msgspec.Struct):
    """Somewhere.

    Attributes:
        name: What it is called.
    """

    name: str
    altitude: float | None = None


class PlaceModel(BaseModel):
    """Somewhere."""

    name: str = Field(description="What it is called.")
    altitude: float | None = None


class Node(msgspec.Struct):
    value: int
    children: list[Node] = []


class NodeModel(BaseModel):
    value: int
    children: list[NodeModel] = []


class Box(msgspec.Struct, Generic[T]):
    content: T


class BoxModel(BaseModel, Generic[T]):
    content: T


class Cat(msgspec.Struct, tag_field="kind", tag="cat"):
    lives: int


class Dog(msgspec.Struct, tag_field="kind", tag="dog"):
    name: str


class CatModel(BaseModel):
    kind: Literal["cat"]
    lives: int


class DogModel(BaseModel):
    kind: Literal["dog"]
    name: str


class Strict(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    room_number: int


class StrictModel(BaseModel, extra="forbid"):
    room_number: int = Field(alias="roomNumber")


# The signatures, each with the model of the same fields


def plain(text: str, count: int, share: float, is_open: bool) -> None: ...


class PlainModel(BaseModel):
    text: str
    count: int
    share: float
    is_open: bool


def defaults(text: str = "a", count: int = 1, share: float = 0.5, is_open: bool = False) -> None: ...


class DefaultsModel(BaseModel):
    text: str = "a"
    count: int = 1
    share: float = 0.5
    is_open: bool = False


def optional(text: str | None, count: int | None = None) -> None: ...


class OptionalModel(BaseModel):
    text: str | None
    count: int | None = None


def unions(one: int | str, two: bool | float | None = None) -> None: ...


class UnionsModel(BaseModel):
    one: int | str
    two: bool | float | None = None


def literals(word: Literal["a", "b"], number: Literal[1, 2] = 1) -> None: ...


class LiteralsModel(BaseModel):
    word: Literal["a", "b"]
    number: Literal[1, 2] = 1


def single_literals(word: Literal["a"], mixed: Literal["a", 1]) -> None: ...


class SingleLiteralsModel(BaseModel):
    word: Literal["a"]
    mixed: Literal["a", 1]


def enums(unit: Unit, level: Level, colour: Colour = Colour.RED) -> None: ...


class EnumsModel(BaseModel):
    unit: Unit
    level: Level
    colour: Colour = Colour.RED


def bounded_numbers(
    ge: Annotated[int, msgspec.Meta(ge=1, le=9)],
    gt: Annotated[float, msgspec.Meta(gt=0, lt=1)],
    multiple: Annotated[int, msgspec.Meta(multiple_of=5)] = 5,
) -> None: ...


class BoundedNumbersModel(BaseModel):
    ge: int = Field(ge=1, le=9)
    gt: float = Field(gt=0, lt=1)
    multiple: int = Field(5, multiple_of=5)


def bounded_texts(
    code: Annotated[str, msgspec.Meta(pattern="^[A-Z]+$", min_length=2, max_length=4)],
) -> None: ...


class BoundedTextsModel(BaseModel):
    code: str = Field(pattern="^[A-Z]+$", min_length=2, max_length=4)


def bounded_lists(
    names: Annotated[list[str], msgspec.Meta(min_length=1, max_length=3)],
    counts: Annotated[dict[str, int], msgspec.Meta(min_length=1, max_length=3)],
) -> None: ...


class BoundedListsModel(BaseModel):
    names: list[str] = Field(min_length=1, max_length=3)
    counts: dict[str, int] = Field(min_length=1, max_length=3)


def described(
    city: Annotated[str, msgspec.Meta(description="Its name", examples=["Berlin"])], days: int = 1
) -> None:
    """The weather.

    Args:
        city: Not this.
        days: How many
            to look ahead.
    """


class DescribedModel(BaseModel):
    city: str = Field(description="Its name", examples=["Berlin"])
    days: int = Field(1, description="How many to look ahead.")


def lists(names: list[str], rows: list[list[int]], some: Sequence[float]) -> None: ...


class ListsModel(BaseModel):
    names: list[str]
    rows: list[list[int]]
    some: Sequence[float]


def bare_collections(things: list, pairs: dict) -> None: ...  # type: ignore[type-arg]  # as users write them


class BareCollectionsModel(BaseModel):
    things: list  # type: ignore[type-arg]
    pairs: dict  # type: ignore[type-arg]


def sets(names: set[str], frozen: frozenset[int] = frozenset()) -> None: ...


class SetsModel(BaseModel):
    names: set[str]
    frozen: frozenset[int] = frozenset()


def tuples(pair: tuple[int, str], many: tuple[int, ...], none: tuple[()] = ()) -> None: ...


class TuplesModel(BaseModel):
    pair: tuple[int, str]
    many: tuple[int, ...]
    none: tuple[()] = ()


def mappings(counts: dict[str, int], by: Mapping[str, list[str]], numbered: dict[int, str]) -> None: ...


class MappingsModel(BaseModel):
    counts: dict[str, int]
    by: Mapping[str, list[str]]
    numbered: dict[int, str]


def keys(codes: dict[Annotated[str, msgspec.Meta(max_length=2)], int]) -> None: ...


class KeysModel(BaseModel):
    codes: dict[Annotated[str, Field(max_length=2)], int]


def times(at: dt.datetime, day: dt.date, hour: dt.time, length: dt.timedelta) -> None: ...


class TimesModel(BaseModel):
    at: dt.datetime
    day: dt.date
    hour: dt.time
    length: dt.timedelta


def aware_times(
    at: Annotated[dt.datetime, msgspec.Meta(tz=True)], day: dt.date = dt.date(2026, 1, 2)
) -> None: ...


class AwareTimesModel(BaseModel):
    at: dt.datetime
    day: dt.date = dt.date(2026, 1, 2)


def identifiers(key: uuid.UUID, user: UserId) -> None: ...


class IdentifiersModel(BaseModel):
    key: uuid.UUID
    user: UserId


def money(amount: Decimal) -> None: ...


class MoneyModel(BaseModel):
    amount: Decimal


def binary(data: bytes) -> None: ...


class BinaryModel(BaseModel):
    data: bytes


def anything(one: Any, two: object, three: None = None) -> None: ...


class AnythingModel(BaseModel):
    one: Any
    two: object
    three: None = None


def structs(place: Place, others: list[Place], home: Place | None = None) -> None:
    """Travel.

    Args:
        place: Where to.
    """


class StructsModel(BaseModel):
    place: PlaceModel = Field(description="Where to.")
    others: list[PlaceModel]
    home: PlaceModel | None = None


def dataclasses(route: Route, back: Route | None = None) -> None: ...


class DataclassesModel(BaseModel):
    route: Route
    back: Route | None = None


def typed_dicts(options: Options, wishes: Wishes) -> None: ...


class TypedDictsModel(BaseModel):
    options: Options
    wishes: Wishes


def named_tuples(start: Point, path: list[Point]) -> None: ...


class NamedTuplesModel(BaseModel):
    start: Point
    path: list[Point]


def recursive(tree: Node) -> None: ...


class RecursiveModel(BaseModel):
    tree: NodeModel


def generic(number: Box[int], names: Box[list[str]]) -> None: ...


class GenericModel(BaseModel):
    number: BoxModel[int]
    names: BoxModel[list[str]]


def tagged(pet: Cat | Dog, strict: Strict) -> None: ...


class TaggedModel(BaseModel):
    pet: Annotated[CatModel | DogModel, Discriminator("kind")]
    strict: StrictModel


SIGNATURES: Final[Sequence[tuple[Callable[..., object], type[BaseModel]]]] = [
    (plain, PlainModel),
    (defaults, DefaultsModel),
    (optional, OptionalModel),
    (unions, UnionsModel),
    (literals, LiteralsModel),
    (single_literals, SingleLiteralsModel),
    (enums, EnumsModel),
    (bounded_numbers, BoundedNumbersModel),
    (bounded_texts, BoundedTextsModel),
    (bounded_lists, BoundedListsModel),
    (described, DescribedModel),
    (lists, ListsModel),
    (bare_collections, BareCollectionsModel),
    (sets, SetsModel),
    (tuples, TuplesModel),
    (mappings, MappingsModel),
    (keys, KeysModel),
    (times, TimesModel),
    (aware_times, AwareTimesModel),
    (identifiers, IdentifiersModel),
    (money, MoneyModel),
    (binary, BinaryModel),
    (anything, AnythingModel),
    (structs, StructsModel),
    (dataclasses, DataclassesModel),
    (typed_dicts, TypedDictsModel),
    (named_tuples, NamedTuplesModel),
    (recursive, RecursiveModel),
    (generic, GenericModel),
    (tagged, TaggedModel),
]

ABSENT: Final = object()

DIFFERENCES: Final[Mapping[str, Sequence[tuple[str, object, object]]]] = {
    "a choice of one is written like any other; the service's lists of what it reads have `enum` and not `const`": [
        ("single_literals.properties.word.enum", ["a"], ABSENT),
        ("single_literals.properties.word.const", ABSENT, "a"),
        ("tagged.$defs.Cat.properties.kind.enum", ["cat"], ABSENT),
        ("tagged.$defs.Cat.properties.kind.const", ABSENT, "cat"),
        ("tagged.$defs.Dog.properties.kind.enum", ["dog"], ABSENT),
        ("tagged.$defs.Dog.properties.kind.const", ABSENT, "dog"),
    ],
    "msgspec sorts choices, so that equal types have equal schemas": [
        ("single_literals.properties.mixed.enum[0]", 1, "a"),
        ("single_literals.properties.mixed.enum[1]", "a", 1),
        ("enums.$defs.Colour.enum[0]", "blue", "red"),
        ("enums.$defs.Colour.enum[1]", "red", "blue"),
    ],
    "what allows anything need not be said": [
        ("bare_collections.properties.things.items", ABSENT, {}),
        ("bare_collections.properties.pairs.additionalProperties", ABSENT, True),
    ],
    "msgspec writes the names that are required even if there are none": [
        ("typed_dicts.$defs.Wishes.required", [], ABSENT),
    ],
    "nothing may follow the last place of a tuple; pydantic leaves that to `maxItems`": [
        ("tuples.properties.pair.items", False, ABSENT),
    ],
    "the names of an object whose keys are numbers are numbers": [
        ("mappings.properties.numbered.propertyNames", {"pattern": r"^(0|-?[1-9]\d{0,17})$"}, ABSENT),
    ],
    "a decimal number is asked for as text, since the service makes a double of every number": [
        ("money.properties.amount.type", "string", ABSENT),
        ("money.properties.amount.format", "decimal", ABSENT),
        ("money.properties.amount.pattern", r"^-?\d+(\.\d+)?$", ABSENT),
        ("money.properties.amount.anyOf", ABSENT, [{"type": "number"}, {"type": "string"}]),
    ],
    "bytes travel as base64, where pydantic takes the text's own": [
        ("binary.properties.data.contentEncoding", "base64", ABSENT),
        ("binary.properties.data.format", ABSENT, "binary"),
    ],
    "msgspec wants something to be said of `object`": [
        ("anything.properties.two.description", "any value", ABSENT),
    ],
    "what a docstring says of an attribute is told where the attribute is": [
        (f"{name}.$defs.Stop.{path}", ours, theirs)
        for name in ("dataclasses", "typed_dicts")
        for path, ours, theirs in (
            (
                "description",
                "A place on the way.",
                "A place on the way.\n\nAttributes:\n    name: What it is called.\n    minutes: How long to stay.",
            ),
            ("properties.name.description", "What it is called.", ABSENT),
            ("properties.minutes.description", "How long to stay.", ABSENT),
        )
    ],
    "`anyOf` and `oneOf` mean the same to the service, and the tags leave no two to choose from": [
        ("tagged.properties.pet.anyOf", [{"$ref": "#/$defs/Cat"}, {"$ref": "#/$defs/Dog"}], ABSENT),
        ("tagged.properties.pet.oneOf", ABSENT, [{"$ref": "#/$defs/Cat"}, {"$ref": "#/$defs/Dog"}]),
    ],
}
"""Why, and where: the path, what we write there, and what pydantic does."""

_NAMES: Final = ("properties", "$defs")
"""Objects whose keys are names that somebody chose."""


def normal(schema: Any) -> Any:
    """A schema without titles, and with our names for the types that pydantic has to have of its own."""
    if isinstance(schema, list):
        return [normal(one) for one in schema]
    if isinstance(schema, str):
        return schema.replace("Model", "")
    if not isinstance(schema, dict):
        return schema
    return {
        key: {normal(name): normal(one) for name, one in value.items()} if key in _NAMES else normal(value)
        for key, value in schema.items()
        if key != "title"
    }


def differences(ours: Any, theirs: Any, path: str) -> Iterator[tuple[str, object, object]]:
    """Where two schemas are different, and what is there in each."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key in {**ours, **theirs}:
            yield from differences(ours.get(key, ABSENT), theirs.get(key, ABSENT), f"{path}.{key}")
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for index, (one, other) in enumerate(zip(ours, theirs, strict=True)):
            yield from differences(one, other, f"{path}[{index}]")
    elif ours != theirs:
        yield path, ours, theirs


@pytest.mark.parametrize(
    ("function", "model"), [pytest.param(*one, id=one[0].__name__) for one in SIGNATURES]
)
def test_a_signature_has_the_schema_of_its_model_but_for_what_has_a_reason(
    function: Callable[..., object], model: type[BaseModel]
) -> None:
    name = function.__name__
    ours = normal(FunctionTool(function).declaration.parameters_json_schema)
    theirs = normal(model.model_json_schema())
    with_reason = [one for ones in DIFFERENCES.values() for one in ones if one[0].startswith(f"{name}.")]
    assert sorted(differences(ours, theirs, name), key=repr) == sorted(with_reason, key=repr)


def test_there_are_thirty_signatures_of_different_names() -> None:
    assert len({function.__name__ for function, _ in SIGNATURES}) == len(SIGNATURES) == 30


def test_every_difference_is_one_of_these_signatures() -> None:
    names = {function.__name__ for function, _ in SIGNATURES}
    assert {path.partition(".")[0] for ones in DIFFERENCES.values() for path, _, _ in ones} <= names


def test_a_difference_of_any_kind_is_found() -> None:
    ours = {"type": "object", "properties": {"a": {"type": "string"}, "b": {"enum": [1, 2]}}}
    assert [*differences(ours, {"type": "object", "properties": {"b": {"enum": [1, 3]}, "c": {}}}, "f")] == [
        ("f.properties.a", {"type": "string"}, ABSENT),
        ("f.properties.b.enum[1]", 2, 3),
        ("f.properties.c", ABSENT, {}),
    ]
