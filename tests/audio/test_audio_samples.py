"""PCM as numbers, on machines of either byte order."""

from __future__ import annotations

import sys
from array import array
from typing import TYPE_CHECKING

from livegen_trio.audio._samples import to_pcm, to_samples

if TYPE_CHECKING:
    import pytest


def test_pcm_is_little_endian() -> None:
    assert to_samples(b"\x01\x00\xff\xff\x00\x80").tolist() == [1, -1, -32768]
    assert to_pcm(array("h", [1, -1, -32768])) == b"\x01\x00\xff\xff\x00\x80"


def test_a_machine_of_the_other_order_swaps_bytes_and_leaves_its_input(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "byteorder", "big")
    samples = to_samples(b"\x01\x00")
    assert samples.tolist() == [256]
    assert to_pcm(samples) == b"\x01\x00"
    assert samples.tolist() == [256]
