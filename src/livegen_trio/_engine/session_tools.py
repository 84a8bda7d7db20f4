"""The tools of one session: those that were given, their declarations, and the MCP servers' lists that are watched."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import trio

from .._single_exception import single_exception
from ..tools import declarations, is_mcp_client, list_tools, watch_mcp_tools
from ..types import ContextUpdate, ToolsUpdate

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from .._inputs import McpClient, ToolInput
    from ..tools import Declared
    from ..types import Content

_logger: Final = logging.getLogger(__name__)


class SessionTools:
    """The one owner of a session's tools, from their first declaration to the last change.

    Changes are made one after the other, in the order in which they were asked for, so that a slow listing can't undo
    a change that came later.

    Args:
        given: The tools that the model was given.
        declared: Their declarations, but for those of MCP servers.
        openapi: Whether functions are declared in the subset of OpenAPI.

    Attributes:
        declared: Their declarations, and the tools that the session runs.
    """

    def __init__(self, given: Sequence[ToolInput], declared: Declared, *, openapi: bool) -> None:
        self._given = tuple(given)
        self._openapi = openapi
        self._changing = trio.Lock()
        self._scope = trio.CancelScope()
        self._watching = trio.CancelScope()
        self._nursery: trio.Nursery | None = None
        self._send: Callable[[ContextUpdate], Awaitable[None]]
        self.declared: Declared = declared

    async def list(self) -> Declared:
        """Ask the MCP servers for their tools, before the session begins; return all declarations.

        Raises:
            ToolError: A name is taken twice, or a server does not answer in time.
            Exception: Whatever an MCP client raises.
        """
        if any(map(is_mcp_client, self._given)):
            self.declared = await self._declare(self._given)
        return self.declared

    async def run(
        self, send: Callable[[ContextUpdate], Awaitable[None]], *, task_status: trio.TaskStatus[None]
    ) -> None:
        """Watch the lists of the MCP servers, until `cancel`.

        Args:
            send: Has a message sent. It returns as soon as the message is accepted, without a checkpoint in between.
            task_status: Reports that changes can be made.
        """
        self._send = send
        with self._scope, single_exception():
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                task_status.started()
                try:
                    await trio.sleep_forever()
                finally:
                    self._nursery = None  # cancelled, while the session is being closed

    def watch(self) -> None:
        """Watch the MCP clients among the tools from now on, in place of those that were watched before."""
        self._watching.cancel(reason="other tools have taken their place")
        self._watching = trio.CancelScope()
        if self._nursery is None:
            return
        for client in filter(is_mcp_client, self._given):
            self._nursery.start_soon(self._watch, client, self._watching)

    def cancel(self) -> None:
        """Stop watching."""
        self._nursery = None
        self._scope.cancel(reason="the session is over")

    async def update(self, given: Sequence[ToolInput], instruction: Content | None) -> None:
        """Declare *given* in place of all tools so far.

        Raises:
            ToolError: As in `list`; the tools are those of before.
            LiveError: The update can't be sent.
        """
        async with self._changing:
            declared = await self._declare(given)
            await self._send(_update(declared, instruction))
            # No checkpoint since it was accepted: the server's tools and ours can't differ.
            self.declared = declared
            self._given = tuple(given)
            self.watch()

    async def refresh(self) -> None:
        """List the MCP servers' tools again, and declare those that they offer now.

        Raises:
            ToolError: As in `list`; the tools are those of before.
            LiveError: The update can't be sent.
        """
        async with self._changing:
            await self._declare_again(await self._declare(self._given))

    async def _refresh_if_changed(self) -> None:
        async with self._changing:
            declared = await self._declare(self._given)
            if declared.tools != self.declared.tools:
                await self._declare_again(declared)

    async def _declare_again(self, declared: Declared) -> None:
        await self._send(_update(declared))
        self.declared = declared

    async def _declare(self, given: Sequence[ToolInput]) -> Declared:
        return declarations(await list_tools(given), openapi=self._openapi)

    async def _watch(self, client: McpClient, scope: trio.CancelScope) -> None:
        changes, received = trio.open_memory_channel[None](1)  # one that is not looked at yet stands for all
        with scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_report_changes, client, changes)
                async for _ in received:
                    await self._refresh_or_log()

    async def _refresh_or_log(self) -> None:
        try:
            await self._refresh_if_changed()
        except Exception as exc:  # a name is taken twice, the service takes no updates, the client is closed
            _logger.warning("an MCP server's new tools are not declared to the model", exc_info=exc)


async def _report_changes(client: McpClient, changes: trio.MemorySendChannel[None]) -> None:
    def report() -> None:
        with suppress(trio.WouldBlock):
            changes.send_nowait(None)

    with changes:
        try:
            await watch_mcp_tools(client, report)
        except Exception as exc:  # a client may raise anything, and the conversation goes on
            _logger.warning("an MCP server's tools are not watched any more", exc_info=exc)


def _update(declared: Declared, instruction: Content | None = None) -> ContextUpdate:
    return ContextUpdate(system_instruction=instruction, tools=ToolsUpdate(tools=declared.tools))
