"""Tools of MCP servers, by clients of the `mcp` package. The only module that knows it, once a user has imported it.

A client stays its user's: it is opened and closed outside of the session, and may serve several.
"""

from __future__ import annotations

import base64
import logging
import sys
from itertools import chain, repeat
from typing import TYPE_CHECKING, Final, TypeGuard

import trio

from .._errors import ConfigError, ToolError
from .._user_code import run_user_code
from ..types import Blob, FunctionDeclaration, FunctionResponse, FunctionResponsePart
from ._callable import CallableTool
from ._given_schemas import parameters_of_schema
from ._json import is_object
from ._names import acceptable_name
from ._options import ToolOptions
from ._plain import json_object, plain_with_whole_numbers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import mcp
    from mcp.types import CallToolResult, ContentBlock, Tool

    from .._inputs import McpClient
    from ._context import ToolContext

_logger: Final = logging.getLogger(__name__)

LIST_TIMEOUT: Final = 30.0
"""Seconds for a server to list its tools in."""

CALL_TIMEOUT: Final = 60.0
"""Seconds for a call of one of them: a conversation has moved on by then."""

_MAX_PAGES: Final = 100  # of a list; a server of ten thousand tools has as many, and no model takes them all

_RETRY_DELAYS: Final = (1.0, 4.0, 15.0, 60.0)  # seconds before a lost subscription is opened again


def is_mcp_client(tool: object) -> TypeGuard[McpClient]:
    """Return whether *tool* is a client of the `mcp` package, which nobody has to have installed."""
    if "mcp" not in sys.modules:
        return False
    import mcp  # noqa: PLC0415 - its user has imported it; it takes a second

    return isinstance(tool, mcp.Client | mcp.ClientSession)


async def list_mcp_tools(client: McpClient) -> Sequence[McpTool]:
    """List the tools that the server offers now. A tool that can't be declared is left out, and logged.

    Raises:
        ToolError: The server does not answer within 30 seconds, or its list has no end.
        Exception: Whatever the client raises.
    """
    with trio.move_on_after(LIST_TIMEOUT):
        tools = await run_user_code(_listed, _session_of(client))
        return _declared(client, tools)
    raise ToolError(
        f"an MCP server has not listed its tools within {LIST_TIMEOUT:g} s; see whether it runs and answers"
    )


async def watch_mcp_tools(client: McpClient, changed: Callable[[], None]) -> None:
    """Call *changed*, on Trio, when the server's list of tools is watched, and whenever it has changed.

    The first call is for a change between the last listing and the subscription. A subscription that is lost is opened
    again, and *changed* called again. This returns where the server has no subscriptions: before the protocol of
    2026-07-28 changes are reported to the client's `message_handler` alone.

    Raises:
        Exception: Whatever the client raises, such as when it is closed.
    """
    token = trio.lowlevel.current_trio_token()

    def report() -> None:
        if trio.lowlevel.in_trio_run():
            changed()
        else:  # the client's loop is asyncio's, in another thread
            token.run_sync_soon(changed, idempotent=True)

    for delay in chain(_RETRY_DELAYS, repeat(_RETRY_DELAYS[-1])):
        if not await run_user_code(_watched, _session_of(client), report):
            return
        await trio.sleep(delay)


