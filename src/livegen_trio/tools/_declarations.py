"""What users give as tools, sorted into what the server is told and what this side can carry out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final, cast

from .._errors import ToolError
from ..types import FunctionDeclaration, Tool
from ._callable import CallableTool
from ._functions import FunctionTool
from ._mcp import is_mcp_client, list_mcp_tools

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from .._inputs import ToolInput

_NAMES_IN_A_MESSAGE: Final = 64


@dataclass(frozen=True)
class Declared:
    """Tools as the server sees them, and those among them that the session carries out, by name.

    Attributes:
        tools: What the server is told.
        callable_tools: What the session carries out.
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
    """*tools* with the MCP clients among them replaced by what their servers offer now.

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
        tools: What the model may use. MCP clients are left out: their tools are known after `list_tools`.
        openapi: Whether the functions' parameters are declared in the subset of OpenAPI. Declarations that are given
            stay as they are.

    Raises:
        ToolError: A function can't be declared, or a name is taken twice.
    """
    whole = [tool for tool in tools if isinstance(tool, Tool)]
    given: list[FunctionDeclaration] = []
    single: list[FunctionDeclaration] = []
    callable_tools: dict[str, CallableTool] = {}
    for tool in tools:
        if isinstance(tool, FunctionDeclaration):
            given.append(tool)
            single.append(tool)
        elif not (isinstance(tool, Tool) or is_mcp_client(tool)):
            one = _callable(tool)
            callable_tools[one.name] = one
            single.append(one.openapi_declaration if openapi else one.declaration)
    given += [one for tool in whole for one in tool.function_declarations]
    _check_names([*single, *_in(whole)])
    together = (Tool(function_declarations=tuple(single)),) if single else ()
    return Declared(
        tools=(*whole, *together),
        callable_tools=callable_tools,
        left_to_caller=frozenset(one.name for one in given),
        has_more=any(tool.computer_use is not None for tool in whole),
    )


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
            raise ToolError(f"two tools are called {declaration.name!r}; the model could not tell them apart")
        names.add(declaration.name)
