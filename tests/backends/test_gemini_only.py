"""Which fields only the Gemini Developer API takes: found by name where they are set, and only there."""

from __future__ import annotations

import warnings
from typing import Any

import msgspec
import pytest
from google import genai
from google.auth.credentials import AnonymousCredentials
from google.genai import types
from google.genai._live_converters import _LiveConnectParameters_to_vertex

from livegen_trio.backends._gemini_only import fields_in_message, fields_in_setup
from livegen_trio.types import ClientContent, ContextUpdate, RealtimeInput, Setup, ToolResponse

MODEL = "publishers/google/models/m"
PLAIN_TOOL: dict[str, Any] = {
    "functionDeclarations": [{"name": "f"}],
    "googleSearch": {"excludeDomains": ["a.example"]},
    "googleMaps": {"authConfig": {"authType": "OAUTH"}},
    "codeExecution": {},
    "retrieval": {},
    "enterpriseWebSearch": {},
}
TOOLS: list[tuple[dict[str, Any], str]] = [
    ({"fileSearch": {"topK": 1}}, "file_search"),
    ({"fileSearch": {}}, "file_search"),
    ({"mcpServers": [{"name": "m"}]}, "mcp_servers"),
]
SAMPLE = {"mimeType": "audio/wav", "voiceSampleAudio": "AAAA"}
VOICES: list[tuple[dict[str, Any], str]] = [
    ({"consentAudio": "AAAA"}, "consent_audio"),
    ({"voiceConsentSignature": {"signature": "s"}}, "voice_consent_signature"),
]
PARTS: list[tuple[dict[str, Any], str]] = [
    ({"toolCall": {"id": "1"}}, "tool_call"),
    ({"toolResponse": {"id": "1"}}, "tool_response"),
    ({"text": "hello", "partMetadata": {"a": 1}}, "part_metadata"),
    ({"functionResponse": {"name": "f", "willContinue": False}}, "function_response.will_continue"),
    (
        {"functionResponse": {"name": "f", "parts": [{}, {"mediaProcessing": "AGENTIC"}]}},
        "function_response.parts[1].media_processing",
    ),
]


def found(**fields: Any) -> list[str]:
    return list(fields_in_setup(msgspec.convert({"model": MODEL} | fields, Setup)))


def found_in(kind: Any, **fields: Any) -> list[str]:
    return list(fields_in_message(msgspec.convert(fields, kind)))


def test_what_both_take_is_not_found() -> None:
    assert not found()
    assert not found(
        generationConfig={"speechConfig": {"voiceConfig": {"replicatedVoiceConfig": SAMPLE}}},
        systemInstruction={"parts": [{"text": "Be brief."}]},
        sessionResumption={"transparent": True},
        explicitVadSignal=True,
        toolConfig={"functionCallingConfig": {"streamFunctionCallArguments": True}},
        tools=[PLAIN_TOOL],
    )
    assert not found(generationConfig={"temperature": 0.5})
    assert not found(generationConfig={"speechConfig": {"languageCode": "de-DE"}})


@pytest.mark.parametrize(("voice", "name"), VOICES)
def test_consent_to_a_voice_is_found(voice: dict[str, Any], name: str) -> None:
    speech = {"voiceConfig": {"replicatedVoiceConfig": SAMPLE | voice}}
    assert found(generationConfig={"speechConfig": speech}) == [
        f"generation_config.speech_config.voice_config.replicated_voice_config.{name}"
    ]


@pytest.mark.parametrize("value", [True, False])
def test_what_tool_config_says_of_server_side_tools_is_found(value: bool) -> None:
    assert found(toolConfig={"includeServerSideToolInvocations": value}) == [
        "tool_config.include_server_side_tool_invocations"
    ]


@pytest.mark.parametrize(("tool", "name"), TOOLS)
def test_a_tool_is_found_in_the_setup_and_in_an_update(tool: dict[str, Any], name: str) -> None:
    assert found(tools=[PLAIN_TOOL, tool]) == [f"tools[1].{name}"]
    assert found_in(ContextUpdate, tools={"tools": [tool]}) == [f"tools[0].{name}"]


@pytest.mark.parametrize(("part", "name"), PARTS)
def test_a_part_is_found_wherever_there_is_content(part: dict[str, Any], name: str) -> None:
    content = {"parts": [{"text": "hello"}, part]}
    if "text" in part:  # an instruction has nothing else
        assert found(systemInstruction=content) == [f"system_instruction.parts[1].{name}"]
        assert found_in(ContextUpdate, systemInstruction=content) == [f"system_instruction.parts[1].{name}"]
    assert found_in(ClientContent, turns=[{}, content]) == [f"turns[1].parts[1].{name}"]


def test_a_response_in_several_pieces_is_found() -> None:
    responses = [{"name": "f", "scheduling": "SILENT"}, {"name": "f", "willContinue": True}]
    assert found_in(ToolResponse, functionResponses=responses) == ["function_responses[1].will_continue"]


@pytest.mark.parametrize(
    "message", [ClientContent(), ContextUpdate(), RealtimeInput(text="x"), ToolResponse()]
)
def test_other_messages_have_none(message: Any) -> None:
    assert not list(fields_in_message(message))


def refused_by_google(**config: Any) -> bool:
    """Whether google-genai refuses to send this to Vertex AI."""
    client = genai.Client(
        vertexai=True, project="p", location="us-central1", credentials=AnonymousCredentials()
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        parameters = types.LiveConnectParameters(model=MODEL, config=types.LiveConnectConfig(**config))
    try:
        _LiveConnectParameters_to_vertex(client._api_client, parameters)
    except ValueError as exc:
        return "only supported in Gemini Developer API" in str(exc)
    return False


@pytest.mark.parametrize(("tool", "name"), TOOLS)
def test_googles_client_refuses_the_same_tools(tool: dict[str, Any], name: str) -> None:
    assert refused_by_google(tools=[types.Tool.model_validate(tool)])


@pytest.mark.parametrize(("voice", "name"), VOICES)
def test_googles_client_refuses_the_same_consents(voice: dict[str, Any], name: str) -> None:
    assert refused_by_google(speech_config={"voice_config": {"replicated_voice_config": voice}})


@pytest.mark.parametrize(("part", "name"), PARTS)
def test_googles_client_refuses_the_same_parts(part: dict[str, Any], name: str) -> None:
    assert refused_by_google(system_instruction=types.Content.model_validate({"parts": [part]}))


def test_googles_client_takes_what_we_take() -> None:
    assert not refused_by_google(
        tools=[types.Tool.model_validate(PLAIN_TOOL)],
        session_resumption={"transparent": True},
        explicit_vad_signal=True,
        labels={"team": "voice"},
    )
