"""Google's credentials, by google-auth: found, renewed in time, and turned into headers.

The only module that imports google-auth, and not before it is needed: the import alone takes a while, so it happens
in the thread where google-auth works.
"""

from __future__ import annotations

import inspect
import os
import re
import traceback
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

import msgspec

from .._errors import ConfigError, HandshakeError, LiveError
from ..transports._dial.proxies import ENVIRONMENT
from ._shared_call import SharedCall

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import requests

SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"
INSTALL: Final = 'pip install "livegen-trio[vertex]"'

_AUTHORIZATION: Final = "authorization"
_CA_BUNDLES: Final = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")  # which requests knows
# Matches tokens and keys. Names of projects and service accounts have at most 30 characters.
_OPAQUE: Final = re.compile(r"[\w-]{32,}")
_LONGEST_REASON: Final = 250  # characters
# Seconds that a server may be silent. With google-auth's own 120 a lost packet would keep all sessions waiting.
_TIMEOUT: Final = 20

_MAX_BODY_SIZE: Final = 2**20  # bytes of an answer
_PIECE_SIZE: Final = 2**16
_JSON_BEGINNINGS: Final = ("{", "[")
_PAGE_BEGINNING: Final = "<"
_UNREADABLE: Final = "the answer is not one of Google's"
_SOMETHING_BETWEEN: Final = "a proxy or a captive portal may have answered: check the proxy, or log in there"

# Makes a new error for each task: one that several tasks raised would gather the tracebacks of all of them.
_MakeError: TypeAlias = "Callable[[], LiveError]"


class GoogleCredentials(Protocol):
    """The part of `google.auth.credentials.Credentials` that is used here."""

    @property
    def valid(self) -> bool:
        """True while there is a token that lasts for another 3 minutes and 45 seconds."""
        ...

    @property
    def refresh(self) -> Callable[..., object]:
        """The method that gets a new token. *Blocking*."""
        ...

    @property
    def apply(self) -> Callable[..., object]:
        """The method that puts the token, and the project for quotas, into headers."""
        ...


class _NoTokenError(ValueError):
    """A server gave something that can't be a token."""


