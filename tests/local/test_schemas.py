"""Parameters of functions, in either spelling."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from livegen_trio.local.rules._schemas import Parameter, parameters_of
from livegen_trio.types import FunctionDeclaration, Schema
from support.json_strategies import schema_like


def of_json(properties: dict[str, object], **others: object) -> list[Parameter]:
    schema = {"type": "object", "properties": properties, **others}
    return list(parameters_of(FunctionDeclaration(name="f", parameters_json_schema=schema)))


def test_both_spellings_say_the_same() -> None:
    openapi = Schema(
        type="OBJECT",
        properties={
            "city": Schema(type="STRING", description="Where"),
            "unit": Schema(type="STRING", enum=["C", "F"]),
            "days": Schema(type="ARRAY", items=Schema(type="INTEGER")),
        },
        required=["city"],
    )
    assert list(parameters_of(FunctionDeclaration(name="f", parameters=openapi))) == of_json(
        {
            "city": {"type": "string", "description": "Where"},
            "unit": {"enum": ["C", "F"]},
            "days": {"type": "array", "items": {"type": "integer"}},
        },
        required=["city"],
    )


def test_a_function_may_take_nothing() -> None:
    assert parameters_of(FunctionDeclaration(name="f")) == ()


def test_what_may_be_null_is_of_its_other_kind() -> None:
    (one, other) = of_json(
        {"a": {"type": ["null", "integer"]}, "b": {"anyOf": [{"type": "null"}, {"type": "number"}]}}
    )
    assert (one.kind, other.kind) == ("integer", "number")


def test_references_are_followed() -> None:
    (room,) = of_json(
        {"room": {"$ref": "#/$defs/Room", "description": "Which"}},
        **{"$defs": {"Room": {"enum": ["a", "b"]}}},
    )
    assert room == Parameter("room", choices=("a", "b"), description="Which")


def test_a_constant_is_the_only_choice() -> None:
    assert of_json({"a": {"const": 3}})[0].choices == (3,)


def test_objects_have_fields() -> None:
    (where,) = of_json({"where": {"properties": {"city": {"type": "string"}}}})
    assert where == Parameter("where", kind="object", fields=(Parameter("city"),))


def test_a_schema_may_refer_to_itself() -> None:
    node = {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}}}
    assert of_json({"node": {"$ref": "#/$defs/Node"}}, **{"$defs": {"Node": node}})[0].kind == "object"
    loop = {"$ref": "#/$defs/Loop"}
    assert of_json({"loop": loop}, **{"$defs": {"Loop": loop}})[0].kind == "string"


def test_a_schema_that_grows_without_end_is_read_in_part() -> None:
    node = {"type": "object", "properties": {f"p{i}": {"$ref": "#/$defs/Node"} for i in range(100)}}
    parameters = of_json({"node": {"$ref": "#/$defs/Node"}, "other": {}}, **{"$defs": {"Node": node}})
    assert [parameter.name for parameter in parameters] == ["node"]


def test_only_so_many_choices_are_read() -> None:
    assert len(of_json({"a": {"enum": list(range(10_000))}})[0].choices) < 100


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"properties": 3},
        {"properties": {"a": 3}, "required": "a"},
        {"properties": {"a": {"type": 3, "enum": "x", "description": [], "$ref": 5, "anyOf": {}}}},
        {"properties": {"a": {"$ref": "#/$defs/none"}}, "$defs": []},
    ],
)
def test_what_can_not_be_read_is_a_string_or_not_there(schema: dict[str, object]) -> None:
    parameters = parameters_of(FunctionDeclaration(name="f", parameters_json_schema=schema))
    assert all(parameter == Parameter("a") for parameter in parameters)


@given(schema_like())
def test_any_json_can_be_read(schema: dict[str, Any]) -> None:
    parameters = parameters_of(FunctionDeclaration(name="f", parameters_json_schema=schema))
    assert all(isinstance(parameter, Parameter) for parameter in parameters)
