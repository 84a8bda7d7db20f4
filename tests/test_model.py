"""The model object: what it is made with, what it shows, and the setup that it makes. It connects elsewhere."""

from __future__ import annotations

import inspect
import json
from typing import Any

import pytest

from livegen_trio import (
    AIModel,
    AudioTranscriptionConfig,
    AutomaticActivityDetection,
    ConfigError,
    ConnectOptions,
    Content,
    FunctionDeclaration,
    GeminiBackend,
    GoogleSearch,
    LiveGenerationConfig,
    LiveGenerativeModel,
    Part,
    RealtimeInputConfig,
    SessionResumptionConfig,
    SpeechConfig,
    Tool,
    ToolConfig,
    ToolError,
    get_live_generative_model,
)
from livegen_trio.types import FunctionCallingConfig, Setup
from support.peer import PeerBackend, model_on

BACKEND = GeminiBackend(api_key="SECRET", base_url="wss://host")


def double(number: int) -> int:
    """Twice as much."""
    return 2 * number


def test_a_model_shows_what_it_was_made_with() -> None:
    config = LiveGenerationConfig(temperature=0.5)
    tool_config = ToolConfig(function_calling_config=FunctionCallingConfig(mode="ANY"))
    model = get_live_generative_model(
        "gemini-3.8-live",
        backend=BACKEND,
        generation_config=config,
        system_instruction="Be brief.",
        tools=[double],
        tool_config=tool_config,
    )
    assert isinstance(model, LiveGenerativeModel)
    assert isinstance(model, AIModel)
    assert model.model == "models/gemini-3.8-live"
    assert model.backend is BACKEND
    assert model.generation_config is config
    assert model.system_instruction == Content(role="system", parts=(Part(text="Be brief."),))
    assert [declared.function_declarations[0].name for declared in model.tools] == ["double"]
    assert model.tool_config is tool_config


def test_a_model_needs_no_more_than_a_name_and_a_backend() -> None:
    model = get_live_generative_model("gemini-3.8-live", backend=BACKEND)
    transcribed = LiveGenerationConfig(output_audio_transcription=AudioTranscriptionConfig())
    assert model.generation_config == transcribed
    assert (model.system_instruction, list(model.tools), model.tool_config) == (None, [], None)


def test_the_repr_says_which_model_is_where_and_no_secret() -> None:
    shown = repr(get_live_generative_model("gemini-3.8-live", backend=BACKEND))
    assert shown.startswith("<LiveGenerativeModel models/gemini-3.8-live at GeminiBackend('wss://host/ws/")
    assert "SECRET" not in shown


def test_what_a_model_shows_cannot_be_exchanged() -> None:
    model: Any = get_live_generative_model("gemini-3.8-live", backend=BACKEND)
    for name in ("model", "backend", "generation_config", "system_instruction", "tools", "tool_config"):
        with pytest.raises(AttributeError):
            setattr(model, name, None)


def test_a_model_keeps_its_tools_whatever_becomes_of_the_list() -> None:
    tools: list[Any] = [double]
    model = get_live_generative_model("gemini-3.8-live", backend=BACKEND, tools=tools)
    tools.append(FunctionDeclaration(name="later"))
    assert len(model.tools[0].function_declarations) == 1


# What is refused before anything is dialled


def test_a_model_has_to_be_named() -> None:
    with pytest.raises(ConfigError, match='has to be named, for example "gemini-'):
        get_live_generative_model("", backend=BACKEND)


def test_the_backend_has_a_say_in_the_name() -> None:
    with pytest.raises(ConfigError, match="can't be a model's name"):
        get_live_generative_model("no name", backend=BACKEND)


@pytest.mark.parametrize("empty", ["", [], Content()])
def test_an_empty_instruction_is_refused_with_what_to_write(empty: Any) -> None:
    with pytest.raises(ConfigError, match="the system instruction is empty; give text, or None for none"):
        get_live_generative_model("gemini-3.8-live", backend=BACKEND, system_instruction=empty)


def test_a_function_that_cannot_be_declared_is_refused() -> None:
    with pytest.raises(ToolError, match="'thing' of"):
        get_live_generative_model("gemini-3.8-live", backend=BACKEND, tools=[untyped])


def untyped(thing) -> None: ...  # type: ignore[no-untyped-def]  # noqa: ANN001


