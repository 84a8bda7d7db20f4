"""The tools that users give, sorted into declarations for the server and tools that this side runs."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final, cast

import msgspec

from .._errors import ToolError
from ..types import FunctionDeclaration, Tool
from ._callable import CallableTool
from ._functions import FunctionTool
from ._given_schemas import parameters_of_schema
from ._mcp import McpTool, is_mcp_client, list_mcp_tools
from ._openapi import openapi_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from .._inputs import ToolInput

_logger: Final = logging.getLogger(__name__)

_NAMES_IN_A_MESSAGE: Final = 64


@dataclass(frozen=True)
class Declared:
    """Tools as they are declared, and those among them that the session runs, by name.

    Attributes:
        tools: The declarations for the server.
        callable_tools: The tools that the session runs.
        left_to_caller: The functions whose calls the caller answers.
        has_more: Whether the model may call functions that aren't declared by name, such as those of `computer_use`.
    """

    tools: tuple[Tool, ...]
    callable_tools: Mapping[str, CallableTool]
    left_to_caller: frozenset[str]
    has_more: bool

    @cached_property
    def names(self) -> Sequence[str]:
        """The functions that are declared."""
        return sorted({*self.callable_tools, *self.left_to_caller})

    @cached_property
    def names_in_short(self) -> str:
        """The same for an error message, which has room for some of them."""
        more = len(self.names) - _NAMES_IN_A_MESSAGE
        return ", ".join([*self.names[:_NAMES_IN_A_MESSAGE], *([f"{more} more"] if more > 0 else [])])


async def list_tools(tools: Sequence[ToolInput]) -> Sequence[ToolInput | CallableTool]:
    """Return *tools* with the MCP clients among them replaced by the tools that their servers offer now.

    Raises:
        Exception: Whatever an MCP client raises.
    """
    listed: list[ToolInput | CallableTool] = []
    for tool in tools:
        if is_mcp_client(tool):
            listed += await list_mcp_tools(tool)
        else:
            listed.append(tool)
    return listed


def declarations(tools: Sequence[ToolInput | CallableTool], *, openapi: bool = False) -> Declared:
    """Declare *tools*: function declarations go together into one `Tool`, behind those given whole.

    Args:
        tools: Those that the model may use. MCP clients are left out: their tools are known after `list_tools`.
        openapi: Whether the functions' parameters are declared in the subset of OpenAPI.

    A schema that others have written and that can't be declared has its tool left out, and logged.

    Raises:
        ToolError: A function can't be declared, or a name is taken twice.
    """
    whole = [_whole(tool, openapi=openapi) for tool in tools if isinstance(tool, Tool)]
    given = [*_in(whole)]
    single: list[FunctionDeclaration] = []
    callable_tools: dict[str, CallableTool] = {}
    for tool in tools:
        if isinstance(tool, FunctionDeclaration):
            readable = _readable([tool], openapi=openapi)
            given += readable
            single += readable
        elif not (isinstance(tool, Tool) or is_mcp_client(tool)):
            one = _callable(tool)
            if (declaration := _declaration_of(one, openapi=openapi)) is not None:
                callable_tools[one.name] = one
                single.append(declaration)
    _check_names([*single, *_in(whole)])
    together = (Tool(function_declarations=tuple(single)),) if single else ()
    return Declared(
        tools=(*whole, *together),
        callable_tools=callable_tools,
        left_to_caller=frozenset(one.name for one in given),
        has_more=any(tool.computer_use is not None for tool in whole),
    )


def _whole(tool: Tool, *, openapi: bool) -> Tool:
    readable = _readable(tool.function_declarations, openapi=openapi)
    if readable == [*tool.function_declarations]:
        return tool
    return msgspec.structs.replace(tool, function_declarations=readable)


def _readable(declarations: Sequence[FunctionDeclaration], *, openapi: bool) -> Sequence[FunctionDeclaration]:
    """Return declarations whose schemas the service reads; one of which that can't be made is left out, and logged."""
    readable: list[FunctionDeclaration] = []
    for one in declarations:
        try:
            readable.append(_rewritten(one, openapi=openapi))
        except ToolError as exc:
            _log_left_out(one.name, exc)
    return readable


def _declaration_of(tool: CallableTool, *, openapi: bool) -> FunctionDeclaration | None:
    """Return the declaration of a tool; None of a server's that is left out.

    Raises:
        ToolError: A function can't be declared, which its author can mend.
    """
    try:
        return tool.openapi_declaration if openapi else tool.declaration
    except ToolError as exc:
        if not isinstance(tool, McpTool):
            raise
        _log_left_out(tool.name, exc)
        return None


def _log_left_out(name: str, exc: ToolError) -> None:
    _logger.warning("the tool %s is left out, and the model can't call it: %s", name, exc)


def _rewritten(given: FunctionDeclaration, *, openapi: bool) -> FunctionDeclaration:
    """Return a declaration whose JSON schema, if it has one, is in the part of JSON Schema that the service reads.

    Raises:
        ToolError: That can't be done.
    """
    if given.parameters_json_schema is None:
        return given
    parameters = parameters_of_schema(given.parameters_json_schema)
    if parameters.schema is None or parameters.are_wrapped:
        return given  # whose calls are its author's to answer: their arguments stay where they are
    if openapi:
        in_openapi = openapi_of(parameters.schema)
        return msgspec.structs.replace(given, parameters=in_openapi, parameters_json_schema=None)
    return msgspec.structs.replace(given, parameters_json_schema=parameters.schema)


def _callable(tool: object) -> CallableTool:
    # Whatever it is: `FunctionTool` refuses what can't be called.
    return tool if isinstance(tool, CallableTool) else FunctionTool(cast("Callable[..., object]", tool))


def _in(tools: Sequence[Tool]) -> Iterator[FunctionDeclaration]:
    for tool in tools:
        yield from tool.function_declarations


def _check_names(declared: Sequence[FunctionDeclaration]) -> None:
    names: set[str] = set()
    for declaration in declared:
        if declaration.name in names:
            raise ToolError(f"two tools are called {declaration.name!r}; rename one of them")
        names.add(declaration.name)
