"""What is secret is found in values, however a frame writes them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from livegen_trio import ConfigError
from livegen_trio.testing import RecordedEnding, RecordedFrame, Recording, Redaction

SECRETS = ['pa"ss-1', "C:\\keys\\2", "line\nthree", "pässwört-4", "密码五", "🔑6", "tab\t7"]


def redacted(frame: str, *secrets: str) -> str:
    return Redaction(secrets).redact(frame.encode()).decode()


@pytest.mark.parametrize("ensure_ascii", [True, False])
@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_is_found_however_it_is_escaped(secret: str, *, ensure_ascii: bool) -> None:
    frame = json.dumps({"a": [f"before {secret} after"], secret: 1}, ensure_ascii=ensure_ascii, indent=2)
    assert json.loads(redacted(frame, secret)) == {"a": ["before REDACTED after"], "REDACTED": 1}


@given(st.text(min_size=1), st.text(), st.booleans())
def test_any_secret_is_found_in_any_value(secret: str, other: str, ensure_ascii: bool) -> None:
    frame = json.dumps([other + secret + other], ensure_ascii=ensure_ascii)
    [value] = json.loads(redacted(frame, secret))
    left = value.replace("REDACTED", "")
    assert secret not in left or secret in "REDACTED"


def test_a_number_may_be_a_secret() -> None:
    assert json.loads(redacted('{"n": 4711, "m": 47110}', "4711")) == {"n": "REDACTED", "m": 47110}


def test_a_secret_that_contains_another_is_taken_out_whole() -> None:
    assert redacted('["abc"]', "b", "abc") == '["REDACTED"]'


def test_a_frame_that_is_no_json_is_searched_as_text() -> None:
    assert redacted("<html>swordfish", "swordfish") == "<html>REDACTED"
    assert redacted('{"a": "sword', "sword") == '{"a": "REDACTED'


def test_what_holds_no_secret_stays_as_it_was() -> None:
    frame = '{ "a" : 1.50,\n "b": "\\u00e9\\/", "c": 1e3 }'
    assert redacted(frame, "swordfish") == frame


def test_a_handle_is_found_wherever_it_comes_again() -> None:
    redaction = Redaction()
    first = redaction.redact('{"sessionResumptionUpdate": {"newHandle": "handle-é-5"}}'.encode())
    second = redaction.redact(b'{"setup": {"sessionResumption": {"handle": "handle-\\u00e9-5"}}}')
    third = redaction.redact('{"text": "it was handle-é-5."}'.encode())
    assert b'"handle-1"' in first
    assert b'"handle-1"' in second
    assert json.loads(third) == {"text": "it was handle-1."}


@pytest.mark.parametrize("secrets", [[""], ["a", ""], "swordfish", [None], [b"bytes"]])
def test_secrets_that_are_none_are_refused(secrets: Any) -> None:
    with pytest.raises(ConfigError, match="secret"):
        Redaction(secrets)


def test_the_reason_of_an_ending_is_redacted(tmp_path: Any) -> None:
    frame = RecordedFrame(connection=1, at=0.0, sender="client", text='{"setup": {}}')
    ending = RecordedEnding(connection=1, at=1.0, closed_by="server", code=1007, reason="no swordfish")
    path = tmp_path / "session.jsonl"
    Recording((frame,), (ending,)).save(path, redaction=Redaction(["swordfish"]))
    assert Recording.load(path).endings[0].reason == "no REDACTED"


@given(st.binary() | st.text().map(str.encode))
def test_any_frame_can_be_redacted(frame: bytes) -> None:
    Redaction(["x"], media_characters=0).redact(frame)
