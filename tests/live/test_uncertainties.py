"""What nobody is sure of: tried, and told in the summary. These tests judge nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from livegen_trio import GeminiBackend, SessionResumptionConfig, ToolConfig, UsageMetadata
from livegen_trio.types import FunctionCallingConfig
from support.live_service import backend_of_environment, conversation

if TYPE_CHECKING:
    from livegen_trio.testing import RecordingBackend
    from support.live_findings import Findings


async def get_time(city: str) -> dict[str, object]:
    """The time in a city."""
    return {"time": f"half past three in {city}"}


@pytest.mark.parametrize("version", ["v1alpha"])
async def test_other_api_versions(backend: RecordingBackend, findings: Findings, version: str) -> None:
    other = backend_of_environment(api_version=version)
    if not isinstance(other, GeminiBackend):
        pytest.skip("only the Gemini API has these versions")

    async def connect() -> str:
        async with conversation(other):
            return "yes"

    await findings.note_outcome(f"Is the Live API served as {version}?", connect)


async def test_a_tool_config_in_the_setup(backend: RecordingBackend, findings: Findings) -> None:
    config = ToolConfig(function_calling_config=FunctionCallingConfig(mode="ANY"))

    async def connect() -> str:
        async with conversation(backend, tools=[get_time], tool_config=config):
            return "yes"

    await findings.note_outcome("Is a toolConfig taken in the setup?", connect)


async def test_an_update_of_the_context(backend: RecordingBackend, findings: Findings) -> None:
    async def update() -> str:
        async with conversation(backend, system_instruction="Your name is Anna.") as session:
            await session.update_context(system_instruction="Your name is Berta.")
            return f"yes, and then {(await session.ask('What is your name?')).output_transcript!r}"

    await findings.note_outcome("Is a contextUpdate taken?", update)


async def test_a_handle_that_never_was(backend: RecordingBackend, findings: Findings) -> None:
    async def connect() -> str:
        resumption = SessionResumptionConfig(handle="a-handle-that-never-was")
        async with conversation(backend, connect={"session_resumption": resumption}):
            return "it is taken"

    await findings.note_outcome("What becomes of an unknown handle?", connect)


async def test_the_usage_of_two_turns(backend: RecordingBackend, findings: Findings) -> None:
    async def converse() -> str:
        totals: list[list[int]] = []
        async with conversation(backend) as session:
            for words in ("Say one.", "Say two."):
                await session.send(words)
                turn = await anext(session.turns())
                totals.append(
                    [event.total_token_count async for event in turn if isinstance(event, UsageMetadata)]
                )
        return f"two like turns report {totals[0]} and {totals[1]} tokens in total"

    await findings.note_outcome("Does usage count a message, or the session so far?", converse)
