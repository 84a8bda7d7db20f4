"""History that is sent to a session: without what the model would close the connection on."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec

from ..types import Content, Part

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .model_profiles import ModelProfile

# A user's turn without anything in it, as Pipecat sends it.
_BLANK_TURN: Final = Content(role="user", parts=[Part(text=" ")])

_HAS_RATE: Final = re.compile(r";\s*rate=\d", re.IGNORECASE)


def fit_history(profile: ModelProfile, content: Content) -> tuple[Content, list[str]]:
    """Return *content* without the parts that the model refuses in a history, and the kind of each of them."""
    left_out = [(part, _refused_kind(profile, part)) for part in content.parts]
    kinds = [kind for _, kind in left_out if kind]
    if not kinds:
        return content, []
    kept = [_without_sound(part, kind) for part, kind in left_out]
    return msgspec.structs.replace(content, parts=[part for part in kept if part is not None]), kinds


def end_history(profile: ModelProfile, contents: Sequence[Content]) -> Sequence[Content]:
    """Return *contents* with a last turn of the user's, if the model demands that of a history."""
    if profile.history_ends_with_user and contents and contents[-1].role == "model":
        return (*contents, _BLANK_TURN)
    return contents


def _refused_kind(profile: ModelProfile, part: Part) -> str:
    """The name for what the model refuses in a part; empty if it takes it."""
    for name in sorted(profile.refused_history):
        if getattr(part, name) is not None:
            return name
    blob = part.inline_data
    if blob is None or not blob.mime_type.lower().startswith("audio/"):
        return ""
    if not profile.history_audio:
        return "audio"
    rate = profile.history_audio_rate
    is_of_other_rate = rate is not None and _HAS_RATE.search(blob.mime_type) and blob.sample_rate != rate
    return f"audio of {blob.sample_rate} Hz" if is_of_other_rate else ""


def _without_sound(part: Part, kind: str) -> Part | None:
    """The part itself, the transcript in place of its refused sound, or None."""
    if not kind:
        return part
    transcript = part.audio_transcription
    return Part(text=transcript.text) if transcript is not None and transcript.text else None
