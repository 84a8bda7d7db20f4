"""Loads the engines of the embedded server."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from ._detector import EnergyDetector
from ._engines import EngineError, Engines
from .rules._responder import RuleResponder
from .speech._packages import INSTALL, is_extra_absent, missing_packages, require

if TYPE_CHECKING:
    from ._engines import SpeechRecognizer, SpeechSynthesizer

_SENTENCE: Final = "Livegen is ready."
_RATE: Final = 24_000  # of the synthesizer, in Hz
_SECONDS_A_TURN: Final = 6.0  # of a conversation: a question, an answer, and what is between


def speech_available() -> bool:
    """Whether all packages of the `[local]` extra are installed."""
    return not missing_packages()


def load_engines() -> Engines:
    """Load speech engines if the `[local]` extra is installed, and text engines if it is not. *Blocking*, for seconds.

    Raises:
        EngineError: The extra is there in part only, or a package or a model file of it is not the right one.
    """
    if is_extra_absent():
        return text_engines()
    if missing := missing_packages():
        raise EngineError(f"speech needs packages that are missing ({', '.join(missing)}): {INSTALL}")
    return _speech_engines()


def text_engines() -> Engines:
    """Make engines for conversations in text: they need no extra, and no time to load."""
    return Engines(responder=RuleResponder(), open_detector=EnergyDetector)


def _speech_engines() -> Engines:
    require("numpy")  # which the modules below need on import: an error of it is to be as clear as others
    # Packages that only the extra brings, and that take most of a second.
    from .speech._moonshine import MoonshineRecognizer  # noqa: PLC0415
    from .speech._piper import PiperSynthesizer  # noqa: PLC0415
    from .speech._silero import SileroModel  # noqa: PLC0415

    detector = SileroModel()
    recognizer = MoonshineRecognizer(detector)
    synthesizer = PiperSynthesizer()
    # The first run of each takes longer than all others, as does the first word that is in no dictionary.
    recognizer.transcribe(synthesizer.synthesize(_SENTENCE), _RATE)
    return Engines(
        responder=RuleResponder(),
        open_detector=detector.open_detector,
        recognizer=recognizer,
        synthesizer=synthesizer,
        max_voices=_measure_voices(recognizer, synthesizer),
    )


def _measure_voices(recognizer: SpeechRecognizer, synthesizer: SpeechSynthesizer) -> int:
    """Measure how many conversations the engines keep up with: in each, a sentence is heard and spoken now and then."""
    start = time.perf_counter()
    recognizer.transcribe(synthesizer.synthesize(_SENTENCE), _RATE)
    return max(1, int(_SECONDS_A_TURN / (time.perf_counter() - start)))