class GoogleAuthorization:
    """Headers with an access token that outlasts the handshake.

    google-auth renews a token when it has less than 3 minutes and 45 seconds left, and so does this. Renewing blocks
    and can't be interrupted, since it may read files, run programs and ask servers. So it is done in a thread, once
    for all sessions that wait for it; one that is cancelled leaves at once, and the next one has the token.

    Args:
        credentials: google-auth's; None for the application's default credentials, which are looked up once.
        quota_project: What the default credentials are looked up with.
        proxy: For asking servers; as in `Route`. An `https://` URL is reached through it, and not, say, the metadata
            server of a virtual machine.

    Raises:
        ConfigError: The credentials aren't google-auth's, or are those that work by coroutines.
    """

    def __init__(
        self, credentials: GoogleCredentials | None, *, quota_project: str | None, proxy: str | None
    ) -> None:
        self._credentials = None if credentials is None else _with_scope(_check(credentials))
        self._quota_project = quota_project
        self._proxy = proxy
        self._refused: str | None = None
        self._renewal: SharedCall[_MakeError | None] = SharedCall(self._renew)

    def refuse(self, headers: Mapping[str, str]) -> None:
        """Renew the token of *headers* before it is used again: the server has refused it."""
        self._refused = headers.get(_AUTHORIZATION)

    async def headers(self) -> dict[str, str]:
        """The headers for a request that is made now, by their names in lower case.

        Raises:
            ConfigError: There are no credentials, they can't be used, or google-auth isn't installed.
            HandshakeError: No token could be got, in phase "request".
        """
        if (headers := self._headers_of_token()) is not None:
            return headers
        if make_error := await self._renewal.join():
            raise make_error()
        return self._apply()

    def _headers_of_token(self) -> dict[str, str] | None:
        """The headers with the token that is there, or None if it has to be renewed first."""
        if self._credentials is None or not self._credentials.valid:
            return None
        try:
            headers = self._apply()
        except ValueError:  # google-auth keeps what a server gave, also if it can't be a token
            return None
        return None if headers.get(_AUTHORIZATION, "") == self._refused else headers

    def _apply(self) -> dict[str, str]:
        headers: dict[str, str] = {}
        assert self._credentials is not None, "found by now"
        self._credentials.apply(headers)
        headers = {name.lower(): value for name, value in headers.items()}
        token = headers.get(_AUTHORIZATION, "")
        if not (token.isascii() and token.isprintable()):
            raise _NoTokenError
        return headers

    def _renew(self) -> _MakeError | None:
        """Find the credentials and renew their token, if need be. *Blocking*.

        A failure is returned as a new error, without google-auth's in its chain: those carry the servers' answers,
        which may be secret.
        """
        try:
            import requests  # noqa: PLC0415 - takes a while, and may be missing
            from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError, InvalidValue  # noqa: PLC0415
            from google.auth.transport.requests import Request  # noqa: PLC0415
        except ImportError as exc:
            return partial(ConfigError, _not_installed(exc))
        try:
            with requests.Session() as session:
                session.hooks["response"].append(_read_bounded)
                _use_proxy(session, self._proxy)
                self._find_and_refresh(partial(Request(session), timeout=_TIMEOUT))
        except (InvalidValue, _NoTokenError):  # the first of them for a number, say; its message repeats that
            return _unreadable_answer()
        except DefaultCredentialsError as exc:
            return partial(ConfigError, _unusable(exc))
        except (GoogleAuthError, OSError) as exc:  # OSError: authorities' certificates that aren't there
            return _no_token(exc)
        except Exception as exc:
            if not _is_raised_by_google_auth(exc):
                raise
            return _unreadable_answer()
        return None

    def _find_and_refresh(self, request: object) -> None:
        if self._credentials is None:
            self._credentials = _default_credentials(request, self._quota_project)
        if self._headers_of_token() is None:
            self._credentials.refresh(request)
            self._apply()  # raises if it can't be a token


def project_of(credentials: object) -> str | None:
    """The project of *credentials*, if they name one."""
    project: object = getattr(credentials, "project_id", None)
    return project if isinstance(project, str) else None


def _check(credentials: GoogleCredentials) -> GoogleCredentials:
    methods: list[object] = [getattr(credentials, name, None) for name in ("refresh", "apply")]
    if not all(map(callable, methods)) or any(map(inspect.iscoroutinefunction, methods)):
        kind = type(credentials)
        raise ConfigError(
            "credentials are those of google-auth that do without asyncio, or a token, or an async function for one; "
            f"not a {kind.__module__}.{kind.__qualname__}"
        )
    return credentials


def _with_scope(credentials: GoogleCredentials) -> GoogleCredentials:
    """*credentials* with the scope, if they need one: those of users don't."""
    if not getattr(credentials, "requires_scopes", False):
        return credentials
    with_scopes: Callable[[list[str]], GoogleCredentials] = getattr(credentials, "with_scopes")  # noqa: B009
    return with_scopes([SCOPE])


def _default_credentials(request: object, quota_project: str | None) -> GoogleCredentials:
    # Type checkers can't follow its types.
    find: Callable[..., tuple[GoogleCredentials, object]] = import_module("google.auth").default
    credentials, _project = find(scopes=[SCOPE], request=request, quota_project_id=quota_project)
    return credentials


def _use_proxy(session: requests.Session, proxy: str | None) -> None:
    if proxy == ENVIRONMENT:
        return
    session.trust_env = False  # its proxies would go before ours
    session.verify = next(filter(None, map(os.environ.get, _CA_BUNDLES)), True)
    if proxy is not None:
        session.proxies["https"] = proxy


def _read_bounded(response: requests.Response, **_options: object) -> None:
    """Read the body of an answer, before requests does so without a limit."""
    import requests  # noqa: PLC0415

    body = bytearray()
    for piece in response.iter_content(_PIECE_SIZE):
        body += piece
        if len(body) > _MAX_BODY_SIZE:
            response.close()
            raise requests.exceptions.RequestException(f"the answer is larger than {_MAX_BODY_SIZE} bytes")
    setattr(response, "_content", bytes(body))  # noqa: B010 - where requests keeps what it has read itself


