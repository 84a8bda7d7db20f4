"""JSON schemas in the subset of OpenAPI that the service takes."""

from __future__ import annotations

import datetime as dt
import enum
import uuid
from collections.abc import Callable  # noqa: TC003 - annotations are read at run time here
from decimal import Decimal
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
import pytest
from hypothesis import given

from livegen_trio import Schema, ToolError
from livegen_trio.tools import FunctionTool
from livegen_trio.tools._openapi import openapi_of
from support.json_strategies import schema_like

ONE = {"type": "integer"}
INTEGER = Schema(type="INTEGER")
STRING = Schema(type="STRING")


class Unit(enum.Enum):
    CELSIUS = "C"
    KELVIN = "K"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Place(msgspec.Struct):
    """Somewhere."""

    name: str
    altitude: int | None = None


class Pair(NamedTuple):
    first: int
    second: str


class Cat(msgspec.Struct, tag=True):
    lives: int


class Dog(msgspec.Struct, tag=True):
    name: str


class Node(msgspec.Struct):
    value: int
    next: Node | None = None


class Parent(msgspec.Struct):
    children: list[Child]


class Child(msgspec.Struct):
    parents: dict[str, Parent]


class Empty(msgspec.Struct):
    pass


def declared(annotation: object) -> Schema:
    """How a parameter of this type is declared."""

    def tool(value: Any) -> None: ...

    tool.__annotations__["value"] = annotation
    parameters = FunctionTool(tool).openapi_declaration.parameters
    assert parameters is not None
    assert (parameters.type, parameters.required) == ("OBJECT", ["value"])
    return parameters.properties["value"]


PLACE = Schema(
    type="OBJECT",
    title="Place",
    description="Somewhere.",
    properties={"name": STRING, "altitude": Schema(type="INTEGER", nullable=True)},
    required=["name"],
)


@pytest.mark.parametrize(
    ("annotation", "schema"),
    [
        (bool, Schema(type="BOOLEAN")),
        (int, INTEGER),
        (float, Schema(type="NUMBER")),
        (str, STRING),
        (None, Schema(type="NULL")),
        (bytes, Schema(type="STRING", description="Encoding: base64.")),
        (Decimal, Schema(type="STRING", description="Format: decimal.", pattern=r"^-?\d+(\.\d+)?$")),
        (dt.date, Schema(type="STRING", description="Format: date.")),
        (Annotated[dt.datetime, msgspec.Meta(tz=True)], Schema(type="STRING", format="date-time")),
        (uuid.UUID, Schema(type="STRING", description="Format: uuid.")),
        (list[int], Schema(type="ARRAY", items=INTEGER)),
        (set[int], Schema(type="ARRAY", items=INTEGER, description="No two alike.")),
        (tuple[int, ...], Schema(type="ARRAY", items=INTEGER)),
        (dict, Schema(type="OBJECT", description="Any names.")),
        (dict[str, object], Schema(type="OBJECT", description="Any names.")),
        (
            dict[str, int],
            Schema(type="OBJECT", description='Any names, with values like {"type":"INTEGER"}.'),
        ),
        (Place, PLACE),
        (Empty, Schema(type="OBJECT", title="Empty")),
        (list[Place], Schema(type="ARRAY", items=PLACE)),
    ],
)
def test_types_become_those_of_the_subset(annotation: object, schema: Schema) -> None:
    assert declared(annotation) == schema


@pytest.mark.parametrize(
    ("annotation", "schema"),
    [
        (Unit, Schema(type="STRING", title="Unit", enum=["C", "K"])),
        (Literal["a", "b"], Schema(type="STRING", enum=["a", "b"])),
        (Literal["a", None], Schema(type="STRING", enum=["a"], nullable=True)),  # noqa: PYI061 - as users write it
        (Literal["", "a"], Schema(type="STRING", description='One of: "", "a".')),
        (Literal[1, 2], Schema(type="INTEGER", description="One of: 1, 2.")),
        (Level, Schema(type="INTEGER", title="Level", description="One of: 1, 2.")),
        (
            Literal[1, "a"],
            Schema(
                any_of=[Schema(type="INTEGER", description="One of: 1."), Schema(type="STRING", enum=["a"])]
            ),
        ),
        (Literal[None], Schema(type="NULL")),  # noqa: PYI061 - the same
    ],
)
def test_choices_are_an_enum_if_they_are_strings_and_are_described_otherwise(
    annotation: object, schema: Schema
) -> None:
    assert declared(annotation) == schema


