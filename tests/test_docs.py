"""The programs in the documents run as they stand.

A Python block is a whole program, or continues the one above it, under the mark `<!-- continues -->`. It runs in a
folder that has `question.wav` and a client's certificate, with a Valkey at VALKEY_URL, a key that no server knows, and
"yes" on its standard input. What is under `if __name__ == "__main__"`, which needs a real service, is not run.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import pytest
import trustme

from livegen_trio.audio import Recording, write_wav
from support.valkey_server import valkey_server
from support.voice import HUMAN_RATE, human_voice

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

ROOT: Final = Path(__file__).parent.parent
BLOCK: Final = re.compile(r"^(<!-- continues -->\n+)?```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
PAGES: Final = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


class Program(NamedTuple):
    """A block, behind those that it continues."""

    page: Path
    number: int
    code: str


def programs() -> Iterator[Program]:
    for page in PAGES:
        before = ""
        for number, match in enumerate(BLOCK.finditer(page.read_text(encoding="utf-8"))):
            before = f"{before}\n{match[2]}" if match[1] else match[2]
            yield Program(page, number, before)


PROGRAMS: Final = list(programs())
NAMES: Final = [f"{program.page.stem}-{program.number}" for program in PROGRAMS]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("documents")
    write_wav(path / "question.wav", Recording(human_voice(), HUMAN_RATE))
    certificate = trustme.CA().issue_cert("client.example")
    certificate.cert_chain_pems[0].write_to_path(str(path / "client.pem"))
    certificate.private_key_pem.write_to_path(str(path / "client.key"))
    return path


@pytest.fixture(scope="module")
def environment() -> Generator[dict[str, str]]:
    with valkey_server() as port:
        yield {
            **os.environ,
            "VALKEY_URL": f"redis://127.0.0.1:{port}",
            "GEMINI_API_KEY": "no-key",
            "GOOGLE_CLOUD_PROJECT": "no-project",
        }


@pytest.mark.parametrize("program", PROGRAMS, ids=NAMES)
def test_a_program_in_the_documents_runs(program: Program, folder: Path, environment: dict[str, str]) -> None:
    file = folder / f"{program.page.stem}_{program.number}.py"
    file.write_text(program.code, encoding="utf-8")
    run_name = "document" if '__name__ == "__main__"' in program.code else "__main__"
    starter = f"import runpy; runpy.run_path({str(file)!r}, run_name={run_name!r})"
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", starter],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env=environment,
        input="yes\n",
        timeout=120,
    )
    assert run.returncode == 0, run.stderr


def test_the_readmes_first_program_prints_an_answer() -> None:
    run = subprocess.run([sys.executable, "-c", PROGRAMS[0].code], capture_output=True, text=True, check=True)
    assert "hear you" in run.stdout
