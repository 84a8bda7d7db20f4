"""The service's endpoints, by the path that a client asks for, and how they differ from each other."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

from .._protocol.codec import encode_server_message
from ..types import UnknownEvent, UsageMetadata

if TYPE_CHECKING:
    from ..types import ServerEvent

# Beware of dot and slash before the method's name. True: served by Vertex AI.
_METHODS: Final = (
    (r"google\.ai\.generativelanguage\.{v}\.GenerativeService\.BidiGenerateContent(?:Constrained)?", False),
    (r"google\.cloud\.aiplatform\.{v}\.LlmBidiService/BidiGenerateContent", True),
    (r"google\.firebase\.vertexai\.{v}\.GenerativeService/BidiGenerateContent", False),
    (r"google\.firebase\.vertexai\.{v}\.LlmBidiService/BidiGenerateContent/locations/[\w-]+", True),
)

_VERSION: Final = "(v1|v1beta|v1alpha|v1beta1)"
_PATHS: Final = tuple(
    (re.compile(method.replace("{v}", _VERSION)), is_vertex) for method, is_vertex in _METHODS
)


@dataclass(frozen=True, slots=True)
class Dialect:
    """An endpoint's way of speaking.

    Attributes:
        is_vertex: Vertex AI names its sessions, counts its own way, and says "model" and no sample rate.
        version: Of the API, as in the path; some error messages repeat it.
    """

    is_vertex: bool = False
    version: str = "v1beta"

    @property
    def speech_mime_type(self) -> str:
        """Of what the model speaks, at 24 kHz."""
        return "audio/pcm" if self.is_vertex else "audio/pcm;rate=24000"

    def frame(self, *events: ServerEvent) -> bytes:
        """Write events as one frame, as the service does: indented, and with a line feed at the end."""
        if self.is_vertex:
            events = tuple(_of_vertex(event) for event in events)
        return msgspec.json.format(encode_server_message(*events), indent=2) + b"\n"


def find_dialect(target: str) -> Dialect | None:
    """The endpoint at a request's target, or None if there is none.

    A doubled slash and a path in front are fine: base URLs end in one, and proxies have the other.
    """
    path = target.partition("?")[0]
    method = path.rpartition("/ws/")[2] if "/ws/" in path else ""
    for pattern, is_vertex in _PATHS:
        if match := pattern.fullmatch(method):
            return Dialect(is_vertex=is_vertex, version=match[1])
    return None


def _of_vertex(event: ServerEvent) -> ServerEvent:
    """Vertex AI calls the response's tokens a candidate's."""
    if not isinstance(event, UsageMetadata):
        return event
    plain: dict[str, object] = msgspec.to_builtins(event)
    renamed = {name.replace("response", "candidates"): value for name, value in plain.items()}
    return UnknownEvent(raw={"usageMetadata": renamed})
