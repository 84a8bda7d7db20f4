"""Vertex AI, which Google now calls the Gemini Enterprise Agent Platform."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Unpack

import msgspec

from .._errors import ConfigError, LocalProtocolError
from ..types import GenerationConfig
from ._gemini_only import fields_in_message, fields_in_setup
from ._google_auth import GoogleAuthorization, project_of
from ._route import Route, RouteOptions, takes_route_options
from ._secrets import check_required_secret, reveal
from .base import WebSocketBackend

if TYPE_CHECKING:
    from ..transports.base import Endpoint
    from ..types import ClientContent, ContextUpdate, RealtimeInput, Setup, ToolResponse
    from ._google_auth import GoogleCredentials
    from ._secrets import Secret

PROJECT_VARIABLE: Final = "GOOGLE_CLOUD_PROJECT"
LOCATION_VARIABLE: Final = "GOOGLE_CLOUD_LOCATION"
LOCATION: Final = "us-central1"
"""The location by default. Google's own clients take "global", where Live models have not been served."""

_GLOBAL: Final = "global"
# There it closes with 1008, "Publisher model ... was not found" (google-genai 3.6.1, tests/live_api/conftest.py).
_NOT_ON_GLOBAL: Final = "gemini-live-2.5-flash-native-audio"
_NATIVE_AUDIO_REGIONS: Final = ("us-central1", "us-east5", "europe-west4")
_MULTI_REGIONS: Final = frozenset({"us", "eu"})
_METHOD: Final = "LlmBidiService/BidiGenerateContent"
_QUOTA_PROJECT: Final = "x-goog-user-project"

_LOCATION: Final = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
# Letters in front of a colon are a domain, of old projects. A number is valid, too.
_PROJECT: Final = re.compile(r"(?:[a-z0-9]+(?:[.-][a-z0-9]+)*:)?[a-z0-9]+(?:-+[a-z0-9]+)*")
_MODEL: Final = re.compile(r"(?:[^/?&#%\s]+/)*[^/?&#%\s]+")
_NO_PUBLISHERS: Final = frozenset({"publishers", "projects", "locations", "endpoints", "tunedModels"})
_NO_KEY: Final = "the API key is empty; leave api_key out for Google's credentials"
_NO_TOKEN: Final = "the token is empty; leave credentials out for the application's default ones"  # noqa: S105


