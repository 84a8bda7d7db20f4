"""Schemas that others have written: those of MCP servers in use, and of every kind that makes trouble."""

from __future__ import annotations

import json
import logging
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, cast

import jsonschema  # type: ignore[import-untyped]  # typed by a package of its own
import pytest
import trio
from hypothesis import HealthCheck, given, settings
from mcp.types import CallToolResult

from livegen_trio import FunctionDeclaration, Schema, ToolError
from livegen_trio.tools import declarations
from livegen_trio.tools._given_schemas import parameters_of_schema
from livegen_trio.tools._mcp import McpTool
from support.schema_values import values_of
from support.struct_strategies import JSON
from support.tool_calls import outcome

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from livegen_trio._inputs import McpClient

CORPUS: Final[Mapping[str, Any]] = {
    f"{file.stem}/{tool['name']}": tool
    for file in sorted((Path(__file__).parent.parent / "data" / "schemas").glob("*.json"))
    for tool in json.loads(file.read_text(encoding="utf-8"))
}

WIDER: Final = {
    "infrastructure/deploy": "`if` and `then` are said in the description",
    "infrastructure/set_annotations": "the pattern of the names is said in the description",
    "playwright/browser_evaluate": "`dependentRequired` is said in the description",
    "payments_and_shops/update_order": "`nullable` is of OpenAPI; a server that ignores it refuses null",
    "everything_else/not_empty": "`not` is said in the description",
    "payments_and_shops/create_coupon": "`oneOf` is `anyOf`, and both alternatives may fit",
}
"""Declarations that allow more than the server does, and why; the server's error says the rest."""

NOT_IN_OPENAPI: Final = {
    "notion/API-post-page": "holds itself",
    "notion/API-query-data-source": "may be anything",
    "everything_else/HassSetTemperature": "may be anything",
    "everything_else/comment_thread": "holds itself",
    "everything_else/evaluate_expression": "holds itself",
    "everything_else/required_unknown": "may be anything",
}
"""Tools that the subset of OpenAPI has no words for, and why: they are left out there."""

EACH: Final = pytest.mark.parametrize("name", CORPUS)


class Client:
    """A client of the `mcp` package, as far as a call needs it."""

    def __init__(self) -> None:
        self.called: list[tuple[str, dict[str, object]]] = []

    async def call_tool(self, name: str, arguments: dict[str, object] | None = None) -> object:
        self.called.append((name, arguments or {}))
        return CallToolResult(content=[])


def tool_of(schema: Any, name: str = "search", client: McpClient | None = None) -> McpTool:
    described = SimpleNamespace(name=name, title=None, description="d", input_schema=schema)
    return McpTool(client or Client(), cast("Any", described))


def declared(schema: Any) -> Any:
    return tool_of(schema).declaration.parameters_json_schema


def test_the_corpus_is_large() -> None:
    assert len(CORPUS) >= 75


@EACH
def test_a_real_tool_is_declared_with_all_its_parameters(name: str) -> None:
    schema = CORPUS[name]["inputSchema"]
    written = declared(schema)
    for parameter in schema.get("properties", {}):
        assert json.dumps(parameter)[1:-1] in json.dumps(written)
    has_any = schema.get("properties") or schema.get("additionalProperties") or schema.keys() & COMPOSED
    assert (written is None) is (not has_any)
    if written is not None:
        jsonschema.Draft202012Validator.check_schema(written)
        assert written["type"] == "object"
        assert not {"allOf", "oneOf", "definitions", "$schema", "not", "if"} & set(keywords(written))


COMPOSED: Final = {"$ref", "anyOf", "oneOf", "allOf", "patternProperties"}
"""Keywords by which a schema without `properties` has parameters all the same."""


def keywords(schema: Any) -> Sequence[str]:
    if isinstance(schema, list):
        return [word for one in schema for word in keywords(one)]
    if not isinstance(schema, dict):
        return []
    named = [*schema.get("properties", {}).values(), *schema.get("$defs", {}).values()]
    plain = {
        key: one for key, one in schema.items() if key not in ("properties", "$defs", "default", "examples")
    }
    return [*plain, *(word for one in [*named, *plain.values()] for word in keywords(one))]


