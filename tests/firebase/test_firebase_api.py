"""Firebase's unit tests of its top level, its backends, model names and settings, one for one and named after them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import trio

from livegen_trio import ConfigError, FirebaseBackend
from livegen_trio.firebase import (
    AgentPlatformBackend,
    AIError,
    AIErrorCode,
    Backend,
    BackendType,
    FirebaseApp,
    GoogleAIBackend,
    LiveGenerativeModel,
    VertexAIBackend,
    get_ai,
    get_live_generative_model,
)
from support.firebase_peer import APP, MODEL, ai_of
from support.recording_server import recording_server


async def give(token: str | None) -> str | None:
    await trio.lowlevel.checkpoint()
    return token


# The entry point


def test_api_1_get_ai_works_without_options() -> None:
    ai = get_ai(APP)
    assert ai.app is APP
    assert ai.backend == GoogleAIBackend()
    assert ai.location == ""
    assert not ai.use_limited_use_app_check_tokens


def test_api_2_get_ai_works_with_options_no_backend_limited_use_token() -> None:
    ai = get_ai(APP, use_limited_use_app_check_tokens=True)
    assert (ai.backend, ai.use_limited_use_app_check_tokens) == (GoogleAIBackend(), True)


def test_api_3_get_ai_works_with_options_backend_specified_limited_use_token() -> None:
    ai = get_ai(APP, backend=VertexAIBackend("us-east1"), use_limited_use_app_check_tokens=True)
    assert (ai.location, ai.use_limited_use_app_check_tokens) == ("us-east1", True)


def test_api_4_get_ai_works_with_options_app_check_option_is_falsy() -> None:
    ai = get_ai(APP, backend=VertexAIBackend("us-east1"), use_limited_use_app_check_tokens=False)
    assert not ai.use_limited_use_app_check_tokens


def test_api_5_get_ai_works_with_options_backend_specified_only() -> None:
    assert get_ai(APP, backend=AgentPlatformBackend("us-east1")).backend == AgentPlatformBackend("us-east1")


# Settings


@pytest.mark.parametrize(
    ("field", "code"),
    [
        ("api_key", AIErrorCode.NO_API_KEY),
        ("project_id", AIErrorCode.NO_PROJECT_ID),
        ("app_id", AIErrorCode.NO_APP_ID),
    ],
    ids=[
        "api_9_throws_if_no_api_key_is_provided",
        "api_10_throws_if_no_project_id_is_provided",
        "api_11_throws_if_no_app_id_is_provided",
    ],
)
def test_get_live_generative_model(field: str, code: AIErrorCode) -> None:
    """In Firebase's own tests these pass as well if nothing is thrown."""
    settings: dict[str, Any] = {"api_key": "KEY", "project_id": "p", "app_id": "a", field: ""}
    with pytest.raises(AIError, match=f'"{field}" field') as caught:
        get_live_generative_model(get_ai(FirebaseApp(**settings)), MODEL)
    assert caught.value.code is code


def test_what_is_missing_is_looked_for_in_firebases_order() -> None:
    codes = []
    settings: dict[str, Any] = {}
    for name in ("api_key", "project_id", "app_id"):
        with pytest.raises(AIError) as caught:
            get_live_generative_model(get_ai(FirebaseApp(**settings)), MODEL)
        codes.append(caught.value.code.value)
        settings[name] = "x"
    assert codes == ["no-api-key", "no-project-id", "no-app-id"]


def test_api_12_get_live_generative_model_gets_a_live_generative_model() -> None:
    model = get_live_generative_model(ai_of(), MODEL)
    assert isinstance(model, LiveGenerativeModel)
    assert model.model == f"projects/my-project/models/{MODEL}"


def test_a_model_needs_a_name() -> None:
    with pytest.raises(AIError) as caught:
        get_live_generative_model(ai_of(), "")
    assert caught.value.code is AIErrorCode.NO_MODEL
    assert str(caught.value).startswith("AI: there is no model's name")
    assert str(caught.value).endswith("(AI/no-model)")


@pytest.mark.parametrize(
    ("limited", "expected"),
    [(False, "regular"), (True, "limited")],
    ids=[
        "calls_regular_app_check_token_when_option_is_set",
        "calls_limited_use_token_when_option_is_set",
    ],
)
async def test_init_api_settings(limited: bool, expected: str) -> None:
    app = replace(
        APP,
        app_check_token=lambda: give("regular"),
        limited_use_app_check_token=lambda: give("limited"),
    )
    async with recording_server() as server:
        ai = get_ai(app, use_limited_use_app_check_tokens=limited)
        model = get_live_generative_model(ai, MODEL, base_url=server.url())
        async with model.connect():
            pass
    assert server.visit.headers["x-firebase-appcheck"] == expected


# Backends


