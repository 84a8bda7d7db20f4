from __future__ import annotations

import runpy
from functools import partial
from typing import TYPE_CHECKING, Final

import pytest
import websockets.speedups
from hypothesis import given, strategies as st

from livegen_trio.transports._direct import masking
from livegen_trio.transports._direct.masking import KEY_SIZE, draw_keys, mask, mask_in_python
from support.uninstalled import uninstall

if TYPE_CHECKING:
    from collections.abc import Callable

KEYS: Final = st.binary(min_size=4, max_size=4)


@pytest.mark.parametrize("masked_by", [mask, mask_in_python])
@given(data=st.binary(max_size=200), key=KEYS)
def test_every_byte_is_xored_with_the_byte_of_the_key_that_is_its_turn(
    masked_by: Callable[[bytes, bytes], bytes], data: bytes, key: bytes
) -> None:
    assert masked_by(data, key) == bytes(byte ^ key[at % 4] for at, byte in enumerate(data))


@given(size=st.integers(0, 70_000), key=KEYS)
def test_c_and_python_mask_alike_at_every_size(size: int, key: bytes) -> None:
    data = bytes(range(256)) * (size // 256 + 1)
    assert mask(data[:size], key) == mask_in_python(data[:size], key)


def test_masks_are_made_in_c_where_websockets_is_installed() -> None:
    assert mask is websockets.speedups.apply_mask


def test_masks_are_made_in_python_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    uninstall(monkeypatch, "websockets.speedups")
    module = runpy.run_path(masking.__file__)
    assert module["mask"] is module["mask_in_python"]
    assert module["mask"](b"\0\1\2\3\4", b"abcd") == b"acage"


def test_no_two_keys_are_the_same() -> None:
    keys = [key for block in (draw_keys(), draw_keys()) for key in iter(partial(block.read, KEY_SIZE), b"")]
    assert {len(key) for key in keys} == {KEY_SIZE}
    # By chance, two of 256 would be the same once in a hundred thousand times; a block drawn twice would show at once.
    assert len(set(keys)) > len(keys) - 3