@pytest.mark.parametrize(
    ("annotation", "schema"),
    [
        (str | None, Schema(type="STRING", nullable=True)),
        (Place | None, msgspec.structs.replace(PLACE, nullable=True)),
        (int | str, Schema(any_of=[INTEGER, STRING])),
        (
            int | str | None,
            Schema(any_of=[Schema(type="INTEGER", nullable=True), Schema(type="STRING", nullable=True)]),
        ),
        (
            Annotated[int | str, msgspec.Meta(description="A number")],
            Schema(
                any_of=[
                    Schema(type="INTEGER", description="A number"),
                    Schema(type="STRING", description="A number"),
                ]
            ),
        ),
        (
            Cat | Dog | int,
            Schema(
                any_of=[
                    INTEGER,
                    Schema(
                        type="OBJECT",
                        title="Cat",
                        properties={"type": Schema(type="STRING", enum=["Cat"]), "lives": INTEGER},
                        required=["type", "lives"],
                    ),
                    Schema(
                        type="OBJECT",
                        title="Dog",
                        properties={"type": Schema(type="STRING", enum=["Dog"]), "name": STRING},
                        required=["type", "name"],
                    ),
                ]
            ),
        ),
    ],
)
def test_alternatives_stand_alone_and_null_is_a_mark_on_the_others(
    annotation: object, schema: Schema
) -> None:
    assert declared(annotation) == schema


@pytest.mark.parametrize(
    ("annotation", "schema"),
    [
        (tuple[int, int], Schema(type="ARRAY", items=INTEGER, min_items=2, max_items=2)),
        *(
            (
                annotation,
                Schema(
                    type="ARRAY",
                    title=title,
                    items=Schema(any_of=[INTEGER, STRING]),
                    min_items=2,
                    max_items=2,
                    description='In order: {"type":"INTEGER"}, {"type":"STRING"}.',
                ),
            )
            for annotation, title in ((tuple[int, str], None), (Pair, "Pair"))
        ),
    ],
)
def test_tuples_are_arrays_whose_order_is_described(annotation: object, schema: Schema) -> None:
    assert declared(annotation) == schema


@pytest.mark.parametrize(
    ("annotation", "schema"),
    [
        (Annotated[int, msgspec.Meta(ge=1, le=9)], Schema(type="INTEGER", minimum=1, maximum=9)),
        (
            Annotated[float, msgspec.Meta(gt=0, lt=1.5, description="A part")],
            Schema(type="NUMBER", description="A part\nMore than 0.\nLess than 1.5."),
        ),
        (Annotated[int, msgspec.Meta(multiple_of=5)], Schema(type="INTEGER", description="A multiple of 5.")),
        (
            Annotated[
                str, msgspec.Meta(min_length=1, max_length=9, pattern="^a", title="T", examples=["ab"])
            ],
            Schema(
                type="STRING",
                min_length=1,
                max_length=9,
                pattern="^a",
                title="T",
                description='Examples: ["ab"].',
            ),
        ),
        (
            Annotated[list[str], msgspec.Meta(min_length=1, max_length=9)],
            Schema(type="ARRAY", items=STRING, min_items=1, max_items=9),
        ),
        (
            Annotated[dict[str, Any], msgspec.Meta(min_length=1, max_length=9)],
            Schema(type="OBJECT", min_properties=1, max_properties=9, description="Any names."),
        ),
        (
            dict[Annotated[str, msgspec.Meta(max_length=2)], Any],
            Schema(type="OBJECT", description='Names like {"maxLength":2}.\nAny names.'),
        ),
        (
            Annotated[int, msgspec.Meta(extra_json_schema={"format": "int32"})],
            Schema(type="INTEGER", format="int32"),
        ),
    ],
)
def test_bounds_are_kept_where_the_subset_has_them_and_are_described_otherwise(
    annotation: object, schema: Schema
) -> None:
    assert declared(annotation) == schema


def test_what_is_said_of_a_parameter_is_added_to_what_is_said_of_its_type() -> None:
    def go(place: Place, unit: Unit = Unit.KELVIN, far: int | str = 5, near: int | None = 5) -> None:
        """Go there.

        Args:
            place: Where to.
            unit: Of what.
        """

    parameters = FunctionTool(go).openapi_declaration.parameters
    assert parameters is not None
    assert parameters.properties == {
        "place": msgspec.structs.replace(PLACE, description="Where to.\nSomewhere."),
        "unit": Schema(type="STRING", title="Unit", enum=["C", "K"], description="Of what.", default="K"),
        "far": Schema(any_of=[INTEGER, STRING]),  # whose default it is isn't known
        "near": Schema(type="INTEGER", nullable=True, default=5),
    }
    assert parameters.required == ["place"]


def test_a_type_may_be_there_more_than_once() -> None:
    def go(start: Place, via: list[Place]) -> None: ...

    parameters = FunctionTool(go).openapi_declaration.parameters
    assert parameters is not None
    assert parameters.properties == {"start": PLACE, "via": Schema(type="ARRAY", items=PLACE)}


def anything(thing: object) -> None: ...


def some_things(things: list[Any]) -> None: ...


def no_items(things: list) -> None: ...  # type: ignore[type-arg]  # as users write it


def some_of_all(things: dict[str, list[object]]) -> None: ...


def no_places(things: tuple[()]) -> None: ...


