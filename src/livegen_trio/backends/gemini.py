"""The Gemini Developer API, reached with an API key."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final

from .._errors import ConfigError
from ..transports.proxies import ENVIRONMENT
from .base import WebSocketBackend
from .route import Route
from .secrets import check_secret, reveal

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

    from ..transports.base import Endpoint
    from .certificate import ClientCertificate
    from .secrets import Secret

BASE_URL: Final = "wss://generativelanguage.googleapis.com"
API_KEY_VARIABLES: Final = ("GEMINI_API_KEY", "GOOGLE_API_KEY")
_METHOD: Final = "GenerativeService.BidiGenerateContent"
_KEY_HEADER: Final = "x-goog-api-key"
_NO_KEY: Final = "the API key is empty; leave api_key out to take the environment's"
_MODEL: Final = re.compile(r"(?:[^/?&\s]+/)*[^/?&\s]+")


class GeminiBackend(WebSocketBackend):
    """The Gemini Developer API.

    Args:
        api_key: The key, or an async function that gives it anew on every dial. Without it the environment's
            `GEMINI_API_KEY` is taken, or else `GOOGLE_API_KEY`. It travels in a header, never in a URL. White space
            around it, such as the line break at the end of a file, is no part of it.
        api_version: "v1beta", which Google documents for the Live API; "v1alpha" has some previews.
        base_url: Another server that speaks the protocol, `wss://` or `ws://`, with a path if need be.
        ssl_context: For TLS, in place of the system's certificates.
        client_certificate: Shown to the server in TLS, which is then dialled on its host for that.
        proxy: URL of a proxy, `http://` or `socks5h://`; "environment" goes by `HTTPS_PROXY` and its like at the time
            of each dial; None goes straight.
        headers: Sent with the upgrade request, beside the key.

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
    ) -> None:
        if not re.fullmatch("[a-z0-9]+", api_version):
            raise ConfigError(f'{api_version!r} is no API version; write "v1beta" or "v1alpha"')
        self._api_key = _key_of_environment() if api_key is None else check_secret(api_key, if_empty=_NO_KEY)
        self._path = f"/ws/google.ai.generativelanguage.{api_version}.{_METHOD}"
        self._route = Route(
            BASE_URL,
            base_url=base_url,
            ssl_context=ssl_context,
            client_certificate=client_certificate,
            proxy=proxy,
            headers=headers,
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._route.url(self._path)!r})"

    def resource_name(self, model: str) -> str:
        """`models/{model}`; names that already have a collection in front, such as `tunedModels/`, stay as they are."""
        if not _MODEL.fullmatch(model) or ".." in model:
            raise ConfigError(f"{model!r} can't be a model's name; write one like \"gemini-3.8-live\"")
        return model if "/" in model else f"models/{model}"

    async def endpoint(self) -> Endpoint:
        """The Live method's URL, with the key in a header."""
        key = await reveal(self._api_key, if_empty=_NO_KEY)
        return self._route.endpoint(self._path, {_KEY_HEADER: key})


def _key_of_environment() -> str:
    for name in API_KEY_VARIABLES:
        if key := os.environ.get(name, "").strip():
            return key
    raise ConfigError(
        f"there is no API key: give api_key, or set {API_KEY_VARIABLES[0]} in the environment; "
        "LocalBackend() needs none"
    )
