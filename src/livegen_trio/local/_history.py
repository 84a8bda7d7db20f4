"""The contents of one session, and its tokens. Pure, and bounded: the oldest contents are forgotten."""

from __future__ import annotations

from collections import deque
from math import ceil
from typing import TYPE_CHECKING, Final

import msgspec

from ..types import Content, ModalityTokenCount, Part, UsageMetadata
from ._sizes import size_of_content

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..types import Blob

CONTENTS: Final = 1000
SIZE: Final = 2 * 2**20  # bytes of memory, about

_MERGED_SIZE: Final = 64 * 2**10  # bytes of a turn, beyond which new text begins another
_MERGED_PARTS: Final = 64  # likewise

_CHARACTERS_A_TOKEN: Final = 4
_AUDIO_TOKENS_A_SECOND: Final = 25
_TOKENS_A_FRAME: Final = 258


class History:
    """The contents of a session, oldest first.

    Attributes:
        count: Contents so far, forgotten ones included.
        size: Bytes of memory that it takes, about.
    """

    def __init__(self) -> None:
        self._contents: deque[tuple[Content, int]] = deque()
        self._is_heard = False
        self.count: int = 0
        self.size: int = 0

    @property
    def contents(self) -> Sequence[Content]:
        """All that is remembered."""
        return [content for content, _ in self._contents]

    @property
    def awaits_reply(self) -> bool:
        """Whether the user's is the last content."""
        return bool(self._contents) and self._contents[-1][0].role != "model"

    def add(self, content: Content) -> None:
        """Append a turn."""
        self._is_heard = False
        self._append(content)
        while len(self._contents) > CONTENTS or (self.size > SIZE and len(self._contents) > 1):
            self.size -= self._contents.popleft()[1]

    def add_heard(self, text: str) -> str:
        """Append what the user said or wrote just now: to their turn, if it has no answer yet.

        Returns:
            The text that was appended: with a space before it, if it continues another.
        """
        if self._is_heard and self._has_room():
            text = f" {text}"
            self._continue(Part(text=text))
        else:
            self.add(Content(role="user", parts=(Part(text=text),)))
        self._is_heard = True
        return text

    def add_seen(self, picture: Blob) -> None:
        """Append a picture to the user's turn."""
        self._continue(Part(inline_data=picture))

    def forget_after(self, count: int) -> None:
        """Forget what came after so many contents."""
        self._is_heard = False
        while self.count > count and self._contents:
            self.size -= self._contents.pop()[1]
            self.count -= 1

    def _has_room(self) -> bool:
        content, size = self._contents[-1]
        return size < _MERGED_SIZE and len(content.parts) < _MERGED_PARTS

    def _continue(self, part: Part) -> None:
        """Append a part to the last content."""
        content, size = self._contents.pop()
        self.size -= size
        self.count -= 1
        self._append(msgspec.structs.replace(content, parts=(*content.parts, part)))

    def _append(self, content: Content) -> None:
        size = size_of_content(content)
        self._contents.append((content, size))
        self.size += size
        self.count += 1


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
        """Report the tokens of the turn, and begin the next."""
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


def _count(tokens: dict[str, float], modality: str, amount: float) -> None:
    if amount:
        tokens[modality] = tokens.get(modality, 0) + amount


def _details(tokens: dict[str, float]) -> list[ModalityTokenCount]:
    return [
        ModalityTokenCount(modality=modality, token_count=ceil(amount)) for modality, amount in tokens.items()
    ]
