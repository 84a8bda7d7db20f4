"""Fields that only the Gemini Developer API takes, found before they are sent to Vertex AI."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..types import ClientContent, ContextUpdate, ToolResponse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..types import Content, FunctionResponse, Part, RealtimeInput, Setup, SpeechConfig, Tool


def fields_in_setup(setup: Setup) -> Iterator[str]:
    """The paths of such fields as are set in *setup*."""
    if setup.generation_config is not None:
        yield from _in_voice(setup.generation_config.speech_config)
    if setup.tool_config is not None and setup.tool_config.include_server_side_tool_invocations is not None:
        yield "tool_config.include_server_side_tool_invocations"
    yield from _in_content(setup.system_instruction, "system_instruction")
    yield from _in_tools(setup.tools)


def fields_in_message(message: ClientContent | RealtimeInput | ToolResponse | ContextUpdate) -> Iterator[str]:
    """The paths of such fields as are set in *message*."""
    match message:
        case ClientContent(turns=turns):
            for index, turn in enumerate(turns):
                yield from _in_content(turn, f"turns[{index}]")
        case ContextUpdate(system_instruction=instruction, tools=update):
            yield from _in_content(instruction, "system_instruction")
            yield from _in_tools(() if update is None else update.tools)
        case ToolResponse(function_responses=responses):
            for index, response in enumerate(responses):
                yield from _in_response(response, f"function_responses[{index}]")
        case _:
            pass


def _in_voice(speech: SpeechConfig | None) -> Iterator[str]:
    voice = None if speech is None else speech.voice_config
    replicated = None if voice is None else voice.replicated_voice_config
    path = "generation_config.speech_config.voice_config.replicated_voice_config"
    if replicated is not None and replicated.consent_audio:
        yield f"{path}.consent_audio"
    if replicated is not None and replicated.voice_consent_signature is not None:
        yield f"{path}.voice_consent_signature"


def _in_tools(tools: Iterable[Tool]) -> Iterator[str]:
    for index, tool in enumerate(tools):
        if tool.file_search is not None:
            yield f"tools[{index}].file_search"
        if tool.mcp_servers:
            yield f"tools[{index}].mcp_servers"


def _in_content(content: Content | None, path: str) -> Iterator[str]:
    for index, part in enumerate(() if content is None else content.parts):
        yield from _in_part(part, f"{path}.parts[{index}]")


def _in_part(part: Part, path: str) -> Iterator[str]:
    if part.tool_call is not None:
        yield f"{path}.tool_call"
    if part.tool_response is not None:
        yield f"{path}.tool_response"
    if part.part_metadata:
        yield f"{path}.part_metadata"
    if part.function_response is not None:
        yield from _in_response(part.function_response, f"{path}.function_response")


def _in_response(response: FunctionResponse, path: str) -> Iterator[str]:
    if response.will_continue is not None:
        yield f"{path}.will_continue"
    for index, part in enumerate(response.parts):
        if part.media_processing is not None:
            yield f"{path}.parts[{index}].media_processing"