@pytest.mark.parametrize(
    ("backend", "backend_type", "location"),
    [
        (GoogleAIBackend(), BackendType.GOOGLE_AI, ""),
        (VertexAIBackend(), BackendType.VERTEX_AI, "us-central1"),
        (VertexAIBackend("europe-west1"), BackendType.VERTEX_AI, "europe-west1"),
        (VertexAIBackend(""), BackendType.VERTEX_AI, "us-central1"),
        (VertexAIBackend(None), BackendType.VERTEX_AI, "us-central1"),
        (AgentPlatformBackend(), BackendType.AGENT_PLATFORM, "us-central1"),
        (AgentPlatformBackend("europe-west1"), BackendType.AGENT_PLATFORM, "europe-west1"),
        (AgentPlatformBackend(""), BackendType.AGENT_PLATFORM, "us-central1"),
        (AgentPlatformBackend(None), BackendType.AGENT_PLATFORM, "us-central1"),
    ],
    ids=[
        "google_ai_sets_backend_type",
        "vertex_ai_sets_backend_type_and_default_location",
        "vertex_ai_sets_custom_location",
        "vertex_ai_uses_default_location_if_location_is_empty_string",
        "vertex_ai_uses_default_location_if_location_is_null",
        "agent_platform_sets_backend_type_and_default_location_where_live_models_are",
        "agent_platform_sets_custom_location",
        "agent_platform_uses_default_location_if_location_is_empty_string",
        "agent_platform_uses_default_location_if_location_is_null",
    ],
)
def test_be(backend: Backend, backend_type: BackendType, location: str) -> None:
    assert backend.backend_type is backend_type
    assert get_ai(APP, backend=backend).location == location


@pytest.mark.parametrize(
    ("backend", "path"),
    [
        (GoogleAIBackend(), f"projects/my-project/models/{MODEL}"),
        (
            VertexAIBackend("us-east1"),
            f"projects/my-project/locations/us-east1/publishers/google/models/{MODEL}",
        ),
        (
            AgentPlatformBackend("us-east1"),
            f"projects/my-project/locations/us-east1/publishers/google/models/{MODEL}",
        ),
    ],
)
def test_be_get_model_path(backend: Backend, path: str) -> None:
    assert get_live_generative_model(get_ai(APP, backend=backend), MODEL).model == path


# Instances: Firebase keeps one of each in a table, by an identifier; here equal ones are equal, and there is no table


@pytest.mark.parametrize(
    ("one", "other", "are_equal"),
    [
        (GoogleAIBackend(), GoogleAIBackend(), True),
        (VertexAIBackend(), VertexAIBackend("us-central1"), True),
        (VertexAIBackend("us-east1"), VertexAIBackend("us-east1"), True),
        (AgentPlatformBackend("us-east1"), AgentPlatformBackend("us-east1"), True),
        (VertexAIBackend("us-east1"), VertexAIBackend("us-west1"), False),
        (VertexAIBackend("us-east1"), AgentPlatformBackend("us-east1"), False),
        (GoogleAIBackend(), VertexAIBackend(), False),
    ],
)
def test_help_an_instance_is_identified_by_its_backend_and_location(
    one: Backend, other: Backend, *, are_equal: bool
) -> None:
    assert (get_ai(APP, backend=one) == get_ai(APP, backend=other)) is are_equal
    assert not are_equal or hash(get_ai(APP, backend=one)) == hash(get_ai(APP, backend=other))


# Model names


@pytest.mark.parametrize(
    ("name", "on_vertex", "on_google"),
    [
        ("m", "publishers/google/models/m", "models/m"),
        ("models/m", "publishers/google/models/m", "models/m"),
        ("publishers/google/models/m", "publishers/google/models/m", "publishers/google/models/m"),
        ("tunedModels/m", "tunedModels/m", "tunedModels/m"),
    ],
    ids=[
        "model_1_handles_plain_model_name",
        "model_2_handles_models_prefixed_model_name",
        "model_3_handles_full_model_name",
        "model_4_handles_prefixed_tuned_model_name",
    ],
)
def test_ai_model(name: str, on_vertex: str, on_google: str) -> None:
    """On the Google AI side Firebase writes `models/models/m`."""
    vertex = get_ai(APP, backend=VertexAIBackend("us-east1"))
    assert (
        get_live_generative_model(vertex, name).model == f"projects/my-project/locations/us-east1/{on_vertex}"
    )
    assert get_live_generative_model(ai_of(), name).model == f"projects/my-project/{on_google}"


def test_a_whole_resource_name_stays_as_it_is() -> None:
    whole = "projects/other/locations/us-west1/publishers/google/models/m"
    assert get_live_generative_model(ai_of(), whole).model == whole


# Websocket URL, which has no test of its own in Firebase


@pytest.mark.parametrize(
    ("options", "method"),
    [
        ({}, "GenerativeService/BidiGenerateContent"),
        ({"provider": "vertexai"}, "LlmBidiService/BidiGenerateContent/locations/us-central1"),
        (
            {"provider": "vertexai", "location": "europe-west1"},
            "LlmBidiService/BidiGenerateContent/locations/europe-west1",
        ),
    ],
)
async def test_the_url_holds_no_key(options: dict[str, Any], method: str) -> None:
    url = f"wss://firebasevertexai.googleapis.com/ws/google.firebase.vertexai.v1beta.{method}"
    backend = FirebaseBackend(api_key="KEY", project_id="p", app_id="a", **options)
    assert (await backend.endpoint()).url == url
    assert repr(backend) == f"FirebaseBackend('{url}')"


def test_other_arguments_are_checked_as_well() -> None:
    with pytest.raises(AIError, match="base URL") as caught:
        get_live_generative_model(ai_of(), MODEL, base_url="nonsense")
    assert isinstance(caught.value.__cause__, ConfigError)
