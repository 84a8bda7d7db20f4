"""Meanings of close codes, close reasons and HTTP statuses: whether a retry can help, and what else can.

Close codes alone say little: one code covers bad fields, quotas and bugs. Reasons are free text that the server cuts at
123 bytes, so they are matched by phrases near their beginnings, as users have reported them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .._errors import Initiator


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Meaning of an ending.

    Attributes:
        retryable: Whether the same connection may succeed later.
        hint: What to do, where the cause is known.
    """

    retryable: bool
    hint: str | None = None


_Phrases: TypeAlias = "tuple[tuple[str, Diagnosis], ...]"

_SPEAKS_ONLY: Final = Diagnosis(
    False, 'this model answers in speech only; set response_modalities to ["AUDIO"]'
)
_START_NEW_SESSION: Final = Diagnosis(
    False, "the resumption handle is unknown or too old; start a session without it"
)
_TOO_MUCH: Final = Diagnosis(True, "too many sessions or tokens at once; slow down")

_REASONS: Final[_Phrases] = (
    # Credentials
    ("api key expired", Diagnosis(False, "renew the API key")),
    ("api key not valid", Diagnosis(False, "check the API key")),
    ("api key not found", Diagnosis(False, "check the API key")),
    (
        "api key was reported as leaked",
        Diagnosis(False, "the service has blocked this API key; make a new one"),
    ),
    (
        "doesn't allow unregistered callers",
        Diagnosis(
            False, "no key or token has reached the service; an ephemeral one begins with auth_tokens/"
        ),
    ),
    (
        "has not been used in project",
        Diagnosis(False, "enable that API in the project, and wait some minutes"),
    ),
    (
        "permission denied on resource",
        Diagnosis(False, "check the project's id, and that the credentials may use the API there"),
    ),
    (
        "project has been denied access",
        Diagnosis(False, "the service has blocked this project; ask its support, or use another one"),
    ),
    ("user location is not supported", Diagnosis(False, "the service is not offered in your region")),
    # Quotas and payment; how a used-up quota shows is documented nowhere, so this is from reports
    ("you exceeded your current quota", Diagnosis(True, "wait for the quota to refill, or raise it")),
    ("credits are depleted", Diagnosis(False, "top up the project's credits")),
    ("exceeded its monthly spending cap", Diagnosis(False, "raise the project's spending cap")),
    ("resource has been exhausted", _TOO_MUCH),
    ("resource exhausted", _TOO_MUCH),
    # The model
    (
        "requested entity was not found",
        Diagnosis(
            False,
            "check the model's name and the API version; after tool calls it may be the service's fault",
        ),
    ),
    (
        "is not found for api version",
        Diagnosis(False, "check the model's name, and that this API version serves it"),
    ),
    ("is not supported in the live api", Diagnosis(False, "choose a model that has the Live API")),
    ("publisher model", Diagnosis(False, "check the model's name and the location")),
    # The configuration and the messages
    (
        "the requested combination of response modalities",
        Diagnosis(False, "choose other response_modalities; native-audio models take only AUDIO"),
    ),
    ("cannot extract voices from a non-audio request", _SPEAKS_ONLY),
    ("text output is not supported", _SPEAKS_ONLY),
    ("no matching speaker voice", Diagnosis(False, "choose another voice; this model doesn't have that one")),
    (
        "audio content type",
        Diagnosis(False, "this model hears nothing; send text, or choose a model that takes speech"),
    ),
    (
        "explicit activity control is not supported",
        Diagnosis(False, "set automatic_activity_detection.disabled, or leave activity() to the server"),
    ),
    ("sample rate changed", Diagnosis(False, "keep to one sample rate for as long as the connection lasts")),
    (
        "invalid json payload received",
        Diagnosis(False, "this endpoint does not know that field; leave it out, or use another api_version"),
    ),
    (
        "request contains an invalid argument",
        Diagnosis(
            False, "a field of the setup or of a message does not fit this model, or the context is full"
        ),
    ),
    (
        "operation is not implemented",
        Diagnosis(
            False,
            "the model lacks a feature that was asked for; 2.5 native audio also fails so when it calls tools",
        ),
    ),
    (
        "request trace id",
        Diagnosis(False, "the model was given a file of a type it can't take, by a tool or by code it ran"),
    ),
    # The session
    ("session not found", _START_NEW_SESSION),
    ("invalid session handle", _START_NEW_SESSION),
    (
        "connection aborted because the client failed to close",
        Diagnosis(True, "the connection outstayed its goAway; reconnect"),
    ),
    ("the operation was aborted", Diagnosis(True, "the server cut the connection; reconnect")),
    ("deadline expired", Diagnosis(True, "the connection reached its longest life; reconnect")),
    # Failures
    (
        "the service is currently unavailable",
        Diagnosis(
            True, "the service is overloaded, or an ephemeral token is used up; wait, or renew the token"
        ),
    ),
    (
        "internal error",
        Diagnosis(True, "the server failed, or an earlier connection of this session is still open"),
    ),
)

