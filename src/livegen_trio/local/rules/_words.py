"""A user's message as words and numbers. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_WORD: Final = re.compile(r"\d+(?:[.,:]\d+)*|[^\W\d_]+(?:['\u2019][^\W\d_]+)*")
_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_DIGITS: Final = re.compile(r"\d{1,15}(?:\.\d{1,15})?", re.ASCII)

_ONES: Final[Mapping[str, int]] = {
    "zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16,
    "seventeen": 17, "eighteen": 18, "nineteen": 19,
}  # fmt: skip
_TENS: Final[Mapping[str, int]] = {
    "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90,
}  # fmt: skip

# Cut off one after the other, at most one of each group.
_ENDINGS: Final = (("ing", "ies", "ed", "es", "ly", "s"), ("y", "e"))
_SHORTEST_STEM: Final = 3


@dataclass(frozen=True, slots=True)
class Word:
    """A word in lower case, and its place in the text."""

    text: str
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Number:
    """A number, in digits or in words, and the words that spell it: from *first* up to but without *after*."""

    value: int | float
    first: int
    after: int


@dataclass(frozen=True)
class Utterance:
    """A text, with what can be read out of it."""

    text: str

    @cached_property
    def words(self) -> Sequence[Word]:
        """Its words in order."""
        return [
            Word(match[0].replace("\u2019", "'").lower(), match.start(), match.end())
            for match in _WORD.finditer(self.text)
        ]

    @cached_property
    def stems(self) -> frozenset[str]:
        """The stems of its words."""
        return frozenset(stem(word.text) for word in self.words)

    @cached_property
    def plain(self) -> str:
        """Its words with single spaces between and around them."""
        return f" {' '.join(word.text for word in self.words)} "

    @cached_property
    def numbers(self) -> Sequence[Number]:
        """Its numbers in order: digits, and words up to "ninety-nine"."""
        return list(_numbers([word.text for word in self.words]))

    def between(self, first: int, after: int) -> str:
        """The text from one word up to another as it was written."""
        return self.text[self.words[first].begin : self.words[after - 1].end]

    def is_joined(self, index: int) -> bool:
        """Whether no punctuation parts a word from the one before it."""
        gap = self.text[self.words[index - 1].end : self.words[index].begin]
        return not any(mark in gap for mark in ",.;:!?\n")


def stem(word: str) -> str:
    """Reduce a word to lower case without its commonest endings, so that forms of one word are equal."""
    word = word.lower().removesuffix("'s")
    for endings in _ENDINGS:
        ending = next((one for one in endings if word.endswith(one)), "")
        if len(word) - len(ending) >= _SHORTEST_STEM:
            word = word.removesuffix(ending)
    return word


def name_words(name: str) -> Sequence[str]:
    """Split an identifier into its words: `getWeather` and `get_weather` both have two."""
    return [word.text for word in Utterance(_CAMEL.sub(" ", name).replace("_", " ")).words]


def _numbers(words: Sequence[str]) -> Iterable[Number]:
    position = 0
    while position < len(words):
        number = _number_at(words, position)
        if number is None:
            position += 1
        else:
            yield number
            position = number.after


def _number_at(words: Sequence[str], first: int) -> Number | None:
    word = words[first]
    if word in _TENS:
        ones = _ONES.get(words[first + 1], 0) if first + 1 < len(words) else 0
        return (
            Number(_TENS[word] + ones, first, first + 2)
            if 0 < ones < 10
            else Number(_TENS[word], first, first + 1)
        )
    if word in _ONES:
        return Number(_ONES[word], first, first + 1)
    digits = word.replace(",", "")
    if not _DIGITS.fullmatch(digits):
        return None
    return Number(float(digits) if "." in digits else int(digits), first, first + 1)
