"""Sessions that outlive their connections: what is kept of them, and the handles to find them by."""

from __future__ import annotations

import secrets
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import Final

from .._errors import RemoteProtocolError
from ._calls import CallLedger
from ._history import History, Meter
from ._setup_rules import INVALID_ARGUMENT

SESSIONS: Final = 128
"""Handles that are kept; beyond it the least recently used is forgotten."""

_HANDLES_A_SESSION: Final = 8
"""A client that resumes again and again shall not push out all others."""


@dataclass(eq=False, slots=True)
class SessionState:
    """What a session is, apart from its connection.

    Attributes:
        model: Which can't change when the session is resumed.
        history: What was said.
        calls: Pending calls; they stay valid on the next connection.
        meter: What the turn under way has cost so far.
        audio_seconds: Audio received since the session began.
        is_reply_due: Whether the connection ended in the middle of a reply, which is then given again.
        is_connected: Whether a connection has it.
        handles: That lead to it, oldest first.
    """

    model: str
    history: History = field(default_factory=History)
    calls: CallLedger = field(default_factory=CallLedger)
    meter: Meter = field(default_factory=Meter)
    audio_seconds: float = 0.0
    is_reply_due: bool = False
    is_connected: bool = False
    handles: deque[str] = field(default_factory=deque[str], repr=False)


class SessionStore:
    """The sessions that can be resumed."""

    def __init__(self, capacity: int = SESSIONS) -> None:
        self._capacity = capacity
        self._sessions: OrderedDict[str, SessionState] = OrderedDict()

    def find(self, handle: str, model: str) -> SessionState:
        """The session behind *handle*.

        Raises:
            RemoteProtocolError: There is none (any more), it is of another model, or its old connection is still open.
        """
        session = self._sessions.get(handle)
        if session is None:
            raise RemoteProtocolError(
                f"{INVALID_ARGUMENT} The session resumption handle is unknown or has expired."
            )
        if session.model != model:
            raise RemoteProtocolError(f"{INVALID_ARGUMENT} The model can't change when a session is resumed.")
        if session.is_connected:
            raise RemoteProtocolError("Internal error encountered.", code=1011)
        self._sessions.move_to_end(handle)
        return session

    def issue(self, session: SessionState) -> str:
        """A new handle for *session*."""
        handle = secrets.token_urlsafe(24)
        session.handles.append(handle)
        self._sessions[handle] = session
        if len(session.handles) > _HANDLES_A_SESSION:
            self._sessions.pop(session.handles.popleft(), None)
        if len(self._sessions) > self._capacity:
            self._sessions.popitem(last=False)
        return handle
