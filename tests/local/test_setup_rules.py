"""What a setup may ask for."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from livegen_trio import RemoteProtocolError
from livegen_trio._protocol.codec import decode_client_message
from livegen_trio.local import Dialect
from livegen_trio.local._dialect import find_dialect
from livegen_trio.local._setup_rules import Model, check_setup
from livegen_trio.types import Setup

GEMINI = Dialect()
VERTEX = Dialect(is_vertex=True)


def check(dialect: Dialect = GEMINI, **fields: Any) -> Model:
    fields = {"model": "models/gemini-live-2.5-flash-preview"} | fields
    setup = decode_client_message(msgspec.json.encode({"setup": fields}))
    assert isinstance(setup, Setup)
    return check_setup(setup, dialect)


def refusal(dialect: Dialect = GEMINI, **fields: Any) -> tuple[int, str]:
    with pytest.raises(RemoteProtocolError) as caught:
        check(dialect, **fields)
    return caught.value.code, str(caught.value)


@pytest.mark.parametrize(
    "model",
    [
        "models/gemini-2.5-flash-native-audio-preview-12-2025",
        "models/gemini-2.5-flash-native-audio-latest",
        "models/gemini-2.5-flash-preview-native-audio-dialog",
        "models/gemini-live-2.5-flash-preview",
        "models/gemini-2.0-flash-live-001",
        "models/gemini-2.0-flash-exp",
        "models/gemini-3.1-flash-live-preview",
        "models/gemini-3.8-live",
        "models/gemini-3.8-live-extended-thinking",
        "tunedModels/my-own",
        "projects/p/models/gemini-live-2.5-flash",
        "projects/p/locations/us-central1/publishers/google/models/gemini-live-2.5-flash-native-audio",
        "publishers/google/models/gemini-2.0-flash-live-preview-04-09",
    ],
)
def test_live_models_are_known_by_all_their_names(model: str) -> None:
    level = {"thinkingConfig": {"thinkingLevel": "LOW"}} if model.endswith("thinking") else {}
    assert check(model=model, generationConfig=level).name == model.rpartition("/")[2]


@pytest.mark.parametrize(
    "model", ["", "models/", "models/gemini-2.5-pro", "models/models/gemini-3.8-live", "gemini-3.8-live"]
)
def test_other_models_are_not_found(model: str) -> None:
    code, reason = refusal(model=model)
    assert code == 1008
    assert reason.startswith(f"{model} is not found for API version v1beta".strip())


def test_vertex_has_words_of_its_own_and_takes_short_names() -> None:
    assert check(VERTEX, model="gemini-live-2.5-flash").name == "gemini-live-2.5-flash"
    assert refusal(VERTEX, model="eliza") == (1008, "Publisher model `eliza` was not found.")


@pytest.mark.parametrize(
    ("model", "modality"),
    [
        ("gemini-2.5-flash-native-audio-latest", "TEXT"),
        ("gemini-3.8-live", "TEXT"),
        ("gemini-live-2.5-flash-preview", "IMAGE"),
        ("gemini-live-2.5-flash-preview", "VIDEO"),
        ("gemini-live-2.5-flash-preview", "SMELL"),
    ],
)
def test_a_modality_that_the_model_lacks_is_refused(model: str, modality: str) -> None:
    code, reason = refusal(model=f"models/{model}", generationConfig={"responseModalities": [modality]})
    assert code == 1007
    words = f"The requested combination of response modalities ({modality}) is not supported by the model."
    assert reason == words


@pytest.mark.parametrize("modality", ["TEXT", "AUDIO", "MODALITY_UNSPECIFIED"])
def test_older_models_write_or_speak(modality: str) -> None:
    assert not check(generationConfig={"responseModalities": [modality]}).speaks_only


@pytest.mark.parametrize(
    "fields",
    [
        {"generationConfig": {"responseModalities": ["TEXT", "AUDIO"]}},
        {"model": "models/gemini-3.8-live", "generationConfig": {"thinkingConfig": {}}},
        {
            "model": "models/gemini-3.1-flash-live-preview",
            "generationConfig": {"enableAffectiveDialog": True},
        },
        {"realtimeInputConfig": {"automaticActivityDetection": {"silenceDurationMs": -1}}},
        {"realtimeInputConfig": {"automaticActivityDetection": {"prefixPaddingMs": -1}}},
        {"tools": [{"functionDeclarations": [{"name": "f"}]}, {"functionDeclarations": [{"name": "f"}]}]},
    ],
)
def test_what_makes_no_sense_is_an_invalid_argument(fields: dict[str, Any]) -> None:
    code, reason = refusal(**fields)
    assert code == 1007
    assert reason.startswith("Request contains an invalid argument.")


def test_only_extended_thinking_takes_a_thinking_level() -> None:
    config = {"thinkingConfig": {"thinkingLevel": "LOW"}}
    check(model="models/gemini-3.8-live-extended-thinking", generationConfig=config)


@pytest.mark.parametrize("transparent", [True, False])
def test_only_vertex_resumes_transparently(*, transparent: bool) -> None:
    check(VERTEX, sessionResumption={"transparent": transparent})
    code, reason = refusal(sessionResumption={"transparent": transparent})
    assert code == 1007
    assert reason.startswith('Invalid JSON payload received. Unknown name "transparent"')


@pytest.mark.parametrize(
    ("model", "awaits"),
    [
        ("gemini-2.5-flash-native-audio-latest", True),
        ("gemini-3.1-flash-live-preview", True),
        ("gemini-3.8-live", False),
    ],
)
def test_only_the_newest_models_do_not_wait_for_functions(model: str, *, awaits: bool) -> None:
    assert check(model=f"models/{model}").awaits_tools is awaits


def test_a_query_is_no_part_of_the_path() -> None:
    path = "/ws/google.ai.generativelanguage.v1alpha.GenerativeService.BidiGenerateContent"
    assert find_dialect(f"{path}?key=/ws/secret") == Dialect(version="v1alpha")
