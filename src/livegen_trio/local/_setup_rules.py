"""What a setup may ask for, by model and endpoint, and the service's words where it may not. Pure.

What is wrong on every model and endpoint is not here: such a setup can't even be decoded.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from .._errors import RemoteProtocolError

if TYPE_CHECKING:
    from ..types import GenerationConfig, Setup
    from ._dialect import Dialect

INVALID_ARGUMENT: Final = "Request contains an invalid argument."

_RESOURCE: Final = re.compile(
    r"(?:projects/[^/]+/)?(?:locations/[^/]+/)?(?:publishers/[^/]+/)?(?:models|tunedModels)/([^/]+)"
)
_LIVE_MODEL: Final = re.compile(r"gemini-(?:[\w.]+-)*(?:live|native-audio)(?:-[\w.]+)*")
_OTHER_MODELS: Final = frozenset({"gemini-2.0-flash-exp", "gemini-2.0-flash"})
"""Live models whose names don't say so."""


@dataclass(frozen=True, slots=True)
class ModelTraits:
    """What is particular about a model.

    Attributes:
        name: The last part of its resource name.
        speaks_only: Whether it answers in speech and in nothing else.
        awaits_tools: Whether it waits for a function that doesn't say what it wants.
        takes_content: Whether content may come at any time, and not only as the history before the conversation.
    """

    name: str
    speaks_only: bool
    awaits_tools: bool
    takes_content: bool


def check_setup(setup: Setup, dialect: Dialect) -> ModelTraits:
    """The traits of the setup's model.

    Raises:
        RemoteProtocolError: The setup is refused; with the service's close code and reason.
    """
    model = _known_model(setup.model, dialect)
    config = setup.generation_config
    if config is not None:
        _check_modalities(config, model)
        _check_generation(config, model)
    resumption = setup.session_resumption
    if resumption is not None and resumption.transparent is not None and not dialect.is_vertex:
        raise RemoteProtocolError(
            'Invalid JSON payload received. Unknown name "transparent" at '
            "'setup.session_resumption': Cannot find field."
        )
    return model


def _known_model(resource: str, dialect: Dialect) -> ModelTraits:
    match = _RESOURCE.fullmatch(resource)
    name = match[1] if match else resource
    # A client of Vertex AI with a base URL of its own leaves the name as its user wrote it.
    is_spelt_well = match is not None or dialect.is_vertex
    if not is_spelt_well or not (
        _LIVE_MODEL.fullmatch(name) or name in _OTHER_MODELS or "tunedModels/" in resource
    ):
        raise RemoteProtocolError(_not_found(resource, dialect), code=1008)
    is_third = name.startswith("gemini-3")
    return ModelTraits(
        name=name,
        speaks_only=is_third or "native-audio" in name,
        awaits_tools=not name.startswith("gemini-3.8"),
        takes_content=not name.startswith("gemini-3.1-flash-live"),
    )


def _not_found(resource: str, dialect: Dialect) -> str:
    if dialect.is_vertex:
        return f"Publisher model `{resource}` was not found."
    return (
        f"{resource} is not found for API version {dialect.version}, "
        "or is not supported for bidiGenerateContent."
    )


def _check_modalities(config: GenerationConfig, model: ModelTraits) -> None:
    modalities = config.response_modalities
    if len(modalities) > 1:
        raise RemoteProtocolError(INVALID_ARGUMENT)
    possible = (
        {"AUDIO", "MODALITY_UNSPECIFIED"} if model.speaks_only else {"AUDIO", "TEXT", "MODALITY_UNSPECIFIED"}
    )
    for modality in modalities:
        if modality not in possible:
            raise RemoteProtocolError(
                f"The requested combination of response modalities ({modality}) is not supported by the model."
            )


def _check_generation(config: GenerationConfig, model: ModelTraits) -> None:
    """Gemini 3.8 thinks and feels as it likes; only its extended-thinking form can be told how much."""
    if not model.name.startswith("gemini-3.8"):
        return
    thinks = config.thinking_config is not None and "extended-thinking" not in model.name
    if thinks or config.enable_affective_dialog is not None:
        raise RemoteProtocolError(INVALID_ARGUMENT)
