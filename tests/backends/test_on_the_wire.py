"""What each backend's server sees: the upgrade request and the setup, as they leave the process."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from livegen_trio import Backend, GeminiBackend, LiveGenerationConfig, get_live_generative_model
from recording_server import recording_server

if TYPE_CHECKING:
    from collections.abc import Callable

GEMINI = "/ws/google.ai.generativelanguage.v1beta.GenerativeService"


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
