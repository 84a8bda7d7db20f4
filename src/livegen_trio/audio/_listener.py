"""The session's events on their way to playback, to the handler of calls, and to the conversation's user."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from .._session.closed import SessionClosedError
from ..types import Reconnected, ServerContent
from ._events import without_sound

if TYPE_CHECKING:
    from anyio.abc import TaskGroup

    from .._session.session import LiveSession
    from ..types import ServerEvent
    from ._calls import HandledCalls
    from ._events import EventQueue
    from ._playback import Playback


class Listener:
    """Receives a session's events, and hands each to those that it concerns. Waits for nothing but the next one."""

    def __init__(
        self, session: LiveSession, playback: Playback, events: EventQueue, calls: HandledCalls | None
    ) -> None:
        self._session = session
        self._playback = playback
        self._events = events
        self._calls = calls

    async def run(self, tasks: TaskGroup) -> None:
        """Listen until the session ends; after a normal end, wait until all was heard.

        Raises:
            PlaybackOverflowError: The speaker is too far behind.
        """
        try:
            while True:
                self._route(await self._session.receive(), tasks)
        except trio.EndOfChannel:
            self._note_end()
            await self._playback.wait_played()
            self._events.end()
        except (SessionClosedError, trio.ClosedResourceError) as exc:
            self._note_end()
            self._events.end(exc)

    def _route(self, event: ServerEvent, tasks: TaskGroup) -> None:
        if self._calls is not None:
            self._calls.observe(event, tasks)
        match event:
            case ServerContent():
                self._route_content(event)
            case Reconnected(turn_cut=True):
                self._playback.complete_turn(was_cut=True)  # what comes next is another turn
                self._events.put(event)
            case _:
                self._events.put(event)

    def _route_content(self, content: ServerContent) -> None:
        try:
            self._playback.take(content)
        finally:  # even if the speaker fails, the rest of the content is not lost
            rest = without_sound(content)
            if rest is not None:
                self._events.put(rest)

    def _note_end(self) -> None:
        self._playback.complete_turn()
        if self._calls is not None:
            self._calls.cancel_all()
