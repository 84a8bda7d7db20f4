"""The conversation of a session as text: enough to begin a new session with, where the server has forgotten it. Pure.

Speech is known as far as it is transcribed; pictures, files and thoughts are not kept.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Final

from .._protocol.turn_rules import has_answer
from ..types import ClientContent, Content, Part, RealtimeInput, ServerContent

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..types import ContextUpdate, ServerEvent, ToolResponse

# Some 25,000 tokens, a fifth of what the models hold.
REMEMBERED_CHARACTERS: Final = 100_000


@dataclass(frozen=True, slots=True)
class _Entry:
    role: str
    text: str
    number: int | None  # of the input that it is, if it is one


class _Tail:
    """The last characters of a text that comes in pieces."""

    def __init__(self, max_characters: int) -> None:
        self._max_characters = max_characters
        self._pieces: deque[str] = deque()
        self._characters = 0

    def add(self, piece: str) -> None:
        if not piece:
            return
        self._pieces.append(piece)
        self._characters += len(piece)
        while self._characters - len(self._pieces[0]) >= self._max_characters:
            self._characters -= len(self._pieces.popleft())

    def take(self) -> str:
        """Return the text, and begin another one."""
        text = "".join(self._pieces)
        self._pieces.clear()
        self._characters = 0
        return text


class History:
    """The text of both sides, in order; the oldest makes room for the newest.

    Args:
        earlier: What was said before the session.
        max_characters: How much is kept, a turn that hasn't ended not counted, of which as much is kept for each side.
    """

    def __init__(
        self, earlier: Iterable[Content] = (), *, max_characters: int = REMEMBERED_CHARACTERS
    ) -> None:
        self._max_characters = max_characters
        self._entries: deque[_Entry] = deque()
        self._characters = 0
        # Of the turn under way: the transcriptions of the two sides come in no certain order.
        self._user_text = _Tail(max_characters)
        self._model_text = _Tail(max_characters)
        self._is_between = False  # two turns of the model's
        for content in earlier:
            self._add(content.role or "user", content.text, None)

    def said(
        self, message: ClientContent | RealtimeInput | ToolResponse | ContextUpdate, number: int
    ) -> None:
        """Note the text of an input, by its number in the ledger."""
        match message:
            case ClientContent(turns=turns):
                self._end_turn()
                for content in turns or ():
                    self._add(content.role or "user", content.text, number)
            case RealtimeInput(text=str(text)):
                self._end_turn()
                self._add("user", text, number)
            case _:
                pass  # has no text of the user's

    def observe(self, events: Iterable[ServerEvent], *, may_be_new: bool = True) -> None:
        """Note the text in the server's events.

        Args:
            events: The events.
            may_be_new: Whether the user may have spoken since the last turn began. If not, their words are late, and
                were answered in it.
        """
        for event in events:
            if isinstance(event, ServerContent):
                self._observe_content(event, may_be_new=may_be_new)

    def contents(self, *, without: frozenset[int] = frozenset()) -> list[Content]:
        """Return the conversation so far, but for the inputs of these numbers, which are still to be sent."""
        self._end_turn()
        entries = (entry for entry in self._entries if entry.number not in without)
        return [
            Content(role=role, parts=[Part(text=entry.text) for entry in group])
            for role, group in groupby(entries, key=lambda entry: entry.role)
        ]

    def _observe_content(self, content: ServerContent, *, may_be_new: bool) -> None:
        if content.input_transcription is not None:
            self._add_words(content.input_transcription.text or "", may_be_new=may_be_new)
        if has_answer(content):
            self._is_between = False
        self._model_text.add(content.text)
        if content.output_transcription is not None:
            self._model_text.add(content.output_transcription.text or "")
        if content.turn_complete:
            self._end_turn()
            self._is_between = True

    def _add_words(self, words: str, *, may_be_new: bool) -> None:
        """Add words of the user's: to the turn under way, or to the one that has answered them already."""
        answer = None if may_be_new or not self._is_between else self._index_of_answer()
        if answer is None:
            self._user_text.add(words)
            return
        question = self._entries[answer - 1] if answer else None
        if question is not None and question.role == "user" and question.number is None:
            self._entries[answer - 1] = _Entry("user", question.text + words, None)
        else:
            self._entries.insert(answer, _Entry("user", words, None))
        self._characters += len(words)
        self._forget_oldest()

    def _index_of_answer(self) -> int | None:
        indices = range(len(self._entries) - 1, -1, -1)
        return next((index for index in indices if self._entries[index].role == "model"), None)

    def _end_turn(self) -> None:
        self._add("user", self._user_text.take(), None)
        self._add("model", self._model_text.take(), None)

    def _add(self, role: str, text: str, number: int | None) -> None:
        if not text.strip():
            return
        text = text[-self._max_characters :]
        self._entries.append(_Entry(role, text, number))
        self._characters += len(text)
        self._forget_oldest()

    def _forget_oldest(self) -> None:
        while self._characters > self._max_characters:
            self._characters -= len(self._entries.popleft().text)
