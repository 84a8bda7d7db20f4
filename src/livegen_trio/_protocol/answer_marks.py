"""Marks for the reader of an answer, among the events that are to come. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .exchange import Mark

if TYPE_CHECKING:
    from ..types import ServerEvent
    from .exchange import Exchange


class AnswerMarks:
    """Marks the turns of the one answer that a reader waits for, if one does."""

    def __init__(self) -> None:
        self._asked: Exchange | None = None

    def follow(self, exchange: Exchange) -> None:
        """Mark the answer of *exchange* from now on."""
        exchange.is_asked = True
        self._asked = exchange

    def note_transcription(self, first: ServerEvent) -> None:
        """Mark a transcription between two turns. It is late, or ahead of its speech, as on Vertex AI."""
        if self._asked is not None:
            self._mark(self._asked, first, Mark.AHEAD)

    def note_turn(self, exchange: Exchange, first: ServerEvent) -> None:
        """Mark the beginning of a turn of *exchange*, be it the one that is followed or not."""
        asked = self._asked
        if asked is None:
            return
        if asked.is_behind and not asked.has_begun and not _goes_on(exchange, asked):
            self._mark(asked, first, Mark.BEGIN)
            asked.may_have_begun = True
        elif asked is not exchange and (asked.has_begun or not asked.is_behind):
            self._mark(asked, first, Mark.PAUSE)
        elif exchange.is_forgotten:
            self._mark(asked, first, Mark.BEGIN)
        else:
            self._mark(asked, first, Mark.REPEAT if exchange.was_cut else Mark.RESUME)

    def _mark(self, asked: Exchange, event: ServerEvent, mark: Mark) -> None:
        if asked.is_asked and asked.ends_with is None:
            asked.marks.append((event, mark))
        else:
            self._asked = None


def _goes_on(exchange: Exchange, asked: Exchange) -> bool:
    """Whether another turn of *exchange* begins that, as its turns before, may answer what was *asked* later, too."""
    if exchange is asked or not (exchange.has_begun and asked.may_have_begun):
        return False
    return exchange.was_cut or not exchange.may_be_over
