"""An accepted input, and how its kind is treated. Pure."""

from __future__ import annotations

from enum import Enum

import msgspec


class Kind(Enum):
    """Decides how an input is treated when there is too much of it, and when a connection is lost."""

    CONTROL = "content and updates that ask for no answer: go first, and are never dropped"
    QUESTION = "content that asks for an answer: the same"
    ANSWER = "answers of tools: the same, but of no use to a session that does not know their calls"
    MARK = "marks among the media: keep their place there, and are never dropped"
    TEXT = "real-time text: the same, and asks for an answer"
    MEDIA = "sound and pictures: may be dropped if the caller wants that, and old ones are not sent again"

    # Whether it goes before everything that is said in real time.
    is_control: bool

    # Whether it opens an exchange by itself. Speech does as well, but no single chunk of it.
    asks: bool


for _kind in Kind:
    _kind.is_control = _kind in (Kind.CONTROL, Kind.QUESTION, Kind.ANSWER)
    _kind.asks = _kind in (Kind.QUESTION, Kind.TEXT)


class Input(msgspec.Struct, frozen=True, gc=False):
    """An accepted message.

    The garbage collector skips it: there are thousands of them, and no reference cycle goes through one.

    Attributes:
        number: Its place among the session's inputs, from 1; 0 for a message that the session sends by itself.
        frame: The frame to send.
        kind: How it is treated.
        accepted_at: Seconds.
        place: Its place among the inputs that were sent on its connection, from 1; 0 if it was not sent.
        replays: How often it was taken back from a lost connection, to be sent again.
    """

    number: int
    frame: bytes
    kind: Kind
    accepted_at: float
    place: int = 0
    replays: int = 0

    @property
    def order(self) -> tuple[bool, int]:
        """Sorts what is sent again: control first, then everything as it was accepted."""
        return not self.kind.is_control, self.number
