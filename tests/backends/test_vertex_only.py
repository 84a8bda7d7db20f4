"""Which fields only Vertex AI takes: found by name where they are set, and only there."""

from __future__ import annotations

import warnings
from typing import Any

import msgspec
import pytest
from google import genai
from google.genai import types
from google.genai._live_converters import _LiveConnectParameters_to_mldev

from livegen_trio.backends._vertex_only import fields_in_message, fields_in_setup
from livegen_trio.types import ClientContent, ContextUpdate, RealtimeInput, Setup, ToolResponse

MODEL = "models/gemini-3.8-live"
PLAIN_TOOL: dict[str, Any] = {
    "functionDeclarations": [{"name": "f"}],
    "googleSearch": {
        "timeRangeFilter": {"startTime": "2026-01-01T00:00:00Z", "endTime": "2026-02-01T00:00:00Z"}
    },
    "googleMaps": {"authConfig": {"apiKey": "k"}, "enableWidget": True},
    "urlContext": {},
    "codeExecution": {},
    "fileSearch": {"topK": 1},
    "mcpServers": [{"name": "m"}],
}
TOOLS: list[tuple[dict[str, Any], str]] = [
    ({"retrieval": {}}, "retrieval"),
    ({"enterpriseWebSearch": {}}, "enterprise_web_search"),
    ({"parallelAiSearch": {}}, "parallel_ai_search"),
    ({"exaAiSearch": {}}, "exa_ai_search"),
    ({"googleSearch": {"blockingConfidence": "BLOCK_LOW_AND_ABOVE"}}, "google_search.blocking_confidence"),
    ({"googleSearch": {"excludeDomains": ["a.example"]}}, "google_search.exclude_domains"),
    ({"googleMaps": {"groundingTypes": {}}}, "google_maps.grounding_types"),
    ({"googleMaps": {"authConfig": {"authType": "OAUTH"}}}, "google_maps.auth_config.authType"),
    ({"googleMaps": {"authConfig": {"oauth_config": {}}}}, "google_maps.auth_config.oauth_config"),
]


def found(**fields: Any) -> list[str]:
    return list(fields_in_setup(msgspec.convert({"model": MODEL} | fields, Setup)))


def test_what_both_take_is_not_found() -> None:
    assert not found(
        generationConfig={"responseModalities": ["AUDIO"], "temperature": 0.5},
        sessionResumption={"handle": "h"},
        safetySettings=[{"category": "HARM_CATEGORY_HARASSMENT"}],
        toolConfig={"functionCallingConfig": {"mode": "ANY"}},
        labels={"team": "voice"},
        tools=[PLAIN_TOOL],
    )


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"sessionResumption": {"transparent": True}}, "session_resumption.transparent"),
        ({"sessionResumption": {"transparent": False}}, "session_resumption.transparent"),
        ({"explicitVadSignal": True}, "explicit_vad_signal"),
        ({"explicitVadSignal": False}, "explicit_vad_signal"),
        ({"generationConfig": {"modelConfig": {}}}, "generation_config.model_config"),
        (
            {"toolConfig": {"functionCallingConfig": {"streamFunctionCallArguments": True}}},
            "tool_config.function_calling_config.stream_function_call_arguments",
        ),
        ({"safetySettings": [{}, {"method": "SEVERITY"}]}, "safety_settings[1].method"),
    ],
)
def test_a_field_of_the_setup_is_found(fields: dict[str, Any], name: str) -> None:
    assert found(**fields) == [name]


@pytest.mark.parametrize(("tool", "name"), TOOLS)
def test_a_tool_is_found_in_the_setup_and_in_an_update(tool: dict[str, Any], name: str) -> None:
    assert found(tools=[PLAIN_TOOL, tool]) == [f"tools[1].{name}"]
    update = msgspec.convert({"tools": {"tools": [tool]}}, ContextUpdate)
    assert list(fields_in_message(update)) == [f"tools[0].{name}"]


@pytest.mark.parametrize("field", ["partialArgs", "willContinue"])
def test_a_call_in_pieces_is_found_in_a_history(field: str) -> None:
    pieces = {"partialArgs": [{"jsonPath": "$.a"}], "willContinue": True}
    parts = [{"text": "hello"}, {"functionCall": {"name": "f", field: pieces[field]}}]
    content = msgspec.convert({"turns": [{"role": "model", "parts": parts}]}, ClientContent)
    [name] = fields_in_message(content)
    assert name.replace("_", "") == f"functioncall.{field.lower()}"


@pytest.mark.parametrize(
    "message", [ClientContent(), ContextUpdate(), RealtimeInput(text="x"), ToolResponse()]
)
def test_other_messages_have_none(message: Any) -> None:
    assert not list(fields_in_message(message))


def refused_by_google(**config: Any) -> bool:
    """Whether google-genai refuses to send this to the Gemini API."""
    client = genai.Client(api_key="none")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        parameters = types.LiveConnectParameters(model=MODEL, config=types.LiveConnectConfig(**config))
    try:
        _LiveConnectParameters_to_mldev(client._api_client, parameters)
    except ValueError as exc:
        return "only supported in Gemini Enterprise Agent Platform mode" in str(exc)
    return False


@pytest.mark.parametrize(("tool", "name"), TOOLS)
def test_googles_client_refuses_the_same_tools(tool: dict[str, Any], name: str) -> None:
    assert refused_by_google(tools=[types.Tool.model_validate(tool)])


@pytest.mark.parametrize(
    "config",
    [
        {"explicit_vad_signal": False},
        {"session_resumption": {"transparent": True}},
        {"safety_settings": [{"method": "SEVERITY"}]},
    ],
)
def test_googles_client_refuses_the_same_fields(config: dict[str, Any]) -> None:
    assert refused_by_google(**config)


def test_googles_client_takes_what_we_take() -> None:
    tool = types.Tool.model_validate(PLAIN_TOOL)
    assert not refused_by_google(tools=[tool], session_resumption={"handle": "h"}, labels={"team": "voice"})
