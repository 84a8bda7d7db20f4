"""Answers to tool calls that ran while the connection changed, for models that read over them. Pure.

A resumed session waits for the exchange that its earlier connection has cut, and does not take its results. On Gemini
3.8 the next input of the user's only ends that exchange, and goes unanswered, unless the calls are answered first
(pydantic-ai 2.68.0, 2026-10). So the calls are settled at once, and their results follow as content.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from ..types import Content, FunctionResponse, Part, ToolResponse
from .tool_calls import without_our_ids

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..types import FunctionCall

_LATER: Final = {"output": "not finished yet; the result follows as a message"}


def interim_answer(calls: Sequence[FunctionCall]) -> ToolResponse:
    """Return the message that settles *calls* without their results."""
    responses = [FunctionResponse(id=call.id, name=call.name, response=_LATER) for call in calls]
    return ToolResponse(function_responses=without_our_ids(responses))


def result_as_content(responses: Sequence[FunctionResponse]) -> Content:
    """Return the user's content that carries the results of calls."""
    lines = [
        f"Result of the function {response.name}, called before the connection was renewed: "
        f"{msgspec.json.encode(response.response or {}).decode()}"
        for response in responses
    ]
    return Content(role="user", parts=[Part(text="\n".join(lines))])


def is_silent(responses: Sequence[FunctionResponse]) -> bool:
    """Return whether the model need not speak of any of these."""
    return all(response.scheduling == "SILENT" for response in responses)
