"""The types of content and tools as users may write them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

from .types import Content, FunctionDeclaration, Part, Tool

ContentInput: TypeAlias = str | Part | Content | Sequence[str | Part]
"""Text, a part, several of these, or a whole `Content` with its role."""


class McpClient(Protocol):
    """An `mcp.Client` or an `mcp.ClientSession` that is open."""

    async def call_tool(self, name: str, arguments: dict[str, object] | None = None) -> object:
        """Call one of the server's tools."""


ToolInput: TypeAlias = Callable[..., object] | FunctionDeclaration | Tool | McpClient
"""A function, or an MCP client, whose calls the session runs; or a declaration, whose calls you answer; or a
whole `Tool`."""
