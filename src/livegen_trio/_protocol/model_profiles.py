"""What each model is known to take, as data, so that a mistake is told before anything is dialled.

The rows are what Google documents for its models, and what users have found where it documents nothing (as of October
2026). A model without a row takes everything: the service has the last word, and new models come faster than releases.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from .._errors import ConfigError, LocalProtocolError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..types import (
        Behavior,
        FunctionResponse,
        GenerationConfig,
        ProactivityConfig,
        Setup,
        ThinkingConfig,
        Tool,
        TurnCoverage,
    )

Choice: TypeAlias = Literal["free", "always", "never"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelProfile:
    """What a model takes. Everything is allowed that isn't ruled out here.

    Give one of your own to `get_live_generative_model` for a model that this version knows wrongly, or not at all:
    `dataclasses.replace(profile_of("gemini-3.8-live"), scheduling=False)`.

    Attributes:
        response_modalities: What it can answer in; None is not known.
        thinking: Whether it takes a `ThinkingConfig` at all.
        thinking_budget: Whether that may have a budget in tokens.
        thinking_levels: Which levels that may have; None is not known.
        blocking_functions: Whether it can wait for a function's answer.
        non_blocking_functions: Whether it can go on speaking meanwhile.
        default_behavior: What it does with a function that doesn't say; None is not known. Nothing is checked by it.
        json_schema: Whether it reads functions' parameters as JSON schemas, or only in the service's subset of OpenAPI.
        scheduling: Whether an answer may say when it is to be spoken of.
        client_content: Whether content may be sent at any time, or only as the history before the conversation. Then
            `LiveSession.send` sends text as real-time input.
        proactive_audio: Whether it may keep silent where it has nothing to say: your choice, always, or never.
        affective_dialog: Whether it knows the setting for answering the tone of voice.
        refused_tools: Fields of `Tool` that it doesn't take.
        default_turn_coverage: What belongs to a turn unless it is configured; None is not known. Nothing is checked
            by it.
    """

    response_modalities: frozenset[str] | None = None
    thinking: bool = True
    thinking_budget: bool = True
    thinking_levels: frozenset[str] | None = None
    blocking_functions: bool = True
    non_blocking_functions: bool = True
    default_behavior: Behavior | None = None
    json_schema: bool = True
    scheduling: bool = True
    client_content: Literal["always", "history"] = "always"
    proactive_audio: Choice = "free"
    affective_dialog: bool = True
    refused_tools: frozenset[str] = frozenset()
    default_turn_coverage: TurnCoverage | None = None


ANY_MODEL: Final = ModelProfile()
"""For a model that nothing is known of."""

_NO_CODE_AND_PAGES: Final = frozenset({"code_execution", "url_context"})
_NO_MAPS_EITHER: Final = _NO_CODE_AND_PAGES | {"google_maps"}
"""As the pages of the Gemini 3 models say. Of Gemini 2.5 Firebase says that it takes Maps, so the service decides."""

_ALL_VIDEO: Final = "TURN_INCLUDES_AUDIO_ACTIVITY_AND_ALL_VIDEO"

_NATIVE_AUDIO: Final = ModelProfile(
    # Google's guides to the Live API, and of the service itself: TEXT ends the connection with 1007.
    response_modalities=frozenset({"AUDIO"}),
    default_behavior="BLOCKING",
    refused_tools=_NO_CODE_AND_PAGES,
    default_turn_coverage="TURN_INCLUDES_ONLY_ACTIVITY",
)

_FLASH_LIVE_3_1: Final = ModelProfile(
    # Its page has "text and audio" for output, as that of 3.8 has; the service refuses TEXT of both
    # (google-genai's own tests).
    response_modalities=frozenset({"AUDIO"}),
    # All of this is in its page's advice on migrating from Gemini 2.5: levels in place of budgets, functions that it
    # waits for, neither proactive audio nor affective dialog.
    thinking_budget=False,
    non_blocking_functions=False,
    default_behavior="BLOCKING",
    scheduling=False,
    proactive_audio="never",
    affective_dialog=False,
    # The guide to capabilities, and users: 1007 for content later on (livekit/agents#5262, google/adk-python#5018).
    client_content="history",
    refused_tools=_NO_MAPS_EITHER,
    default_turn_coverage=_ALL_VIDEO,
)

_LIVE_3_8: Final = ModelProfile(
    # All of this is in its page's advice on migrating from Gemini 3.1.
    response_modalities=frozenset({"AUDIO", "VIDEO"}),  # video is the avatar, on Vertex AI
    thinking=False,
    default_behavior="NON_BLOCKING",
    proactive_audio="always",
    affective_dialog=False,  # "removed": on Vertex AI it is always on
    refused_tools=_NO_MAPS_EITHER,
    default_turn_coverage=_ALL_VIDEO,
)

_LIVE_3_8_THINKING: Final = ModelProfile(
    # Its page, and the guide to thinking.
    response_modalities=frozenset({"AUDIO"}),
    thinking_budget=False,
    thinking_levels=frozenset({"LOW", "MEDIUM", "HIGH"}),
    blocking_functions=False,
    default_behavior="NON_BLOCKING",
    scheduling=False,
    proactive_audio="always",
    affective_dialog=False,
    refused_tools=_NO_MAPS_EITHER,
    default_turn_coverage=_ALL_VIDEO,
)

_EDITION: Final = r"(?:-(?:preview|latest|exp|\d+))*"
"""What may follow a model's name: a date, a version, "preview". With another word behind it is another model."""