@EACH
def test_a_real_server_accepts_what_the_declaration_allows(name: str) -> None:
    tool = CORPUS[name]
    client = Client()
    one = tool_of(tool["inputSchema"], client=client)
    schema = one.declaration.parameters_json_schema or {"const": {}}
    validator = jsonschema.validators.validator_for(tool["inputSchema"])(tool["inputSchema"])

    @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
    @given(args=values_of(schema))
    def accepts(args: Mapping[str, object]) -> None:
        trio.run(outcome, one, args)
        if name not in WIDER:
            validator.validate(client.called[-1][1])

    accepts()


@EACH
def test_a_real_tool_is_declared_in_the_subset_of_openapi_or_left_out(name: str) -> None:
    tool = tool_of(CORPUS[name]["inputSchema"])
    if name in NOT_IN_OPENAPI:
        with pytest.raises(ToolError, match=NOT_IN_OPENAPI[name]):
            _ = tool.openapi_declaration
    else:
        assert tool.openapi_declaration.parameters_json_schema is None
        assert (tool.openapi_declaration.parameters is None) is (
            declared(CORPUS[name]["inputSchema"]) is None
        )


# One by one


def test_a_root_that_is_a_reference_is_what_it_refers_to() -> None:
    schema = {
        "$ref": "#/$defs/Args",
        "$defs": {"Args": {"type": "object", "properties": {"city": {"type": "string"}}}},
    }
    assert declared(schema)["properties"] == {"city": {"type": "string"}}


ALTERNATIVES: Final = {
    "type": "object",
    "oneOf": [
        {"properties": {"city": {"type": "string"}}, "required": ["city"]},
        {"properties": {"id": {"type": "integer"}}, "required": ["id"]},
    ],
}


async def test_alternatives_of_all_arguments_stand_in_one_parameter_and_are_taken_out_again() -> None:
    client = Client()
    tool = tool_of(ALTERNATIVES, client=client)
    schema = cast("Any", tool.declaration.parameters_json_schema)
    assert schema["required"] == ["arguments"]
    assert [one["required"] for one in schema["properties"]["arguments"]["anyOf"]] == [["city"], ["id"]]
    await outcome(tool, {"arguments": {"id": 5.0}})
    await outcome(tool, {"city": "Rome"})  # a model may leave the wrapping out
    assert client.called == [("search", {"id": 5}), ("search", {"city": "Rome"})]
    assert repr(client.called[0][1]["id"]) == "5"


