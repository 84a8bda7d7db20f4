"""A spoken question and its answer: gathered from a conversation's events, and shown as they arrive."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import trio

from ..audio import VirtualSpeaker
from ..types import ServerContent, ToolCall, ToolCallCancellation

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Buffer

    from ..audio import ConversationEvent, Recording
    from ..types import FunctionCall, Transcription
    from ._terminal import Screen


class Exchange:
    """A question and its answer.

    Attributes:
        speaker: Plays the answer, and keeps what a listener would have heard of it.
        speech_ended_at: When the last sound of the question was sent, by Trio's clock; None before that.
        first_audio_at: When the first sound was played after that; None before.
        is_over: Whether an answer that began after, or outlasted, the question is complete.
        tool_calls: The model's calls.
        cancelled_calls: The names of the calls that it cancelled.
    """

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._heard: list[str] = []
        self._said: list[str] = []
        self._turn_has_answer = False
        self._turn_is_interrupted = False
        self.speaker: VirtualSpeaker = _NotedSpeaker(self._note_sound)
        self.tool_calls: list[FunctionCall] = []
        self.cancelled_calls: list[str] = []
        self.speech_ended_at: float | None = None
        self.first_audio_at: float | None = None
        self.is_over: bool = False

    @property
    def heard(self) -> str:
        """The transcript of the question."""
        return " ".join("".join(self._heard).split())

    @property
    def said(self) -> str:
        """The text or transcript of the answer."""
        return " ".join("".join(self._said).split())

    @property
    def answer(self) -> Recording:
        """The sound of the answer as it was played: speech that was interrupted stops there."""
        return self.speaker.recording

    @property
    def first_audio_ms(self) -> int | None:
        """Milliseconds from the end of the question to the first sound of the answer, once both are known."""
        if self.speech_ended_at is None or self.first_audio_at is None:
            return None
        return round(1000 * (self.first_audio_at - self.speech_ended_at))

    def add(self, event: ConversationEvent) -> None:
        """Add the next event, received now."""
        match event:
            case ServerContent():
                self._add_content(event)
            case ToolCall():
                for call in event.function_calls:
                    self.tool_calls.append(call)
                    self._screen.line("tool call", _as_call(call))
            case ToolCallCancellation():
                self._cancel_calls(event)
            case _:
                pass  # no part of the exchange

    def _note_sound(self) -> None:
        if self.first_audio_at is None and self.speech_ended_at is not None:
            self.first_audio_at = trio.current_time()

    def _cancel_calls(self, cancellation: ToolCallCancellation) -> None:
        for call in self.tool_calls:
            if call.id in cancellation.ids:
                self.cancelled_calls.append(call.name)
                self._screen.line("cancelled", _as_call(call))

    def _add_content(self, content: ServerContent) -> None:
        self._turn_is_interrupted |= content.interrupted
        self._show(self._heard, "heard", _text_of(content.input_transcription))
        if self._show(self._said, "said", content.text + _text_of(content.output_transcription)):
            self._turn_has_answer = True
        if content.turn_complete:
            self._end_turn()

    def _show(self, fragments: list[str], label: str, fragment: str) -> bool:
        if fragment:
            fragments.append(fragment)
            self._screen.fragment(label, fragment)
        return bool(fragment)

    def _end_turn(self) -> None:
        self._screen.finish()
        # A turn before the end of the question answers its beginning, and one without an answer only calls a tool.
        if self.speech_ended_at is not None and self._turn_has_answer and not self._turn_is_interrupted:
            self.is_over = True
        self._turn_has_answer = self._turn_is_interrupted = False
        for fragments in (self._heard, self._said):
            fragments.append(" ")


class _NotedSpeaker(VirtualSpeaker):
    """A speaker that says when sound is written to it."""

    def __init__(self, note: Callable[[], None]) -> None:
        super().__init__()
        self._note = note

    async def write(self, pcm: Buffer, rate: int) -> None:
        self._note()
        await super().write(pcm, rate)


def _text_of(transcription: Transcription | None) -> str:
    return "" if transcription is None else transcription.text


def _as_call(call: FunctionCall) -> str:
    return f"{call.name}({', '.join(f'{name}={json.dumps(value)}' for name, value in call.args.items())})"