_MAYBE_DEAD: Final = Diagnosis(
    False,
    "the resumption handle may be too old: begin a session without it; else a field of the setup is wrong",
)
# General reasons, which mean something particular in answer to a setup with a handle.
_REASONS_ON_RESUMING: Final[_Phrases] = (
    ("request contains an invalid argument", _MAYBE_DEAD),
    ("requested entity was not found", _START_NEW_SESSION),
    (
        "internal error",
        Diagnosis(
            True,
            "the session's earlier connection may still be open: try again in a second or two, "
            "and start without the handle if that goes on",
        ),
    ),
)

_CODES: Final = {
    1001: Diagnosis(True),  # going away (RFC 6455, 7.4.1, and its registry for the next ones)
    1006: Diagnosis(True, "the connection broke without a Close frame; check the network, and reconnect"),
    1011: Diagnosis(True),  # server failure
    1012: Diagnosis(True),  # restart
    1013: Diagnosis(True),  # try again later
    1014: Diagnosis(True),  # bad gateway
}

_OUR_REASONS: Final[_Phrases] = (
    ("nothing was heard", Diagnosis(True, "the network or the server has fallen silent; reconnect")),
    (
        "events wait unread",
        Diagnosis(False, "receive the session's events while it runs, whether you need them or not"),
    ),
    (
        "maximum message size",
        Diagnosis(False, "this library takes no message larger than that; ask for less at once"),
    ),
)
_NO_LIVE_MESSAGE: Final = Diagnosis(
    False, "the peer sends no Live messages; check that base_url leads to a Live API"
)

_STATUSES: Final = {
    400: Diagnosis(False, "the request is malformed; check the URL, the API version and the key"),
    401: Diagnosis(False, "the credentials are missing or have expired"),
    403: Diagnosis(False, "the credentials may not use this API or model; check that the API is enabled"),
    404: Diagnosis(False, "no Live API at this URL; check the host, the API version and the location"),
    407: Diagnosis(
        False, "the proxy wants credentials; write them into its URL, http://user:password@host:port"
    ),
    408: Diagnosis(True, "the server did not wait for the request; try again"),
    429: Diagnosis(True, "too many connections or the quota is used up; wait"),
}
_NO_LIVE_API: Final = Diagnosis(False, "an ordinary web page is at this URL; check the host and the path")
_OUTAGE: Final = Diagnosis(True, "the service is overloaded or down; wait")


def diagnose_close(code: int, reason: str, *, initiator: Initiator, resuming: bool = False) -> Diagnosis:
    """Return the meaning of a close with *code* and *reason*.

    *resuming* says that it answers a setup with a resumption handle: the service has no reason of its own for a handle
    that is dead.
    """
    if initiator == "local":
        return _diagnose_our_close(code, reason)
    if resuming and (found := _find(_REASONS_ON_RESUMING, reason)):
        return found
    if found := _find(_REASONS, reason):
        return found
    if resuming and code in (1007, 1008):
        return _MAYBE_DEAD
    return _CODES.get(code) or Diagnosis(retryable=False)


def _diagnose_our_close(code: int, reason: str) -> Diagnosis:
    """Return the meaning of our own code and reason, which say nothing of the server's state."""
    if found := _find(_OUR_REASONS, reason):
        return found
    return _NO_LIVE_MESSAGE if code == 1007 else Diagnosis(retryable=code in _CODES)


def diagnose_status(status_code: int, body: bytes = b"") -> Diagnosis:
    """Return the meaning of an HTTP status that refuses a request, with a *body* that may say why."""
    if status_code >= 500:
        return _OUTAGE
    if status_code >= 400 and (found := _find(_REASONS, body.decode(errors="replace"))):
        return found
    if status_code < 400:
        return _NO_LIVE_API
    return _STATUSES.get(status_code) or Diagnosis(retryable=False)


def _find(phrases: Iterable[tuple[str, Diagnosis]], text: str) -> Diagnosis | None:
    lowered = text.lower()
    return next((diagnosis for phrase, diagnosis in phrases if phrase in lowered), None)