@pytest.mark.parametrize("resumption", ["SECRET", "Auto", True, {"handle": "SECRET"}])
async def test_resumption_is_not_asked_for_by_a_bare_handle(resumption: Any) -> None:
    backend = PeerBackend()
    with pytest.raises(ConfigError, match="SessionResumptionConfig") as caught:
        async with model_on(backend).connect(session_resumption=resumption):
            pass
    assert "SECRET" not in str(caught.value)
    assert not backend.setup


async def test_the_backend_has_a_say_in_the_setup_before_it_dials() -> None:
    class Picky(PeerBackend):
        def prepare_setup(self, setup: Setup) -> Setup:
            raise ConfigError(f"{setup.model} has no {setup.session_resumption}")

    backend = Picky()
    with pytest.raises(ConfigError, match=r"models/test has no SessionResumptionConfig\(\)"):
        async with model_on(backend).connect():
            pass
    assert not backend.setup


# The setup


async def setup_of(connect: dict[str, Any] | None = None, **options: Any) -> dict[str, Any]:
    backend = PeerBackend()
    async with model_on(backend, **options).connect(**(connect or {})):
        setup: dict[str, Any] = backend.setup["setup"]
        return setup


async def test_the_least_setup() -> None:
    least = await setup_of({"session_resumption": None}, generation_config=LiveGenerationConfig())
    assert least == {"model": "models/test", "generationConfig": {}}


async def test_speech_is_transcribed_where_nothing_is_configured() -> None:
    assert (await setup_of({}))["outputAudioTranscription"] == {}
    writer = get_live_generative_model("gemini-robotics-er-2-streaming-preview", backend=BACKEND)
    assert writer.generation_config == LiveGenerationConfig()


async def test_a_setup_with_everything() -> None:
    setup = await setup_of(
        {"session_resumption": SessionResumptionConfig(handle="h")},
        generation_config=LiveGenerationConfig(
            response_modalities=["AUDIO"],
            speech_config=SpeechConfig(language_code="de-DE"),
            realtime_input_config=RealtimeInputConfig(
                automatic_activity_detection=AutomaticActivityDetection(disabled=True)
            ),
            labels={"team": "voice"},
        ),
        system_instruction=["Be brief.", Part(text="Be kind.")],
        tools=[double, Tool(google_search=GoogleSearch())],
        tool_config=ToolConfig(function_calling_config=FunctionCallingConfig(mode="ANY")),
    )
    assert setup == {
        "model": "models/test",
        "generationConfig": {"responseModalities": ["AUDIO"], "speechConfig": {"languageCode": "de-DE"}},
        "systemInstruction": {"role": "system", "parts": [{"text": "Be brief."}, {"text": "Be kind."}]},
        "tools": [
            {"googleSearch": {}},
            {
                "functionDeclarations": [
                    {
                        "name": "double",
                        "description": "Twice as much.",
                        "parametersJsonSchema": {
                            "type": "object",
                            "properties": {"number": {"type": "integer"}},
                            "required": ["number"],
                        },
                    }
                ]
            },
        ],
        "toolConfig": {"functionCallingConfig": {"mode": "ANY"}},
        "realtimeInputConfig": {"automaticActivityDetection": {"disabled": True}},
        "sessionResumption": {"handle": "h"},
        "labels": {"team": "voice"},
    }


async def test_connecting_changes_nothing_of_the_model() -> None:
    backend = PeerBackend()
    model = model_on(backend, tools=[double], system_instruction="Be brief.")
    setups = []
    for resumption in (SessionResumptionConfig(handle="h"), None, None):
        async with model.connect(session_resumption=resumption) as session:
            await session.update_context(system_instruction="Be long.", tools=[])
        setups.append(json.dumps(backend.setup))
    assert setups[1] == setups[2]
    assert '"h"' not in setups[1]
    assert "Be brief." in setups[2]


def test_the_options_that_are_handed_on_are_those_of_connect() -> None:
    parameters = inspect.signature(LiveGenerativeModel.connect).parameters
    options = {
        name: one.annotation for name, one in parameters.items() if one.kind is inspect.Parameter.KEYWORD_ONLY
    }
    assert options == {name: one.__forward_arg__ for name, one in ConnectOptions.__annotations__.items()}
