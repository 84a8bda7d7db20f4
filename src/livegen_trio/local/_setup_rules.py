"""The setups that the service refuses, by model and endpoint, with its close codes and reasons. Pure.

What is wrong on every model and endpoint is not here: such a setup can't even be decoded.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from .._errors import RemoteProtocolError
from .._protocol.model_profiles import ANY_MODEL, ModelProfile, profile_of
from .._protocol.service_behavior import ServiceBehavior, behavior_with
from ._dialect import Dialect

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..types import Content, FunctionResponse, GenerationConfig, Setup, Tool

INVALID_ARGUMENT: Final = "Request contains an invalid argument."
NOT_FIRST: Final = "setup must be the first message and only the first."

_V1BETA: Final = Dialect(version="v1beta")  # on which the Gemini API has no proactivity (measured 2026-10-22)

_RESOURCE: Final = re.compile(
    r"(?:projects/[^/]+/)?(?:locations/(?P<location>[^/]+)/)?(?:publishers/[^/]+/)?(?:models|tunedModels)/(?P<name>[^/]+)"
)
_LIVE_MODEL: Final = re.compile(r"gemini-(?:[\w.]+-)*(?:live|native-audio)(?:-[\w.]+)*")
_OTHER_MODELS: Final = frozenset({"gemini-2.0-flash-exp", "gemini-2.0-flash"})  # their names don't say so
_ANSWERS: Final = frozenset({"AUDIO", "TEXT"})  # of a model of which nothing else is known


@dataclass(frozen=True, slots=True)
class Model:
    """A model that the server plays.

    Attributes:
        name: The last part of its resource name.
        profile: What it takes.
        behavior: How the service behaves with it.
    """

    name: str
    profile: ModelProfile
    behavior: ServiceBehavior

    @property
    def speaks_only(self) -> bool:
        """Whether it answers in speech and in nothing else."""
        return "TEXT" not in _modalities(self)

    @property
    def awaits_tools(self) -> bool:
        """Whether it waits for a function that doesn't say what it wants."""
        return self.profile.default_behavior != "NON_BLOCKING"

    @property
    def takes_content(self) -> bool:
        """Whether content may come at any time, and not only as the history before the conversation."""
        return self.profile.client_content == "always"


def check_setup(setup: Setup, dialect: Dialect) -> Model:
    """Return the setup's model.

    Raises:
        RemoteProtocolError: The setup is refused; with the service's close code and reason.
    """
    model = _known_model(setup.model, dialect)
    config = setup.generation_config
    if config is not None:
        _check_modalities(config, model)
    _check_thinking(config, model)
    _check_affective_dialog(config, model)
    check_tools(setup.tools, model)
    if setup.proactivity is not None and dialect == _V1BETA:
        raise RemoteProtocolError(_unknown_name("proactivity", "setup"))
    resumption = setup.session_resumption
    if resumption is not None and resumption.transparent is not None and not dialect.is_vertex:
        raise RemoteProtocolError(_unknown_name("transparent", "setup.session_resumption"))
    return model


def check_tools(tools: Sequence[Tool], model: Model) -> None:
    """Check the tools of a setup or of an update of the context.

    Raises:
        RemoteProtocolError: The model refuses one.
    """
    for tool in tools:
        for name in model.behavior.refused_tools:
            if getattr(tool, name) is not None:
                raise RemoteProtocolError(f"{INVALID_ARGUMENT} {name} is not supported by the model.")
        for function in tool.function_declarations:
            if function.behavior == "BLOCKING" and not model.profile.blocking_functions:
                raise RemoteProtocolError(
                    f"{INVALID_ARGUMENT} Blocking functions are not supported by the model."
                )


def check_responses(responses: Sequence[FunctionResponse], model: Model) -> None:
    """Check the answers of functions.

    Raises:
        RemoteProtocolError: The model refuses one.
    """
    profile = model.profile
    for response in responses:
        if response.scheduling is not None and not (profile.scheduling or profile.blocking_functions):
            raise RemoteProtocolError(f"{INVALID_ARGUMENT} Scheduling is not supported by the model.")
        media = [part.inline_data.mime_type for part in response.parts if part.inline_data is not None]
        if profile.response_media and not profile.response_media.issuperset(media):
            raise RemoteProtocolError(f"{INVALID_ARGUMENT} Unsupported MIME type in a function response.")


