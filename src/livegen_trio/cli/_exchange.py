"""What a spoken question comes to: gathered from the session's events, and shown as they arrive."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import trio

from ..audio import Recording
from ..types import OUTPUT_SAMPLE_RATE, ServerContent, ToolCall, ToolCallCancellation

if TYPE_CHECKING:
    from ..types import FunctionCall, ServerEvent, Transcription
    from ._terminal import Screen

_SAMPLE_WIDTH = 2  # bytes


@dataclass(slots=True)
class _ModelTurn:
    """What is known of the turn under way."""

    said_something: bool = False
    interrupted: bool = False
    audio_start: int = 0
    audio_began_at: float | None = None


class Exchange:
    """A question and its answer.

    Attributes:
        speech_ended_at: When the last sound of the question was sent, by Trio's clock; None before that.
        first_audio_at: When the first sound arrived after that; None before.
        is_over: Whether an answer that began after, or outlasted, the question is complete.
        tool_calls: What the model called.
        cancelled_calls: The names of those that it took back.
    """

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._heard: list[str] = []
        self._said: list[str] = []
        self._audio = bytearray()
        self._audio_rate = OUTPUT_SAMPLE_RATE
        self._turn = _ModelTurn()
        self.tool_calls: list[FunctionCall] = []
        self.cancelled_calls: list[str] = []
        self.speech_ended_at: float | None = None
        self.first_audio_at: float | None = None
        self.is_over = False

    @property
    def heard(self) -> str:
        """What the server understood."""
        return " ".join("".join(self._heard).split())

    @property
    def said(self) -> str:
        """What the model answered, in words."""
        return " ".join("".join(self._said).split())

    @property
    def answer(self) -> Recording:
        """What a listener would have heard of the model: speech that was interrupted stops there."""
        return Recording(bytes(self._audio), self._audio_rate)

    @property
    def first_audio_ms(self) -> int | None:
        """Milliseconds from the end of the question to the first sound of the answer, once both are known."""
        if self.speech_ended_at is None or self.first_audio_at is None:
            return None
        return round(1000 * (self.first_audio_at - self.speech_ended_at))

    def take(self, event: ServerEvent) -> None:
        """Take the next event, received now."""
        match event:
            case ServerContent():
                self._take_content(event)
            case ToolCall():
                for call in event.function_calls:
                    self.tool_calls.append(call)
                    self._screen.line("tool call", _as_call(call))
            case ToolCallCancellation():
                self._take_back(event)
            case _:
                pass  # no part of what is said

    def _take_back(self, cancellation: ToolCallCancellation) -> None:
        for call in self.tool_calls:
            if call.id in cancellation.ids:
                self.cancelled_calls.append(call.name)
                self._screen.line("cancelled", _as_call(call))

    def _take_content(self, content: ServerContent) -> None:
        if content.interrupted:
            self._turn.interrupted = True
            self._stop_playing()
        self._note(self._heard, "heard", _words(content.input_transcription))
        for blob in content.audio:
            self._play(blob.data, blob.sample_rate)
        if self._note(self._said, "said", content.text + _words(content.output_transcription)):
            self._turn.said_something = True
        if content.turn_complete:
            self._end_turn()

    def _note(self, words: list[str], label: str, fragment: str) -> bool:
        if fragment:
            words.append(fragment)
            self._screen.words(label, fragment)
        return bool(fragment)

    def _play(self, pcm: bytes, rate: int) -> None:
        now = trio.current_time()
        if self._turn.audio_began_at is None:
            self._turn.audio_began_at = now
            self._turn.audio_start = len(self._audio)
        if self.first_audio_at is None and self.speech_ended_at is not None:
            self.first_audio_at = now
        self._turn.said_something = True
        self._audio_rate = rate
        self._audio += pcm

    def _stop_playing(self) -> None:
        """Leave out what came ahead of its time and was not heard yet."""
        if self._turn.audio_began_at is not None:
            samples = int((trio.current_time() - self._turn.audio_began_at) * self._audio_rate)
            del self._audio[self._turn.audio_start + samples * _SAMPLE_WIDTH :]

    def _end_turn(self) -> None:
        self._screen.finish()
        turn, self._turn = self._turn, _ModelTurn()
        for words in (self._heard, self._said):
            words.append(" ")
        # A turn before the end of the question answers its beginning, and one that says nothing only calls a tool.
        if self.speech_ended_at is not None and turn.said_something and not turn.interrupted:
            self.is_over = True


def _words(transcription: Transcription | None) -> str:
    return "" if transcription is None else transcription.text


def _as_call(call: FunctionCall) -> str:
    return f"{call.name}({', '.join(f'{name}={json.dumps(value)}' for name, value in call.args.items())})"
