"""Sessions that outlive their connections: their state, and the handles to find them by."""

from __future__ import annotations

import secrets
from collections import OrderedDict, deque
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from .._errors import RemoteProtocolError
from ._calls import CallLedger
from ._history import History, Meter
from ._setup_rules import INVALID_ARGUMENT

if TYPE_CHECKING:
    from collections.abc import Generator

    from ..types import Blob
    from ._hearing import Utterance
    from ._setup_rules import Model

SESSIONS: Final = 128  # handles that are kept
KEPT_BYTES: Final = 64 * 2**20  # bytes of history that are kept

_LARGEST_FRAME: Final = 2**20  # bytes
_HANDLES_A_SESSION: Final = 8  # a client that resumes again and again shall not push out all others


@dataclass(eq=False, slots=True)
class SessionState:
    """A session, apart from its connection.

    Attributes:
        model: Which can't change when the session is resumed.
        history: The conversation so far.
        calls: Calls that wait for their answers.
        meter: Tokens of the turn under way.
        audio_seconds: Audio received since the session began.
        frame: The newest picture of the video, until a turn has seen it.
        unheard: What the user had said when the connection ended, and was not made a turn of.
        is_reply_due: Whether the connection ended in the middle of a reply, which is then given again.
        is_connected: Whether a connection has it.
        handles: That lead to it, oldest first.
    """

    model: Model
    history: History = field(default_factory=History)
    calls: CallLedger = field(default_factory=CallLedger)
    meter: Meter = field(default_factory=Meter)
    audio_seconds: float = 0.0
    frame: Blob | None = None
    unheard: list[Utterance] = field(default_factory=list["Utterance"], repr=False)
    is_reply_due: bool = False
    is_connected: bool = False
    handles: deque[str] = field(default_factory=deque[str], repr=False)

    @contextmanager
    def connected(self) -> Generator[None]:
        """Let no other connection have it."""
        self.is_connected = True
        try:
            yield
        finally:
            self.is_connected = False

    def show(self, frame: Blob) -> None:
        """Take a picture of the video. One that is too large to be kept is not seen."""
        self.meter.see()
        self.frame = frame if len(frame.data) <= _LARGEST_FRAME else None

    def look(self, *, is_typed: bool) -> None:
        """Add the newest picture to the user's turn, unless it is a typed one and the model sees no video then."""
        if self.frame is None or (is_typed and not self.model.profile.typed_turns_see_video):
            return
        self.history.add_seen(self.frame)
        self.frame = None

    def resume(self, contents: int) -> None:
        """Take it up by a handle that was issued after so many contents."""
        behavior = self.model.behavior
        if behavior.handles_between_turns:
            self.history.forget_after(contents)
            self.is_reply_due = False
            self.unheard.clear()
        if behavior.unfinished_calls == "forgotten":
            self.calls.forget()
        elif behavior.unfinished_calls == "stale":
            self.calls.make_stale()


@dataclass(frozen=True, slots=True)
class _Handle:
    session: SessionState
    contents: int  # that there were in all when it was issued


class SessionStore:
    """The sessions that can be resumed.

    Beyond its capacity in handles, or in bytes of history, the sessions that were unused for longest are forgotten;
    one that is connected never is.
    """

    def __init__(self, capacity: int = SESSIONS, size: int = KEPT_BYTES) -> None:
        self._capacity = capacity
        self._size = size
        self._handles: OrderedDict[str, _Handle] = OrderedDict()

    def find(self, handle: str, model: Model) -> SessionState:
        """Return the session behind *handle*, ready to go on.

        Raises:
            RemoteProtocolError: There is none (any more), it is of another model, or its old connection is still open.
        """
        found = self._handles.get(handle)
        if found is None:
            raise RemoteProtocolError(
                f"{INVALID_ARGUMENT} The session resumption handle is unknown or has expired."
            )
        if found.session.model.name != model.name:
            raise RemoteProtocolError(f"{INVALID_ARGUMENT} The model can't change when a session is resumed.")
        if found.session.is_connected:
            raise RemoteProtocolError("Internal error encountered.", code=1011)
        self._handles.move_to_end(handle)
        found.session.resume(found.contents)
        return found.session

    def issue(self, session: SessionState) -> str:
        """Make a new handle for *session*."""
        handle = secrets.token_urlsafe(24)
        session.handles.append(handle)
        self._handles[handle] = _Handle(session, session.history.count)
        if len(session.handles) > _HANDLES_A_SESSION:
            self._handles.pop(session.handles.popleft(), None)
        self._forget_unused(session)
        return handle

    def _forget_unused(self, newest: SessionState) -> None:
        kept = {id(found.session): found.session.history.size for found in self._handles.values()}
        for handle, found in list(self._handles.items()):
            if len(self._handles) <= self._capacity and sum(kept.values()) <= self._size:
                return
            if not found.session.is_connected and found.session is not newest:
                del self._handles[handle]
                found.session.handles.remove(handle)
                if not found.session.handles:
                    del kept[id(found.session)]
