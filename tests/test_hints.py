from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from livegen_trio._hints import diagnose_close, diagnose_status

# Reasons as the service has written them, cut at 123 bytes where they are longer; with their codes.
SEEN = [
    (1007, "Request contains an invalid argument.", False, "a field of the setup"),
    (
        1007,
        "Invalid JSON payload received. Unknown name \"transparent\" at 'setup.session_resumption': Cannot find f",
        False,
        "does not know that field",
    ),
    (1007, "API key expired. Please renew the API key.", False, "renew the API key"),
    (1007, "API key not valid. Please pass a valid API key.", False, "check the API key"),
    (1007, "User location is not supported for the API us", False, "region"),
    (
        1007,
        "The requested combination of response modalities (TEXT) is not supported by the model.",
        False,
        "response_modalities",
    ),
    (1008, "Operation is not implemented, or supported, or enabled.", False, "lacks a feature"),
    (1008, "Requested entity was not found.", False, "model's name"),
    (1008, "Publisher model was not found.", False, "location"),
    (
        1008,
        "Publisher Model `projects/p/locations/l/publishers/google/models/m` was not found",
        False,
        "location",
    ),
    (
        1008,
        "models/gemini-9 is not found for API version v1beta, or is not supported for bidiGenerateContent.",
        False,
        "model's name",
    ),
    (
        1008,
        "Connection aborted because the client failed to close the connection after receiving a GoAway signal once",
        True,
        "goAway",
    ),
    (1011, "Deadline expired before operation could complete.", True, "reconnect"),
    (1011, "Internal error encountered.", True, "still open"),
    (1011, "Internal error occurred.", True, "still open"),
    (1011, "You exceeded your current quota, please check your plan and billing details.", False, "quota"),
    (1011, "Resource has been exhausted (e.g. check quota).", True, "slow down"),
]


@pytest.mark.parametrize(("code", "reason", "retryable", "words"), SEEN)
def test_a_known_reason_tells_what_to_do_and_whether_to_try_again(
    code: int, reason: str, retryable: bool, words: str
) -> None:
    diagnosis = diagnose_close(code, reason, initiator="server")
    assert diagnosis.retryable is retryable
    assert diagnosis.hint is not None
    assert words in diagnosis.hint


def test_an_outage_is_worth_another_try_and_needs_no_hint() -> None:
    diagnosis = diagnose_close(1011, "The service is currently unavailable.", initiator="server")
    assert (diagnosis.retryable, diagnosis.hint) == (True, None)


def test_a_known_reason_says_more_than_its_code() -> None:
    assert not diagnose_close(1011, "API key not valid.", initiator="server").retryable
    assert diagnose_close(1008, "internal error encountered", initiator="server").retryable


@pytest.mark.parametrize(
    ("code", "retryable"),
    [
        (1000, False),
        (1001, True),
        (1002, False),
        (1006, True),
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


@pytest.mark.parametrize(("code", "retryable"), [(1011, True), (1006, True), (1007, False), (1009, False)])
def test_our_own_closing_says_nothing_of_the_servers_state(code: int, retryable: bool) -> None:
    diagnosis = diagnose_close(code, "Internal error encountered.", initiator="local")
    assert (diagnosis.retryable, diagnosis.hint) == (retryable, None)


@given(st.text(max_size=123), st.integers(1000, 4999))
def test_any_reason_can_be_diagnosed(reason: str, code: int) -> None:
    diagnose_close(code, reason, initiator="server")


@pytest.mark.parametrize(
    ("status", "retryable", "words"),
    [
        (400, False, "malformed"),
        (401, False, "credentials"),
        (403, False, "API is enabled"),
        (404, False, "no Live API"),
        (429, True, "quota"),
    ],
)
def test_a_known_status_tells_what_to_do(status: int, retryable: bool, words: str) -> None:
    diagnosis = diagnose_status(status)
    assert diagnosis.retryable is retryable
    assert diagnosis.hint is not None
    assert words in diagnosis.hint


@pytest.mark.parametrize(
    ("status", "retryable"),
    [(200, False), (302, False), (408, True), (418, False), (499, False), (500, True), (503, True)],
)
def test_another_status_is_judged_by_its_class(status: int, retryable: bool) -> None:
    diagnosis = diagnose_status(status)
    assert (diagnosis.retryable, diagnosis.hint) == (retryable, None)


@pytest.mark.parametrize("code", [1006, 1007, 1008, 1011])
@pytest.mark.parametrize("reason", [reason for _, reason, _, _ in SEEN])
def test_hints_read_on_from_a_message(code: int, reason: str) -> None:
    hint = diagnose_close(code, reason, initiator="server").hint
    assert hint is not None
    assert not hint[0].isupper() or hint.startswith("API")
    assert not hint.endswith(".")
    assert hint.isprintable()
