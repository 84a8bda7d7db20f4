"""The closing handshake: how a connection ended, and which of the two Close frames have passed (RFC 6455, 7)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..base import ConnectionClosed


class ClosingHandshake:
    """The state of one connection's end. Without I/O.

    Attributes:
        ending: How the connection ended; None while it is open.
        is_sent: Whether our Close has been written. Nothing may follow it.
        is_received: Whether the peer's Close has arrived. Nothing follows it.
    """

    def __init__(self) -> None:
        self.ending: ConnectionClosed | None = None
        self.is_sent: bool = False
        self.is_received: bool = False

    def end(self, ending: ConnectionClosed) -> None:
        """Note how the connection ended. The first ending counts."""
        self.ending = self.ending or ending

    def check_open(self) -> None:
        """Raise the ending, if there is one.

        Raises:
            ConnectionClosed: The connection is over.
        """
        if self.ending is not None:
            raise self.ending.again()