def check_history(contents: Sequence[Content], model: Model) -> None:
    """Check the history before a conversation.

    Raises:
        RemoteProtocolError: The model refuses it.
    """
    profile = model.profile
    for part in (part for content in contents for part in content.parts):
        if any(getattr(part, name) is not None for name in profile.refused_history):
            raise RemoteProtocolError(INVALID_ARGUMENT)
        mime_type = part.inline_data.mime_type if part.inline_data is not None else ""
        if mime_type.startswith("audio/") and not profile.history_audio:
            raise RemoteProtocolError(INVALID_ARGUMENT)
        if "rate=24000" in mime_type:
            raise RemoteProtocolError("Audio in the history has to be of 16 kHz.", code=1008)
    if profile.history_ends_with_user and contents and contents[-1].role == "model":
        raise RemoteProtocolError(f"{INVALID_ARGUMENT} The history has to end with a turn of the user's.")


def is_spoken(setup: Setup) -> bool:
    """Whether the model is asked to speak."""
    config = setup.generation_config
    return config is None or "TEXT" not in config.response_modalities


def _known_model(resource: str, dialect: Dialect) -> Model:
    match = _RESOURCE.fullmatch(resource)
    name = match["name"] if match else resource
    profile = profile_of(name)
    # A client of Vertex AI with a base URL of its own leaves the name as its user wrote it.
    is_spelt_well = match is not None or dialect.is_vertex
    is_known = (
        profile != ANY_MODEL
        or _LIVE_MODEL.fullmatch(name)
        or name in _OTHER_MODELS
        or "tunedModels/" in resource
    )
    location = match["location"] if match else None
    is_elsewhere = (
        location is not None
        and profile.vertex_locations is not None
        and location not in profile.vertex_locations
    )
    if not is_spelt_well or not is_known or is_elsewhere:
        raise RemoteProtocolError(_not_found(resource, dialect), code=1008)
    return Model(name=name, profile=profile, behavior=behavior_with(name))


def _not_found(resource: str, dialect: Dialect) -> str:
    if dialect.is_vertex:
        return f"Publisher model `{resource}` was not found."
    return (
        f"{resource} is not found for API version {dialect.version}, "
        "or is not supported for bidiGenerateContent."
    )


def _modalities(model: Model) -> frozenset[str]:
    """The modalities in which a model answers; unknown ones of the third generation only speak."""
    known = model.profile.response_modalities
    if known is not None:
        return known - {"VIDEO"}
    is_third = model.name.startswith("gemini-3")
    return frozenset({"AUDIO"}) if is_third or "native-audio" in model.name else _ANSWERS


def _check_modalities(config: GenerationConfig, model: Model) -> None:
    modalities = config.response_modalities
    if len(modalities) > 1:
        raise RemoteProtocolError(INVALID_ARGUMENT)
    for modality in modalities:
        if modality not in {*_modalities(model), "MODALITY_UNSPECIFIED"}:
            raise RemoteProtocolError(
                f"The requested combination of response modalities ({modality}) is not supported by the model."
            )


def _check_thinking(config: GenerationConfig | None, model: Model) -> None:
    thinking = None if config is None else config.thinking_config
    if thinking is not None and not model.profile.thinking:
        raise RemoteProtocolError(f"{INVALID_ARGUMENT} Thinking is not supported by the model.")
    level = None if thinking is None else thinking.thinking_level
    if model.profile.required_thinking_level is not None and level in (None, "THINKING_LEVEL_UNSPECIFIED"):
        raise RemoteProtocolError(f"{INVALID_ARGUMENT} Thinking level must be specified.")


def _check_affective_dialog(config: GenerationConfig | None, model: Model) -> None:
    if config is not None and config.enable_affective_dialog and model.behavior.affective_dialog == "refused":
        raise RemoteProtocolError(f"{INVALID_ARGUMENT} Affective dialog is not supported by the model.")


def _unknown_name(name: str, path: str) -> str:
    return f"Invalid JSON payload received. Unknown name \"{name}\" at '{path}': Cannot find field."
