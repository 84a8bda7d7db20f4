"""The model files, and what is done when they are not what they should be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from livegen_trio import LiveError
from livegen_trio.local._engines import EngineError
from livegen_trio.local.speech._models import (
    DETECTOR,
    PRONUNCIATION,
    RECOGNIZER,
    VOICE,
    VOICE_CONFIG,
    ModelFile,
    locate,
    verified,
    verify,
)

if TYPE_CHECKING:
    from pathlib import Path

ALL = (DETECTOR, *PRONUNCIATION, *RECOGNIZER, VOICE, VOICE_CONFIG)

HELLO = ModelFile(
    "hello==1.0",
    "hello",
    "data/hello.bin",
    "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
)


@pytest.mark.parametrize("file", ALL, ids=lambda file: file.path.rpartition("/")[2])
def test_the_installed_files_are_the_right_ones(file: ModelFile) -> None:
    assert verified(file) == locate(file)


def test_the_right_content_passes(tmp_path: Path) -> None:
    path = tmp_path / "hello.bin"
    path.write_bytes(b"hello")
    verify(path, HELLO)


def test_another_content_is_refused_with_the_cure(tmp_path: Path) -> None:
    path = tmp_path / "hello.bin"
    path.write_bytes(b"hell0")
    with pytest.raises(EngineError, match=r"hello\.bin .*hello==1\.0") as caught:
        verify(path, HELLO)
    assert str(caught.value).endswith("pip install --force-reinstall --no-deps hello==1.0")
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_refused_with_the_cure(tmp_path: Path) -> None:
    with pytest.raises(
        EngineError, match=r"can't be read \(No such file or directory\): pip install .*hello==1\.0"
    ):
        verify(tmp_path / "hello.bin", HELLO)


def test_a_missing_package_is_named() -> None:
    with pytest.raises(EngineError, match=r"hello==1\.0 is not installed: pip install"):
        verified(ModelFile("hello==1.0", "no_such_package_here", "hello.bin", HELLO.sha256))


def test_its_errors_are_errors_of_this_library() -> None:
    assert issubclass(EngineError, LiveError)