class VertexBackend(WebSocketBackend):
    """Vertex AI, by another name the Gemini Enterprise Agent Platform.

    Without `credentials` and `api_key` it takes the application's default credentials: the file that
    `GOOGLE_APPLICATION_CREDENTIALS` names, what `gcloud auth application-default login` left, or the machine's service
    account. They are looked up on the first dial, and every dial makes sure of a token that is still good, all in a
    thread. This needs google-auth: `pip install "livegen-trio[vertex]"`.

    Args:
        project: Name or number of the project; by default the environment's `GOOGLE_CLOUD_PROJECT`, or else that of
            `credentials`, if they name one. The project of the default credentials is not looked up.
        location: A region; "global"; "us" or "eu" for several regions. By default the environment's
            `GOOGLE_CLOUD_LOCATION`, or else "us-central1".
        credentials: Those of google-auth, of any kind; or an access token; or, better, an async function that is called
            for one on every dial. They are scoped with cloud-platform if they need a scope and have none.
        api_key: In place of all that ("express mode"). It belongs to a project, so `project` is left out; the global
            host is dialled unless there is a `location`.
        api_version: "v1beta1", as Google's own clients have it, or "v1".
        quota_project: The project that is charged, in place of the one that the credentials name.
        route: How the service is reached: `base_url`, `ssl_context`, `client_certificate`, `proxy`, `headers` and
            `transport`, as `RouteOptions` describes them. Tokens are requested through the same proxy, with the help
            of `requests[socks]` if it is a SOCKS proxy, but not with the `ssl_context`. With an `Authorization` among
            the headers no credentials are looked up.

    Raises:
        ConfigError: An argument can't be used, or doesn't go with another.
    """

    @takes_route_options
    def __init__(
        self,
        project: str | None = None,
        location: str | None = None,
        *,
        credentials: GoogleCredentials | Secret | None = None,
        api_key: Secret | None = None,
        api_version: str = "v1beta1",
        quota_project: str | None = None,
        **route: Unpack[RouteOptions],
    ) -> None:
        if not re.fullmatch("[a-z0-9]+", api_version):
            raise ConfigError(f'{api_version!r} is no API version; write "v1beta1" or "v1"')
        if api_key is not None and (project, credentials, quota_project) != (None, None, None):
            raise ConfigError(
                "an API key stands for its project: leave out project, credentials and quota_project, or the key"
            )
        self._has_key = api_key is not None
        self._project = None if self._has_key else _find_project(project, credentials)
        self._location = _find_location(location, otherwise=_GLOBAL if self._has_key else None)
        self._quota_project = None if quota_project is None else _check_project(quota_project)
        self._path = f"/ws/google.cloud.aiplatform.{api_version}.{_METHOD}"
        self._route = Route(_service_url(self._location), **route)
        self._authorization: GoogleAuthorization | _SecretHeader
        if api_key is not None:
            self._authorization = _key(api_key)
        elif isinstance(credentials, str) or callable(credentials):
            self._authorization = _token(credentials)
        else:
            self._authorization = GoogleAuthorization(
                credentials, quota_project=self._quota_project, proxy=self._route.proxy
            )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._route.url(self._path)!r})"

    def resource_name(self, model: str) -> str:
        """`projects/{project}/locations/{location}/publishers/google/models/{model}`.

        Another publisher's model is "publisher/model". With an API key the name begins with "publishers/". What begins
        with "projects/" stays as it is.
        """
        if not _MODEL.fullmatch(model) or ".." in model:
            raise _no_model(model)
        if model.startswith("projects/"):
            return model
        name = _with_publisher(model)
        if self._has_key:
            return name
        if self._project is None:
            raise ConfigError(
                f"there is no project: give project, or set {PROJECT_VARIABLE} in the environment; "
                "LocalBackend() needs none"
            )
        return f"projects/{self._project}/locations/{self._location}/{name}"

    def prepare_setup(self, setup: Setup) -> Setup:
        """*setup* as Vertex AI needs it, where it leaves that open.

        The modality is "AUDIO", since one has to be named. Resumption is transparent: a handle stands for the session
        as it was then, and the service says which inputs are part of that; the others are to be sent again.

        Raises:
            ConfigError: It has something that only the Gemini Developer API takes, or a model that is not served there.
        """
        for path in fields_in_setup(setup):
            raise ConfigError(_gemini_only(path))
        if self._location == _GLOBAL and self._route.is_default:
            _check_served_globally(setup.model)
        return _resumed_transparently(_answered_in_audio(setup))

    def check_message(self, message: ClientContent | RealtimeInput | ToolResponse | ContextUpdate) -> None:
        """Refuse what only the Gemini Developer API takes, such as a function's response in several pieces."""
        for path in fields_in_message(message):
            raise LocalProtocolError(_gemini_only(path))

    async def endpoint(self) -> Endpoint:
        """The Live method's URL, with the key or a token in a header.

        Raises:
            ConfigError: There are no credentials, or they can't be used.
            HandshakeError: No token could be got, in phase "request".
        """
        given = self._route.headers
        headers: dict[str, str] = {}
        if self._has_key or "authorization" not in given:
            headers |= await self._authorization.headers()
        if self._quota_project is not None:
            headers[_QUOTA_PROJECT] = self._quota_project
        if (
            _QUOTA_PROJECT in given
        ):  # for the request itself, so it goes before that of a project or an account
            headers.pop(_QUOTA_PROJECT, None)
        return self._route.endpoint(self._path, headers)

    def credentials_refused(self, endpoint: Endpoint) -> None:
        """Have google-auth renew a token that the server has refused, although it has not expired yet."""
        if isinstance(self._authorization, GoogleAuthorization):
            self._authorization.refuse(dict(endpoint.headers))


