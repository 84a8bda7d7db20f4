"""`get_ai`: a Firebase app, and the API behind it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..backends.firebase import FirebaseBackend
from ._backends import AgentPlatformBackend, Backend, GoogleAIBackend, VertexAIBackend
from ._errors import AIError, AIErrorCode
from ._removed import warn_removed

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

    from ..backends._secrets import OptionalSecret, Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class FirebaseApp:
    """A Firebase app by its project's settings, and the tokens of its user.

    Attributes:
        api_key: Of the project; or an async function that gives it.
        project_id: The project.
        app_id: The app.
        app_check_token: An async function for a token of App Check, called on every dial.
        limited_use_app_check_token: An async function for tokens that are used once; see `get_ai`.
        auth_token: An async function for the ID token of the signed-in user, or None if no user has signed in.
        automatic_data_collection_enabled: Whether the app's ID may be sent.
        version: The app's own version, sent with the ID.
    """

    api_key: Secret = field(default="", repr=False)
    project_id: str = ""
    app_id: str = ""
    app_check_token: OptionalSecret | None = field(default=None, repr=False)
    limited_use_app_check_token: OptionalSecret | None = field(default=None, repr=False)
    auth_token: OptionalSecret | None = field(default=None, repr=False)
    automatic_data_collection_enabled: bool = True
    version: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AI:
    """A Firebase app, and the API behind it. Equal where all of that is equal: there is no table of instances.

    Attributes:
        app: The app.
        backend: The API.
        use_limited_use_app_check_tokens: Whether each dial takes a token that is good once.
    """

    app: FirebaseApp
    backend: Backend
    use_limited_use_app_check_tokens: bool = False

    @property
    def location(self) -> str:
        """The backend's location, or empty. Deprecated: removed in Firebase 3.0.0; use `backend.location`."""
        warn_removed("AI.location", "ai.backend.location")
        return location_of(self.backend) or ""


def get_ai(
    app: FirebaseApp, *, backend: Backend | None = None, use_limited_use_app_check_tokens: bool = False
) -> AI:
    """Return a Firebase app together with the API behind it.

    Args:
        app: The app.
        backend: `GoogleAIBackend()` if None.
        use_limited_use_app_check_tokens: Whether each dial takes a token that is good once, from the app's
            `limited_use_app_check_token`.
    """
    return AI(
        app=app,
        backend=backend or GoogleAIBackend(),
        use_limited_use_app_check_tokens=use_limited_use_app_check_tokens,
    )


def location_of(backend: Backend) -> str | None:
    """Return where the backend's models are served, if it has locations."""
    return backend.location if isinstance(backend, (VertexAIBackend, AgentPlatformBackend)) else None


def dialled(
    ai: AI,
    *,
    base_url: str | None,
    ssl_context: ssl.SSLContext | None,
    proxy: str | None,
    headers: Mapping[str, str] | None,
) -> FirebaseBackend:
    """Return the backend that *ai* is dialled by.

    Raises:
        AIError: The app has no API key, no project ID, or no app ID; looked for in this order.
        ConfigError: Another argument is invalid.
    """
    app = ai.app
    _require(app.api_key, AIErrorCode.NO_API_KEY, 'the "api_key"', "a valid API key")
    _require(app.project_id, AIErrorCode.NO_PROJECT_ID, 'the "project_id"', "a valid project ID")
    _require(app.app_id, AIErrorCode.NO_APP_ID, 'the "app_id"', "a valid app ID")
    limited = ai.use_limited_use_app_check_tokens
    return FirebaseBackend(
        api_key=app.api_key,
        project_id=app.project_id,
        app_id=app.app_id,
        provider=ai.backend.provider,
        location=location_of(ai.backend),
        app_check_token=app.limited_use_app_check_token if limited else app.app_check_token,
        auth_token=app.auth_token,
        data_collection=app.automatic_data_collection_enabled,
        app_version=app.version,
        base_url=base_url,
        ssl_context=ssl_context,
        proxy=proxy,
        headers=headers,
    )


def _require(value: object, code: AIErrorCode, field_name: str, wanted: str) -> None:
    if value == "" or value is None:
        raise AIError(code, f"{field_name} field of the FirebaseApp is empty; Live models need {wanted}")
