"""Checks against a model's profile: refuse what the model is known not to take, before the service does."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec

from .._errors import ConfigError, LocalProtocolError
from ..types import GenerationConfig, ThinkingConfig
from .model_profiles import short_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..types import (
        FunctionResponse,
        FunctionResponsePart,
        ProactivityConfig,
        Setup,
        Tool,
    )
    from .model_profiles import ModelProfile

# In the name of a model on Vertex AI.
_LOCATION: Final = re.compile("/locations/([^/]+)/publishers/google/models/")


def check_setup(profile: ModelProfile, setup: Setup) -> None:
    """Refuse what the model is known not to take.

    Raises:
        ConfigError: The message names the field, the model, and what to do.
    """
    for complaint in _refusals(profile, setup):
        raise ConfigError(f"{short_name(setup.model)} {complaint}")


def check_tools(profile: ModelProfile, model: str, tools: Sequence[Tool]) -> None:
    """Refuse tools that the model is known not to take.

    Raises:
        LocalProtocolError: The message names the field, the model, and what to do.
    """
    for complaint in _refused_tools(profile, tools):
        raise LocalProtocolError(f"{short_name(model)} {complaint}")


def check_responses(profile: ModelProfile, model: str, responses: Sequence[FunctionResponse]) -> None:
    """Refuse answers of functions that the model is known not to take.

    Raises:
        LocalProtocolError: The message names the field, the model, and what to do.
    """
    for response in responses:
        for complaint in _refused_response(profile, response):
            raise LocalProtocolError(f"{short_name(model)} {complaint}")


def complete_setup(profile: ModelProfile, setup: Setup) -> Setup:
    """Return *setup* with what the model demands and the caller has left open: a level for its thinking."""
    config = setup.generation_config or GenerationConfig()
    thinking = config.thinking_config or ThinkingConfig()
    if profile.required_thinking_level is None or not _is_open(thinking):
        return setup
    thinking = msgspec.structs.replace(thinking, thinking_level=profile.required_thinking_level)
    config = msgspec.structs.replace(config, thinking_config=thinking)
    return msgspec.structs.replace(setup, generation_config=config)


def find_ignored_settings(profile: ModelProfile, config: GenerationConfig) -> list[str]:
    """Return the fields of *config* that are set and that the model reads over, in alphabetical order."""
    return sorted(name for name in profile.ignored_settings if getattr(config, name) is not None)


def _is_open(thinking: ThinkingConfig) -> bool:
    """Return True if there is neither a level nor a budget."""
    return (
        thinking.thinking_level in (None, "THINKING_LEVEL_UNSPECIFIED") and thinking.thinking_budget is None
    )


def _refusals(profile: ModelProfile, setup: Setup) -> Iterator[str]:
    if setup.generation_config is not None:
        yield from _refused_generation(profile, setup.generation_config)
    if setup.proactivity is not None:
        yield from _refused_proactivity(profile, setup.proactivity)
    yield from _refused_tools(profile, setup.tools)
    location = _LOCATION.search(setup.model)
    if location and profile.vertex_locations is not None and location[1] not in profile.vertex_locations:
        yield f"is not served in {location[1]}; set the backend's location to {_either(profile.vertex_locations)}"


def _refused_generation(profile: ModelProfile, config: GenerationConfig) -> Iterator[str]:
    if profile.response_modalities is not None:
        yield from _refused_modalities(profile.response_modalities, config.response_modalities)
    if {"TEXT", "AUDIO"} <= set(config.response_modalities):  # of every model, says the service
        yield (
            "answers in text or in audio, not in both: set response_modalities to AUDIO; for the text of it, ask for "
            "output_audio_transcription"
        )
    if config.enable_affective_dialog is not None and not profile.affective_dialog:
        yield "takes no enable_affective_dialog; leave it out"
    if config.thinking_config is not None:
        yield from _refused_thinking(profile, config.thinking_config)


def _refused_response(profile: ModelProfile, response: FunctionResponse) -> Iterator[str]:
    if response.scheduling is not None and not profile.scheduling:
        yield "takes no scheduling in a FunctionResponse; leave it out"
    if profile.response_media is None:
        return
    for part in response.parts:
        media_type = _media_type(part)
        if media_type and media_type not in profile.response_media:
            kinds = _either(profile.response_media) if profile.response_media else "nothing but JSON"
            yield f"reads {kinds} in FunctionResponse.parts, not {media_type}; put what it says into response"


def _media_type(part: FunctionResponsePart) -> str:
    """The MIME type without its parameters, in lower case."""
    media = part.inline_data or part.file_data
    return "" if media is None else media.mime_type.partition(";")[0].strip().lower()


def _refused_modalities(known: frozenset[str], wanted: Sequence[str]) -> Iterator[str]:
    for modality in wanted:
        if modality not in {*known, "MODALITY_UNSPECIFIED"}:
            way_out = "; for the text, ask for output_audio_transcription" if modality == "TEXT" else ""
            yield f"doesn't answer in {modality}: set response_modalities to {_either(known)}{way_out}"


def _refused_thinking(profile: ModelProfile, config: ThinkingConfig) -> Iterator[str]:
    if not profile.thinking:
        yield "takes no thinking_config; leave it out, or use gemini-3.8-live-extended-thinking"
    if config.thinking_budget is not None and not profile.thinking_budget:
        yield "takes no thinking_budget; set a thinking_level in its place"
    level, levels = config.thinking_level, profile.thinking_levels
    if levels is not None and level not in (None, "THINKING_LEVEL_UNSPECIFIED", *levels):
        yield f"takes no thinking_level {level}; set it to {_either(levels)}"


def _refused_proactivity(profile: ModelProfile, config: ProactivityConfig) -> Iterator[str]:
    if config.proactive_audio and profile.proactive_audio == "never":
        yield "has no proactive_audio; leave it out"
    if config.proactive_audio is False and profile.proactive_audio == "always":
        yield "is always proactive, and refuses proactive_audio=False; leave it out"


def _refused_tools(profile: ModelProfile, tools: Sequence[Tool]) -> Iterator[str]:
    for index, tool in enumerate(tools):
        if all(getattr(tool, name) in (None, [], ()) for name in tool.__struct_fields__):
            yield f"takes no empty Tool, which tools[{index}] is; leave it out"
        for name in sorted(profile.refused_tools):
            if getattr(tool, name) is not None:
                yield f"takes no {name} among its tools; leave it out"
        for function in tool.function_declarations:
            if function.behavior == "BLOCKING" and not profile.blocking_functions:
                yield f'never waits for a function: leave out behavior="BLOCKING" of {function.name!r}'
            if function.behavior == "NON_BLOCKING" and not profile.non_blocking_functions:
                yield f'waits for every function: leave out behavior="NON_BLOCKING" of {function.name!r}'


def _either(names: frozenset[str]) -> str:
    return " or ".join(sorted(names))
