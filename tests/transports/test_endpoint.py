"""Where to dial: what an endpoint takes from its URL, and what it refuses before anything is dialled."""

from __future__ import annotations

import pytest

from livegen_trio import ConfigError
from livegen_trio.transports.base import ConnectionClosed, Endpoint


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("ws://voice.test", ("voice.test", 80, "voice.test", "/", False)),
        ("wss://voice.test/a/b?c=d&e", ("voice.test", 443, "voice.test", "/a/b?c=d&e", True)),
        ("wss://Voice.Test:8443/a", ("voice.test", 8443, "Voice.Test:8443", "/a", True)),
        ("ws://127.0.0.1:80?x=1", ("127.0.0.1", 80, "127.0.0.1:80", "/?x=1", False)),
        ("ws://[::1]:9000/a#part", ("::1", 9000, "[::1]:9000", "/a", False)),
        ("wss://me:secret@voice.test/a", ("voice.test", 443, "voice.test", "/a", True)),
    ],
)
def test_a_url_is_read_as_host_port_and_target(url: str, found: tuple[str, int, str, str, bool]) -> None:
    endpoint = Endpoint(url)
    parts = endpoint.host, endpoint.port, endpoint.authority, endpoint.target, endpoint.uses_tls
    assert parts == found


@pytest.mark.parametrize(
    "url",
    [
        "",
        "voice.test",
        "ftp://voice.test/secret",
        "WSS:/secret",
        "ws:///secret",
        "ws://:80/secret",
        "ws://voice.test:0/secret",
        "ws://voice.test:99999/secret",
        "ws://voice.test:port/secret",
        "ws://[::1/secret",
        "ws://voice.test/sec ret",
        "ws://voice.test/secr\u00e9t",
        f"ws://{'x' * 64}.test/secret",
    ],
)
def test_a_url_that_cant_be_dialled_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(ConfigError, match="can't be dialled") as caught:
        Endpoint(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("value", ["", "plain", "two  words\tand a tab", "Bearer ya29.a-b_c/d+e=="])
def test_a_header_may_have_such_a_value(value: str) -> None:
    assert Endpoint("ws://voice.test", (("authorization", value),)).headers[0][1] == value


@pytest.mark.parametrize(
    "value", ["secret\n", "secret\r\nHost: evil", " secret", "secret ", "secr\u00e9t", "sec\x00ret"]
)
def test_a_header_that_would_break_the_request_is_refused_and_its_value_not_shown(value: str) -> None:
    with pytest.raises(ConfigError, match="x-goog-api-key") as caught:
        Endpoint("ws://voice.test", (("x-goog-api-key", value),))
    assert "sec" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("name", ["", "two words", "colon:", "line\n", "gr\u00fc\u00df"])
def test_a_header_needs_a_name(name: str) -> None:
    with pytest.raises(ConfigError, match="name of a header"):
        Endpoint("ws://voice.test", ((name, "value"),))


def test_headers_stay_out_of_the_repr() -> None:
    assert "secret" not in repr(Endpoint("ws://voice.test", (("x-goog-api-key", "secret"),)))


def test_an_ending_can_be_raised_again_without_growing() -> None:
    first = ConnectionClosed(1011, "oh", initiator="local")
    second = first.again()
    assert second is not first
    assert (second.code, second.reason, second.initiator) == (1011, "oh", "local")
