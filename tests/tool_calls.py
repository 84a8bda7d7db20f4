"""Calls of tools outside of a session."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import trio

from livegen_trio import FunctionCall, ToolContext

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from livegen_trio import FunctionResponse, LiveSession
    from livegen_trio.tools import CallableTool


async def outcome(tool: CallableTool, args: Mapping[str, object]) -> Mapping[str, object]:
    """What *tool* answers to a call that belongs to no session."""
    context = ToolContext(FunctionCall(name=tool.name), cast("LiveSession", None), tool.options, _answer)
    return (await tool.call(args, context)).response


async def _answer(responses: Sequence[FunctionResponse]) -> None:
    await trio.lowlevel.checkpoint()
    raise AssertionError(f"there is no session for {responses}")