_PROFILES: Final = tuple(
    (re.compile(name + _EDITION), profile)
    for name, profile in (
        (r"gemini-(?:live-)?2\.5-flash(?:-preview)?-native-audio(?:-dialog)?", _NATIVE_AUDIO),
        (r"gemini-3\.1-flash-live", _FLASH_LIVE_3_1),
        (r"gemini-3\.8-live", _LIVE_3_8),
        (r"gemini-3\.8-live-extended-thinking", _LIVE_3_8_THINKING),
    )
)


def profile_of(model: str) -> ModelProfile:
    """What is known of a model, by its short or its full name. Names with a date or "preview" behind count as well."""
    name = short_name(model)
    return next((profile for pattern, profile in _PROFILES if pattern.fullmatch(name)), ANY_MODEL)


def short_name(model: str) -> str:
    """The last part of a model's resource name."""
    return model.rpartition("/")[2]


def check_setup(profile: ModelProfile, setup: Setup) -> None:
    """Refuse what the model is known not to take.

    Raises:
        ConfigError: The message names the field, the model, and what to do.
    """
    for words in _refusals(profile, setup):
        raise ConfigError(f"{short_name(setup.model)} {words}")


def check_tools(profile: ModelProfile, model: str, tools: Sequence[Tool]) -> None:
    """Refuse tools that the model is known not to take.

    Raises:
        LocalProtocolError: The message names the field, the model, and what to do.
    """
    for words in _refused_tools(profile, tools):
        raise LocalProtocolError(f"{short_name(model)} {words}")


def check_responses(profile: ModelProfile, model: str, responses: Sequence[FunctionResponse]) -> None:
    """Refuse answers of functions that the model is known not to take.

    Raises:
        LocalProtocolError: The message names the field, the model, and what to do.
    """
    if not profile.scheduling and any(response.scheduling is not None for response in responses):
        raise LocalProtocolError(
            f"{short_name(model)} takes no scheduling in a FunctionResponse; leave it out"
        )


def _refusals(profile: ModelProfile, setup: Setup) -> Iterator[str]:
    if setup.generation_config is not None:
        yield from _refused_generation(profile, setup.generation_config)
    if setup.proactivity is not None:
        yield from _refused_proactivity(profile, setup.proactivity)
    yield from _refused_tools(profile, setup.tools)


def _refused_generation(profile: ModelProfile, config: GenerationConfig) -> Iterator[str]:
    if profile.response_modalities is not None:
        yield from _refused_modalities(profile.response_modalities, config.response_modalities)
    if config.enable_affective_dialog is not None and not profile.affective_dialog:
        yield "takes no enable_affective_dialog; leave it out"
    if config.thinking_config is not None:
        yield from _refused_thinking(profile, config.thinking_config)


def _refused_modalities(known: frozenset[str], wanted: Sequence[str]) -> Iterator[str]:
    for modality in wanted:
        if modality not in {*known, "MODALITY_UNSPECIFIED"}:
            words = "; for the words, ask for output_audio_transcription" if modality == "TEXT" else ""
            yield f"doesn't answer in {modality}: set response_modalities to {_either(known)}{words}"


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
