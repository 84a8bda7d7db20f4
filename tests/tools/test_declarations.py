"""What users give as tools, sorted into what the server is told and what this side carries out."""

from __future__ import annotations

from typing import Any

import pytest

from livegen_trio import FunctionDeclaration, GoogleSearch, Schema, Tool, ToolError
from livegen_trio.tools import declarations


def add(one: int, other: int) -> int:
    """The sum."""
    return one + other


async def now() -> str:
    """The time."""
    raise NotImplementedError


LATER = FunctionDeclaration(name="later", parameters=Schema(type="OBJECT"))
SEARCH = Tool(google_search=GoogleSearch())


def names(tool: Tool) -> list[str]:
    return [declaration.name for declaration in tool.function_declarations]


def test_no_tools_are_none() -> None:
    declared = declarations([])
    assert (declared.tools, declared.callable_tools) == ((), {})


def test_functions_and_declarations_go_together_into_one_tool_in_order() -> None:
    [tool] = declarations([add, LATER, now]).tools
    assert names(tool) == ["add", "later", "now"]
    assert tool.function_declarations[1] is LATER


def test_only_functions_can_be_carried_out_here() -> None:
    declared = declarations([add, LATER, SEARCH])
    assert list(declared.callable_tools) == ["add"]
    assert declared.callable_tools["add"].declaration.description == "The sum."


def test_whole_tools_stay_as_they_are_before_the_others() -> None:
    whole = Tool(function_declarations=[LATER])
    tools = declarations([add, SEARCH, now, whole]).tools
    assert tools[:2] == (SEARCH, whole)
    assert names(tools[2]) == ["add", "now"]


def test_without_functions_there_is_no_empty_tool() -> None:
    assert declarations([SEARCH]).tools == (SEARCH,)


def test_the_parameters_of_functions_can_be_declared_in_the_subset_of_openapi() -> None:
    given = FunctionDeclaration(name="given", parameters_json_schema={"type": "object"})
    declared = declarations([add, given], openapi=True)
    number = Schema(type="INTEGER")
    assert declared.tools[0].function_declarations == [
        FunctionDeclaration(
            name="add",
            description="The sum.",
            parameters=Schema(
                type="OBJECT", properties={"one": number, "other": number}, required=["one", "other"]
            ),
        ),
        given,
    ]
    assert list(declared.callable_tools) == ["add"]


def test_any_sequence_of_tools_is_taken_and_not_kept() -> None:
    given: list[Any] = [add]
    declared = declarations(given)
    given.append(now)
    assert names(declared.tools[0]) == ["add"]


@pytest.mark.parametrize(
    "tools",
    [
        [add, add],
        [add, FunctionDeclaration(name="add")],
        [FunctionDeclaration(name="add"), Tool(function_declarations=[FunctionDeclaration(name="add")])],
        [Tool(function_declarations=[FunctionDeclaration(name="add"), FunctionDeclaration(name="add")])],
    ],
)
def test_two_tools_of_one_name_cannot_be_told_apart(tools: list[Any]) -> None:
    with pytest.raises(ToolError, match="two tools are called 'add'"):
        declarations(tools)


@pytest.mark.parametrize(
    ("thing", "words"),
    [(GoogleSearch(), "a GoogleSearch is no tool"), ({"name": "add"}, "a dict is no tool")],
)
def test_what_is_no_tool_is_refused(thing: Any, words: str) -> None:
    with pytest.raises(ToolError, match=words):
        declarations([thing])
