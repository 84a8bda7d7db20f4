"""Where a turn begins and ends, as a question about single events.

The service has several ends: the model has finished generating, the turn is over, the whole exchange is over. Models
differ in which of them they send, so the rules are kept here and nowhere else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..types import Reconnected, ServerContent, ToolCall

if TYPE_CHECKING:
    from ..types import ServerEvent, Transcription


def opens_turn(event: ServerEvent) -> bool:
    """Whether *event* belongs to a turn that is now under way, even if nothing of it came before.

    A lone `generation_complete` or `interrupted` does not: models send both after a turn has ended.
    """
    if isinstance(event, ToolCall):
        return True
    return isinstance(event, ServerContent) and (event.turn_complete or has_content(event))


def has_content(content: ServerContent) -> bool:
    """Whether *content* carries something said by the model or the user, rather than only marks."""
    return (
        has_answer(content)
        or _has_text(content.input_transcription)
        or _has_text(content.interim_input_transcription)
    )


def has_answer(content: ServerContent) -> bool:
    """Whether *content* carries something said by the model.

    The user's words may still be transcribed while it speaks, and after it has spoken.
    """
    if content.model_turn is not None and content.model_turn.parts:
        return True
    return _has_text(content.output_transcription)


def ends_turn(event: ServerEvent) -> bool:
    """Whether *event* is the last one of its turn: its end, or a lost connection that cut it."""
    if isinstance(event, Reconnected):
        return event.turn_cut
    return isinstance(event, ServerContent) and event.turn_complete


def ends_exchange(event: ServerEvent) -> bool:
    """Whether the model, after *event*, says nothing more until it hears something new.

    A model that thinks while it speaks ends a turn for each utterance, and says by `interaction_status` whether more
    will come. Calls that still wait for their answers are not looked at here.
    """
    if not isinstance(event, ServerContent):
        return False
    if event.interaction_status in (None, "INTERACTION_STATUS_UNSPECIFIED"):
        return event.turn_complete
    return event.interaction_status == "IDLE"


def _has_text(transcription: Transcription | None) -> bool:
    return transcription is not None and bool(transcription.text)  # empty ones do come
