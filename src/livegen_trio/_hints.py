"""What the service's endings mean: whether trying again can help, and what else can.

Close codes alone say little: one code covers bad fields, quotas and bugs. The reasons are free text that the server
cuts at 123 bytes, so they are matched by phrases near their beginnings as they were seen in the wild.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ._errors import Initiator


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What an ending means.

    Attributes:
        retryable: Whether the same connection may succeed later.
        hint: What to do, where the cause is a known one.
    """

    retryable: bool
    hint: str | None = None


_REASONS: Final[tuple[tuple[str, Diagnosis], ...]] = (
    ("api key expired", Diagnosis(False, "renew the API key")),
    ("api key not valid", Diagnosis(False, "check the API key")),
    ("user location is not supported", Diagnosis(False, "the service is not offered in your region")),
    (
        "the requested combination of response modalities",
        Diagnosis(False, "choose other response_modalities; native-audio models take only AUDIO"),
    ),
    (
        "invalid json payload received",
        Diagnosis(False, "this endpoint does not know that field; leave it out, or use another api_version"),
    ),
    (
        "request contains an invalid argument",
        Diagnosis(False, "a field of the setup does not fit this model, or the context is full"),
    ),
    (
        "operation is not implemented",
        Diagnosis(False, "the model lacks a feature that the setup or the message asks for"),
    ),
    (
        "requested entity was not found",
        Diagnosis(False, "check the model's name, and that this API version serves it"),
    ),
    (
        "is not found for api version",
        Diagnosis(False, "check the model's name, and that this API version serves it"),
    ),
    (
        "publisher model",
        Diagnosis(False, "check the model's name and the location"),
    ),
    (
        "connection aborted because the client failed to close",
        Diagnosis(True, "the connection outstayed its goAway; reconnect"),
    ),
    ("you exceeded your current quota", Diagnosis(False, "wait for the quota to refill, or raise it")),
    ("resource has been exhausted", Diagnosis(True, "too many sessions or tokens at once; slow down")),
    ("deadline expired", Diagnosis(True, "the connection reached its longest life; reconnect")),
    ("the service is currently unavailable", Diagnosis(True)),
    ("internal error", Diagnosis(True, "the server failed, or an earlier connection of this session is still open")),
)  # fmt: skip

_RETRYABLE_CODES: Final = frozenset({1001, 1006, 1011, 1012, 1013, 1014})
"""Going away, broken, server failure, restart, try again later, bad gateway (RFC 6455, 7.4.1 and its registry)."""

_STATUSES: Final = {
    400: Diagnosis(False, "the request is malformed; check the URL, the API version and the key"),
    401: Diagnosis(False, "the credentials are missing or have expired"),
    403: Diagnosis(False, "the credentials may not use this API or model; check that the API is enabled"),
    404: Diagnosis(False, "no Live API at this URL; check the host, the API version and the location"),
    408: Diagnosis(True),
    429: Diagnosis(True, "too many connections or the quota is used up; wait"),
}


def diagnose_close(code: int, reason: str, *, initiator: Initiator) -> Diagnosis:
    """What it means that a connection was closed with *code* and *reason*."""
    if initiator == "local":
        # Our own 1011 and 1006 tell of a peer that fell silent, and never of the server's state.
        return Diagnosis(retryable=code in _RETRYABLE_CODES)
    words = reason.lower()
    for phrase, diagnosis in _REASONS:
        if phrase in words:
            return diagnosis
    return Diagnosis(retryable=code in _RETRYABLE_CODES)


def diagnose_status(status_code: int) -> Diagnosis:
    """What it means that the WebSocket upgrade was refused with an HTTP status."""
    return _STATUSES.get(status_code) or Diagnosis(retryable=status_code >= 500)
