"""Which events open a turn and which end it, as questions about single events. Pure.

The service has several ends: the model has finished generating, the turn is over, the whole exchange is over. Models
differ in which of them they send, and in what they send after them. `exchanges` has the rules about several events.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..types import Reconnected, ServerContent, ToolCall

if TYPE_CHECKING:
    from ..types import Part, ServerEvent, Transcription

# Fields of a part that hold content by themselves.
_CONTENT: Final = (
    "file_data",
    "function_call",
    "executable_code",
    "code_execution_result",
    "tool_call",
    "tool_response",
    "function_response",
)


def opens_turn(event: ServerEvent) -> bool:
    """Return whether *event* belongs to a turn that is now under way, even if nothing of it came before.

    Marks, transcriptions, empty parts and lone signatures do not open one: models send them after a turn has ended.
    The end of a turn opens it where nothing else has: then it is an empty turn.
    """
    if isinstance(event, ToolCall):
        return True
    return isinstance(event, ServerContent) and (event.turn_complete or has_parts(event))


def has_parts(content: ServerContent) -> bool:
    """Return whether *content* has a part of the model's that isn't empty."""
    return content.model_turn is not None and any(map(_has_content, content.model_turn.parts))


def has_answer(content: ServerContent) -> bool:
    """Return whether *content* has something that the model says, in parts or as a transcription."""
    return has_parts(content) or _has_text(content.output_transcription)


def has_words(content: ServerContent) -> bool:
    """Return whether *content* has text of the model's, written or transcribed."""
    return bool(content.text) or _has_text(content.output_transcription)


def ends_turn(event: ServerEvent) -> bool:
    """Return whether *event* is the last one of its turn: its end, or a lost connection that cut it."""
    if isinstance(event, Reconnected):
        return event.turn_cut
    return isinstance(event, ServerContent) and event.turn_complete


def is_in_progress(content: ServerContent) -> bool:
    """Return whether more turns follow by themselves: a model that thinks while it speaks ends one an utterance."""
    return content.interaction_status not in (None, "INTERACTION_STATUS_UNSPECIFIED", "IDLE")


def ends_exchange(event: ServerEvent) -> bool:
    """Return whether the model, after *event*, says nothing more until it hears something new.

    Calls that still wait for their answers are not considered here.
    """
    if not isinstance(event, ServerContent) or is_in_progress(event):
        return False
    return event.turn_complete or event.interaction_status == "IDLE"


def _has_content(part: Part) -> bool:
    if part.text or (part.inline_data is not None and part.inline_data.data):
        return True
    return any(getattr(part, name) is not None for name in _CONTENT)


def _has_text(transcription: Transcription | None) -> bool:
    return transcription is not None and bool(transcription.text)  # empty ones do come
