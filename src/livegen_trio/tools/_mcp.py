"""Tools of MCP servers, by clients of the `mcp` package. The only module that knows it, once a user has imported it.

A client stays its user's: it is opened and closed outside of the session, and may serve several.
"""

from __future__ import annotations

import base64
import sys
from typing import TYPE_CHECKING, TypeGuard

from .._errors import ConfigError, ToolError
from .._user_code import run_user_code
from ..types import Blob, FunctionDeclaration, FunctionResponse, FunctionResponsePart
from ._callable import CallableTool
from ._plain import json_object

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    import mcp
    from mcp.types import CallToolResult, ContentBlock, Tool

    from .._inputs import McpClient
    from ._context import ToolContext


def is_mcp_client(tool: object) -> TypeGuard[McpClient]:
    """Whether *tool* is a client of the `mcp` package, which nobody has to have installed."""
    if "mcp" not in sys.modules:
        return False
    import mcp  # noqa: PLC0415 - its user has imported it; it takes a second

    return isinstance(tool, mcp.Client | mcp.ClientSession)


async def list_mcp_tools(client: McpClient) -> Sequence[McpTool]:
    """What the server offers now.

    Raises:
        ToolError: A tool can't be declared.
        Exception: Whatever the client raises.
    """
    tools = await run_user_code(_listed, _session_of(client))
    return [McpTool(client, tool) for tool in tools]


async def watch_mcp_tools(client: McpClient, changed: Callable[[], Awaitable[None]]) -> None:
    """Call *changed*, where the client lives, whenever the server's list of tools has changed, until it is closed.

    Servers of a protocol before 2026-07-28 tell such changes to the client's `message_handler` alone.

    Raises:
        Exception: Whatever the client raises.
    """
    await run_user_code(_watched, _session_of(client), changed)


class McpTool(CallableTool):
    """One tool of an MCP server.

    Raises:
        ToolError: It can't be declared.
    """

    def __init__(self, client: McpClient, tool: Tool) -> None:
        self._client = client
        schema: Mapping[str, object] = {
            key: value for key, value in tool.input_schema.items() if key != "$schema"
        }
        try:
            self.declaration: FunctionDeclaration = FunctionDeclaration(
                name=tool.name,
                description=tool.description or tool.title,
                parameters_json_schema=schema if schema.get("properties") else None,
            )
        except ConfigError as exc:
            raise ToolError(f"the tool {tool.name!r} of an MCP server can't be declared: {exc}") from exc

    async def call(self, args: Mapping[str, object], context: ToolContext) -> FunctionResponse:  # noqa: ARG002
        """Have the server carry out the call; it is told if this is cancelled.

        Raises:
            ToolError: With the words of the tool for what went wrong.
            Exception: Whatever the client raises.
        """
        from mcp.types import CallToolResult  # noqa: PLC0415

        result = await run_user_code(self._client.call_tool, self.name, dict(args))
        assert isinstance(
            result, CallToolResult
        )  # the client answers itself what a server asks back, or raises
        if result.is_error:
            raise ToolError(_text(result) or f"{self.name} failed")
        return FunctionResponse(response=_output(result), parts=_media(result))


async def _listed(session: mcp.ClientSession) -> Sequence[Tool]:
    from mcp.types import PaginatedRequestParams  # noqa: PLC0415

    page = await session.list_tools()
    tools = page.tools
    while page.next_cursor is not None:
        page = await session.list_tools(params=PaginatedRequestParams(cursor=page.next_cursor))
        tools = [*tools, *page.tools]
    return tools


async def _watched(session: mcp.ClientSession, changed: Callable[[], Awaitable[None]]) -> None:
    from mcp.client.subscriptions import (  # noqa: PLC0415
        ListenNotSupportedError,
        SubscriptionLost,
        listen,
    )

    try:
        async with listen(session, tools_list_changed=True) as changes:
            async for _ in changes:
                await changed()
    except (ListenNotSupportedError, SubscriptionLost):
        return  # it has no such thing, or is gone; calls of its tools say so


def _session_of(client: McpClient) -> mcp.ClientSession:
    import mcp  # noqa: PLC0415

    if isinstance(client, mcp.Client):
        return client.session
    assert isinstance(client, mcp.ClientSession)  # `is_mcp_client` has seen to it
    return client


def _output(result: CallToolResult) -> Mapping[str, object]:
    structured: object = result.structured_content  # none of a tool that doesn't say what it returns
    return json_object(_text(result) if structured is None else structured)


def _text(result: CallToolResult) -> str:
    return "\n".join(text for block in result.content if (text := _words(block)))


def _words(block: ContentBlock) -> str | None:
    if block.type == "text":
        return block.text
    if block.type == "resource_link":
        return f"{block.name}: {block.uri}"
    if block.type == "resource":
        words: str | None = getattr(block.resource, "text", None)  # or it is binary
        return words
    return None


def _media(result: CallToolResult) -> Sequence[FunctionResponsePart]:
    return [
        FunctionResponsePart(inline_data=Blob(mime_type=block.mime_type, data=base64.b64decode(block.data)))
        for block in result.content
        if block.type == "image" or block.type == "audio"  # noqa: PLR1714 - as type checkers understand it
    ]
