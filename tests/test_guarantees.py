"""docs/guarantees.md names tests that are there, and figures that are the code's."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from livegen_trio import Buffering, Reconnection
from livegen_trio._engine import tool_runner, unanswered_calls
from livegen_trio._protocol import unreadable_frames
from livegen_trio._resumption import backoff, ledger
from livegen_trio._session import timing
from livegen_trio.transports.base import MAX_MESSAGE_SIZE

ROOT: Final = Path(__file__).parent.parent
PAGE: Final = (ROOT / "docs" / "guarantees.md").read_text(encoding="utf-8")
MIB: Final = 2**20


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`(tests/[\w/]+\.py)`", PAGE))))
def test_the_named_tests_are_there(path: str) -> None:
    assert (ROOT / path).is_file()


@pytest.mark.parametrize(
    "figure",
    [
        f"{Buffering().media_bytes // MIB} MiB of media and {Buffering().control_bytes // MIB} MiB of control",
        f"{ledger.REMEMBERED_BYTES // MIB} MiB of each; {ledger.REMEMBERED_SECONDS:g} s",
        f"{Reconnection().max_replays} times (`Reconnection.max_replays`)",
        f"{Buffering().event_bytes // MIB} MiB, as estimated",
        f"{unreadable_frames._MOST_IN_ROW} unreadable frames in a row",
        f"| {MAX_MESSAGE_SIZE // MIB} MiB |",
        f"{timing.CONNECT_TIMEOUT:g} s (`connect_timeout`)",
        f"{timing.KEEPALIVE_TIMEOUT:g} s without a byte (`keepalive_timeout`)",
        f"pinged after {timing.KEEPALIVE_INTERVAL:g} s",
        f"{Reconnection().give_up_after:g} s (`Reconnection.give_up_after`)",
        f"{Reconnection().margin:g} s before its end",
        f"{tool_runner.CALLS_AT_ONCE} at once, {tool_runner.THREADS} in threads",
        f"{tool_runner.MAX_CALLS_IN_A_FRAME} in a message, {tool_runner.MAX_PENDING_CALLS} waiting",
        f"after {unanswered_calls.UNANSWERED_AFTER:g} s",
        f"{timing.CLOSE_TIMEOUT:g} s (`close_timeout`)",
    ],
)
def test_the_figures_are_the_defaults(figure: str) -> None:
    assert figure in PAGE


def test_the_number_of_dials_is_that_of_the_formula() -> None:
    policy = Reconnection()
    dials, time = 1, 0.0
    while True:
        time += 0.75 * policy.delays[min(dials, len(policy.delays)) - 1]
        if time >= policy.give_up_after:
            break
        dials += 1
    assert f"| {dials}, and {2 * dials} with" in PAGE
    assert backoff.UNDELAYED_INTERVAL == 1, "once a second"
