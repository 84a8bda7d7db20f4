"""What one connection of a session leaves to the next: inputs to send again, a handle, and a report to the caller."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import trio

from .._errors import ConfigError, LocalProtocolError
from .._protocol.codec import encode_client_message
from .._resumption.ledger import MAX_REPLAYS, Kind
from ..types import (
    ActivityEnd,
    ActivityStart,
    HistoryConfig,
    RealtimeInput,
    Reconnected,
    SessionResumptionConfig,
)

if TYPE_CHECKING:
    from .._protocol.session_rules import LiveProtocol
    from .._resumption.history import History
    from ..types import ContextUpdate, ResumeState, Setup, ToolCallCancellation
    from .outbox import Outbox

_START: Final = encode_client_message(RealtimeInput(activity_start=ActivityStart()))
_END: Final = encode_client_message(RealtimeInput(activity_end=ActivityEnd()))
_ACTIVITY_MARKS: Final = frozenset({_START, _END})

_SUSPECTS: Final = (frozenset[Kind](), frozenset({Kind.MEDIA}), frozenset(Kind))
"""What is not sent again when no, one, or two connections have ended in protest at what was sent again."""


class Succession:
    """Draws up what is left of a connection, and has the next one begin with it.

    Args:
        setup: What the session was begun with.
        history: What was said, if a new session may take the place of one that the server has forgotten.
        replays: Whether inputs that may have been lost are sent again.
        taken_over: Where another process has left the session, if one has.
    """

    def __init__(
        self,
        protocol: LiveProtocol,
        setup: Setup,
        *,
        outbox: Outbox,
        history: History | None,
        replays: bool,
        taken_over: ResumeState | None,
    ) -> None:
        self._protocol = protocol
        self._setup = setup
        self._outbox = outbox
        self._history = history
        self._replays = replays
        self._report = None if taken_over is None else _inherited(taken_over)
        self._begins_anew = False
        self._suspicion = 0
        self._is_proven = True

    # The setup of the next connection

    @property
    def is_transparent(self) -> bool:
        """Whether the server says by itself what it has received."""
        resumption = self._setup.session_resumption
        return resumption is not None and bool(resumption.transparent)

    @property
    def is_possible(self) -> bool:
        """Whether there can be a next connection."""
        return self._setup.session_resumption is not None and (
            self.may_begin_anew or self._handle is not None
        )

    @property
    def may_begin_anew(self) -> bool:
        """Whether a new session may take the place of this one. It doesn't, of one that has done so in vain."""
        return self._history is not None and not self._begins_anew

    @property
    def lacks_handle(self) -> bool:
        """Whether there is nothing to resume the session with."""
        return self._handle is None

    def setup(self, asked: SessionResumptionConfig | None) -> Setup:
        """The setup that resumes the session, by what the caller has *asked* for or the newest handle; or begins anew.

        Raises:
            ConfigError: The session was opened without resumption.
            LocalProtocolError: There is no handle.
        """
        if self._begins_anew:
            return self._fresh_setup()
        begun_with = self._setup.session_resumption
        if begun_with is None:
            raise ConfigError("this session can't be resumed: it was opened with session_resumption=None")
        if asked is None:
            if (handle := self._handle) is None:
                raise LocalProtocolError(
                    "the server has given no handle yet that the session can be resumed with"
                )
            asked = msgspec.structs.replace(begun_with, handle=handle)
        # The server has the history; asked to wait for it, it might wait for ever.
        return msgspec.structs.replace(self._setup, session_resumption=asked, history_config=None)

    def update(self, context: ContextUpdate) -> None:
        """The next connection begins with what this one was told since."""
        if context.tools is not None:
            self._setup = msgspec.structs.replace(self._setup, tools=context.tools.tools)
        if context.system_instruction is not None:
            self._setup = msgspec.structs.replace(self._setup, system_instruction=context.system_instruction)

    # When a connection is gone

    def draw_up(self) -> None:
        """Take stock of what the connection leaves behind."""
        loss = self._outbox.transmission.lose_connection(replay=self._replays, max_replays=MAX_REPLAYS)
        spared = self._outbox.ledger.quarantine(_SUSPECTS[self._suspicion])
        self._is_proven = loss.replayed == spared
        self._report = Reconnected(
            replayed=loss.replayed - spared,
            unacknowledged=loss.unacknowledged,
            quarantined=loss.quarantined + spared,
            turn_cut=self._protocol.in_turn,
        )

    def suspect_replay(self) -> bool:
        """Whether what was sent again may be what the server has protested at. If so, less of it is the next time."""
        if self._is_proven or self._suspicion + 1 == len(_SUSPECTS):
            return False
        self._suspicion += 1
        return True

    def progress(self) -> None:
        """The model has been heard from: what was sent again has done no harm."""
        self._is_proven = True
        self._suspicion = 0

    def forget(self) -> ToolCallCancellation | None:
        """Give up what the server has forgotten; the next connection begins a new session, which knows of no calls."""
        self._begins_anew = True
        if (resumption := self._setup.session_resumption) is not None:
            resumption = msgspec.structs.replace(resumption, handle=None)
            self._setup = msgspec.structs.replace(self._setup, session_resumption=resumption)
        again, unsent = self._outbox.ledger.discard_answers()
        if self._report is not None:
            self._report = msgspec.structs.replace(
                self._report,
                restored=False,
                replayed=self._report.replayed - again,
                unacknowledged=self._report.unacknowledged + again + unsent,
            )
        return self._protocol.forget()

    # When the next one has begun

    def begin(self, gap_seconds: float) -> Reconnected | None:
        """Have it begin with what was left; returns the report, or None for a session's first connection."""
        if self._report is None:
            return None
        self._restart_activity()
        if self._begins_anew:
            self._tell_history()
        self._begins_anew = False
        dropped = self._outbox.ledger.take_dropped()
        return msgspec.structs.replace(self._report, gap_seconds=gap_seconds, dropped=dropped)

    def _restart_activity(self) -> None:
        """The server knows of no activity that was begun on another connection."""
        first = self._outbox.ledger.first_of(_ACTIVITY_MARKS)
        if first == _END or (first is None and self._protocol.in_activity):
            self._outbox.ledger.precede(_START, Kind.MARK, trio.current_time())

    def _tell_history(self) -> None:
        assert self._history is not None
        contents = self._history.contents(without=self._outbox.ledger.waiting_numbers)
        if contents:
            frame = self._protocol.history(contents)
            self._outbox.ledger.precede(frame, Kind.CONTROL, trio.current_time())

    def _fresh_setup(self) -> Setup:
        assert self._history is not None
        waiting = self._outbox.ledger.waiting_numbers
        is_told = self._protocol.tells_history and bool(self._history.contents(without=waiting))
        config = HistoryConfig(initial_history_in_client_content=True) if is_told else None
        return msgspec.structs.replace(self._setup, history_config=config)

    @property
    def _handle(self) -> str | None:
        if self._protocol.resumption_handle is not None:
            return self._protocol.resumption_handle
        resumption = self._setup.session_resumption
        return None if resumption is None else resumption.handle


def _inherited(state: ResumeState) -> Reconnected:
    """What another process had said went with it."""
    return Reconnected(unacknowledged=state.unacknowledged, turn_cut=state.in_turn)
