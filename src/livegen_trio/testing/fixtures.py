"""Fixtures for pytest. Have them by `pytest_plugins = ["livegen_trio.testing.fixtures"]` in your `conftest.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ..local import LocalBackend, text_engines
from ._scripted_server import ScriptedServer

if TYPE_CHECKING:
    from collections.abc import Generator


@pytest.fixture
def scripted_server() -> Generator[ScriptedServer]:
    """A server without a script: `add` connections to it. What is left of them in the end fails the test."""
    server = ScriptedServer()
    yield server
    server.check()


@pytest.fixture
def local_backend() -> LocalBackend:
    """The embedded server, which converses in text, at once, and the same each time."""
    return LocalBackend(engines=text_engines())
