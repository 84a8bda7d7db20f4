"""Following the lists of tools that MCP servers offer, so that the model hears of changes."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

import trio

from .._errors import LiveError
from .._single_exception import single_exception
from ..tools import is_mcp_client, watch_mcp_tools

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._inputs import McpClient, ToolInput
    from .._session.session import LiveSession

_logger: Final = logging.getLogger(__name__)


class ToolChanges:
    """Watches the MCP clients among a session's tools, and has it refreshed when one of their lists has changed."""

    def __init__(self) -> None:
        self._session: LiveSession
        self._scope = trio.CancelScope()
        self._watching = trio.CancelScope()
        self._nursery: trio.Nursery | None = None

    async def run(self, session: LiveSession, *, task_status: trio.TaskStatus[None]) -> None:
        """Watch for *session* what `watch` says, until `cancel`."""
        self._session = session
        with self._scope, single_exception():
            async with trio.open_nursery() as self._nursery:
                task_status.started()
                await trio.sleep_forever()

    def watch(self, tools: Sequence[ToolInput]) -> None:
        """Watch these from now on."""
        self._watching.cancel(reason="other tools have taken their place")
        self._watching = trio.CancelScope()
        clients = [tool for tool in tools if is_mcp_client(tool)]
        if clients and self._nursery is not None:
            self._nursery.start_soon(self._watch_all, clients, self._watching)

    def cancel(self) -> None:
        """Watch no more."""
        self._nursery = None
        self._scope.cancel(reason="the session is over")

    async def _watch_all(self, clients: Sequence[McpClient], scope: trio.CancelScope) -> None:
        with scope:
            async with trio.open_nursery() as nursery:
                for client in clients:
                    nursery.start_soon(self._watch, client)

    async def _watch(self, client: McpClient) -> None:
        try:
            await watch_mcp_tools(client, self._changed)
        except Exception as exc:
            _logger.warning("an MCP server's tools are not watched any more", exc_info=exc)

    async def _changed(self) -> None:
        try:
            await self._session.refresh_tools()
        except LiveError as exc:  # a name is taken twice, or the service doesn't take updates
            _logger.warning("the model is not told of an MCP server's new tools: %s", exc)
