"""Fields that only Vertex AI takes, found before they are sent: the Gemini API ends a connection for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..types import ClientContent, ContextUpdate

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..types import RealtimeInput, Setup, Tool, ToolResponse

ONLY_VERTEX_IN_SETUP: Final = (
    "session_resumption.transparent",
    "explicit_vad_signal",
    "generation_config.model_config",
    "tool_config.function_calling_config.stream_function_call_arguments",
)
"""Paths of the fields in a setup."""

_IN_SAFETY_SETTING: Final = ("method",)
_IN_TOOL: Final = (
    "retrieval",
    "enterprise_web_search",
    "parallel_ai_search",
    "exa_ai_search",
    "google_search.blocking_confidence",
    "google_search.exclude_domains",
    "google_maps.grounding_types",
)

# Of Google Maps, in any spelling but for capitals and underscores. A plain API key is possible on both.
_WAYS_TO_AUTHENTICATE: Final = frozenset(
    {
        "apikeyconfig",
        "authtype",
        "googleserviceaccountconfig",
        "httpbasicauthconfig",
        "oauthconfig",
        "oidcconfig",
    }
)


def fields_in_setup(setup: Setup) -> Iterator[str]:
    """The paths of such fields as are set in *setup*."""
    yield from _set_fields(setup, ONLY_VERTEX_IN_SETUP)
    for index, setting in enumerate(setup.safety_settings):
        yield from _set_fields(setting, _IN_SAFETY_SETTING, f"safety_settings[{index}].")
    yield from _fields_in_tools(setup.tools)


def fields_in_message(message: ClientContent | RealtimeInput | ToolResponse | ContextUpdate) -> Iterator[str]:
    """The paths of such fields as are set in *message*."""
    match message:
        case ContextUpdate(tools=update) if update is not None:
            yield from _fields_in_tools(update.tools)
        case ClientContent(turns=turns):
            calls = (part.function_call for turn in turns for part in turn.parts if part.function_call)
            for call in calls:
                if call.partial_args:
                    yield "function_call.partial_args"
                if call.will_continue:
                    yield "function_call.will_continue"
        case _:
            pass


def _fields_in_tools(tools: Iterable[Tool]) -> Iterator[str]:
    for index, tool in enumerate(tools):
        yield from _set_fields(tool, _IN_TOOL, f"tools[{index}].")
        for name in tool.google_maps.auth_config if tool.google_maps is not None else ():
            if name.replace("_", "").lower() in _WAYS_TO_AUTHENTICATE:
                yield f"tools[{index}].google_maps.auth_config.{name}"


def _set_fields(struct: object, paths: Iterable[str], parent: str = "") -> Iterator[str]:
    return (f"{parent}{path}" for path in paths if _is_set(struct, path))


def _is_set(struct: object, path: str) -> bool:
    value = struct
    for name in path.split("."):
        value = getattr(value, name)
        if value is None:
            return False
    return value not in ([], ())  # which are not sent
