"""Speech engines for the tests: loaded once, since that takes seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from livegen_trio.local.speech._moonshine import MoonshineRecognizer
    from livegen_trio.local.speech._piper import PiperSynthesizer
    from livegen_trio.local.speech._silero import SileroModel


@pytest.fixture(scope="session")
def silero() -> SileroModel:
    from livegen_trio.local.speech._silero import SileroModel

    return SileroModel()


@pytest.fixture(scope="session")
def recognizer(silero: SileroModel) -> MoonshineRecognizer:
    from livegen_trio.local.speech._moonshine import MoonshineRecognizer

    return MoonshineRecognizer(silero)


@pytest.fixture(scope="session")
def synthesizer() -> PiperSynthesizer:
    from livegen_trio.local.speech._piper import PiperSynthesizer

    return PiperSynthesizer()
