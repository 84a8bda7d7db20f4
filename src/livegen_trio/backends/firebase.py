"""Firebase AI Logic: Gemini by way of a Firebase project, for applications that have no key of their own."""

from __future__ import annotations

import platform
import re
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, Unpack

from .._errors import ConfigError, LocalProtocolError
from . import _gemini_only as gemini_only, _vertex_only as vertex_only
from ._route import Route, RouteOptions, takes_route_options
from ._secrets import check_required_secret, check_secret, reveal, reveal_optional
from .base import WebSocketBackend

if TYPE_CHECKING:
    from ..transports.base import Endpoint
    from ..types import ClientContent, ContextUpdate, RealtimeInput, Setup, ToolResponse
    from ._secrets import OptionalSecret, Secret

Provider: TypeAlias = Literal["googleai", "vertexai"]
"""The API behind Firebase: the Gemini Developer API, or Vertex AI (the Agent Platform)."""

LOCATION: Final = "us-central1"
"""The location where Live models are served. Firebase's `AgentPlatformBackend` takes "global", where they were not."""

_BASE_URL: Final = "wss://firebasevertexai.googleapis.com"
_SERVICE: Final = "/ws/google.firebase.vertexai.v1beta"
_KEY: Final = "Firebase API key"
_APP_CHECK: Final = "App Check token"
_ID: Final = "ID token"
_NO_KEY: Final = "the Firebase API key is empty"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9.:_-]*")  # of a project, an app, a location
_MODEL: Final = re.compile(r"(?:[^/?&#%\s]+/)*[^/?&#%\s]+")


class FirebaseBackend(WebSocketBackend):
    """Firebase AI Logic.

    It is dialled as by Firebase's SDKs for phones, with the tokens of App Check and of the user's sign-in in headers.
    The SDKs for browsers can send neither, and are locked out where a project enforces App Check.

    Args:
        api_key: The API key of the Firebase project; or an async function that is called for it on every dial.
        project_id: The project's ID.
        app_id: The app's ID, such as "1:1234567890:web:0123456789abcdef".
        provider: "googleai" for the Gemini Developer API, or "vertexai".
        location: For "vertexai"; by default "us-central1".
        app_check_token: A token of App Check, which proves that this is the app; or, better, an async function that is
            called for one on every dial. If that returns None, no token is sent.
        auth_token: The ID token of the user who has signed in; likewise.
        data_collection: Whether Firebase's automatic data collection is on: then the app's ID and version are sent.
        app_version: The app's version.
        route: How the service is reached: `base_url`, `ssl_context`, `client_certificate`, `proxy`, `headers` and
            `transport`, as `RouteOptions` describes them. Firebase is not known to have a host for client
            certificates: give a `base_url` with one.

    Raises:
        ConfigError: An argument can't be used, or doesn't go with another.
    """

    json_schema: bool = False
    """Firebase's own clients send nothing but the subset of OpenAPI."""

    @takes_route_options
    def __init__(
        self,
        *,
        api_key: Secret,
        project_id: str,
        app_id: str,
        provider: Provider = "googleai",
        location: str | None = None,
        app_check_token: OptionalSecret | None = None,
        auth_token: OptionalSecret | None = None,
        data_collection: bool = True,
        app_version: str | None = None,
        **route: Unpack[RouteOptions],
    ) -> None:
        if provider not in ("googleai", "vertexai"):
            raise ConfigError(f'{provider!r} is no provider; write "googleai" or "vertexai"')
        if provider == "googleai" and location is not None:
            raise ConfigError('only provider="vertexai" has locations; leave location out')
        if route.get("client_certificate") is not None and route.get("base_url") is None:
            raise ConfigError("Firebase has no known host for client certificates; give a base_url")
        self._api_key = check_required_secret(api_key, _KEY, if_empty=_NO_KEY)
        self._project = _check_name("project_id", project_id)
        self._app = _check_name("app_id", app_id)
        self._location = None if provider == "googleai" else _check_name("location", location or LOCATION)
        others = vertex_only if self._location is None else gemini_only
        self._unsupported_in_setup = others.fields_in_setup
        self._unsupported_in_message = others.fields_in_message
        self._app_check_token = check_secret(app_check_token or "", _APP_CHECK)
        self._auth_token = check_secret(auth_token or "", _ID)
        self._telemetry = _telemetry(self._app if data_collection else None, app_version)
        self._route = Route(_BASE_URL, **route)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._route.url(self._path)!r})"

    def resource_name(self, model: str) -> str:
        """`projects/{project}/models/{model}`, with `locations/{location}/publishers/google/` in it on Vertex AI.

        A collection of its own in front, such as `tunedModels/`, takes the place of `models/`. What begins with
        "projects/" stays as it is.
        """
        if not _MODEL.fullmatch(model) or ".." in model:
            raise ConfigError(f"{model!r} can't be a model's name; write one like \"gemini-3.8-live\"")
        if model.startswith("projects/"):
            return model
        name = model if "/" in model else f"models/{model}"
        if self._location is None:
            return f"projects/{self._project}/{name}"
        if name.startswith("models/"):
            name = f"publishers/google/{name}"
        return f"projects/{self._project}/locations/{self._location}/{name}"

    def prepare_setup(self, setup: Setup) -> Setup:
        """*setup* as it is, if there is nothing in it that the provider doesn't take."""
        for path in self._unsupported_in_setup(setup):
            raise ConfigError(self._refusal(path))
        return setup

    def check_message(self, message: ClientContent | RealtimeInput | ToolResponse | ContextUpdate) -> None:
        """Refuse what the provider doesn't take."""
        for path in self._unsupported_in_message(message):
            raise LocalProtocolError(self._refusal(path))

    async def endpoint(self) -> Endpoint:
        """The Live method's URL, with the key and the tokens in headers."""
        headers = {"x-goog-api-key": await reveal(self._api_key, _KEY, if_empty=_NO_KEY), **self._telemetry}
        if app_check := await reveal_optional(self._app_check_token, _APP_CHECK):
            headers["X-Firebase-AppCheck"] = app_check
        if auth := await reveal_optional(self._auth_token, _ID):
            headers["Authorization"] = f"Firebase {auth}"
        return self._route.endpoint(self._path, headers)

    @property
    def _path(self) -> str:
        if self._location is None:
            return f"{_SERVICE}.GenerativeService/BidiGenerateContent"
        return f"{_SERVICE}.LlmBidiService/BidiGenerateContent/locations/{self._location}"

    def _refusal(self, path: str) -> str:
        here, there = "googleai", "vertexai"
        if self._location is not None:
            here, there = there, here
        return (
            f'{path} is not supported by Firebase with provider="{here}", only with "{there}": leave it out'
        )


def _check_name(argument: str, name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"{name!r} can't be {argument}; it is in the Firebase console, under project settings"
        )
    return name


def _telemetry(app: str | None, app_version: str | None) -> dict[str, str]:
    """The headers by which Firebase identifies its clients, as its SDKs send them."""
    from importlib.metadata import version  # noqa: PLC0415 - brings all of email with it

    headers = {
        "x-goog-api-client": f"gl-python/{platform.python_version()} fire/{version('livegen-trio')}",
        "Content-Type": "application/json",
    }
    if app is not None:
        headers["X-Firebase-AppId"] = app
        if app_version is not None:
            headers["X-Firebase-AppVersion"] = app_version
    return headers
