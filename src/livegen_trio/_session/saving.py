"""Keeping a session's newest resume state somewhere else, while that place may fail, hang or be slow."""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING, Final, Protocol

import anyio

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ..types import ResumeState

SAVE_TIMEOUT: Final = 5.0  # seconds until a save counts as failed
_FIRST_DELAY: Final = 0.25  # seconds between two attempts; doubled with each
_LONGEST_DELAY: Final = 5.0

_logger: Final = logging.getLogger(__name__)


class Resumable(Protocol):
    """The parts of a `LiveSession` that its saving needs."""

    @property
    def is_closed(self) -> bool: ...

    def resume_state(self) -> ResumeState | None: ...

    async def wait_state_changed(self) -> None: ...


class StateSaver:
    """Saves each new state of a session, the newest only if saving is slow. A failed save is tried again, and logged.

    Args:
        session: The session.
        save: Saves a state. An exception, and `SAVE_TIMEOUT` without an end, are a failure.
        name: Names the session in the log.
        is_fatal: Returns whether an exception of *save* ends the saving. It is called before the failure is noted.

    Attributes:
        saved: The state that was saved last, if one was.
        failure: Why the newest attempt failed, if it did.
    """

    def __init__(
        self,
        session: Resumable,
        save: Callable[[ResumeState], Awaitable[None]],
        name: str,
        *,
        is_fatal: Callable[[StateSaver, Exception], bool],
    ) -> None:
        self._session = session
        self._save = save
        self._name = name
        self._is_fatal = is_fatal
        self._unsaved_since = math.inf
        self._delay = _FIRST_DELAY
        self.saved: ResumeState | None = None
        self.failure: Exception | None = None

    @property
    def unsaved_seconds(self) -> float:
        """For how long the newest state could not be saved; 0 if nothing failed."""
        return max(0.0, anyio.current_time() - self._unsaved_since)

    @property
    def is_saved(self) -> bool:
        """Whether the newest state is saved, or there is none."""
        state = self._session.resume_state()
        return state is None or _same(state, self.saved)

    def forget_saved(self) -> None:
        """Save the state again with the next attempt: the place has lost it."""
        self.saved = None

    async def run(self) -> None:
        """Save until the session is over.

        Raises:
            Exception: A fatal one of *save*.
        """
        while not self._session.is_closed:
            state = self._session.resume_state()
            if state is None or _same(state, self.saved):
                await self._session.wait_state_changed()
            elif not await self._attempt(state):
                await anyio.sleep(self._delay)
                self._delay = min(2 * self._delay, _LONGEST_DELAY)

    async def save_last(self) -> None:
        """Save the state as it is now, in one attempt."""
        state = self._session.resume_state()
        if state is not None and state != self.saved:
            await self._attempt(state)

    async def _attempt(self, state: ResumeState) -> bool:
        try:
            with anyio.fail_after(SAVE_TIMEOUT):
                await self._save(state)
        except Exception as exc:
            if self._is_fatal(self, exc):
                raise
            self._note_failure(exc)
            return False
        self._note_success(state)
        return True

    def _note_failure(self, failure: Exception) -> None:
        if self.failure is None:
            self._unsaved_since = anyio.current_time()
            _logger.warning(
                "the state of %r could not be saved, and is tried again; if this process dies now, the conversation"
                " goes on from an older state, or from none: %r",
                self._name,
                failure,
            )
        self.failure = failure

    def _note_success(self, state: ResumeState) -> None:
        if self.failure is not None:
            _logger.warning("the state of %r is saved again, after %.1f s", self._name, self.unsaved_seconds)
        self.saved, self.failure, self._delay, self._unsaved_since = state, None, _FIRST_DELAY, math.inf


def _same(state: ResumeState, saved: ResumeState | None) -> bool:
    return saved is not None and (state.handle, state.pending_calls) == (saved.handle, saved.pending_calls)
