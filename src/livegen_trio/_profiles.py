"""What each model is known to take, as data, so that a mistake is told before anything is dialled.

The rows are what Google documents for its models, and what users have found where it documents nothing (as of October
2026). A model without a row takes everything: the service has the last word, and new models come faster than releases.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from ._errors import ConfigError, LocalProtocolError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .types import FunctionResponse, GenerationConfig, Setup, Tool

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
        scheduling: Whether an answer may say when it is to be spoken of.
        client_content: Whether content may be sent at any time, or only as the history before the conversation. Then
            `LiveSession.send` sends text as real-time input.
        proactive_audio: Whether it may keep silent where it has nothing to say: your choice, always, or never.
        affective_dialog: Whether it can be asked to answer the tone of voice.
        refused_tools: Fields of `Tool` that it doesn't take.
    """

    response_modalities: frozenset[str] | None = None
    thinking: bool = True
    thinking_budget: bool = True
    thinking_levels: frozenset[str] | None = None
    blocking_functions: bool = True
    non_blocking_functions: bool = True
    scheduling: bool = True
    client_content: Literal["always", "history"] = "always"
    proactive_audio: Choice = "free"
    affective_dialog: bool = True
    refused_tools: frozenset[str] = frozenset()


ANY_MODEL: Final = ModelProfile()
"""For a model that nothing is known of."""

_NO_TOOLS_OF_ITS_OWN: Final = frozenset({"code_execution", "url_context"})
"""Search is taken by all of them. Of Maps Google's pages say both, so that is left to the service."""

_PROFILES: Final[tuple[tuple[re.Pattern[str], ModelProfile], ...]] = (
    (
        re.compile(r"gemini-3\.8-live-extended-thinking"),
        ModelProfile(
            response_modalities=frozenset({"AUDIO"}),
            thinking_budget=False,
            thinking_levels=frozenset({"LOW", "MEDIUM", "HIGH"}),
            blocking_functions=False,
            scheduling=False,
            proactive_audio="always",
            affective_dialog=False,
            refused_tools=_NO_TOOLS_OF_ITS_OWN,
        ),
    ),
    (
        re.compile(r"gemini-3\.8-live"),
        ModelProfile(
            response_modalities=frozenset({"AUDIO", "VIDEO"}),  # video is the avatar, on Vertex AI
            thinking=False,
            proactive_audio="always",
            affective_dialog=False,
            refused_tools=_NO_TOOLS_OF_ITS_OWN,
        ),
    ),
    (
        re.compile(r"gemini-3\.1-flash-live"),
        ModelProfile(  # whether it answers in text is told both ways
            thinking_budget=False,
            non_blocking_functions=False,
            scheduling=False,
            client_content="history",
            proactive_audio="never",
            refused_tools=_NO_TOOLS_OF_ITS_OWN,
        ),
    ),
    (
        re.compile(r"gemini-(live-)?2\.5-flash-native-audio"),
        ModelProfile(response_modalities=frozenset({"AUDIO"}), refused_tools=_NO_TOOLS_OF_ITS_OWN),
    ),
)


def profile_of(model: str) -> ModelProfile:
    """What is known of a model, by its short or its full name. Names with a date or "preview" behind count as well."""
    name = model.rpartition("/")[2]
    return next((profile for pattern, profile in _PROFILES if pattern.match(name)), ANY_MODEL)


def check_setup(profile: ModelProfile, setup: Setup) -> None:
    """Refuse what the model is known not to take.

    Raises:
        ConfigError: The message names the field, the model, and what to do.
    """
    for words in _refusals(profile, setup):
        raise ConfigError(f"{setup.model.rpartition('/')[2]} {words}")


def check_tools(profile: ModelProfile, model: str, tools: Sequence[Tool]) -> None:
    """Refuse tools that the model is known not to take.

    Raises:
        LocalProtocolError: The message names the field, the model, and what to do.
    """
    for words in _refused_tools(profile, tools):
        raise LocalProtocolError(f"{model.rpartition('/')[2]} {words}")


def check_responses(profile: ModelProfile, model: str, responses: Sequence[FunctionResponse]) -> None:
    """Refuse answers of functions that the model is known not to take.

    Raises:
        LocalProtocolError: The message names the field, the model, and what to do.
    """
    if not profile.scheduling and any(response.scheduling is not None for response in responses):
        raise LocalProtocolError(
            f"{model.rpartition('/')[2]} takes no scheduling in a FunctionResponse; leave it out"
        )


def _refusals(profile: ModelProfile, setup: Setup) -> Iterator[str]:
    if setup.generation_config is not None:
        yield from _refused_generation(profile, setup.generation_config)
    proactive = setup.proactivity.proactive_audio if setup.proactivity is not None else None
    if proactive and profile.proactive_audio == "never":
        yield "has no proactive_audio; leave it out"
    if proactive is False and profile.proactive_audio == "always":
        yield "is always proactive: proactive_audio=False is an error; leave it out"
    yield from _refused_tools(profile, setup.tools)


def _refused_generation(profile: ModelProfile, config: GenerationConfig) -> Iterator[str]:
    known = profile.response_modalities
    if known is not None and not known.issuperset(config.response_modalities):
        yield f"answers in {_either(known)} only; set response_modalities to that"
    if config.enable_affective_dialog and not profile.affective_dialog:
        yield "takes no enable_affective_dialog; leave it out"
    thinking = config.thinking_config
    if thinking is None:
        return
    if not profile.thinking:
        yield "takes no thinking_config; leave it out, or use gemini-3.8-live-extended-thinking"
    if thinking.thinking_budget is not None and not profile.thinking_budget:
        yield "takes no thinking_budget; say it by thinking_level"
    level, levels = thinking.thinking_level, profile.thinking_levels
    if level is not None and levels is not None and level not in levels:
        yield f"thinks at a thinking_level of {_either(levels)}, not {level!r}"


def _refused_tools(profile: ModelProfile, tools: Sequence[Tool]) -> Iterator[str]:
    for tool in tools:
        for name in sorted(profile.refused_tools):
            if getattr(tool, name) is not None:
                yield f"takes no {name} among its tools; leave it out"
        for function in tool.function_declarations or ():
            if function.behavior == "BLOCKING" and not profile.blocking_functions:
                yield f'never waits for a function: leave out behavior="BLOCKING" of {function.name!r}'
            if function.behavior == "NON_BLOCKING" and not profile.non_blocking_functions:
                yield f'waits for every function: leave out behavior="NON_BLOCKING" of {function.name!r}'


def _either(names: frozenset[str]) -> str:
    return " or ".join(f'"{name}"' for name in sorted(names))
