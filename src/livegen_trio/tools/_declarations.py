"""What users give as tools, sorted into what the server is told and what this side can carry out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from .._errors import ToolError
from ..types import FunctionDeclaration, Tool
from ._functions import FunctionTool

if TYPE_CHECKING:
    from collections.abc import Mapping

ToolInput: TypeAlias = Callable[..., object] | FunctionDeclaration | Tool
"""A function, which the session then calls itself; or a declaration, whose calls you answer; or a whole `Tool`."""


@dataclass(frozen=True, slots=True)
class Declared:
    """Tools as the server sees them, and the functions among them by name."""

    tools: tuple[Tool, ...]
    functions: Mapping[str, FunctionTool]


def declarations(tools: Sequence[ToolInput], *, openapi: bool = False) -> Declared:
    """Declare *tools*: function declarations go together into one `Tool`, behind those given whole.

    Args:
        tools: What the model may use.
        openapi: Whether the functions' parameters are declared in the subset of OpenAPI. Declarations that are given
            stay as they are.

    Raises:
        ToolError: A function can't be declared, or a name is taken twice.
    """
    whole = [tool for tool in tools if isinstance(tool, Tool)]
    single: list[FunctionDeclaration] = []
    functions: dict[str, FunctionTool] = {}
    for tool in tools:
        if isinstance(tool, FunctionDeclaration):
            single.append(tool)
        elif not isinstance(tool, Tool):
            function = FunctionTool(tool)
            functions[function.name] = function
            single.append(function.openapi_declaration if openapi else function.declaration)
    _check_names([*single, *(one for tool in whole for one in tool.function_declarations or ())])
    together = (Tool(function_declarations=tuple(single)),) if single else ()
    return Declared(tools=(*whole, *together), functions=functions)


def _check_names(declared: Sequence[FunctionDeclaration]) -> None:
    names: set[str] = set()
    for declaration in declared:
        if declaration.name in names:
            raise ToolError(f"two tools are called {declaration.name!r}; the model could not tell them apart")
        names.add(declaration.name)
