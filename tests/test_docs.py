"""The programs in the documents run as they stand."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parent.parent
BLOCK: Final = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks() -> list[object]:
    documents = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    return [
        pytest.param(code, id=f"{document.name}-{number}")
        for document in documents
        for number, code in enumerate(BLOCK.findall(document.read_text(encoding="utf-8")))
    ]


@pytest.mark.parametrize("code", blocks())
def test_a_program_in_the_documents_is_python_and_whole_ones_run(code: str) -> None:
    compile(code, "document", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)  # some are parts of programs
    if "trio.run(" not in code:
        return
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr


def test_the_readmes_first_program_prints_an_answer() -> None:
    program = BLOCK.findall((ROOT / "README.md").read_text(encoding="utf-8"))[0]
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "hear you" in run.stdout
