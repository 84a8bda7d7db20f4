"""What fuzzing has found, and the seeds that it begins with: nothing but documented errors."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.fuzz_targets import SEEDS, TARGETS

CASES = Path(__file__).parent / "data" / "fuzz"
SAVED = [(path.parent.name, path.read_bytes()) for path in sorted(CASES.glob("*/*"))]
WHOLE = [(target, seed) for target, seeds in SEEDS.items() for seed in seeds]
ODD = [
    b"",
    b"\0",
    b"{}",
    b"[]",
    b"RIFF\xff\xff\xff\xffWAVEfmt ",
    b"HTTP/1.1 200\r\n\r\n",
    b'{"version":1}',
    b"\xff" * 9,
]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("data", ODD)
def test_an_odd_beginning_is_read_or_refused(target: str, data: bytes) -> None:
    TARGETS[target](data)


@pytest.mark.parametrize(("target", "data"), WHOLE + SAVED)
def test_a_seed_and_what_was_found_are_read_or_refused(target: str, data: bytes) -> None:
    TARGETS[target](data)


@pytest.mark.parametrize(("target", "data"), WHOLE)
def test_every_part_of_a_seed_is_read_or_refused(target: str, data: bytes) -> None:
    for end in range(len(data)):
        TARGETS[target](data[:end])
        TARGETS[target](data[:end] + b"\xff" + data[end + 1 :])
