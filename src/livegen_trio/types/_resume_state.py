"""`ResumeState`: a conversation on its way from one process to another."""

from __future__ import annotations

from typing import Final

import msgspec

from .._errors import ConfigError
from ._content import Content, FunctionCall
from ._server import UsageMetadata

_VERSION: Final = 1

# What decoding raises; errors of UTF-8 are bare `ValueError`s.
_UNREADABLE: Final = (msgspec.MsgspecError, ValueError, RecursionError, OverflowError)


class ResumeState(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A session's state for another process to take it up: `model.connect(session_resumption=state)`.

    Made by `LiveSession.resume_state`. Anyone who has it can go on with the conversation, so keep it as you keep a
    password. It is good for as long as its handle: two hours on the Gemini API.

    Attributes:
        model: The model's full resource name. Another model can't take up the session.
        handle: The handle to resume the session with.
        transparent: Whether the server says which inputs it has taken in.
        taken_at: When the state was taken, in seconds of Unix time.
        pending_calls: The tool calls that were not answered then.
        unacknowledged: How many inputs were accepted then that the server was not known to have.
        in_turn: Whether the model was speaking.
        usage: All tokens reported so far.
        history: The conversation so far as text, if the session keeps that; see `Reconnection.when_forgotten`.
    """

    version: int = _VERSION
    model: str
    handle: str
    transparent: bool = False
    taken_at: float
    pending_calls: tuple[FunctionCall, ...] = ()
    unacknowledged: int = 0
    in_turn: bool = False
    usage: UsageMetadata = UsageMetadata()
    history: tuple[Content, ...] = ()

    def __post_init__(self) -> None:
        if self.version != _VERSION:
            raise ConfigError(
                f"this resume state is of format {self.version}, and this version of livegen-trio knows "
                f"{_VERSION}; let the processes of one fleet have the same version"
            )
        if not self.handle:
            raise ConfigError("a resume state needs the handle of a session")

    def __repr__(self) -> str:
        """Without the handle, and without what was said."""
        return f"{type(self).__name__}(model={self.model!r}, taken_at={self.taken_at}, handle=<hidden>)"

    def to_bytes(self) -> bytes:
        """Return the state as JSON in UTF-8."""
        return msgspec.json.encode(self)

    @classmethod
    def from_bytes(cls, data: bytes) -> ResumeState:
        """Read what `to_bytes` has returned.

        Raises:
            ConfigError: It is no resume state, or one of another version's format.
        """
        try:
            return _DECODER.decode(data)
        except _UNREADABLE:
            pass
        raise ConfigError(_complaint(data))  # without the cause, which may hold some of the state


class _Header(msgspec.Struct):
    version: int


_DECODER: Final = msgspec.json.Decoder(ResumeState)


def _complaint(data: bytes) -> str:
    try:
        version = msgspec.json.decode(data, type=_Header).version
    except _UNREADABLE:
        return "this is no resume state; give what ResumeState.to_bytes() has returned"
    if version == _VERSION:
        return "this resume state is damaged"
    return f"this resume state is of format {version}, and this version of livegen-trio knows {_VERSION}"
