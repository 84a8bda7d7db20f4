"""The tasks of an audio conversation: they run next to its block, and end with it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final
from weakref import WeakSet

import anyio
import trio

from .._session.closed import SessionClosedError
from .._single_exception import single_exception
from ._failures import Failures, raise_bare
from ._listener import Listener

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from .._session.session import LiveSession
    from ._calls import HandledCalls
    from ._capture import Capture
    from ._events import EventQueue
    from ._playback import Playback

# Seconds for the last messages, such as the end of the audio. It takes them only if a mebibyte waits to be sent.
CLOSING_TIMEOUT: Final = 1.0

_conversing: Final[WeakSet[LiveSession]] = WeakSet()  # sessions with a conversation under way


class ConversationTasks:
    """Captures, plays and listens, from the block's beginning until it is left, stopped or cancelled, or fails.

    Attributes:
        stopped: Set when nothing of the conversation runs any more.
    """

    def __init__(
        self,
        session: LiveSession,
        capture: Capture,
        playback: Playback,
        events: EventQueue,
        calls: HandledCalls | None,
    ) -> None:
        self._session = session
        self._capture = capture
        self._playback = playback
        self._events = events
        self._calls = calls
        self._listener = Listener(session, playback, events, calls)
        self._block = anyio.CancelScope()  # the block and the tasks
        self._tasks = anyio.CancelScope()  # the tasks alone
        self._failures = Failures(self._block)
        self.stopped: anyio.Event = anyio.Event()

    def stop(self, reason: str) -> None:
        """Stop the tasks; the block goes on."""
        self._tasks.cancel(reason)

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Run the tasks for as long as the block lasts.

        Raises:
            trio.BusyResourceError: The session has another conversation under way, or another receiver.
            SessionClosedError: The session has ended; or on leaving, it broke, and no call has raised that.
            trio.ClosedResourceError: The session was closed on this side.
            Exception: The first failure of the microphone or the speaker.
        """
        try:
            await _check_free(self._session)
            _conversing.add(self._session)
            with self._block, single_exception():
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(self._work)
                    yield
                    self.stop("the audio conversation was left")
        except anyio.get_cancelled_exc_class():
            self._raise_failure()
            raise
        except BaseException as exc:
            if self._failures.first is not None:
                exc.add_note(f"The audio conversation had failed as well: {self._failures.first!r}")
            raise
        finally:
            self._end()  # if it was cancelled before it began
        self._raise_failure()

    async def _work(self) -> None:
        """Converse until stopped, then fall silent and send the end of the audio."""
        guard = self._failures.guard
        try:
            with self._tasks, single_exception():
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(guard, self._capture.run)
                    tasks.start_soon(guard, self._playback.run)
                    tasks.start_soon(guard, self._listener.run, tasks)
        finally:
            self._fall_silent()
            with anyio.move_on_after(CLOSING_TIMEOUT, shield=True):
                await self._send_last_messages()
            _conversing.discard(self._session)
            self._end()

    async def _send_last_messages(self) -> None:
        if self._session.is_closed:
            return
        try:
            if self._calls is not None:
                await self._calls.answer_unfinished()
            await self._capture.end()
        except (SessionClosedError, trio.ClosedResourceError) as exc:
            self._events.end(exc)

    def _fall_silent(self) -> None:
        try:
            self._playback.cut()
        except Exception as exc:  # noqa: BLE001 - it is raised where the block is left
            self._failures.add(exc)

    def _end(self) -> None:
        self._events.end()
        self.stopped.set()

    def _raise_failure(self) -> None:
        ending = self._events.unseen_ending
        error = self._failures.first or (ending if isinstance(ending, SessionClosedError) else None)
        if error is not None:
            raise_bare(error)


async def _check_free(session: LiveSession) -> None:
    if session.is_closed:
        await session.end_audio()  # raises how it has ended
    if session in _conversing:
        raise trio.BusyResourceError("an audio conversation is already in progress for this session")
    # Whether another task is receiving shows only by receiving; cancelled, that takes no event.
    with anyio.CancelScope() as scope:
        scope.cancel("no event is wanted")
        await session.receive()
