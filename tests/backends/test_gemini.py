"""The Gemini API's URL, header and names; and that a key is seen in that header only."""

from __future__ import annotations

import ssl
import traceback
from typing import Any

import pytest
import trio

from livegen_trio import ConfigError, GeminiBackend

KEY = "AIza-SECRET"


@pytest.fixture(autouse=True)
def no_key_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GEMINI_API_KEY", "GOOGLE_API_KEY"):
        monkeypatch.delenv(name, raising=False)


async def key_sent(backend: GeminiBackend) -> str:
    return dict((await backend.endpoint()).headers)["x-goog-api-key"]


# Where to


async def test_the_live_method_of_the_service_is_dialled() -> None:
    endpoint = await GeminiBackend(api_key=KEY).endpoint()
    assert endpoint.url == (
        "wss://generativelanguage.googleapis.com"
        "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
    )
    assert endpoint.headers == (("x-goog-api-key", KEY),)
    assert endpoint.ssl_context is None


async def test_the_api_version_is_part_of_the_path() -> None:
    endpoint = await GeminiBackend(api_key=KEY, api_version="v1alpha").endpoint()
    assert ".v1alpha.GenerativeService." in endpoint.url


@pytest.mark.parametrize("version", ["", "v1beta/", "v1?key=x", "V1", "v1.beta", "v1beta\n"])
def test_what_is_no_api_version_is_refused(version: str) -> None:
    with pytest.raises(ConfigError, match='is no API version; write "v1beta"'):
        GeminiBackend(api_key=KEY, api_version=version)


@pytest.mark.parametrize(
    ("base_url", "beginning"),
    [
        ("ws://127.0.0.1:8080", "ws://127.0.0.1:8080/ws/google.ai."),
        ("https://proxy.example/gemini/", "wss://proxy.example/gemini/ws/google.ai."),
    ],
)
async def test_another_server_can_be_dialled(base_url: str, beginning: str) -> None:
    endpoint = await GeminiBackend(api_key=KEY, base_url=base_url).endpoint()
    assert endpoint.url.startswith(beginning)


@pytest.mark.parametrize("base_url", ["", "proxy.example"])
def test_a_bad_base_url_is_refused_before_anything_is_dialled(base_url: str) -> None:
    with pytest.raises(ConfigError, match="write wss://host"):
        GeminiBackend(api_key=KEY, base_url=base_url)


async def test_the_context_for_tls_is_handed_on() -> None:
    context = ssl.create_default_context()
    endpoint = await GeminiBackend(api_key=KEY, ssl_context=context).endpoint()
    assert endpoint.ssl_context is context


async def test_headers_are_sent_beside_the_key() -> None:
    headers = {"x-team": "voice"}
    backend = GeminiBackend(api_key=KEY, headers=headers)
    headers["x-team"] = "changed afterwards"
    assert (await backend.endpoint()).headers == (("x-team", "voice"), ("x-goog-api-key", KEY))


async def test_the_key_is_sent_once_however_a_header_spells_its_name() -> None:
    backend = GeminiBackend(api_key=KEY, headers={"X-Goog-Api-Key": "another"})
    assert (await backend.endpoint()).headers == (("x-goog-api-key", KEY),)


# The key


async def test_a_function_for_the_key_is_called_on_every_dial() -> None:
    keys = iter(["first", " second\n"])

    async def fetch() -> str:
        await trio.lowlevel.checkpoint()
        return next(keys)

    backend = GeminiBackend(api_key=fetch)
    assert [await key_sent(backend), await key_sent(backend)] == ["first", "second"]


async def test_the_environment_has_the_key_under_two_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_API_KEY", "google")
    assert await key_sent(GeminiBackend()) == "google"
    monkeypatch.setenv("GEMINI_API_KEY", "gemini\n")
    assert await key_sent(GeminiBackend()) == "gemini"
    assert await key_sent(GeminiBackend(api_key="mine")) == "mine"


async def test_an_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", " ")
    monkeypatch.setenv("GOOGLE_API_KEY", "google")
    assert await key_sent(GeminiBackend()) == "google"


async def test_the_environment_is_read_when_the_backend_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", "then")
    backend = GeminiBackend()
    monkeypatch.setenv("GEMINI_API_KEY", "now")
    assert await key_sent(backend) == "then"


def test_without_a_key_the_error_says_where_to_put_one() -> None:
    with pytest.raises(
        ConfigError, match=r"give api_key, or set GEMINI_API_KEY .* LocalBackend\(\) needs none"
    ):
        GeminiBackend()


@pytest.mark.parametrize("empty", ["", " ", "\n"])
def test_an_empty_key_is_not_replaced_by_the_environments(
    empty: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", "of another account")
    with pytest.raises(ConfigError, match="the API key is empty; leave api_key out"):
        GeminiBackend(api_key=empty)


async def test_an_empty_key_from_a_function_is_an_error_of_its_own() -> None:
    async def fetch() -> str:
        await trio.lowlevel.checkpoint()
        return ""

    with pytest.raises(ConfigError, match="the API key is empty"):
        await GeminiBackend(api_key=fetch).endpoint()


async def test_white_space_around_a_key_is_no_part_of_it() -> None:
    assert await key_sent(GeminiBackend(api_key=f" {KEY}\r\n")) == KEY


@pytest.mark.parametrize("key", [f"{KEY}\nx-evil: 1", f"{KEY}é"])
async def test_a_key_that_no_header_can_hold_is_refused_and_not_repeated(key: str) -> None:
    with pytest.raises(ConfigError, match="x-goog-api-key") as caught:
        await GeminiBackend(api_key=key).endpoint()
    assert "SECRET" not in "".join(traceback.format_exception(caught.value))


async def fetch_secret() -> str:
    await trio.lowlevel.checkpoint()
    return KEY


@pytest.mark.parametrize("key", [KEY, fetch_secret])
async def test_a_key_shows_in_no_repr(key: Any) -> None:
    backend = GeminiBackend(api_key=key, headers={"authorization": KEY}, base_url="wss://host")
    endpoint = await backend.endpoint()
    assert repr(backend) == (
        "GeminiBackend('wss://host/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent')"
    )
    shown = f"{backend!r} {backend!s} {endpoint!r} {endpoint!s}"
    assert "SECRET" not in shown
    assert KEY in dict(endpoint.headers).values()


# The model's name


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("gemini-3.8-live", "models/gemini-3.8-live"),
        ("models/gemini-3.8-live", "models/gemini-3.8-live"),
        ("tunedModels/mine", "tunedModels/mine"),
    ],
)
def test_a_model_is_named_with_its_collection(model: str, name: str) -> None:
    assert GeminiBackend(api_key=KEY).resource_name(model) == name


@pytest.mark.parametrize(
    "model",
    [
        "",
        "..",
        "models/../files/x",
        "gemini?key=x",
        "a&b",
        "gemini live",
        "gemini\n",
        "/gemini",
        "models/",
        "a//b",
    ],
)
def test_what_can_be_no_models_name_is_refused(model: str) -> None:
    with pytest.raises(ConfigError, match=r"can't be a model's name; write one like"):
        GeminiBackend(api_key=KEY).resource_name(model)
