"""Calls of tools outside of a session."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from livegen_trio import FunctionCall, ToolContext

if TYPE_CHECKING:
    from collections.abc import Mapping

    from livegen_trio import LiveSession
    from livegen_trio.tools import CallableTool


async def refuse(_responses: object) -> None:
    """Answer what nobody has asked."""
    raise AssertionError("there is nobody to be told progress")


async def outcome(tool: CallableTool, args: Mapping[str, object]) -> Mapping[str, object]:
    """What *tool* answers to a call that belongs to no session."""
    session = cast("LiveSession", None)  # no tool of these looks at it
    context = ToolContext(FunctionCall(name=tool.name), session, tool.options, refuse)
    return (await tool.call(args, context)).response
