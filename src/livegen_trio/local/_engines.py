"""The engines by which the embedded server hears, thinks and speaks: one small protocol each.

PCM here is always signed 16-bit little-endian mono, with its rate as a parameter. Engines know nothing of the Live
protocol. Methods marked *blocking* are called in worker threads, never on the event loop.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from .._errors import LiveError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ..types import Content, FunctionDeclaration


class EngineError(LiveError):
    """An engine can't be loaded: a package is missing or broken, or a model file is not the one that it should be."""


class VoiceDetector(Protocol):
    """Separates speech from silence in one stream of audio.

    Stateful: one a conversation. Quick: runs on the event loop.
    """

    @property
    def frame_seconds(self) -> float:
        """The length of audio that one probability speaks for."""
        ...

    def feed(self, pcm: bytes) -> Sequence[float]:
        """Take the next audio, of any length; return the probability of speech for each frame completed by it."""
        ...


class SpeechRecognizer(Protocol):
    """Speech to text."""

    def transcribe(self, pcm: bytes, rate: int) -> str:
        """The words of one utterance; empty if there were none. *Blocking*; may be called by several threads."""
        ...


class SpeechSynthesizer(Protocol):
    """Text to speech."""

    def synthesize(self, text: str) -> bytes:
        """One sentence, spoken: PCM at 24 kHz. *Blocking*; may be called by several threads."""
        ...


@dataclass(frozen=True, slots=True)
class Say:
    """A reply in text."""

    text: str


@dataclass(frozen=True, slots=True)
class CallTool:
    """A reply that needs a declared function first."""

    name: str
    args: Mapping[str, object]


class Responder(Protocol):
    """Decides what to answer. Pure and quick: runs on the event loop."""

    def respond(
        self,
        history: Sequence[Content],
        *,
        functions: Sequence[FunctionDeclaration],
        system_instruction: Content | None,
    ) -> Say | Sequence[CallTool]:
        """Answer the last turn of *history*; function responses in it are results of earlier `CallTool`s."""
        ...


@dataclass(frozen=True, slots=True)
class Engines:
    """The engines of one server. Without a recognizer and a synthesizer it converses in text.

    Attributes:
        responder: Decides what to answer.
        open_detector: Makes a detector for one stream of audio at the given rate in Hz.
        recognizer: Speech to text.
        synthesizer: Text to speech.
        max_voices: Sessions that the two serve in time, if that was measured.
    """

    responder: Responder
    open_detector: Callable[[int], VoiceDetector]
    recognizer: SpeechRecognizer | None = None
    synthesizer: SpeechSynthesizer | None = None
    max_voices: int | None = None