@pytest.mark.parametrize(
    ("schema", "written"),
    [
        ({"type": "object"}, None),
        ({}, None),
        ({"type": "object", "properties": {}, "additionalProperties": False}, None),
        ({"type": "object", "additionalProperties": True}, {"type": "object", "additionalProperties": True}),
        (
            {"type": ["object", "null"], "properties": {"a": True}},
            {
                "type": "object",
                "properties": {"arguments": {"type": ["object", "null"], "properties": {"a": {}}}},
                "required": ["arguments"],
            },
        ),
    ],
)
def test_a_root_is_an_object_or_is_put_into_one(schema: Any, written: Any) -> None:
    assert declared(schema) == written


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ({"const": "a"}, {"enum": ["a"], "type": "string"}),
        ({"enum": [1, None]}, {"enum": [1, None], "type": ["integer", "null"]}),
        ({"type": "string", "nullable": True}, {"type": ["string", "null"]}),
        (
            {"items": [{"type": "string"}], "additionalItems": False},
            {"prefixItems": [{"type": "string"}], "items": False, "type": "array"},
        ),
        ({"minimum": 0, "exclusiveMinimum": True}, {"exclusiveMinimum": 0, "type": "number"}),
        ({"type": "integer", "maximum": 5, "exclusiveMaximum": False}, {"type": "integer", "maximum": 5}),
        ({"oneOf": [{"type": "string"}, {"type": "string"}], "title": "A"}, {"type": "string", "title": "A"}),
        (
            {"type": "string", "anyOf": [{"maxLength": 2}, {"type": "integer"}]},
            {"type": "string", "maxLength": 2},
        ),
        (
            {
                "anyOf": [{"type": "string"}, {"type": "null"}],
                "oneOf": [{"type": "string"}, {"type": "integer"}],
            },
            {"type": "string"},
        ),
        (
            {"type": "string", "not": {"const": ""}, "description": "Words."},
            {"type": "string", "description": 'Words.\nIt must not be like {"const":""}.'},
        ),
        ({"x-order": 1, "$comment": "a", "type": "string", "deprecated": True}, {"type": "string"}),
        (
            {"allOf": [{"type": "number"}, {"type": "integer", "minimum": 1}, {"minimum": 3}]},
            {"type": "integer", "minimum": 3},
        ),
        (
            {
                "allOf": [
                    {"type": "string", "maxLength": 5},
                    {"maxLength": 3, "enum": ["a", "b"]},
                    {"enum": ["b"]},
                ]
            },
            {"type": "string", "maxLength": 3, "enum": ["b"]},
        ),
        (
            {"allOf": [{"pattern": "a"}, {"pattern": "b"}]},
            {"type": "string", "pattern": "(?=.*(?:a))(?=.*(?:b))"},
        ),
        (
            {"allOf": [{"description": "One."}, {"description": "Two.", "format": "date"}]},
            {"type": "string", "format": "date", "description": "One.\nTwo."},
        ),
        (
            {"allOf": [{"items": {"type": "string"}}, {"items": True}, {"items": {"minLength": 1}}]},
            {"type": "array", "items": {"type": "string", "minLength": 1}},
        ),
        (
            {"allOf": [{"properties": {"a": True}}, {"properties": {"a": {"type": "string"}, "b": False}}]},
            {"type": "object", "properties": {"a": {"type": "string"}}},
        ),
        (
            {"allOf": [{"title": "A"}, {"title": "B", "type": "null"}, {"allOf": [{"title": "C"}]}]},
            {"type": "null", "title": "C"},
        ),
        (
            {"patternProperties": {"^a": {"type": "string"}}, "additionalProperties": {"type": "null"}},
            {
                "type": "object",
                "additionalProperties": {"anyOf": [{"type": "string"}, {"type": "null"}]},
                "description": "Names match ^a.",
            },
        ),
        (True, {}),
        ({"description": "Anything."}, {"description": "Anything."}),
    ],
)
def test_a_part_is_written_in_the_words_of_the_service(given: Any, written: Any) -> None:
    assert declared({"type": "object", "properties": {"a": given}})["properties"]["a"] == written


def test_references_of_every_kind_are_followed() -> None:
    schema = {
        "type": "object",
        "definitions": {"a/b": {"type": "string"}, "c d": {"$ref": "#/definitions/a~1b"}},
        "$defs": {"d": {"type": "integer"}, "list": {"prefixItems": [{"type": "null"}]}},
        "properties": {
            "one": {"$ref": "#/definitions/a~1b", "description": "One."},
            "two": {"$ref": "#/definitions/c%20d"},
            "three": {"$ref": "#/properties/one"},
            "four": {"$ref": "#/$defs/list/prefixItems/0"},
            "five": {"$ref": "#/$defs/d", "minimum": 5},
        },
    }
    written = declared(schema)
    assert written["properties"]["five"] == {"type": "integer", "minimum": 5}
    jsonschema.Draft202012Validator(written).validate(
        {"one": "a", "two": "b", "three": "c", "four": None, "five": 5}
    )
    assert not jsonschema.Draft202012Validator(written).is_valid({"two": 5})
    assert not jsonschema.Draft202012Validator(written).is_valid({"four": 5})


BOMB: Final = {
    "type": "object",
    "properties": {"a": {"allOf": [{"$ref": "#/$defs/n0"}]}},
    "$defs": {
        **{
            f"n{number}": {
                "type": "object",
                "properties": {side: {"allOf": [{"$ref": f"#/$defs/n{number + 1}"}]} for side in "lr"},
            }
            for number in range(30)
        },
        "n30": {"type": "string"},
    },
}
REFERRING_BOMB: Final = json.loads(json.dumps(BOMB).replace('{"allOf": [', "").replace("]}", ""))


