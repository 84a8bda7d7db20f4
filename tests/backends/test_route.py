"""URLs below a base URL, and what a user says about the way to a service."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from livegen_trio import ConfigError, FirebaseBackend, GeminiBackend, RouteOptions, VertexBackend
from livegen_trio.backends._route import websocket_url


@pytest.mark.parametrize(
    ("base_url", "url"),
    [
        ("wss://host", "wss://host/ws/method"),
        ("ws://host:8080", "ws://host:8080/ws/method"),
        ("https://host", "wss://host/ws/method"),
        ("http://host", "ws://host/ws/method"),
        ("HTTPS://Host", "wss://Host/ws/method"),
        ("wss://host/", "wss://host/ws/method"),
        ("wss://host/proxy/gemini/", "wss://host/proxy/gemini/ws/method"),
        ("wss://host/@scope", "wss://host/@scope/ws/method"),
        ("ws://[::1]:8080", "ws://[::1]:8080/ws/method"),
        ("ws://127.0.0.1:65535", "ws://127.0.0.1:65535/ws/method"),
    ],
)
def test_a_path_goes_below_a_base_url(base_url: str, url: str) -> None:
    assert websocket_url(base_url, "/ws/method") == url


@pytest.mark.parametrize(
    "base_url",
    [
        "",
        "host",
        "host:8080",
        "/path",
        "ftp://host",
        "file:///etc/passwd",
        "wss://",
        "wss:host",
        "wss://:8080",
        "wss://host:port",
        "wss://host:65536",
        "wss://host:0",
        "wss://host:-1",
        "wss://[::1",
        "wss://[nonsense]",
        "wss://ho st",
        "wss://host\n",
        " wss://host",
    ],
)
def test_what_is_no_base_url_is_refused_with_how_to_write_one(base_url: str) -> None:
    with pytest.raises(ConfigError, match=r"no base URL; write wss://host or ws://host:port$") as caught:
        websocket_url(base_url, "/ws/method")
    assert str(caught.value).startswith(repr(base_url))


@pytest.mark.parametrize(
    "base_url",
    [
        "wss://host?key=SECRET",
        "wss://host/path?key=SECRET",
        "wss://host#SECRET",
        "wss://user:SECRET@host",
        "wss://:SECRET@host",
        "wss://SECRET@host:port",
        "//user:SECRET@host",
        "user:SECRET@host",
        "host?key=SECRET",
        "wss://host:port?key=SECRET",
    ],
)
def test_secrets_in_a_base_url_are_refused_and_not_repeated(base_url: str) -> None:
    with pytest.raises(ConfigError, match="secrets belong into headers") as caught:
        websocket_url(base_url, "/ws/method")
    assert "SECRET" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


@pytest.mark.parametrize("backend", [GeminiBackend, VertexBackend, FirebaseBackend])
def test_the_options_of_a_route_are_in_the_signature_of_every_backend(backend: Any) -> None:
    parameters = inspect.signature(backend).parameters
    shown = {name: parameters[name].default for name in RouteOptions.__annotations__}
    assert shown == {
        "base_url": None,
        "ssl_context": None,
        "client_certificate": None,
        "proxy": "environment",
        "headers": None,
        "transport": "direct",
    }
    assert "route" not in parameters
    assert parameters["base_url"].annotation == "str | None"


def test_a_transport_that_does_not_exist_is_refused() -> None:
    options: dict[str, Any] = {"transport": "carrier pigeon"}
    with pytest.raises(ConfigError, match='transport is "direct" or "trio-websocket"'):
        GeminiBackend(api_key="k", **options)


def test_an_option_that_does_not_exist_is_a_type_error_with_a_suggestion() -> None:
    options: dict[str, Any] = {"base_ulr": "wss://voice.test"}
    with pytest.raises(TypeError, match=r"'base_ulr'; did you mean base_url\?"):
        GeminiBackend(api_key="k", **options)
