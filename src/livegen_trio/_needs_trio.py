"""What only runs on Trio says so where it is called, before Trio would say less."""

from __future__ import annotations

import trio


def needs_trio(what: str, *, on_asyncio: str) -> None:
    """See that a Trio task is calling.

    Args:
        what: What is called.
        on_asyncio: What to do there instead, to end a sentence.

    Raises:
        RuntimeError: It isn't; with one line that says what to do.
    """
    if not trio.lowlevel.in_trio_task():
        raise RuntimeError(f"{what} needs Trio: on asyncio {on_asyncio}")