def chain(node: Node) -> None: ...


def family(parent: list[Parent]) -> None: ...


def nested(one: list[tuple[int, object]]) -> None: ...


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (
            anything,
            "'thing' can't be declared in OpenAPI's subset: it may be anything, and has to have a type",
        ),
        (some_things, r"'things\[\]' can't be declared in OpenAPI's subset: it may be anything"),
        (no_items, r"'things\[\]' can't be declared in OpenAPI's subset: it may be anything"),
        (some_of_all, r"'things\[\]\[\]' can't be declared in OpenAPI's subset: it may be anything"),
        (no_places, r"'things\[\]' can't be declared in OpenAPI's subset: it may be anything"),
        (nested, r"'one\[\]\[\]' can't be declared in OpenAPI's subset: it may be anything"),
        (chain, r"'node\.next' can't be declared in OpenAPI's subset: Node holds itself"),
        (family, r"'parent\[\]\.children\[\]\.parents\[\]' can't be declared .*: Parent holds itself"),
    ],
)
def test_what_the_subset_cannot_express_is_named(function: Callable[..., object], words: str) -> None:
    tool = FunctionTool(function)
    assert tool.declaration.parameters_json_schema is not None
    with pytest.raises(ToolError, match=f"^{tool.name}: parameter {words}"):
        _ = tool.openapi_declaration


# Schemas that other programs have written


def only(schema: object) -> Schema:
    written = openapi_of({"type": "object", "properties": {"value": schema}})
    return written.properties["value"]


@pytest.mark.parametrize(
    ("schema", "written"),
    [
        ({"type": ["integer", "null"]}, Schema(type="INTEGER", nullable=True)),
        (
            {"type": ["integer", "string"], "minimum": 1},
            Schema(any_of=[Schema(type="INTEGER", minimum=1), STRING]),
        ),
        ({"oneOf": [ONE, {"type": "null"}]}, Schema(type="INTEGER", nullable=True)),
        ({"const": "a"}, Schema(type="STRING", enum=["a"])),
        ({"const": True}, Schema(type="BOOLEAN", description="One of: true.")),
        ({"const": None}, Schema(type="NULL")),
        ({"type": "number", "enum": [0.5, 1.5]}, Schema(type="NUMBER", description="One of: 0.5, 1.5.")),
        (
            {"type": "string", "enum": ["a"], "description": "It"},
            Schema(type="STRING", enum=["a"], description="It"),
        ),
        ({"anyOf": [ONE, ONE]}, INTEGER),
        ({"type": "object", "additionalProperties": False}, Schema(type="OBJECT")),
        ({"type": "object", "properties": 5}, Schema(type="OBJECT")),
        ({"type": "array", "items": ONE, "uniqueItems": False}, Schema(type="ARRAY", items=INTEGER)),
        ({"type": "string", "not": {"const": "x"}, "$comment": "Of no use."}, STRING),
    ],
)
def test_the_ways_of_others_are_read_as_well(schema: object, written: Schema) -> None:
    assert only(schema) == written


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        (True, "parameter 'value' can't be declared in OpenAPI's subset: it may be anything"),
        ({"type": "int"}, "parameter 'value' can't be declared in OpenAPI's subset: it may be anything"),
        ({"allOf": [ONE]}, "parameter 'value' can't be declared in OpenAPI's subset: it may be anything"),
        (
            {"enum": []},
            "parameter 'value' can't be declared in OpenAPI's subset: there is nothing that it may be",
        ),
        (
            {"anyOf": 5},
            "parameter 'value' can't be declared in OpenAPI's subset: there is nothing that it may be",
        ),
        ({"const": [1]}, "parameter 'value' .*: a value of type list is among its choices"),
        ({"$ref": "#/$defs/Nobody"}, "parameter 'value' .*: Nobody is not defined"),
        ({"$ref": "#"}, "parameter 'value' .*: # is not defined"),
        (
            {"type": "integer", "minimum": "one"},
            "the parameters can't be declared in OpenAPI's subset: Expected",
        ),
        (
            {"type": "integer", "minimum": 2, "maximum": 1},
            "the parameters can't be declared in OpenAPI's subset: Schema: minimum=2",
        ),
    ],
)
def test_what_is_no_schema_is_refused(schema: object, words: str) -> None:
    with pytest.raises(ToolError, match=f"^{words}"):
        only(schema)


@pytest.mark.parametrize("schema", [{}, {"$defs": 5}])
def test_the_parameters_themselves_need_a_type(schema: dict[str, object]) -> None:
    with pytest.raises(
        ToolError, match=r"^the object of the parameters can't be declared in OpenAPI's subset"
    ):
        openapi_of(schema)


@given(schema_like())
def test_nothing_fails_in_another_way(schema: dict[str, object]) -> None:
    try:
        written = openapi_of(schema)
    except ToolError:
        return
    assert isinstance(written, Schema)
