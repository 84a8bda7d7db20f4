"""What was said in one session, and what it cost. Pure, and bounded: the oldest contents are forgotten."""

from __future__ import annotations

from collections import deque
from math import ceil
from typing import TYPE_CHECKING, Final

import msgspec

from ..types import Content, ModalityTokenCount, Part, UsageMetadata

if TYPE_CHECKING:
    from collections.abc import Sequence

CONTENTS: Final = 1000
SIZE: Final = 2 * 2**20
"""Characters of text and bytes of media, about."""

_MERGED_SIZE: Final = 64 * 2**10
"""A turn longer than this is not added to: the next words begin another."""

_CHARACTERS_A_TOKEN: Final = 4
_AUDIO_TOKENS_A_SECOND: Final = 25
_TOKENS_A_FRAME: Final = 258


class History:
    """The contents of a session, oldest first."""

    def __init__(self) -> None:
        self._contents: deque[tuple[Content, int]] = deque()
        self._size = 0
        self._is_heard = False

    @property
    def contents(self) -> Sequence[Content]:
        """All that is remembered."""
        return [content for content, _ in self._contents]

    @property
    def awaits_reply(self) -> bool:
        """Whether the user had the last word."""
        return bool(self._contents) and self._contents[-1][0].role != "model"

    def add(self, content: Content) -> None:
        """Append a turn."""
        self._is_heard = False
        self._append(content)
        while len(self._contents) > CONTENTS or (self._size > SIZE and len(self._contents) > 1):
            self._size -= self._contents.popleft()[1]

    def add_heard(self, words: str) -> str:
        """Append what the user said or wrote just now: to their turn, if nobody has answered it.

        Returns:
            What was appended: the words, after a space if there were others before.
        """
        if self._is_heard and self._contents[-1][1] < _MERGED_SIZE:
            words = f" {words}"
            content, size = self._contents.pop()
            self._size -= size
            self._append(msgspec.structs.replace(content, parts=(*content.parts, Part(text=words))))
        else:
            self.add(Content(role="user", parts=(Part(text=words),)))
        self._is_heard = True
        return words

    def _append(self, content: Content) -> None:
        size = sum(_size(part) for part in content.parts)
        self._contents.append((content, size))
        self._size += size


class Meter:
    """Tokens of the turn that is under way."""

    def __init__(self) -> None:
        self._prompt: dict[str, float] = {}
        self._response: dict[str, float] = {}

    def read(self, text: str) -> None:
        """Count text from the user."""
        _count(self._prompt, "TEXT", len(text) / _CHARACTERS_A_TOKEN)

    def hear(self, seconds: float) -> None:
        """Count speech from the user."""
        _count(self._prompt, "AUDIO", seconds * _AUDIO_TOKENS_A_SECOND)

    def see(self) -> None:
        """Count a picture from the user."""
        _count(self._prompt, "VIDEO", _TOKENS_A_FRAME)

    def write(self, text: str) -> None:
        """Count text from the model."""
        _count(self._response, "TEXT", len(text) / _CHARACTERS_A_TOKEN)

    def speak(self, seconds: float) -> None:
        """Count speech from the model."""
        _count(self._response, "AUDIO", seconds * _AUDIO_TOKENS_A_SECOND)

    def take(self) -> UsageMetadata:
        """Report, and begin anew."""
        prompt, response = _details(self._prompt), _details(self._response)
        self._prompt, self._response = {}, {}
        prompt_count = sum(detail.token_count for detail in prompt)
        response_count = sum(detail.token_count for detail in response)
        return UsageMetadata(
            prompt_token_count=prompt_count,
            response_token_count=response_count,
            total_token_count=prompt_count + response_count,
            prompt_tokens_details=prompt,
            response_tokens_details=response,
        )


def _size(part: Part) -> int:
    """About how much memory a part takes; only text, media and the functions' answers can be large."""
    media = len(part.inline_data.data) if part.inline_data is not None else 0
    answer = len(str(part.function_response.response)) if part.function_response is not None else 0
    return len(part.text or "") + media + answer


def _count(tokens: dict[str, float], modality: str, amount: float) -> None:
    if amount:
        tokens[modality] = tokens.get(modality, 0) + amount


def _details(tokens: dict[str, float]) -> list[ModalityTokenCount]:
    return [
        ModalityTokenCount(modality=modality, token_count=ceil(amount)) for modality, amount in tokens.items()
    ]