class McpTool(CallableTool):
    """One tool of an MCP server.

    Args:
        client: The client of its server.
        tool: The server's description of it.
        name: The name that the model calls it by; by default the server's own, or one like it that the service takes.

    Raises:
        ToolError: It can't be declared.
    """

    options: ToolOptions = ToolOptions(timeout=CALL_TIMEOUT)

    def __init__(self, client: McpClient, tool: Tool, name: str | None = None) -> None:
        self._client = client
        self._name_on_server = tool.name
        try:
            self._parameters = parameters_of_schema(tool.input_schema)
            self.declaration: FunctionDeclaration = FunctionDeclaration(
                name=name or acceptable_name(tool.name, ()),
                description=tool.description or tool.title,
                parameters_json_schema=self._parameters.schema,
            )
        except (ConfigError, ToolError) as exc:
            raise ToolError(f"the tool {tool.name!r} of an MCP server can't be declared: {exc}") from exc

    async def call(self, args: Mapping[str, object], context: ToolContext) -> FunctionResponse:
        """Have the server run the call; the server is notified if this is cancelled.

        Raises:
            ToolError: With the tool's own message of what went wrong; or there was no answer within 60 seconds.
            Exception: Whatever the client raises.
        """
        from mcp.types import CallToolResult  # noqa: PLC0415

        arguments = plain_with_whole_numbers(dict(self._parameters.unwrapped(args)))
        assert is_object(arguments)  # as it was before
        with trio.move_on_after(CALL_TIMEOUT) as scope:
            context.note_deadline(scope.deadline)
            result = await run_user_code(self._client.call_tool, self._name_on_server, arguments)
            # The client answers itself what a server asks back, or raises.
            assert isinstance(result, CallToolResult)
            if result.is_error:
                raise ToolError(_text(result) or f"{self.name} failed")
            return FunctionResponse(response=_output(result), parts=_media(result))
        raise ToolError(f"{self.name} took longer than {CALL_TIMEOUT:g} s, and was given up")


def _declared(client: McpClient, tools: Sequence[Tool]) -> Sequence[McpTool]:
    """Declare all tools that can be declared, under names that the service takes."""
    once = {tool.name: tool for tool in tools}
    taken = set(once)
    declared: list[McpTool] = []
    for tool in once.values():
        name = acceptable_name(tool.name, taken)
        if name != tool.name:
            _logger.warning(
                "the tool %r of an MCP server is declared as %r: its name is refused by the service",
                tool.name,
                name,
            )
            taken.add(name)
        try:
            declared.append(McpTool(client, tool, name))
        except ToolError as exc:
            _logger.warning("a tool is left out, and the model can't call it: %s", exc)
    return declared


async def _listed(session: mcp.ClientSession) -> Sequence[Tool]:
    from mcp.types import PaginatedRequestParams  # noqa: PLC0415

    page = await session.list_tools()
    tools = page.tools
    for _ in range(_MAX_PAGES):
        if page.next_cursor is None:
            return tools
        page = await session.list_tools(params=PaginatedRequestParams(cursor=page.next_cursor))
        tools = [*tools, *page.tools]
    raise ToolError(f"an MCP server's list of tools has more than {_MAX_PAGES} pages")


async def _watched(session: mcp.ClientSession, report: Callable[[], None]) -> bool:
    """Report changes as long as the subscription lasts; return whether it makes sense to subscribe again."""
    from mcp.client.subscriptions import (  # noqa: PLC0415
        ListenNotSupportedError,
        SubscriptionLost,
        listen,
    )

    try:
        async with listen(session, tools_list_changed=True) as changes:
            report()
            async for _ in changes:
                report()
    except ListenNotSupportedError:
        return False
    except SubscriptionLost:
        return True
    return True


def _session_of(client: McpClient) -> mcp.ClientSession:
    import mcp  # noqa: PLC0415

    if isinstance(client, mcp.Client):
        return client.session
    assert isinstance(client, mcp.ClientSession)  # `is_mcp_client` has seen to it
    return client


def _output(result: CallToolResult) -> Mapping[str, object]:
    structured: object = result.structured_content  # None where the tool has no schema for its result
    return json_object(_text(result) if structured is None else structured)


def _text(result: CallToolResult) -> str:
    return "\n".join(text for block in result.content if (text := _text_of(block)))


def _text_of(block: ContentBlock) -> str | None:
    if block.type == "text":
        return block.text
    if block.type == "resource_link":
        return f"{block.name}: {block.uri}"
    if block.type == "resource":
        text: str | None = getattr(block.resource, "text", None)  # or it is binary
        return text
    return None


def _media(result: CallToolResult) -> Sequence[FunctionResponsePart]:
    return [
        FunctionResponsePart(inline_data=Blob(mime_type=block.mime_type, data=base64.b64decode(block.data)))
        for block in result.content
        if block.type == "image" or block.type == "audio"  # noqa: PLR1714 - as type checkers understand it
    ]