@dataclass(frozen=True, slots=True)
class _SecretHeader:
    """A secret that the user gives, in a header of its own."""

    name: str
    secret: Secret = field(repr=False)
    what: str
    if_empty: str
    scheme: str = ""

    def __post_init__(self) -> None:
        secret = check_required_secret(self.secret, self.what, if_empty=self.if_empty)
        object.__setattr__(self, "secret", secret)

    async def headers(self) -> dict[str, str]:
        """That header, for a request that is made now."""
        return {self.name: f"{self.scheme}{await reveal(self.secret, self.what, if_empty=self.if_empty)}"}


def _key(api_key: Secret) -> _SecretHeader:
    return _SecretHeader("x-goog-api-key", api_key, "API key", _NO_KEY)


def _token(token: Secret) -> _SecretHeader:
    return _SecretHeader("authorization", token, "access token", _NO_TOKEN, "Bearer ")


def _service_url(location: str) -> str:
    if location == _GLOBAL:
        return "wss://aiplatform.googleapis.com"
    if location in _MULTI_REGIONS:
        return f"wss://aiplatform.{location}.rep.googleapis.com"
    return f"wss://{location}-aiplatform.googleapis.com"


def _check_served_globally(model: str) -> None:
    name = model.rpartition("/")[2]
    if name.startswith(_NOT_ON_GLOBAL):
        raise ConfigError(
            f'{name} is not served at location="{_GLOBAL}"; '
            f"give location, such as {', '.join(map(repr, _NATIVE_AUDIO_REGIONS))}"
        )


def _find_location(location: str | None, *, otherwise: str | None) -> str:
    if location is None:
        location = otherwise or _from_environment(LOCATION_VARIABLE) or LOCATION
    if not _LOCATION.fullmatch(location):
        raise ConfigError(f'{location!r} can\'t be a location; write one like "us-central1" or "global"')
    return location


def _answered_in_audio(setup: Setup) -> Setup:
    config = setup.generation_config or GenerationConfig()
    if config.response_modalities:
        return setup
    config = msgspec.structs.replace(config, response_modalities=["AUDIO"])
    return msgspec.structs.replace(setup, generation_config=config)


def _resumed_transparently(setup: Setup) -> Setup:
    resumption = setup.session_resumption
    if resumption is None or resumption.transparent is not None:
        return setup
    resumption = msgspec.structs.replace(resumption, transparent=True)
    return msgspec.structs.replace(setup, session_resumption=resumption)


def _find_project(project: str | None, credentials: object) -> str | None:
    if project is None:
        project = _from_environment(PROJECT_VARIABLE) or project_of(credentials)
    return None if project is None else _check_project(project)


def _check_project(project: str) -> str:
    if not _PROJECT.fullmatch(project):
        raise ConfigError(f"{project!r} can't be a project; write its name in small letters, or its number")
    return project


def _from_environment(variable: str) -> str | None:
    return os.environ.get(variable, "").strip() or None


def _with_publisher(model: str) -> str:
    match model.split("/"):
        case [name] | ["models", name]:
            return f"publishers/google/models/{name}"
        case ["publishers", _, "models", _]:
            return model
        case [publisher, name] if publisher not in _NO_PUBLISHERS:
            return f"publishers/{publisher}/models/{name}"
        case _:
            raise _no_model(model)


def _no_model(model: str) -> ConfigError:
    return ConfigError(
        f"{model!r} can't be a model's name; write one like \"gemini-live-2.5-flash-native-audio\", "
        'or a whole one that begins with "projects/"'
    )


def _gemini_only(path: str) -> str:
    return (
        f"{path} is not supported by Vertex AI, only by the Gemini Developer API: "
        "leave it out, or use GeminiBackend"
    )
