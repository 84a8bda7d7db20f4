from __future__ import annotations

import pytest

from livegen_trio.transports._refusal import hide_secrets


@pytest.mark.parametrize(
    ("header", "body"),
    [
        (("x-goog-api-key", "AIza-the-key"), b"x-goog-api-key: AIza-the-key, and again AIza-the-key!"),
        (("Authorization", "Bearer ya29.token"), b"Bearer ya29.token"),
        (("Authorization", "Token auth_tokens/1234"), b'{"token": "auth_tokens/1234"}'),
        (("x-of-the-user", "some words of his"), b"you said: some words of his"),
    ],
)
def test_what_a_header_holds_is_hidden_wherever_it_is_repeated(header: tuple[str, str], body: bytes) -> None:
    hidden = hide_secrets(body, [header])
    assert b"<hidden>" in hidden
    assert header[1].encode() not in hidden
    assert header[1].rpartition(" ")[2].encode() not in hidden


def test_what_is_no_secret_stays() -> None:
    headers = [
        ("Content-Type", "application/json"),
        ("x-goog-user-project", "my-project"),
        ("x-tiny", "none"),
    ]
    body = b"none of application/json for my-project"
    assert hide_secrets(body, headers) == body


def test_nothing_is_hidden_of_a_body_without_secrets() -> None:
    assert hide_secrets(b"who is that?", [("x-goog-api-key", "AIza-the-key")]) == b"who is that?"
