"""One Valkey server for all tests of stores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.valkey_server import valkey_server

if TYPE_CHECKING:
    from collections.abc import Generator


@pytest.fixture(scope="session")
def valkey_port() -> Generator[int]:
    with valkey_server() as port:
        yield port
