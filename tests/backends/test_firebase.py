"""Firebase's backend: headers, names, and what is refused."""

from __future__ import annotations

import platform
from importlib.metadata import version
from typing import Any

import pytest
import trio

from livegen_trio import ClientCertificate, ConfigError, FirebaseBackend, LocalProtocolError
from livegen_trio.types import (
    ContextUpdate,
    FileSearch,
    RealtimeInput,
    SessionResumptionConfig,
    Setup,
    Tool,
    ToolsUpdate,
)

TELEMETRY = f"gl-python/{platform.python_version()} fire/{version('livegen-trio')}"


def firebase(**options: Any) -> FirebaseBackend:
    return FirebaseBackend(**{"api_key": "KEY", "project_id": "my-project", "app_id": "1:2:web:3", **options})


async def headers(**options: Any) -> dict[str, str]:
    return dict((await firebase(**options).endpoint()).headers)


async def give(token: str | None) -> str | None:
    await trio.lowlevel.checkpoint()
    return token


# getHeaders, the contract of Firebase's REST requests


async def test_get_headers_adds_client_headers() -> None:
    assert (await headers())["x-goog-api-client"] == TELEMETRY


async def test_get_headers_adds_api_key() -> None:
    assert (await headers())["x-goog-api-key"] == "KEY"
    assert (await headers(api_key=lambda: give("FRESH")))["x-goog-api-key"] == "FRESH"


async def test_get_headers_adds_app_id_if_automatic_data_collection_enabled_is_true() -> None:
    assert (await headers())["X-Firebase-AppId"] == "1:2:web:3"
    assert (await headers(app_version="1.2"))["X-Firebase-AppVersion"] == "1.2"


async def test_get_headers_does_not_add_app_id_if_automatic_data_collection_enabled_is_false() -> None:
    names = await headers(data_collection=False, app_version="1.2")
    assert "X-Firebase-AppId" not in names
    assert "X-Firebase-AppVersion" not in names


@pytest.mark.parametrize("token", ["APPCHECK", lambda: give("APPCHECK")])
async def test_get_headers_adds_app_check_token_if_it_exists(token: Any) -> None:
    assert (await headers(app_check_token=token))["X-Firebase-AppCheck"] == "APPCHECK"


@pytest.mark.parametrize("token", [None, "", lambda: give(None), lambda: give("")])
async def test_get_headers_ignores_app_check_token_header_if_there_is_none(token: Any) -> None:
    assert "X-Firebase-AppCheck" not in await headers(app_check_token=token)


@pytest.mark.parametrize("token", ["ID", lambda: give(" ID\n")])
async def test_get_headers_adds_auth_token_if_it_exists(token: Any) -> None:
    assert (await headers(auth_token=token))["Authorization"] == "Firebase ID"


@pytest.mark.parametrize("token", [None, lambda: give(None)])
async def test_get_headers_ignores_auth_token_header_if_nobody_has_signed_in(token: Any) -> None:
    assert "Authorization" not in await headers(auth_token=token)


async def test_tokens_are_asked_for_on_every_dial() -> None:
    tokens = iter(["first", "second"])
    backend = firebase(app_check_token=lambda: give(next(tokens)))
    seen = [dict((await backend.endpoint()).headers)["X-Firebase-AppCheck"] for _ in range(2)]
    assert seen == ["first", "second"]


async def test_what_a_function_for_a_token_raises_is_not_changed() -> None:
    async def fail() -> str:
        await trio.lowlevel.checkpoint()
        raise OSError("App Check can't be reached")

    with pytest.raises(OSError, match="App Check can't be reached"):
        await headers(app_check_token=fail)


# What is refused


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"api_key": " "}, "the Firebase API key is empty"),
        ({"project_id": ""}, "can't be project_id"),
        ({"project_id": "a/b"}, "can't be project_id"),
        ({"app_id": "?"}, "can't be app_id"),
        ({"provider": "azure"}, "is no provider"),
        ({"location": "us-central1"}, 'only provider="vertexai" has locations'),
        ({"provider": "vertexai", "location": "a/b"}, "can't be location"),
        ({"client_certificate": ClientCertificate("c.pem")}, "no known host for client certificates"),
        ({"base_url": "nonsense"}, "is no base URL"),
    ],
)
def test_nonsense_is_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        firebase(**options)


async def test_an_empty_key_from_a_function_is_refused() -> None:
    with pytest.raises(ConfigError, match="the Firebase API key is empty"):
        await headers(api_key=lambda: give(""))


@pytest.mark.parametrize("name", ["", "a b", "../m", "m?key=k", "m/"])
def test_what_can_be_no_models_name_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="can't be a model's name"):
        firebase().resource_name(name)


def test_what_the_provider_does_not_take_is_refused_with_its_name() -> None:
    transparent = Setup(model="m", session_resumption=SessionResumptionConfig(transparent=True))
    with pytest.raises(
        ConfigError, match=r'transparent is not supported by Firebase with provider="googleai"'
    ):
        firebase().prepare_setup(transparent)
    assert firebase(provider="vertexai").prepare_setup(transparent) is transparent
    searching = Setup(model="m", tools=[Tool(file_search=FileSearch())])
    with pytest.raises(ConfigError, match=r'file_search is not supported .*"vertexai", only with "googleai"'):
        firebase(provider="vertexai").prepare_setup(searching)


def test_a_message_that_the_provider_does_not_take_is_refused() -> None:
    update = ContextUpdate(tools=ToolsUpdate(tools=[Tool(file_search=FileSearch())]))
    with pytest.raises(LocalProtocolError, match=r"file_search is not supported by Firebase"):
        firebase(provider="vertexai").check_message(update)
    firebase().check_message(update)
    firebase().check_message(RealtimeInput(text="Hello"))
