"""A Firebase app, and a Live server for it in the test's hands."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from livegen_trio import LiveGenerationConfig, get_live_generative_model as get_model
from livegen_trio.firebase import AI, FirebaseApp, LiveGenerativeModel, LiveSession, get_ai
from support.peer import SETUP_COMPLETE, Peer, PeerBackend

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

APP = FirebaseApp(api_key="KEY", project_id="my-project", app_id="1:23:web:45")
MODEL = "my-model"


def ai_of(**options: Any) -> AI:
    """The app's AI."""
    return get_ai(APP, **options)


def model_of(backend: PeerBackend, **options: Any) -> LiveGenerativeModel:
    """Firebase's model, whose sessions are with a peer."""
    options.setdefault("generation_config", LiveGenerationConfig())
    return LiveGenerativeModel(get_model(MODEL, backend=backend, **options))


@asynccontextmanager
async def firebase_session(
    *replies: dict[str, Any] | str, resumption: Any = None, **options: Any
) -> AsyncGenerator[tuple[LiveSession, Peer]]:
    """Firebase's session, and the peer that it is with."""
    backend = PeerBackend(*(replies or (SETUP_COMPLETE,)))
    async with model_of(backend, **options).connect(resumption) as session:
        yield session, backend.peer
