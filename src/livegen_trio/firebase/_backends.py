"""The APIs behind Firebase, under Firebase's names."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from ..backends.firebase import LOCATION, Provider
from ._removed import warn_removed


class BackendType(StrEnum):
    """Firebase's names for the APIs. VERTEX_AI was removed in Firebase 3.0.0; AGENT_PLATFORM is its present name."""

    VERTEX_AI = "VERTEX_AI"
    GOOGLE_AI = "GOOGLE_AI"
    AGENT_PLATFORM = "AGENT_PLATFORM"


@dataclass(frozen=True, slots=True)
class Backend:
    """An API behind Firebase. Make one of its subclasses.

    Attributes:
        backend_type: Firebase's name for the API.
        provider: The name of `livegen_trio.FirebaseBackend` for it.
    """

    backend_type: ClassVar[BackendType]
    provider: ClassVar[Provider]


@dataclass(frozen=True, slots=True)
class GoogleAIBackend(Backend):
    """The Gemini Developer API."""

    backend_type: ClassVar[BackendType] = BackendType.GOOGLE_AI
    provider: ClassVar[Provider] = "googleai"


@dataclass(frozen=True, slots=True)
class VertexAIBackend(Backend):
    """Vertex AI, by its former name. Deprecated: removed in Firebase 3.0.0; use `AgentPlatformBackend`.

    Args:
        location: "us-central1" if it is empty or None.
    """

    location: str | None = None

    backend_type: ClassVar[BackendType] = BackendType.VERTEX_AI
    provider: ClassVar[Provider] = "vertexai"

    def __post_init__(self) -> None:
        warn_removed("VertexAIBackend", "AgentPlatformBackend", stacklevel=4)  # past the generated __init__
        object.__setattr__(self, "location", self.location or LOCATION)


@dataclass(frozen=True, slots=True)
class AgentPlatformBackend(Backend):
    """Vertex AI, by its present name.

    Args:
        location: "us-central1" if it is empty or None. Firebase's own default is "global", where Live models were not
            served.
    """

    location: str | None = None

    backend_type: ClassVar[BackendType] = BackendType.AGENT_PLATFORM
    provider: ClassVar[Provider] = "vertexai"

    def __post_init__(self) -> None:
        object.__setattr__(self, "location", self.location or LOCATION)
