"""What was said in a session, in words: enough to begin anew with, where the server has forgotten it. Pure.

Speech is known as far as its transcription is; pictures, files and thoughts are not kept.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ..types import ClientContent, Content, Part, RealtimeInput, ServerContent

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..types import ContextUpdate, ServerEvent, ToolResponse

REMEMBERED_CHARACTERS: Final = 100_000
"""Some 25,000 tokens, a fifth of what the models hold."""


@dataclass(frozen=True, slots=True)
class _Saying:
    role: str
    text: str
    number: int | None  # of the input that it is, if it is one


class History:
    """The words of both sides, in order; the oldest make room for new ones."""

    def __init__(
        self, earlier: Iterable[Content] = (), *, max_characters: int = REMEMBERED_CHARACTERS
    ) -> None:
        self._max_characters = max_characters
        self._sayings: deque[_Saying] = deque()
        self._characters = 0
        self._heard = ""  # of this turn: transcripts of the two sides come in no certain order
        self._answer = ""
        for content in earlier:
            self._add(content.role or "user", content.text, None)

    def said(
        self, message: ClientContent | RealtimeInput | ToolResponse | ContextUpdate, number: int
    ) -> None:
        """Note the words of an input, by its number in the ledger."""
        match message:
            case ClientContent(turns=turns):
                self._end_turn()
                for content in turns or ():
                    self._add(content.role or "user", content.text, number)
            case RealtimeInput(text=str(text)):
                self._end_turn()
                self._add("user", text, number)
            case _:
                pass  # has no words of the user's

    def observe(self, events: Iterable[ServerEvent]) -> None:
        """Note the words in what the server says."""
        for event in events:
            if isinstance(event, ServerContent):
                self._observe(event)

    def contents(self, *, without: frozenset[int] = frozenset()) -> list[Content]:
        """The conversation so far, but for the inputs of these numbers, which the server is still to be told."""
        self._end_turn()
        contents: list[Content] = []
        for role, text in self._told(without):
            if contents and contents[-1].role == role:
                contents[-1] = Content(role=role, parts=[*(contents[-1].parts or ()), Part(text=text)])
            else:
                contents.append(Content(role=role, parts=[Part(text=text)]))
        return contents

    def _told(self, without: frozenset[int]) -> Iterator[tuple[str, str]]:
        for saying in self._sayings:
            if saying.number not in without:
                yield saying.role, saying.text

    def _observe(self, content: ServerContent) -> None:
        if content.input_transcription is not None:
            self._heard += content.input_transcription.text or ""
        self._answer += content.text
        if content.output_transcription is not None:
            self._answer += content.output_transcription.text or ""
        if content.turn_complete:
            self._end_turn()

    def _end_turn(self) -> None:
        self._add("user", self._heard, None)
        self._add("model", self._answer, None)
        self._heard = self._answer = ""

    def _add(self, role: str, text: str, number: int | None) -> None:
        if not text.strip():
            return
        self._sayings.append(_Saying(role, text, number))
        self._characters += len(text)
        while self._characters > self._max_characters:
            self._characters -= len(self._sayings.popleft().text)
