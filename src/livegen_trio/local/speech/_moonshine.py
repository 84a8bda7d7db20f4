"""Speech to text by Moonshine's tiny English model."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from .._engines import EngineError
from ._models import RECOGNIZER, verified
from ._packages import require
from ._samples import resample, to_samples
from ._silero import RATE
from ._speech_spans import speech_spans

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from ._samples import Samples
    from ._silero import SileroModel

_OPTIONS: Final[Mapping[str, str]] = {
    "vad_threshold": "0.0",  # the audio is cut here; its own detector cuts into words
    "return_audio_data": "false",
}
# Silence before and after speech: without it, first and last words are often misheard.
_QUIET: Final = np.zeros(RATE // 2, dtype=np.float32)

_STRAY_MARKS: Final = " \"'♪"  # what the model hangs on a text that it is not sure of


class _Line(Protocol):
    text: str


class _Transcript(Protocol):
    lines: Sequence[_Line]


class _Transcriber(Protocol):
    """The part of `moonshine_voice.Transcriber` that is used."""

    def transcribe_without_streaming(self, audio: Sequence[float], rate: int, /) -> _Transcript: ...


class MoonshineRecognizer:
    """A `SpeechRecognizer` for English. It transcribes one stretch of speech at a time, for all callers."""

    def __init__(self, detector: SileroModel) -> None:
        """Check the model's files and load it. *Blocking*.

        Args:
            detector: Finds the speech: given noise or silence, the recogniser makes up words.

        Raises:
            EngineError: A file is not the right one, or the package doesn't work.
        """
        self._detector = detector
        self._transcriber = _open_transcriber(_model_folder())
        # The library says nothing of threads. Held for one stretch only, so that a long utterance lets others in.
        self._lock = threading.Lock()

    def transcribe(self, pcm: bytes, rate: int) -> str:
        samples = resample(to_samples(pcm), rate, RATE)
        detector = self._detector.open_detector(RATE)
        spans = speech_spans(detector.hear(samples), detector.frame_seconds)
        heard = (self._hear(samples[round(begin * RATE) : round(end * RATE)]) for begin, end in spans)
        return " ".join(text for text in heard if text)

    def _hear(self, speech: Samples) -> str:
        audio: list[float] = np.concatenate((_QUIET, speech, _QUIET)).tolist()
        with self._lock:
            transcript = self._transcriber.transcribe_without_streaming(audio, RATE)
        text = " ".join(line.text.strip(_STRAY_MARKS) for line in transcript.lines)
        return text if any(map(str.isalnum, text)) else ""


def _model_folder() -> Path:
    (folder,) = {verified(file).parent for file in RECOGNIZER}
    return folder


def _open_transcriber(folder: Path) -> _Transcriber:
    package = require("moonshine_voice.transcriber")
    try:
        transcriber: _Transcriber = package.Transcriber(str(folder), package.ModelArch.TINY, options=_OPTIONS)
    except package.MoonshineError as exc:
        raise EngineError(f"Moonshine can't load its model in {folder}: {exc}") from exc
    return transcriber