def deep(levels: int) -> Any:
    schema: Any = {"type": "string"}
    for _ in range(levels):
        schema = {"type": "array", "items": schema}
    return schema


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        (
            {"properties": {"a": {"$ref": "https://example.com/schema"}}},
            "parameter 'a': it refers to https://example.com/sch",
        ),
        (
            {"properties": {"a": {"b": 1, "$ref": "#/$defs/B"}}},
            "it refers to #/\\$defs/B, which is not in the schema",
        ),
        ({"properties": {"a": 5}}, "parameter 'a': there is 5 in place of a schema"),
        ({"properties": []}, r"there is \[\] in place of an object"),
        ({"anyOf": {}}, "there is {} in place of a list"),
        ({"properties": {"a": {"anyOf": []}}}, "parameter 'a': there is nothing that it may be"),
        (
            {"allOf": [{"$ref": "#/$defs/A"}], "$defs": {"A": {"$ref": "#/$defs/A"}}},
            "#/\\$defs/A holds itself",
        ),
        ({"$ref": "#"}, "holds itself"),
        ({"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/A"}}}, "holds itself"),
        (BOMB, "the schema comes to more than 20000 parts"),
        ({"properties": {"a": deep(2000)}}, "nested too deeply"),
        ({"enum": [{}], "type": "object", "properties": {"b": {"enum": 5}}}, "in place of a list"),
    ],
)
def test_what_is_no_schema_is_refused(schema: Any, words: str) -> None:
    with pytest.raises(ToolError, match=words):
        tool_of(schema)


def test_what_refers_to_the_same_things_again_and_again_is_no_bomb_here_and_refused_in_openapi() -> None:
    tool = tool_of(REFERRING_BOMB)
    assert len(cast("Any", tool.declaration.parameters_json_schema)["$defs"]) == 31
    with pytest.raises(ToolError, match="comes to more than"):
        _ = tool.openapi_declaration


@settings(max_examples=300, deadline=None)
@given(schema=JSON)
def test_nothing_fails_in_another_way(schema: Any) -> None:
    for one in (
        schema,
        {"properties": {"a": schema}},
        {"allOf": [schema, schema]},
        {"anyOf": [schema], "type": schema},
    ):
        with suppress(ToolError):
            parameters_of_schema(cast("Any", one))


# Declarations that are given


def test_a_given_schema_is_written_in_the_words_of_the_service() -> None:
    given_schema = {"$ref": "#/definitions/A", "definitions": {"A": {"properties": {"a": {"const": 1}}}}}
    given_one = FunctionDeclaration(name="mine", parameters_json_schema=given_schema)
    [one] = declarations([given_one]).tools[0].function_declarations
    assert one.parameters_json_schema == {
        "type": "object",
        "properties": {"a": {"enum": [1], "type": "integer"}},
    }
    [one] = declarations([given_one], openapi=True).tools[0].function_declarations
    assert one.parameters_json_schema is None
    assert one.parameters == Schema(
        type="OBJECT", properties={"a": Schema(type="INTEGER", description="One of: 1.")}
    )


def test_alternatives_of_given_arguments_stay_where_their_author_wants_them() -> None:
    given_one = FunctionDeclaration(name="mine", parameters_json_schema=ALTERNATIVES)
    assert declarations([given_one]).tools[0].function_declarations == [given_one]


@pytest.mark.parametrize("openapi", [False, True])
def test_a_tool_that_can_not_be_declared_is_left_out_and_logged(
    caplog: pytest.LogCaptureFixture, *, openapi: bool
) -> None:
    bad = {"type": "object", "properties": {"a": {"$ref": "https://example.com/a"}}}
    given_bad = FunctionDeclaration(name="mine", parameters_json_schema=bad)
    with caplog.at_level(logging.WARNING):
        declared_here = declarations([given_bad, FunctionDeclaration(name="other")], openapi=openapi)
    assert declared_here.names == ["other"]
    assert (
        "the tool mine is left out, and the model can't call it: parameter 'a': it refers to" in caplog.text
    )


async def test_a_tool_alone_has_a_name_that_the_service_takes_as_well() -> None:
    client = Client()
    tool = tool_of({"type": "object"}, "files/read", client)
    await outcome(tool, {})
    assert tool.name == "files_read"
    assert client.called == [("files/read", {})]


def test_a_server_s_tool_that_openapi_has_no_words_for_is_left_out_there(
    caplog: pytest.LogCaptureFixture,
) -> None:
    tools = [
        tool_of({"properties": {"a": {}}}, "any"),
        tool_of({"properties": {"a": {"type": "string"}}}, "text"),
    ]
    assert declarations(tools, openapi=True).names == ["text"]
    assert declarations(tools).names == ["any", "text"]
    assert "the tool any is left out" in caplog.text
