"""The fixtures, as a test suite of somebody else's has them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

pytest_plugins = ["pytester"]

DOCUMENT = Path(__file__).parents[2] / "docs" / "testing.md"
SUITE = """
import pytest
from livegen_trio import get_live_generative_model
from livegen_trio.testing import Connection, Emit, Expect


async def test_scripted(scripted_server):
    answer = {"serverContent": {"modelTurn": {"parts": [{"text": "Hi"}]}, "turnComplete": True}}
    scripted_server.add(Connection(Expect({"clientContent": {}}), Emit(answer)))
    async with get_live_generative_model("m", backend=scripted_server.backend).connect() as session:
        assert (await session.ask("Hello")).text == "Hi"


async def test_local(local_backend):
    async with get_live_generative_model("gemini-live-2.5-flash-preview", backend=local_backend).connect() as session:
        assert (await session.ask("Hello!")).text


async def test_left(scripted_server):
    scripted_server.add(Connection())
"""


def test_they_serve_and_what_is_left_of_a_script_fails_the_test(pytester: pytest.Pytester) -> None:
    pytester.makeconftest("pytest_plugins = ['livegen_trio.testing.fixtures']")
    pytester.makepyfile(SUITE)
    result = pytester.runpytest("-p", "no:cacheprovider", "-o", "trio_mode=true")
    result.assert_outcomes(passed=3, errors=1)
    result.stdout.fnmatch_lines(["*ScriptError: the client has not dialled 1 more times*"])


def test_the_test_in_the_documents_passes(pytester: pytest.Pytester) -> None:
    first = re.search(
        r"^```python\n(.*?)^```", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    assert first is not None
    pytester.makepyfile(first[1])
    pytester.runpytest("-p", "no:cacheprovider", "-o", "trio_mode=true").assert_outcomes(passed=1)
