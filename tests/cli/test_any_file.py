"""Whatever is in a file, commands show it or say what is wrong with it, and nothing that a terminal would obey."""

from __future__ import annotations

import contextlib
import io
import json
import re
import struct
import unicodedata
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import msgspec
from hypothesis import given, settings, strategies as st

from livegen_trio.audio import AudioFileError, read_wav
from livegen_trio.cli import main
from livegen_trio.cli._terminal import printable
from support.json_strategies import objects
from support.struct_strategies import JSON

if TYPE_CHECKING:
    from collections.abc import Sequence

RULES = settings(max_examples=150, deadline=None)

LINES = st.one_of(
    st.binary(max_size=40),
    st.builds(
        lambda connection, at, sender, text: json.dumps(
            {"connection": connection, "at": at, "sender": sender, "text": text}
        ).encode(),
        st.integers(),
        st.floats() | st.integers(),
        st.sampled_from(["client", "server", "nobody"]),
        st.text() | objects(st.text()).map(json.dumps),
    ),
    st.builds(
        lambda text: msgspec.json.encode({"connection": 1, "at": 0.0, "sender": "server", "text": text}),
        st.builds(
            lambda kind, value: json.dumps({kind: value}),
            st.sampled_from(
                ["serverContent", "toolCall", "toolCallCancellation", "goAway", "usageMetadata", "error"]
            ),
            JSON,
        ),
    ),
    st.sampled_from(
        [
            b'{"connection":1,"at":1.5,"closed_by":"server","code":1011,"reason":"\\u202e"}',
            b'{"connection":1,"at":1.5,"sender":"client","text":"' + b"[" * 5000 + b'"}',
            b'{"connection":1,"at":1.5,"sender":"client","text":' + b"[" * 5000,
            b'{"connection":1,"at":1e999,"sender":"client","text":"{}"}',
        ]
    ),
)


@RULES
@given(st.lists(LINES, max_size=5))
def test_any_recording_is_shown_or_refused_in_one_line(lines: Sequence[bytes]) -> None:
    out, err = io.StringIO(), io.StringIO()
    with TemporaryDirectory() as folder, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        path = f"{folder}/session.jsonl"
        with open(path, "wb") as file:
            file.write(b"\n".join(lines))
        code = main(["replay", path])
    assert code in {0, 2}
    assert err.getvalue().count("\n") == (code == 2)
    assert "Traceback" not in err.getvalue()
    assert not re.search(
        "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", out.getvalue() + err.getvalue()
    )


WAVS = st.binary() | st.builds(
    lambda size, chunk, fields, data: b"RIFF" + struct.pack("<I", size) + b"WAVE" + chunk + fields + data,
    st.integers(0, 2**32 - 1),
    st.sampled_from([b"fmt \x10\0\0\0", b"fmt \0\0\0\0", b"data", b"LIST\xff\xff\xff\xff", b""]),
    st.binary(max_size=40),
    st.builds(
        lambda size, data: b"data" + struct.pack("<I", size) + data, st.integers(0, 2**32 - 1), st.binary()
    ),
)


@RULES
@given(WAVS)
def test_any_sound_file_is_read_or_an_error_of_ours(content: bytes) -> None:
    with TemporaryDirectory() as folder, contextlib.suppress(AudioFileError):
        path = f"{folder}/question.wav"
        with open(path, "wb") as file:
            file.write(content)
        read_wav(path)


@given(st.text(st.characters(categories=["Cc", "Cf", "Zl", "Zp", "Lu"])))
def test_nothing_printed_controls_a_terminal_or_the_direction_of_text(text: str) -> None:
    left = {unicodedata.bidirectional(one) for one in printable(text)}
    assert left.isdisjoint({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u061c]", printable(text))
