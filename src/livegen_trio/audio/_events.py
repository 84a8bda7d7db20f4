"""The events of a conversation: the session's, without the sound, and the beginnings and ends of speech."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, TypeAlias

import anyio.lowlevel
import msgspec
import trio

from .._protocol.sound import is_playable
from ..types import Part, ServerContent, ServerEvent
from ._speech import SpeechEnded, SpeechStarted
from ._wake_up import WakeUp

if TYPE_CHECKING:
    from .._session.closed import SessionClosedError

ConversationEvent: TypeAlias = ServerEvent | SpeechStarted | SpeechEnded
"""An event of a conversation."""

# An event counts as a kilobyte and the media in it, so this is hours of conversation without a reader.
MAX_UNREAD_BYTES: Final = 16 * 2**20
_EVENT_BYTES: Final = 1024

_SessionEnding: TypeAlias = "SessionClosedError | trio.ClosedResourceError | None"


class EventQueue:
    """Events in order, for one reader at a time, who keeps nobody waiting.

    Beyond *max_bytes* the oldest are dropped. After `end`, the events that wait are received first.

    Attributes:
        dropped: Number of events that were dropped.
    """

    def __init__(self, max_bytes: int = MAX_UNREAD_BYTES) -> None:
        self._max_bytes = max_bytes
        self._events: deque[tuple[ConversationEvent, int]] = deque()
        self._bytes = 0
        self._news = WakeUp()
        self._receiving = False
        self._has_ended = False
        self._ending: _SessionEnding = None
        self._ending_was_seen = False
        self.dropped: int = 0

    @property
    def unread(self) -> int:
        """Number of events that wait."""
        return len(self._events)

    @property
    def unseen_ending(self) -> SessionClosedError | trio.ClosedResourceError | None:
        """The error that the session broke with, if reading has not raised it so far."""
        return None if self._ending_was_seen else self._ending

    def put(self, event: ConversationEvent) -> None:
        """Add an event."""
        size = _size(event)
        self._events.append((event, size))
        self._bytes += size
        while self._bytes > self._max_bytes:
            self._bytes -= self._events.popleft()[1]
            self.dropped += 1
        self._news.wake_all()

    def end(self, ending: SessionClosedError | trio.ClosedResourceError | None = None) -> None:
        """End the queue; only ends of speech may still come. The first ending counts."""
        if not self._has_ended:
            self._has_ended = True
            self._ending = ending
            self._news.wake_all()

    async def receive(self) -> ConversationEvent:
        """Receive the next event. Cancelling this loses none.

        Raises:
            trio.BusyResourceError: Another task is receiving.
            trio.EndOfChannel: The conversation is over.
            SessionClosedError: The session broke.
            trio.ClosedResourceError: The session was closed on this side.
        """
        if self._receiving:
            raise trio.BusyResourceError("another task is already receiving from this conversation")
        self._receiving = True
        try:
            await anyio.lowlevel.checkpoint()
            while not self._events and not self._has_ended:
                await self._news.wait()
        finally:
            self._receiving = False
        return self._next()

    def _next(self) -> ConversationEvent:
        if self._events:
            event, size = self._events.popleft()
            self._bytes -= size
            return event
        if self._ending is None:
            raise trio.EndOfChannel
        self._ending_was_seen = True
        raise self._ending.with_traceback(None)  # which would grow with every call


def without_sound(content: ServerContent) -> ServerContent | None:
    """Return *content* without the sound that the speaker plays; None if nothing is left of it."""
    if not any(is_playable(blob.mime_type) for blob in content.audio):
        return content
    assert content.model_turn is not None
    parts = [part for part in map(_silent, content.model_turn.parts) if part != Part()]
    turn = msgspec.structs.replace(content.model_turn, parts=parts) if parts else None
    rest = msgspec.structs.replace(content, model_turn=turn)
    return None if rest == ServerContent(audio_epoch=content.audio_epoch) else rest


def _silent(part: Part) -> Part:
    if part.inline_data is None or not is_playable(part.inline_data.mime_type):
        return part
    return msgspec.structs.replace(part, inline_data=None)


def _size(event: ConversationEvent) -> int:
    if not isinstance(event, ServerContent) or event.model_turn is None:
        return _EVENT_BYTES
    media = (part.inline_data for part in event.model_turn.parts)
    return _EVENT_BYTES + sum(len(blob.data) for blob in media if blob is not None)
