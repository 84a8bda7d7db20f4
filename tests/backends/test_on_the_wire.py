"""What each backend's server sees: the upgrade request and the setup, as they leave the process."""

from __future__ import annotations

import platform
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import pytest

from livegen_trio import (
    Backend,
    FirebaseBackend,
    GeminiBackend,
    LiveGenerationConfig,
    VertexBackend,
    get_live_generative_model,
)
from support.recording_server import recording_server

if TYPE_CHECKING:
    from collections.abc import Callable

GEMINI = "/ws/google.ai.generativelanguage.v1beta.GenerativeService"
VERTEX = "/ws/google.cloud.aiplatform.v1beta1.LlmBidiService/BidiGenerateContent"
FIREBASE = "/ws/google.firebase.vertexai.v1beta"
FIREBASE_APP: dict[str, Any] = {"api_key": "KEY", "project_id": "p", "app_id": "1:2:web:3"}
FIREBASE_HEADERS = {
    "x-goog-api-key": "KEY",
    "x-goog-api-client": f"gl-python/{platform.python_version()} fire/{version('livegen-trio')}",
    "content-type": "application/json",
}


@dataclass(frozen=True)
class Expected:
    """A backend, and what its server has to see of a model of the name "m"."""

    backend: Callable[[str], Backend]
    target: str
    headers: dict[str, str]
    model: str
    setup: dict[str, Any] = field(default_factory=dict)


BACKENDS = {
    "Gemini, key": Expected(
        lambda url: GeminiBackend(api_key="KEY", base_url=url),
        f"{GEMINI}.BidiGenerateContent",
        {"x-goog-api-key": "KEY"},
        "models/m",
    ),
    "Gemini, ephemeral token": Expected(
        lambda url: GeminiBackend(api_key="auth_tokens/TOKEN", api_version="v1alpha", base_url=url),
        f"{GEMINI.replace('v1beta', 'v1alpha')}.BidiGenerateContentConstrained",
        {"authorization": "Token auth_tokens/TOKEN"},
        "models/m",
    ),
    "behind a gateway, with headers": Expected(
        lambda url: GeminiBackend(api_key="KEY", base_url=f"{url}/gateway/", headers={"X-Team": "voice"}),
        f"/gateway{GEMINI}.BidiGenerateContent",
        {"x-team": "voice", "x-goog-api-key": "KEY"},
        "models/m",
    ),
    "Vertex AI, access token": Expected(
        lambda url: VertexBackend("p", "us-east1", credentials="TOKEN", quota_project="q", base_url=url),
        VERTEX,
        {"authorization": "Bearer TOKEN", "x-goog-user-project": "q"},
        "projects/p/locations/us-east1/publishers/google/models/m",
    ),
    "Vertex AI, key": Expected(
        lambda url: VertexBackend(api_key="KEY", api_version="v1", base_url=url),
        VERTEX.replace("v1beta1", "v1"),
        {"x-goog-api-key": "KEY"},
        "publishers/google/models/m",
    ),
    "Firebase, Google AI": Expected(
        lambda url: FirebaseBackend(**FIREBASE_APP, base_url=url, data_collection=False),
        f"{FIREBASE}.GenerativeService/BidiGenerateContent",
        FIREBASE_HEADERS,
        "projects/p/models/m",
    ),
    "Firebase, Vertex AI, with all its headers": Expected(
        lambda url: FirebaseBackend(
            **FIREBASE_APP,
            provider="vertexai",
            location="europe-west1",
            app_check_token="APPCHECK",
            auth_token="ID",
            app_version="1.2",
            base_url=url,
        ),
        f"{FIREBASE}.LlmBidiService/BidiGenerateContent/locations/europe-west1",
        {
            **FIREBASE_HEADERS,
            "x-firebase-appcheck": "APPCHECK",
            "authorization": "Firebase ID",
            "x-firebase-appid": "1:2:web:3",
            "x-firebase-appversion": "1.2",
        },
        "projects/p/locations/europe-west1/publishers/google/models/m",
    ),
}


@pytest.mark.parametrize("name", BACKENDS)
async def test_the_upgrade_request_and_the_setup_are_as_the_service_wants_them(name: str) -> None:
    expected = BACKENDS[name]
    async with recording_server() as server:
        config = LiveGenerationConfig(response_modalities=["AUDIO"], temperature=0.5)
        model = get_live_generative_model(
            "m", backend=expected.backend(server.url()), generation_config=config
        )
        async with model.connect(session_resumption=None):
            pass
    assert server.visit.target == expected.target
    assert server.visit.headers == expected.headers
    assert server.visit.setup == {
        "model": expected.model,
        "generationConfig": {"responseModalities": ["AUDIO"], "temperature": 0.5},
        **expected.setup,
    }
