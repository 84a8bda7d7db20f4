"""The Gemini Developer API, reached with an API key or an ephemeral token."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from .._errors import ConfigError, LocalProtocolError
from ..transports._dial.proxies import ENVIRONMENT
from ..types import ToolResponse
from ._route import Route
from ._secrets import check_required_secret, reveal
from ._vertex_only import fields_in_message, fields_in_setup
from .base import WebSocketBackend

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

    from ..transports.base import Endpoint, TransportName
    from ..types import ClientContent, ContextUpdate, RealtimeInput, Setup
    from ._certificate import ClientCertificate
    from ._secrets import Secret

BASE_URL: Final = "wss://generativelanguage.googleapis.com"
API_KEY_VARIABLES: Final = ("GEMINI_API_KEY", "GOOGLE_API_KEY")
AUTH_TOKENS: Final = "auth_tokens/"
"""How the name of an ephemeral token begins, which is the token itself."""

_METHOD: Final = "BidiGenerateContent"
_METHOD_FOR_TOKENS: Final = "BidiGenerateContentConstrained"
KEY_HEADER: Final = "x-goog-api-key"
_TOKEN: Final = re.compile(f"{AUTH_TOKENS}[!-~]+")
_KEY: Final = "API key"
_NO_KEY: Final = "the API key is empty; leave api_key out to take the environment's"
_MODEL: Final = re.compile(r"(?:[^/?&\s]+/)*[^/?&\s]+")


class GeminiBackend(WebSocketBackend):
    """The Gemini Developer API.

    An ephemeral token, as `create_auth_token` gives it, stands in for a key: it goes to the method that the service
    has for tokens. It is told by how it begins, "auth_tokens/", anew on every dial.

    Args:
        api_key: The key or token, or an async function that gives it anew on every dial. Without it the
            environment's `GEMINI_API_KEY` is taken, or else `GOOGLE_API_KEY`. It travels in a header, never in a
            URL. White space around it, such as the line break at the end of a file, is no part of it.
        api_version: "v1beta", which Google documents for the Live API, and since 2026 for tokens as well; "v1alpha"
            has some previews, and was the tokens' first home. A token is used in the version that it was made in.
        base_url: Another server that speaks the protocol, `wss://` or `ws://`, with a path if need be.
        ssl_context: For TLS, in place of the system's certificates.
        client_certificate: Shown to the server in TLS, which is then dialled on its host for that.
        proxy: URL of a proxy, `http://` or `socks5h://`; "environment" goes by `HTTPS_PROXY` and its like at the time
            of each dial; None goes straight.
        headers: Sent with the upgrade request, beside the key.
        transport: What carries the frames: "direct", our own, or "trio-websocket".

    Raises:
        ConfigError: There is no key, or `base_url`, `api_version` or `proxy` is none.
    """

    def __init__(
        self,
        *,
        api_key: Secret | None = None,
        api_version: str = "v1beta",
        base_url: str | None = None,
        ssl_context: ssl.SSLContext | None = None,
        client_certificate: ClientCertificate | None = None,
        proxy: str | None = ENVIRONMENT,
        headers: Mapping[str, str] | None = None,
        transport: TransportName = "direct",
    ) -> None:
        if not re.fullmatch("[a-z0-9]+", api_version):
            raise ConfigError(f'{api_version!r} is no API version; write "v1beta" or "v1alpha"')
        self._api_key = (
            _key_of_environment()
            if api_key is None
            else check_required_secret(api_key, _KEY, if_empty=_NO_KEY)
        )
        self._api_version = api_version
        self._route = Route(
            BASE_URL,
            base_url=base_url,
            ssl_context=ssl_context,
            client_certificate=client_certificate,
            proxy=proxy,
            headers=headers,
            transport=transport,
        )

    def __repr__(self) -> str:
        key = self._api_key if isinstance(self._api_key, str) else ""
        return f"{type(self).__name__}({self._route.url(self._path(key))!r})"

    def resource_name(self, model: str) -> str:
        """`models/{model}`; names that already have a collection in front, such as `tunedModels/`, stay as they are."""
        if not _MODEL.fullmatch(model) or ".." in model:
            raise ConfigError(f"{model!r} can't be a model's name; write one like \"gemini-3.8-live\"")
        return model if "/" in model else f"models/{model}"

    def prepare_setup(self, setup: Setup) -> Setup:
        """*setup* as it is, if there is nothing in it that only Vertex AI takes."""
        for field in fields_in_setup(setup):
            raise ConfigError(_vertex_only(field))
        return setup

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
        """Where `create_auth_token` asks for ephemeral tokens: an `https://` URL, with the key in a header.

        Raises:
            ConfigError: There is a token in place of the key.
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
