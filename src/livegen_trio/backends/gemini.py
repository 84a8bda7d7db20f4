"""The Gemini Developer API, reached with an API key or an ephemeral token."""

from __future__ import annotations

import os
import re
from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Self, Unpack

from .._errors import ConfigError, LocalProtocolError
from ..types import ToolResponse
from ._route import Route, RouteOptions, takes_route_options
from ._secrets import check_required_secret, reveal
from ._vertex_only import fields_in_message, fields_in_setup
from .base import WebSocketBackend

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..transports.base import Endpoint
    from ..types import ClientContent, ContextUpdate, RealtimeInput, Setup
    from ._secrets import Secret

BASE_URL: Final = "wss://generativelanguage.googleapis.com"
API_KEY_VARIABLES: Final = ("GEMINI_API_KEY", "GOOGLE_API_KEY")
AUTH_TOKENS: Final = "auth_tokens/"
"""The prefix of an ephemeral token's name, which is the token itself."""

_VERSION: Final = "v1beta"
# On v1beta the setup ends with 1007 and `Unknown name "proactivity"` (four models, 2026-10-22; pydantic-ai-slim 2.68.0,
# realtime/google.py); LiveKit's plugin changes the version for both fields, too (livekit-plugins-google 1.8.9).
_PREVIEW_VERSION: Final = "v1alpha"
_NOT_SERVED: Final = "v1"  # google-genai 3.6.1, tests/live_api/conftest.py

_METHOD: Final = "BidiGenerateContent"
_METHOD_FOR_TOKENS: Final = "BidiGenerateContentConstrained"
KEY_HEADER: Final = "x-goog-api-key"
_TOKEN: Final = re.compile(f"{AUTH_TOKENS}[!-~]+")
_KEY: Final = "API key"
_NO_KEY: Final = "the API key is empty; leave api_key out to take the environment's"
_MODEL: Final = re.compile(r"(?:[^/?&\s]+/)*[^/?&\s]+")


