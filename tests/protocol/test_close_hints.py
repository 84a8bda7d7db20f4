from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from livegen_trio._protocol.close_hints import diagnose_close, diagnose_status
from support.endings import ENDINGS, Ending

IDS = [f"{ending.code}-{ending.reason[:40]}" for ending in ENDINGS]


@pytest.mark.parametrize("ending", ENDINGS, ids=IDS)
def test_a_known_reason_tells_what_to_do_and_whether_to_try_again(ending: Ending) -> None:
    diagnosis = diagnose_close(ending.code, ending.reason, initiator="server", resuming=ending.resuming)
    assert diagnosis.retryable is ending.retryable
    assert diagnosis.hint is not None
    assert ending.hint in diagnosis.hint


def test_a_known_reason_says_more_than_its_code() -> None:
    assert not diagnose_close(1011, "API key not valid.", initiator="server").retryable
    assert diagnose_close(1008, "internal error encountered", initiator="server").retryable


@pytest.mark.parametrize(
    ("code", "retryable"),
    [
        (1000, False),
        (1001, True),
        (1002, False),
        (1007, False),
        (1008, False),
        (1009, False),
        (1011, True),
        (1012, True),
        (1013, True),
        (1014, True),
        (4000, False),
    ],
)
@pytest.mark.parametrize("reason", ["", "Something new."])
def test_an_unknown_reason_is_judged_by_its_code(code: int, reason: str, retryable: bool) -> None:
    diagnosis = diagnose_close(code, reason, initiator="server")
    assert (diagnosis.retryable, diagnosis.hint) == (retryable, None)


@pytest.mark.parametrize("code", [1007, 1008])
@pytest.mark.parametrize("reason", ["", "Something new."])
def test_a_handle_is_suspect_when_its_setup_is_refused_for_no_known_reason(code: int, reason: str) -> None:
    diagnosis = diagnose_close(code, reason, initiator="server", resuming=True)
    assert not diagnosis.retryable
    assert diagnosis.hint is not None
    assert "handle" in diagnosis.hint


@pytest.mark.parametrize("ending", ENDINGS, ids=IDS)
def test_a_handle_is_not_suspect_when_there_is_another_known_reason(ending: Ending) -> None:
    with_handle = diagnose_close(ending.code, ending.reason, initiator="server", resuming=True)
    assert with_handle.retryable is ending.retryable
    if not ending.is_general:
        assert with_handle == diagnose_close(ending.code, ending.reason, initiator="server")


@pytest.mark.parametrize(
    ("code", "reason", "retryable", "words"),
    [
        (1006, "nothing was heard from the server for 60 s", True, "silent"),
        (1007, "the frame is no JSON", False, "base_url"),
        (1008, "too many events wait unread: the session was not received from", False, "receive"),
        (1009, "Exceeded maximum message size: 16777216 bytes", False, "larger"),
    ],
)
def test_our_own_closing_tells_what_to_do_as_well(
    code: int, reason: str, retryable: bool, words: str
) -> None:
    diagnosis = diagnose_close(code, reason, initiator="local")
    assert diagnosis.retryable is retryable
    assert diagnosis.hint is not None
    assert words in diagnosis.hint


@pytest.mark.parametrize(("code", "retryable"), [(1011, True), (1006, True), (1002, False), (1009, False)])
def test_our_own_closing_says_nothing_of_the_servers_state(code: int, retryable: bool) -> None:
    diagnosis = diagnose_close(code, "Internal error encountered.", initiator="local", resuming=True)
    assert (diagnosis.retryable, diagnosis.hint) == (retryable, None)


@given(st.text(max_size=123), st.integers(1000, 4999), st.booleans())
def test_any_reason_can_be_diagnosed(reason: str, code: int, resuming: bool) -> None:
    diagnose_close(code, reason, initiator="server", resuming=resuming)


STATUSES = [
    (200, False, "web page"),
    (302, False, "web page"),
    (400, False, "malformed"),
    (401, False, "credentials"),
    (403, False, "API is enabled"),
    (404, False, "no Live API"),
    (407, False, "proxy"),
    (408, True, "try again"),
    (429, True, "quota"),
    (500, True, "overloaded"),
    (503, True, "overloaded"),
]


@pytest.mark.parametrize(("status", "retryable", "words"), STATUSES)
def test_a_known_status_tells_what_to_do(status: int, retryable: bool, words: str) -> None:
    diagnosis = diagnose_status(status)
    assert diagnosis.retryable is retryable
    assert diagnosis.hint is not None
    assert words in diagnosis.hint


@pytest.mark.parametrize("status", [402, 418, 499])
def test_another_status_of_the_clients_fault_is_final(status: int) -> None:
    diagnosis = diagnose_status(status)
    assert (diagnosis.retryable, diagnosis.hint) == (False, None)


@pytest.mark.parametrize(
    ("status", "message", "retryable", "words"),
    [
        (400, "API key not valid. Please pass a valid API key.", False, "check the API key"),
        (400, "User location is not supported for the API use.", False, "region"),
        (403, "Method doesn't allow unregistered callers (callers without", False, "no key or token"),
        (403, "Generative Language API has not been used in project 1 before or it is", False, "enable"),
        (429, "You exceeded your current quota, please check your plan", True, "refill"),
        (429, "Your prepayment credits are depleted.", False, "top up"),
    ],
)
def test_a_body_that_tells_the_cause_says_more_than_its_status(
    status: int, message: str, retryable: bool, words: str
) -> None:
    body = f'{{"error": {{"code": {status}, "message": "{message}"}}}}'.encode()
    diagnosis = diagnose_status(status, body)
    assert diagnosis.retryable is retryable
    assert diagnosis.hint is not None
    assert words in diagnosis.hint


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"<html>Forbidden</html>"])
def test_a_body_without_a_known_cause_leaves_it_to_the_status(body: bytes) -> None:
    assert diagnose_status(403, body) == diagnose_status(403)


def test_the_page_of_a_failing_gateway_is_no_cause() -> None:
    assert diagnose_status(502, b"check: API key not valid").retryable


@given(st.integers(100, 999), st.binary(max_size=200))
def test_any_refusal_can_be_diagnosed(status: int, body: bytes) -> None:
    diagnose_status(status, body)


HINTS = {
    diagnose_close(ending.code, ending.reason, initiator="server", resuming=resuming).hint
    for ending in ENDINGS
    for resuming in (False, True)
} | {diagnose_status(status).hint for status, _, _ in STATUSES}


@pytest.mark.parametrize("hint", sorted(hint for hint in HINTS if hint))
def test_hints_read_on_from_a_message(hint: str) -> None:
    assert not hint[0].isupper() or hint.startswith("API")
    assert not hint.endswith(".")
    assert hint.isprintable()
