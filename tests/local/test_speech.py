"""The engines that hear and speak, on each other and on a human voice."""

from __future__ import annotations

import random
import re
import threading
from typing import TYPE_CHECKING

import pytest

from livegen_trio.local._engines import EngineError
from livegen_trio.local.speech._moonshine import _open_transcriber
from livegen_trio.local.speech._onnx import open_model
from livegen_trio.local.speech._samples import resample, to_pcm, to_samples
from support.voice import HUMAN_RATE, HUMAN_WORDS, human_voice

if TYPE_CHECKING:
    from pathlib import Path

    from livegen_trio.local.speech._moonshine import MoonshineRecognizer
    from livegen_trio.local.speech._piper import PiperSynthesizer

RATE = 24000


def words(text: str) -> list[str]:
    return re.findall(r"[a-z]+", text.lower())


# What is heard


@pytest.mark.parametrize("rate", [8000, 16000, 44100, 48000])
def test_the_words_of_a_human_voice_are_heard(recognizer: MoonshineRecognizer, rate: int) -> None:
    voice = to_pcm(resample(to_samples(human_voice()), HUMAN_RATE, rate))
    assert words(recognizer.transcribe(voice, rate)) == words(HUMAN_WORDS)


@pytest.mark.parametrize(
    "pcm",
    [b"", b"\x01", bytes(64000), random.Random(1).randbytes(64000), b"\x00\x10\x00\xf0" * 16000],
    ids=["nothing", "half a sample", "silence", "noise", "a tone"],
)
def test_there_are_no_words_without_speech(recognizer: MoonshineRecognizer, pcm: bytes) -> None:
    assert recognizer.transcribe(pcm, 16000) == ""


def test_several_threads_may_listen_at_once(recognizer: MoonshineRecognizer) -> None:
    heard: list[str] = []
    threads = [
        threading.Thread(target=lambda: heard.append(recognizer.transcribe(human_voice(), HUMAN_RATE)))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [words(text) for text in heard] == [words(HUMAN_WORDS)] * 3


# What is said


@pytest.mark.parametrize(
    ("text", "keywords"),
    [
        ("What is the weather in Paris?", "weather paris"),
        ("Yes, I can hear you. What can I do for you?", "yes hear you what can do"),
        ("The capital of Germany is Berlin.", "capital germany berlin"),
        ("It is 21 degrees Celsius and sunny.", "degrees sunny"),
        ("How many people live in Berlin?", "how many people live berlin"),
    ],
)
def test_what_is_said_can_be_understood(
    synthesizer: PiperSynthesizer, recognizer: MoonshineRecognizer, text: str, keywords: str
) -> None:
    heard = words(recognizer.transcribe(synthesizer.synthesize(text), RATE))
    missed = [word for word in keywords.split() if word not in heard and f"{word}s" not in heard]
    assert len(missed) <= 1, heard


def test_the_same_text_sounds_the_same(synthesizer: PiperSynthesizer) -> None:
    assert synthesizer.synthesize("Hello there.") == synthesizer.synthesize("Hello there.")


def test_speech_is_loud_enough_and_not_clipped(synthesizer: PiperSynthesizer) -> None:
    samples = to_samples(synthesizer.synthesize("Hello. How can I help you?"))
    assert 0.4 < abs(samples).max() < 1


def test_a_second_of_speech_has_24000_samples(synthesizer: PiperSynthesizer) -> None:
    text = "Once upon a time a small dragon lived above a quiet village."
    assert 2.5 < len(synthesizer.synthesize(text)) / 2 / RATE < 5


@pytest.mark.parametrize(
    "text",
    [
        "Qwxyz blorft.",
        "9" * 40,
        "$",
        "-$5",
        "3*4",
        "http://example.com/?x=1",
        "a\x00b",
        "x" * 500,
        "word " * 100,
    ],
)
def test_whatever_it_is_something_is_said(synthesizer: PiperSynthesizer, text: str) -> None:
    assert len(synthesizer.synthesize(text)) % 2 == 0


@pytest.mark.parametrize("text", ["", "  \n", "...", "?!", "\u65e5\u672c\u8a9e", "\U0001f642", "\x00"])
def test_what_has_no_sound_is_silence_of_no_length(synthesizer: PiperSynthesizer, text: str) -> None:
    assert synthesizer.synthesize(text) == b""


def test_nothing_is_printed(
    synthesizer: PiperSynthesizer, recognizer: MoonshineRecognizer, capfd: pytest.CaptureFixture[str]
) -> None:
    recognizer.transcribe(synthesizer.synthesize("Hello."), RATE)
    assert capfd.readouterr() == ("", "")


# What can't be loaded


def test_a_model_that_is_none_is_a_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"no model")
    with pytest.raises(EngineError, match=r"ONNX Runtime can't load .*model\.onnx"):
        open_model(path, threads=1)


def test_a_recognizer_without_its_model_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="Moonshine can't load its model"):
        _open_transcriber(tmp_path)
