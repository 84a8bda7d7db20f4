"""The setup of a session's next connection. It is changed here and nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from .._errors import ConfigError, LocalProtocolError
from ..types import HistoryConfig, SessionResumptionConfig

if TYPE_CHECKING:
    from .._protocol.session_rules import LiveProtocol
    from .._resumption.history import History
    from .._resumption.ledger import Ledger
    from ..types import ContextUpdate, Setup


class NextSetup:
    """The session's own setup, with the handle that resumes the session.

    Args:
        setup: The setup that the session begins with.
        protocol: Knows the newest handle.
        ledger: Knows the inputs that the server has not received.
        history: The text of the conversation, if a new session may take the place of one that the server has forgotten.

    Attributes:
        asked: What the user has asked to be resumed, in place of the newest handle.
        is_fresh: Whether the next connection begins a new session.
    """

    def __init__(self, setup: Setup, protocol: LiveProtocol, ledger: Ledger, history: History | None) -> None:
        self._setup = setup
        self._protocol = protocol
        self._ledger = ledger
        self._history = history
        self.asked: SessionResumptionConfig | None = None
        self.is_fresh: bool = False

    @property
    def is_transparent(self) -> bool:
        """True if the server itself reports what it has received."""
        resumption = self._setup.session_resumption
        return resumption is not None and bool(resumption.transparent)

    @property
    def is_possible(self) -> bool:
        """True if there can be a next connection."""
        return self._setup.session_resumption is not None and (self.may_be_fresh or self.has_handle)

    @property
    def may_be_fresh(self) -> bool:
        """True if a new session may take the place of this one; one that has just begun fresh, in vain, may not."""
        return self._history is not None and not self.is_fresh

    @property
    def has_handle(self) -> bool:
        """True if there is a handle to resume the session with."""
        return self._handle is not None

    def make(self, asked: SessionResumptionConfig | None = None) -> Setup:
        """Return the setup that resumes the session as the user has *asked* or by the newest handle, or a fresh one.

        Raises:
            ConfigError: The session was opened without resumption.
            LocalProtocolError: There is no handle.
        """
        if self.is_fresh:
            return self._fresh()
        begun_with = self._setup.session_resumption
        if begun_with is None:
            raise ConfigError("this session can't be resumed: it was opened with session_resumption=None")
        resumption = asked or self.asked
        if resumption is None:
            if (handle := self._handle) is None:
                raise LocalProtocolError(
                    "the server has given no handle yet that the session can be resumed with"
                )
            resumption = msgspec.structs.replace(begun_with, handle=handle)
        # The server has the history; asked to wait for it, it might wait for ever.
        return msgspec.structs.replace(self._setup, session_resumption=resumption, history_config=None)

    def update(self, context: ContextUpdate) -> None:
        """Take over what the server was sent after the setup."""
        if context.tools is not None:
            self._setup = msgspec.structs.replace(self._setup, tools=context.tools.tools)
        if context.system_instruction is not None:
            self._setup = msgspec.structs.replace(self._setup, system_instruction=context.system_instruction)

    def begin_fresh(self) -> None:
        """Have the next connection begin a new session, since the server has forgotten this one."""
        self.is_fresh = True
        self.asked = None
        if (resumption := self._setup.session_resumption) is not None:
            resumption = msgspec.structs.replace(resumption, handle=None)
            self._setup = msgspec.structs.replace(self._setup, session_resumption=resumption)

    def note_opened(self) -> None:
        """A connection has been opened with this setup: what was asked for is done."""
        self.is_fresh = False
        self.asked = None

    def _fresh(self) -> Setup:
        assert self._history is not None
        waiting = self._ledger.backlog.numbers
        comes_first = self._protocol.tells_history and bool(self._history.contents(without=waiting))
        config = HistoryConfig(initial_history_in_client_content=True) if comes_first else None
        return msgspec.structs.replace(self._setup, history_config=config)

    @property
    def _handle(self) -> str | None:
        if self._protocol.resumption_handle is not None:
            return self._protocol.resumption_handle
        resumption = self._setup.session_resumption
        return None if resumption is None else resumption.handle
