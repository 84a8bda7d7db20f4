"""Which service the live tests talk to, by the environment, and how they talk to it."""

from __future__ import annotations

import os
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

import trio

from livegen_trio import (
    AudioTranscriptionConfig,
    GeminiBackend,
    HandshakeError,
    LiveGenerationConfig,
    SessionClosedError,
    SessionResumptionConfig,
    SetupRejectedError,
    VertexBackend,
    get_live_generative_model,
)
from livegen_trio.backends.gemini import API_KEY_VARIABLES
from livegen_trio.backends.vertex import PROJECT_VARIABLE

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from livegen_trio import Backend, LiveSession, WebSocketBackend

TIMEOUT: Final = 45.0
"""Seconds for one test: ample for a service that is there, and less than pytest gives a test that hangs."""

PAUSES: Final = (0, 1, 2, 4, 8)
"""Seconds before each attempt to resume: the service lets go of a connection a little late."""

MODEL: Final = os.environ.get("LIVEGEN_LIVE_MODEL") or "gemini-3.8-live"
BASE_URL: Final = os.environ.get("LIVEGEN_LIVE_BASE_URL") or None
PROJECT: Final = os.environ.get(PROJECT_VARIABLE, "").strip()
API_KEY: Final = next((key for name in API_KEY_VARIABLES if (key := os.environ.get(name, "").strip())), "")
ON_VERTEX: Final = os.environ.get("GOOGLE_GENAI_USE_VERTEXAI", "").lower() in ("1", "true") or (
    PROJECT != "" and not (API_KEY or BASE_URL)
)
"""As Google's own clients are told; or where nothing but a project is known."""

SECRETS: Final = tuple(secret for secret in (API_KEY, PROJECT) if secret)
SERVICE: Final = "Other" if BASE_URL else "Vertex" if ON_VERTEX else "ML_Dev"
NOBODY: Final = (
    f"no {', '.join(API_KEY_VARIABLES)}, GOOGLE_CLOUD_PROJECT or LIVEGEN_LIVE_BASE_URL in the environment"
)


def backend_of_environment(**options: Any) -> WebSocketBackend | None:
    """The backend that the environment has a key or credentials for, or None if it has none."""
    if ON_VERTEX:
        return VertexBackend(api_key=None if PROJECT else API_KEY, base_url=BASE_URL, **options)
    if API_KEY or BASE_URL:
        return GeminiBackend(api_key=API_KEY or "none", base_url=BASE_URL, **options)
    return None


@asynccontextmanager
async def conversation(
    backend: Backend, *, name: str = MODEL, connect: dict[str, Any] | None = None, **options: Any
) -> AsyncGenerator[LiveSession]:
    """A spoken conversation, which takes no longer than a test may."""
    config = {
        "response_modalities": ["AUDIO"],
        "input_audio_transcription": AudioTranscriptionConfig(),
        "output_audio_transcription": AudioTranscriptionConfig(),
    } | options.pop("config", {})
    model = get_live_generative_model(
        name, backend=backend, generation_config=LiveGenerationConfig(**config), **options
    )
    with trio.fail_after(TIMEOUT):
        async with model.connect(**(connect or {})) as session:
            yield session


@asynccontextmanager
async def resumed(backend: Backend, handle: str) -> AsyncGenerator[LiveSession]:
    """The conversation that *handle* stands for."""
    async with AsyncExitStack() as stack:
        yield await _resume(stack, backend, SessionResumptionConfig(handle=handle))


async def _resume(
    stack: AsyncExitStack, backend: Backend, resumption: SessionResumptionConfig
) -> LiveSession:
    for pause in PAUSES:
        await trio.sleep(pause)
        try:
            again = conversation(backend, connect={"session_resumption": resumption})
            return await stack.enter_async_context(again)
        except SetupRejectedError as exc:
            if not exc.retryable or pause == PAUSES[-1]:
                raise
    raise AssertionError("there are pauses")


def used_up(error: BaseException) -> bool:
    """Whether *error* says that the account may not talk any more for now, which is no fault of ours."""
    if isinstance(error, BaseExceptionGroup):
        return all(used_up(inner) for inner in error.exceptions)
    if isinstance(error, SetupRejectedError | SessionClosedError):
        return any(
            words in error.reason.lower() for words in ("quota", "exhausted", "credits", "spending cap")
        )
    return isinstance(error, HandshakeError) and error.status_code == 429
