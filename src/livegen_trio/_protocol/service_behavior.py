"""How the service behaves in a session of each known model, as data, for the embedded server to play.

`model_profiles` says what a model takes; this says in which order and with which marks its messages come. Each fact has
its source and date. Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from .model_profiles import short_name

if TYPE_CHECKING:
    from collections.abc import Mapping

TurnEnd: TypeAlias = Literal["with the answer", "at once", "late"]
UnfinishedCalls: TypeAlias = Literal["kept", "forgotten", "stale"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceBehavior:
    """The behaviour of the service with a model. The default is the plainest.

    Attributes:
        handles_between_turns: Whether handles are withheld during a turn (`resumable: false`) and a new one is issued
            after it, and a resumed session knows what was over when its handle was issued, and nothing later.
            Otherwise one handle, issued after the setup, leads to everything.
        calling_turn_ends: When the turn in which the model calls a function and waits for it has its `turnComplete`:
            only with the answer; at once, and another one with the answer; or a moment later, after the client may
            have answered.
        unfinished_calls: Calls without an answer, in a session that is resumed: kept, and answered as usual;
            forgotten, so that late answers are ignored; or stale: the answers to all of them, or else the user's next
            input, only close the old exchange with an empty turn.
        late_transcription: Whether the last of the user's words are transcribed after the `turnComplete`.
        refused_tools: Fields of `Tool` with which the setup is refused.
        affective_dialog: Result of `enableAffectiveDialog`: taken, the setup is refused, or the first message
            after it.
        announces_search: Whether an answer that is looked up begins with a lone `codeExecutionResult`.
        unreachable_pages: Whether it takes URL context, and answers that it can't open the page.
        transcribes_only: Whether it transcribes the user and says nothing itself.
        translates: Whether it says what the user says, in another language. The embedded server repeats it.
        connection_lifetime: Seconds after which a connection ends, if the server has no other limit; None for never.
        sources: Where each of these is from, and its date, by the field's name.
    """

    handles_between_turns: bool = False
    calling_turn_ends: TurnEnd = "with the answer"
    unfinished_calls: UnfinishedCalls = "kept"
    late_transcription: bool = False
    refused_tools: frozenset[str] = frozenset()
    affective_dialog: Literal["taken", "refused", "refused later"] = "taken"
    announces_search: bool = False
    unreachable_pages: bool = False
    transcribes_only: bool = False
    translates: bool = False
    connection_lifetime: float | None = None
    sources: Mapping[str, str] = field(default_factory=dict[str, str], compare=False, repr=False)


PLAIN: Final = ServiceBehavior()  # for a model of which nothing is known

_PYDANTIC: Final = "measured by pydantic-ai 2.68.0"

_NATIVE_AUDIO_SOURCES: Final = {
    "handles_between_turns": f"{_PYDANTIC}, 2026-10",
    "unfinished_calls": f"{_PYDANTIC}, 2026-10: the late answer is ignored",
    "refused_tools": f"{_PYDANTIC}, 2026-09: code execution closes the connection with 1007",
    "announces_search": f"{_PYDANTIC}, 2026-10: a result without the code before it",
    "unreachable_pages": f"{_PYDANTIC}, 2026-09: it answers that it is unable to access the page",
}
_NATIVE_AUDIO: Final = ServiceBehavior(
    handles_between_turns=True,
    unfinished_calls="forgotten",
    refused_tools=frozenset({"code_execution"}),
    announces_search=True,
    unreachable_pages=True,
    sources=_NATIVE_AUDIO_SOURCES,
)
# The same model: one of its editions plays what comes late, so that both orders can be tested.
_NATIVE_AUDIO_LATE: Final = ServiceBehavior(
    handles_between_turns=True,
    unfinished_calls="forgotten",
    refused_tools=frozenset({"code_execution"}),
    announces_search=True,
    unreachable_pages=True,
    calling_turn_ends="late",
    late_transcription=True,
    sources={
        **_NATIVE_AUDIO_SOURCES,
        "calling_turn_ends": "livekit/agents#7195, 2026",
        "late_transcription": "google-gemini/gemini-live-api-examples#37, 2026",
    },
)
_FLASH_2_5: Final = ServiceBehavior(
    handles_between_turns=True,
    unfinished_calls="forgotten",
    calling_turn_ends="at once",
    sources={
        "handles_between_turns": f"{_PYDANTIC}, 2026-10, of Gemini 2.5",
        "unfinished_calls": f"{_PYDANTIC}, 2026-10, of Gemini 2.5",
        "calling_turn_ends": f"{_PYDANTIC}, 2026-10",
    },
)
_FLASH_LIVE_3_1: Final = ServiceBehavior(
    affective_dialog="refused",
    sources={"affective_dialog": f"{_PYDANTIC}, 2026-09-25: 1007"},
)
_LIVE_3_8: Final = ServiceBehavior(
    unfinished_calls="stale",
    affective_dialog="refused later",
    sources={
        "unfinished_calls": f"{_PYDANTIC}, 2026-10",
        "affective_dialog": f"{_PYDANTIC}, 2026-09-25: taken, and 1007 on the first message after it",
    },
)
_TRANSCRIBE_3_5: Final = ServiceBehavior(
    transcribes_only=True,
    connection_lifetime=600.0,
    sources={
        "transcribes_only": "livekit-plugins-google 1.8.9, 2026-10",
        "connection_lifetime": "livekit-plugins-google 1.8.9, google-adk 2.13.0, 2026-10: goAway, then 1008",
    },
)
_TRANSLATE_3_5: Final = ServiceBehavior(
    translates=True,
    connection_lifetime=600.0,
    sources={
        "translates": "google-adk 2.13.0, 2026-10",
        "connection_lifetime": "as live transcription; not measured",
    },
)

_BEHAVIORS: Final = tuple(
    (re.compile(name), behavior)
    for name, behavior in (
        (r"gemini-2\.5-flash-native-audio-preview-09-2025", _NATIVE_AUDIO_LATE),
        (r"gemini-(?:live-)?2\.5-flash(?:-preview)?-native-audio.*", _NATIVE_AUDIO),
        (r"gemini-live-2\.5-flash(?:-\d{3}|@.+)?", _FLASH_2_5),
        (r"gemini-3\.1-flash-live.*", _FLASH_LIVE_3_1),
        (r"gemini-3\.8-live.*", _LIVE_3_8),
        (r"gemini-3\.5-transcribe-live.*", _TRANSCRIBE_3_5),
        (r"gemini-3\.5-live-translate.*", _TRANSLATE_3_5),
    )
)


def behavior_with(model: str) -> ServiceBehavior:
    """Return the behaviour of the service with a model, by the model's short or full name."""
    name = short_name(model)
    return next((behavior for pattern, behavior in _BEHAVIORS if pattern.fullmatch(name)), PLAIN)
