"""Base64 by SIMD and without it: the same, but for the time that it takes."""

from __future__ import annotations

import base64
import binascii
import runpy
from typing import TYPE_CHECKING, Any

import pybase64
import pytest
from hypothesis import given, strategies as st

from livegen_trio._protocol import base64 as ours
from livegen_trio._protocol.base64 import b64decode, b64encode
from support.uninstalled import uninstall

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture(name="plain", scope="module")
def without_pybase64() -> dict[str, Any]:
    """The module as it is where `pybase64` is not installed."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        uninstall(monkeypatch, "pybase64")
        return runpy.run_path(ours.__file__)


def test_base64_is_made_by_simd_where_pybase64_is_installed() -> None:
    assert b64encode is pybase64.b64encode


def test_base64_is_made_by_the_standard_library_without_it(plain: dict[str, Any]) -> None:
    assert plain["b64encode"] is base64.b64encode


@given(data=st.binary(max_size=5000))
def test_both_write_the_same_and_read_it_back(plain: dict[str, Any], data: bytes) -> None:
    assert b64encode(data) == plain["b64encode"](data) == base64.b64encode(data)
    assert b64decode(b64encode(data)) == plain["b64decode"](b64encode(data)) == data


@pytest.mark.parametrize("buffer", [bytearray(b"abc"), memoryview(b"abc")])
def test_both_write_any_buffer(plain: dict[str, Any], buffer: bytearray | memoryview) -> None:
    assert b64encode(buffer) == plain["b64encode"](buffer) == b"YWJj"


@pytest.mark.parametrize(
    "malformed", [b"YWJ", b"YWJjZ", b"YW=J", b"YW\nJj", b"YW J", b"YWJ-", b"YWJ_", b"YWJ\\", b"YWI==="]
)
def test_both_refuse_what_is_not_quite_base64(plain: dict[str, Any], malformed: bytes) -> None:
    decoders: list[Callable[[bytes], bytes]] = [b64decode, plain["b64decode"]]
    for decode in decoders:
        with pytest.raises(binascii.Error):
            decode(malformed)