class GeminiBackend(WebSocketBackend):
    """The Gemini Developer API.

    An ephemeral token, as `create_auth_token` returns it, can be given in place of a key: it is sent to the method that
    the service has for tokens. It is recognised by its prefix, "auth_tokens/", on every dial.

    Args:
        api_key: The key or token, or an async function that is called for it on every dial. Without it the
            environment's `GEMINI_API_KEY` is taken, or else `GOOGLE_API_KEY`. It travels in a header, never in a
            URL. White space around it, such as the line break at the end of a file, is no part of it.
        api_version: By default "v1beta", which Google documents for the Live API and, since 2026, for tokens; and
            "v1alpha" for a session whose setup is served there alone. A token is used in the version that it was made
            in.
        route: How the service is reached: `base_url`, `ssl_context`, `client_certificate`, `proxy`, `headers` and
            `transport`, as `RouteOptions` describes them.

    Raises:
        ConfigError: There is no key, or an argument can't be used.
    """

    @takes_route_options
    def __init__(
        self,
        *,
        api_key: Secret | None = None,
        api_version: str | None = None,
        **route: Unpack[RouteOptions],
    ) -> None:
        if api_version is not None:
            _check_version(api_version)
        self._api_key = (
            _key_of_environment()
            if api_key is None
            else check_required_secret(api_key, _KEY, if_empty=_NO_KEY)
        )
        self._given_version = api_version
        self._api_version = api_version or _VERSION
        self._route = Route(BASE_URL, **route)

    def __repr__(self) -> str:
        key = self._api_key if isinstance(self._api_key, str) else ""
        return f"{type(self).__name__}({self._route.url(self._path(key))!r})"

    def resource_name(self, model: str) -> str:
        """`models/{model}`; names that already have a collection in front, such as `tunedModels/`, stay as they are."""
        if not _MODEL.fullmatch(model) or ".." in model:
            raise ConfigError(f"{model!r} can't be a model's name; write one like \"gemini-3.8-live\"")
        return model if "/" in model else f"models/{model}"

    def prepare_setup(self, setup: Setup) -> Setup:
        """*setup* as it is, if the service takes it in the API version that was given."""
        for field in fields_in_setup(setup):
            raise ConfigError(_vertex_only(field))
        for field in _preview_fields(setup):
            if self._given_version not in (None, _PREVIEW_VERSION):
                raise ConfigError(
                    f'{field} is served by api_version="{_PREVIEW_VERSION}" only, not by '
                    f'"{self._given_version}": leave api_version out, or leave {field} out'
                )
        return setup

    def for_setup(self, setup: Setup) -> Self:
        """This backend in the API version that serves *setup*, unless a version was given."""
        if self._given_version is not None or not _preview_fields(setup):
            return self
        backend = copy(self)
        backend._api_version = _PREVIEW_VERSION
        return backend

    def check_message(self, message: ClientContent | RealtimeInput | ToolResponse | ContextUpdate) -> None:
        """Refuse what only Vertex AI takes, and a function's response that doesn't say to which call."""
        for field in fields_in_message(message):
            raise LocalProtocolError(_vertex_only(field))
        if isinstance(message, ToolResponse) and not all(answer.id for answer in message.function_responses):
            raise LocalProtocolError(
                "a FunctionResponse without an id is not supported by the Gemini Developer API: "
                "give it the id of its FunctionCall"
            )

    async def endpoint(self) -> Endpoint:
        """The Live method's URL, with the key or token in a header."""
        key = await self._reveal_key()
        return self._route.endpoint(self._path(key), _authorization(key))

    async def auth_tokens_endpoint(self) -> Endpoint:
        """The address for requests of `create_auth_token`: an `https://` URL, with the key in a header.

        Raises:
            ConfigError: The key is an ephemeral token.
        """
        key = await self._reveal_key()
        if _is_token(key):
            raise ConfigError("an ephemeral token can't be used to create another one; give an API key")
        endpoint = self._route.endpoint(f"/{self._api_version}/auth_tokens", _authorization(key))
        return replace(endpoint, url=re.sub("^ws", "http", endpoint.url))

    async def _reveal_key(self) -> str:
        return await reveal(self._api_key, _KEY, if_empty=_NO_KEY)

    def _path(self, key: str) -> str:
        method = _METHOD_FOR_TOKENS if _is_token(key) else _METHOD
        return f"/ws/google.ai.generativelanguage.{self._api_version}.GenerativeService.{method}"


def _check_version(version: str) -> None:
    if not re.fullmatch("[a-z0-9]+", version):
        raise ConfigError(f'{version!r} is no API version; write "{_VERSION}" or "{_PREVIEW_VERSION}"')
    if version == _NOT_SERVED:
        raise ConfigError(
            f"the Live API is not served as api_version={version!r}; leave it out, "
            f'or write "{_VERSION}" or "{_PREVIEW_VERSION}"'
        )


def _preview_fields(setup: Setup) -> list[str]:
    """The fields of *setup* that only the preview version of the API knows."""
    fields = ["proactivity"] if setup.proactivity is not None else []
    config = setup.generation_config
    if config is not None and config.enable_affective_dialog is not None:
        fields.append("enable_affective_dialog")
    return fields


def _is_token(key: str) -> bool:
    return key.startswith(AUTH_TOKENS)


def _authorization(key: str) -> Mapping[str, str]:
    if not _is_token(key):
        return {KEY_HEADER: key}
    if not _TOKEN.fullmatch(key):
        raise ConfigError(f"what begins with {AUTH_TOKENS!r} is no ephemeral token, by the characters in it")
    return {"authorization": f"Token {key}"}


def _vertex_only(field: str) -> str:
    return (
        f"{field} is not supported by the Gemini Developer API, only by Vertex AI: "
        "leave it out, or use VertexBackend"
    )


def _key_of_environment() -> str:
    for name in API_KEY_VARIABLES:
        if key := os.environ.get(name, "").strip():
            return key
    raise ConfigError(
        f"there is no API key: give api_key, or set {API_KEY_VARIABLES[0]} in the environment; "
        "LocalBackend() needs none"
    )
