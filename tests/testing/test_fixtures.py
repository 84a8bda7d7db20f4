"""The fixtures, as a test suite of somebody else's has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

pytest_plugins = ["pytester"]

SUITE = """
import pytest
from livegen_trio import get_live_generative_model
from livegen_trio.testing import Connection, Emit, Expect

pytest_plugins = ["livegen_trio.testing.fixtures"]


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
    pytester.makepyfile(SUITE.replace('pytest_plugins = ["livegen_trio.testing.fixtures"]', ""))
    result = pytester.runpytest("-p", "no:cacheprovider", "-o", "trio_mode=true")
    result.assert_outcomes(passed=3, errors=1)
    result.stdout.fnmatch_lines(["*ScriptError: the client has not dialled 1 more times*"])