def _not_installed(exc: ImportError) -> str:
    return (
        f"Google's credentials need packages that are missing ({exc.name}): {INSTALL}; "
        "or give an async function for a token as credentials, or an api_key"
    )


def _unusable(exc: Exception) -> str:
    return (
        f"there are no usable credentials: {_reason(exc)} - run `gcloud auth application-default login`, "
        "set GOOGLE_APPLICATION_CREDENTIALS to the path of a key, or give credentials or an api_key"
    )


def _no_token(exc: Exception) -> _MakeError:
    reason = _reason(exc)
    return partial(
        HandshakeError,
        f"Google gave no access token: {reason}",
        phase="request",
        retryable=_may_pass(exc),
        hint=_hint(reason),
    )


def _unreadable_answer() -> _MakeError:
    return partial(
        HandshakeError,
        f"Google gave no access token: {_UNREADABLE}",
        phase="request",
        retryable=True,
        hint=_SOMETHING_BETWEEN,
    )


def _is_raised_by_google_auth(exc: Exception) -> bool:
    """Return whether an error comes from google-auth, which stumbles over answers that it doesn't expect."""
    modules = (frame.f_globals.get("__name__", "") for frame, _ in traceback.walk_tb(exc.__traceback__))
    return any(name.startswith("google.") for name in modules)


def _hint(reason: str) -> str | None:
    if _is_foreign(reason):
        return _SOMETHING_BETWEEN
    reason = reason.lower()
    if "invalid_grant" in reason or "reauth" in reason:
        return (
            "the credentials have expired or were revoked: run `gcloud auth application-default login`, "
            "or renew the key; check the machine's clock, too"
        )
    if "socks" in reason:
        return 'through a SOCKS proxy, tokens need another package: pip install "requests[socks]"'
    return None


def _reason(exc: BaseException) -> str:
    """google-auth's message, and the message of the server's answer, but no more of it: an answer may have a token."""
    exc = _innermost(exc)
    message, answer = (*exc.args, "", "")[:2]
    reason = str(message) or type(exc).__name__
    if reason.lstrip().startswith(_JSON_BEGINNINGS):  # a whole answer, which may have a token
        reason = _UNREADABLE
    if details := _message_of_server(answer):
        reason += f" ({details})"
    return _OPAQUE.sub("...", reason)[:_LONGEST_REASON]


def _is_foreign(reason: str) -> bool:
    """Return whether it was not Google that answered, but with a web page, or with something else."""
    return reason.startswith((_UNREADABLE, _PAGE_BEGINNING))


def _innermost(exc: BaseException) -> BaseException:
    """The innermost error: google-auth wraps errors in errors, with those as the only argument."""
    while exc.args and isinstance(exc.args[0], BaseException):
        exc = exc.args[0]
    return exc


def _message_of_server(answer: object) -> str:
    if isinstance(answer, str):
        try:
            answer = msgspec.json.decode(answer)
        except msgspec.DecodeError:
            return ""
    match answer:
        case {"error": {"message": str(message)}}:
            return message
        case _:
            return ""


def _may_pass(exc: BaseException) -> bool:
    """Return whether a server was out of reach or out of order, rather than refusing."""
    import requests  # noqa: PLC0415
    from google.auth.exceptions import TransportError  # noqa: PLC0415

    retryable = _is_foreign(_reason(exc))
    for link in _chain(exc):
        # ValueError: a URL or a proxy that can be none, in requests
        if isinstance(link, (requests.exceptions.SSLError, ValueError)):
            return False
        # A second argument is an answer that retrying doesn't change, such as 404.
        is_transient = isinstance(link, TransportError) and len(link.args) == 1
        retryable |= is_transient or getattr(link, "retryable", False) is True
    return retryable


def _chain(exc: BaseException | None) -> Iterator[BaseException]:
    while exc is not None:
        yield exc
        exc = exc.__cause__
