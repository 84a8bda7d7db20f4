"""The known models, as data: what each takes and how it behaves, with the source and date of each fact.

The rows are what Google documents for its models, and what others have measured where it documents nothing. A model
without a row takes everything: the service decides, and new models come faster than releases.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..types import Behavior, ThinkingLevel, TurnCoverage

Choice: TypeAlias = Literal["free", "always", "never"]
HandleCovers: TypeAlias = Literal["everything_read", "finished_exchanges"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelProfile:
    """Behavior of a model, and its limits. Everything is allowed that isn't ruled out here.

    Pass your own to `get_live_generative_model` for a model that this version knows wrongly, or not at all:
    `dataclasses.replace(profile_of("gemini-3.8-live"), scheduling=False)`.

    Attributes:
        response_modalities: Kinds of answers that it has; None is not known.
        thinking: Whether it takes a `ThinkingConfig` at all.
        thinking_budget: Whether that may have a budget in tokens.
        thinking_levels: Levels that it may have; None is not known.
        required_thinking_level: Level that is sent if you set none, for a model that refuses a setup without one.
        ignored_settings: Fields of `GenerationConfig` that the model reads over. Setting one logs a warning.
        blocking_functions: Whether it can wait for a function's answer.
        non_blocking_functions: Whether it can go on speaking meanwhile.
        default_behavior: Behavior of a function that doesn't set one; None is not known. Nothing is checked by it.
        ends_calling_turn: Whether it ends its turn after a call that it waits for, and replies to the answer in another
            turn; None is not known. With a call that it doesn't wait for, every model ends its turn.
        takes_late_answers: Whether it takes answers to calls that it has made on an earlier connection of the session.
            Where it doesn't, their results are sent as content.
        json_schema: Whether it reads functions' parameters as JSON schemas, or only in the service's subset of OpenAPI.
        scheduling: Whether an answer may say when the model speaks of it.
        response_media: MIME types that it reads in `FunctionResponse.parts`; None is not known.
        client_content: Whether content may be sent at any time, or only as the history before the conversation. Then
            `LiveSession.send` sends text as real-time input.
        refused_history: Fields of `Part` that close the connection if a history has them. They are left out of it.
        history_audio: Whether a history may have audio.
        history_audio_rate: Samples a second that such audio has to have; None is not known.
        history_ends_with_user: Whether a history has to end with a turn of the user's.
        typed_turns_see_video: Whether a typed turn sees the video frames sent before it.
        text_interrupts: Whether text that is sent while the model speaks cuts its answer off; None is not known.
        proactive_audio: Whether it may keep silent where it has nothing to say: your choice, always, or never.
        affective_dialog: Whether it knows the setting for answering the tone of voice.
        refused_tools: Fields of `Tool` that it doesn't take.
        default_turn_coverage: Input that belongs to a turn unless it is configured; None is not known. Nothing is
            checked by it.
        transcribes_unasked: Whether it transcribes the user without `input_audio_transcription`.
        whole_transcripts: Whether each transcription replaces the one before it, in place of continuing it.
        handle_covers: Inputs that a session has when it is resumed by the newest handle: everything that the service
            had read when the connection was lost, or the exchanges that were over when the handle was issued. None is
            not known: everything, until the service withholds a handle. Not used where resumption is transparent.
        vertex_locations: Locations of Vertex AI that serve it; None is not known.
        sources: Where each of these is from, and when it was written or measured, by the field's name.
    """

    response_modalities: frozenset[str] | None = None
    thinking: bool = True
    thinking_budget: bool = True
    thinking_levels: frozenset[str] | None = None
    required_thinking_level: ThinkingLevel | None = None
    ignored_settings: frozenset[str] = frozenset()
    blocking_functions: bool = True
    non_blocking_functions: bool = True
    default_behavior: Behavior | None = None
    ends_calling_turn: bool | None = None
    takes_late_answers: bool = True
    json_schema: bool = True
    scheduling: bool = True
    response_media: frozenset[str] | None = None
    client_content: Literal["always", "history"] = "always"
    refused_history: frozenset[str] = frozenset()
    history_audio: bool = True
    history_audio_rate: int | None = None
    history_ends_with_user: bool = False
    typed_turns_see_video: bool = True
    text_interrupts: bool | None = None
    proactive_audio: Choice = "free"
    affective_dialog: bool = True
    refused_tools: frozenset[str] = frozenset()
    default_turn_coverage: TurnCoverage | None = None
    transcribes_unasked: bool = False
    whole_transcripts: bool = False
    handle_covers: HandleCovers | None = None
    vertex_locations: frozenset[str] | None = None
    sources: Mapping[str, str] = field(default_factory=dict[str, str], compare=False, repr=False)


ANY_MODEL: Final = ModelProfile()
"""Profile of a model of which nothing is known."""

# Sources. "Measured" is the date that the authors state for their observation of the real service.
_LIVE_GUIDE: Final = "Google's guides to the Live API, 2026-10"
_MODEL_PAGE: Final = "Google's page of the model, 2026-10"
_PYDANTIC: Final = "measured by pydantic-ai 2.68.0"
_PIPECAT: Final = "pipecat-ai 1.14.0, 2026-10"
_LIVEKIT: Final = "livekit-plugins-google 1.8.9, 2026-10"
_GENAI_TESTS: Final = "tests of google-genai 3.6.1, 2026-11-18"
_ADK: Final = "google-adk 2.13.0, 2026-10"
_FIREBASE: Final = "@firebase/ai 3.0.0, 2026-10-07"

_NO_CODE_AND_PAGES: Final = frozenset({"code_execution", "url_context"})
# As the pages of the Gemini 3 models say. Of Gemini 2.5 Firebase says that it takes Maps, so the service decides.
_NO_MAPS_EITHER: Final = _NO_CODE_AND_PAGES | {"google_maps"}

_ALL_VIDEO: Final = "TURN_INCLUDES_AUDIO_ACTIVITY_AND_ALL_VIDEO"
_IMAGES_AND_TEXT: Final = frozenset({"image/png", "image/jpeg", "image/webp", "text/plain"})
# The settings that Gemini 3 "ignores"; the two penalties "will fail with a 400", but whether they do so in a Live
# session is uncertain, so they are left to the service.
_SAMPLING: Final = frozenset({"candidate_count", "temperature", "top_p", "top_k"})

_NATIVE_AUDIO: Final = ModelProfile(
    response_modalities=frozenset({"AUDIO"}),
    default_behavior="BLOCKING",
    ends_calling_turn=False,
    takes_late_answers=False,
    response_media=frozenset(),
    refused_history=frozenset({"function_call", "function_response"}),
    history_audio=False,
    history_ends_with_user=True,
    typed_turns_see_video=False,
    text_interrupts=False,
    refused_tools=_NO_CODE_AND_PAGES,
    default_turn_coverage="TURN_INCLUDES_ONLY_ACTIVITY",
    handle_covers="finished_exchanges",
    vertex_locations=frozenset({"us-central1", "us-east5", "europe-west4"}),
    sources={
        "response_modalities": f"{_LIVE_GUIDE}; {_PYDANTIC}, 2026-09-28: TEXT closes the connection with 1007",
        "default_behavior": _LIVE_GUIDE,
        "ends_calling_turn": f"{_LIVE_GUIDE}: it pauses until the answer; {_PYDANTIC}, with the edition 09-2025",
        "takes_late_answers": f"{_PYDANTIC}, 2026-10: it reads over them",
        "response_media": f"{_PYDANTIC}, 2026-09-28: it guesses what is in them",
        "refused_history": f"{_PYDANTIC}, 2026-09-28: 1007",
        "history_audio": f"{_PYDANTIC}, 2026-09-28: 1007",
        "history_ends_with_user": _PIPECAT,
        "typed_turns_see_video": f"{_PYDANTIC}, 2026-09-25",
        "text_interrupts": f"{_PYDANTIC}, 2026-10-20, with the edition 09-2025",
        "refused_tools": f"{_LIVE_GUIDE}; {_PYDANTIC}, 2026-09: code execution closes the connection with 1007",
        "default_turn_coverage": _LIVE_GUIDE,
        "handle_covers": f"{_PYDANTIC}, 2026-10: no handle during a turn, and the one before it has no part of it",
        "vertex_locations": f"{_GENAI_TESTS}: global closes the connection with 1008, publisher model not found",
    },
)

_FLASH_2_5: Final = ModelProfile(
    # Half-cascade, on Vertex AI: speech is synthesised from text.
    response_modalities=frozenset({"AUDIO", "TEXT"}),
    thinking=False,
    ends_calling_turn=True,
    typed_turns_see_video=False,
    text_interrupts=True,
    sources={
        "response_modalities": f"{_PYDANTIC}, 2026-09-28",
        "thinking": f"{_PYDANTIC}, 2026-09-28: a level or a budget closes the connection with 1007",
        "ends_calling_turn": f"{_PYDANTIC}, 2026-09: one turnComplete after the call, another after the answer",
        "typed_turns_see_video": f"{_PYDANTIC}, 2026-09-25",
        "text_interrupts": f"{_PYDANTIC}, 2026-10-20; without a voiceActivity",
    },
)

_FLASH_LIVE_3_1: Final = ModelProfile(
    response_modalities=frozenset({"AUDIO"}),
    thinking_budget=False,
    ignored_settings=_SAMPLING,
    non_blocking_functions=False,
    default_behavior="BLOCKING",
    ends_calling_turn=False,
    scheduling=False,
    response_media=_IMAGES_AND_TEXT,
    client_content="history",
    history_audio_rate=16_000,
    typed_turns_see_video=False,
    text_interrupts=True,
    proactive_audio="never",
    affective_dialog=False,
    refused_tools=_NO_MAPS_EITHER,
    default_turn_coverage=_ALL_VIDEO,
    transcribes_unasked=True,
    sources={
        "response_modalities": f"{_PYDANTIC}, 2026-09-28, and {_GENAI_TESTS}; its page has text as well",
        "thinking_budget": f"{_MODEL_PAGE}, on migrating from Gemini 2.5",
        "ignored_settings": _FIREBASE,
        "non_blocking_functions": f"{_MODEL_PAGE}; {_PYDANTIC}, 2026-09-16: taken, and silent until the answer",
        "default_behavior": _MODEL_PAGE,
        "ends_calling_turn": f"{_MODEL_PAGE}: functions are synchronous only",
        "scheduling": _MODEL_PAGE,
        "response_media": f"{_PYDANTIC}, 2026-09-28: a PDF closes the connection with 1007",
        "client_content": f"{_LIVE_GUIDE}; livekit/agents#5262, google/adk-python#5018: 1007 for content later on",
        "history_audio_rate": f"{_PYDANTIC}, 2026-09-28: 24 kHz closes the connection with 1008",
        "typed_turns_see_video": f"{_PYDANTIC}, 2026-09-25",
        "text_interrupts": f"{_PYDANTIC}, 2026-10-19",
        "proactive_audio": _MODEL_PAGE,
        "affective_dialog": f"{_MODEL_PAGE}; {_PYDANTIC}, 2026-09-25: the setup is refused with 1007",
        "refused_tools": f"{_MODEL_PAGE}; {_PYDANTIC}, 2026-09: takes code and URL context, and does nothing",
        "default_turn_coverage": _LIVE_GUIDE,
        "transcribes_unasked": f"{_PYDANTIC}, 2026-10",
    },
)

_LIVE_3_8: Final = ModelProfile(
    response_modalities=frozenset({"AUDIO", "VIDEO"}),  # video is the avatar, on Vertex AI
    thinking=False,
    ignored_settings=_SAMPLING,
    default_behavior="NON_BLOCKING",
    ends_calling_turn=False,
    takes_late_answers=False,
    response_media=_IMAGES_AND_TEXT,
    history_audio_rate=16_000,
    typed_turns_see_video=False,
    text_interrupts=True,
    proactive_audio="always",
    affective_dialog=False,  # "removed": on Vertex AI it is always on
    refused_tools=_NO_MAPS_EITHER,
    default_turn_coverage=_ALL_VIDEO,
    transcribes_unasked=True,
    handle_covers="everything_read",
    sources={
        "response_modalities": f"{_MODEL_PAGE}; {_GENAI_TESTS}: TEXT is refused",
        "thinking": f"{_MODEL_PAGE}; {_PYDANTIC}, 2026-09-16: any level closes the connection with 1007",
        "ignored_settings": _FIREBASE,
        "default_behavior": f"{_MODEL_PAGE}; {_PYDANTIC}, 2026-09-16",
        "ends_calling_turn": f"{_MODEL_PAGE}: with BLOCKING it pauses until the answer",
        "takes_late_answers": f"{_PYDANTIC}, 2026-10: the session waits for them, and doesn't speak of them",
        "response_media": f"{_PYDANTIC}, 2026-09-28: a PDF closes the connection with 1007",
        "history_audio_rate": f"{_PYDANTIC}, 2026-09-28: 24 kHz closes the connection with 1008",
        "typed_turns_see_video": f"{_PYDANTIC}, 2026-09-25",
        "text_interrupts": f"{_PYDANTIC}, 2026-10-19",
        "proactive_audio": f"{_MODEL_PAGE}, on migrating from Gemini 3.1",
        "affective_dialog": f"{_MODEL_PAGE}; {_PYDANTIC}, 2026-09-25: 1007 on the first message after the setup",
        "refused_tools": _MODEL_PAGE,
        "default_turn_coverage": _MODEL_PAGE,
        "transcribes_unasked": f"{_PYDANTIC}, 2026-10",
        "handle_covers": f"{_PYDANTIC}, 2026-10; a public study of resumption, 2026-10-02: one handle a connection",
    },
)

_LIVE_3_8_THINKING: Final = ModelProfile(
    response_modalities=frozenset({"AUDIO"}),
    thinking_budget=False,
    thinking_levels=frozenset({"LOW", "MEDIUM", "HIGH"}),
    required_thinking_level="LOW",  # the least, as Pipecat has it
    ignored_settings=_SAMPLING,
    blocking_functions=False,
    default_behavior="NON_BLOCKING",
    takes_late_answers=False,
    scheduling=False,
    response_media=_IMAGES_AND_TEXT,
    history_audio_rate=16_000,
    typed_turns_see_video=False,
    proactive_audio="always",
    affective_dialog=False,
    refused_tools=_NO_MAPS_EITHER,
    default_turn_coverage=_ALL_VIDEO,
    transcribes_unasked=True,
    handle_covers="everything_read",
    sources={
        "response_modalities": _MODEL_PAGE,
        "thinking_budget": f"{_PYDANTIC}, 2026-09-16: 1007, as if there were no level",
        "thinking_levels": f"Google's guide to thinking, 2026-10; {_PYDANTIC}, 2026-09-16",
        "required_thinking_level": f"{_PYDANTIC}, 2026-09-16: 1007, thinking level must be specified; {_PIPECAT}",
        "ignored_settings": _FIREBASE,
        "blocking_functions": f"{_MODEL_PAGE}; {_PYDANTIC}, 2026-09-16: 1007",
        "default_behavior": f"{_MODEL_PAGE}; {_PYDANTIC}, 2026-09-16",
        "takes_late_answers": f"{_PYDANTIC}, 2026-10: the session waits for them, and doesn't speak of them",
        "scheduling": f"{_MODEL_PAGE}; {_PYDANTIC}, 2026-09-16: 1007",
        "response_media": f"{_PYDANTIC}, 2026-09-28: a PDF closes the connection with 1007",
        "history_audio_rate": f"{_PYDANTIC}, 2026-09-28: 24 kHz closes the connection with 1008",
        "typed_turns_see_video": f"{_PYDANTIC}, 2026-09-25",
        "proactive_audio": _MODEL_PAGE,
        "affective_dialog": f"{_MODEL_PAGE}; {_PYDANTIC}, 2026-09-25: 1007 on the first message after the setup",
        "refused_tools": _MODEL_PAGE,
        "default_turn_coverage": _MODEL_PAGE,
        "transcribes_unasked": f"{_PYDANTIC}, 2026-10",
        "handle_covers": f"{_PYDANTIC}, 2026-10; a public study of resumption, 2026-10-02: one handle a connection",
    },
)

_ROBOTICS_ER_2: Final = ModelProfile(
    response_modalities=frozenset({"TEXT"}),
    typed_turns_see_video=False,
    sources={
        "response_modalities": f"{_PYDANTIC}, 2026-10-22: AUDIO closes the connection with 1007",
        "typed_turns_see_video": f"{_PYDANTIC}, 2026-10-27",
    },
)

_TRANSCRIBE_3_5: Final = ModelProfile(
    # A session lasts ten minutes; then come goAway and 1008.
    response_modalities=frozenset({"TEXT"}),
    transcribes_unasked=True,
    whole_transcripts=True,
    sources={
        "response_modalities": _LIVEKIT,
        "transcribes_unasked": _LIVEKIT,
        "whole_transcripts": f"{_LIVEKIT}; {_PIPECAT}; {_ADK}",
    },
)

_TRANSLATE_3_5: Final = ModelProfile(
    response_modalities=frozenset({"AUDIO"}),
    sources={"response_modalities": f"{_ADK}: it speaks the language of the TranslationConfig"},
)

# What may follow a model's name: a date, a version, "preview". Anything else makes it another model.
_EDITION: Final = r"(?:-(?:preview|latest|exp|\d+))*"

_PROFILES: Final = tuple(
    (re.compile(name), profile)
    for name, profile in (
        (r"gemini-(?:live-)?2\.5-flash(?:-preview)?-native-audio(?:-dialog)?" + _EDITION, _NATIVE_AUDIO),
        # "gemini-live-2.5-flash-preview" was another model, of the Gemini API's.
        (r"gemini-live-2\.5-flash(?:-\d{3}|@.+)?", _FLASH_2_5),
        (r"gemini-3\.1-flash-live" + _EDITION, _FLASH_LIVE_3_1),
        (r"gemini-3\.8-live" + _EDITION, _LIVE_3_8),
        (r"gemini-3\.8-live-extended-thinking" + _EDITION, _LIVE_3_8_THINKING),
        (r"gemini-robotics-er-2-streaming" + _EDITION, _ROBOTICS_ER_2),
        (r"gemini-3\.5-transcribe-live" + _EDITION, _TRANSCRIBE_3_5),
        (r"gemini-3\.5-live-translate" + _EDITION, _TRANSLATE_3_5),
    )
)


def profile_of(model: str) -> ModelProfile:
    """Return what is known of a model, by its short or its full name. A date or "preview" may follow the name."""
    name = short_name(model)
    return next((profile for pattern, profile in _PROFILES if pattern.fullmatch(name)), ANY_MODEL)


def short_name(model: str) -> str:
    """Return the last part of a model's resource name."""
    return model.rpartition("/")[2]
