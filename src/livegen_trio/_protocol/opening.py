"""The opening of a connection: the setup, and the server's first answer to it. Pure."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from .._errors import LocalProtocolError, RemoteProtocolError
from ..types import ServerError, SetupComplete
from .codec import encode_client_message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..types import ServerEvent, Setup


class State(Enum):
    """Progress of a connection's opening."""

    NEW = "nothing sent yet"
    AWAITING_SETUP_COMPLETE = "setup sent"
    OPEN = "set up"


class Opening:
    """The opening of each of a session's connections.

    Attributes:
        setup: The setup of the present connection.
        is_open: Whether the server has accepted the setup.
        was_open: Whether it has accepted one of the session's, so that messages may be sent.
        session_id: The server's name for the session, where it gives one.
    """

    def __init__(self, setup: Setup) -> None:
        self._state = State.NEW
        self.setup: Setup = setup
        self.is_open: bool = False  # no property, since it is read with every frame
        self.was_open: bool = False
        self.session_id: str | None = None

    @property
    def is_resuming(self) -> bool:
        """Whether the setup asks to continue an earlier session."""
        resumption = self.setup.session_resumption
        return resumption is not None and resumption.handle is not None

    def start(self) -> bytes:
        """Return the first frame of a connection.

        Raises:
            LocalProtocolError: It has been sent.
        """
        if self._state is not State.NEW:
            raise LocalProtocolError("the setup is sent once a connection, before everything else")
        self._state = State.AWAITING_SETUP_COMPLETE
        return encode_client_message(self.setup)

    def restart(self, setup: Setup) -> None:
        """Begin again on another connection."""
        self.setup = setup
        self._state = State.NEW
        self.is_open = False

    def complete(self, events: list[ServerEvent]) -> list[ServerEvent]:
        """Complete the opening with the server's first events; return those that came with the setup's completion.

        Raises:
            RemoteProtocolError: They don't accept the setup.
        """
        if self._state is State.NEW:
            raise RemoteProtocolError("the server spoke before the setup was sent")
        accepted = next((event for event in events if isinstance(event, SetupComplete)), None)
        if accepted is None:
            raise _refusal(events)
        self._state = State.OPEN
        self.is_open = self.was_open = True
        self.session_id = accepted.session_id
        return [event for event in events if event is not accepted]

    def check_was_open(self) -> None:
        """Refuse to send before the first connection is open.

        Raises:
            LocalProtocolError: It isn't.
        """
        if not self.was_open:
            raise LocalProtocolError(
                f"nothing may be sent before the setup is complete ({self._state.value})"
            )


def _refusal(events: Sequence[ServerEvent]) -> RemoteProtocolError:
    for event in events:
        if isinstance(event, ServerError):
            message = event.message or event.status or str(event.code)
            return RemoteProtocolError(f"the server answered the setup with an error: {message}")
    kinds = " and ".join(type(event).__name__ for event in events)
    return RemoteProtocolError(f"the server's first message was {kinds}, not the setup's completion")
