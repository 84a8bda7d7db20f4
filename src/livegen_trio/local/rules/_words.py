"""What somebody said, as words and numbers. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_WORD: Final = re.compile(r"\d+(?:[.,:]\d+)*|[^\W\d_]+(?:['\u2019][^\W\d_]+)*")
_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_DIGITS: Final = re.compile(r"\d{1,15}(?:\.\d{1,15})?")

_ONES: Final[Mapping[str, int]] = {
    "zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16,
    "seventeen": 17, "eighteen": 18, "nineteen": 19,
}  # fmt: skip
_TENS: Final[Mapping[str, int]] = {
    "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90,
}  # fmt: skip
_SCALES: Final[Mapping[str, int]] = {"hundred": 100, "thousand": 1000, "million": 1_000_000}

_ENDINGS: Final = (("ing", "ies", "ed", "es", "ly", "s"), ("y", "e"))
"""Cut off one after the other, at most one of each group."""
_SHORTEST_STEM: Final = 3


@dataclass(frozen=True, slots=True)
class Word:
    """A word in lower case, and where it stands in the text."""

    text: str
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Number:
    """A number, in digits or in words, and the words that it takes: from *first* up to but without *after*."""

    value: int | float
    first: int
    after: int


@dataclass(frozen=True)
class Said:
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
        """Its numbers in order."""
        return list(_numbers([word.text for word in self.words]))

    def between(self, first: int, after: int) -> str:
        """The text from one word up to another as it was written."""
        return self.text[self.words[first].begin : self.words[after - 1].end]

    def is_joined(self, index: int) -> bool:
        """Whether no punctuation parts a word from the one before it."""
        gap = self.text[self.words[index - 1].end : self.words[index].begin]
        return not any(mark in gap for mark in ",.;:!?\n")


def stem(word: str) -> str:
    """The word in lower case without its commonest endings: enough to tell that two words are forms of one."""
    word = word.lower().removesuffix("'s")
    for endings in _ENDINGS:
        ending = next((one for one in endings if word.endswith(one)), "")
        if len(word) - len(ending) >= _SHORTEST_STEM:
            word = word.removesuffix(ending)
    return word


def name_words(name: str) -> Sequence[str]:
    """The words that an identifier is made of: `getWeather` and `get_weather` are both of two."""
    return [word.text for word in Said(_CAMEL.sub(" ", name).replace("_", " ")).words]


def _numbers(words: Sequence[str]) -> Iterable[Number]:
    position = after = 0
    while position < len(words):
        # "five minus three" is a sum, and not a five and a negative number.
        number = _number_at(words, position, may_be_negative=position == 0 or position != after)
        if number is None:
            position += 1
        else:
            yield number
            position = after = number.after


def _number_at(words: Sequence[str], first: int, *, may_be_negative: bool) -> Number | None:
    if words[first][0].isdecimal():
        return _from_digits(words, first)
    negative = may_be_negative and words[first] == "minus"
    value, after = _whole(words, first + negative)
    if value is None:
        return _negative_digits(words, first) if negative else None
    fraction, after = _fraction(words, after)
    exact: int | float = value + float(f"0.{fraction}") if fraction else value
    return Number(-exact if negative else exact, first, after)


def _from_digits(words: Sequence[str], first: int) -> Number | None:
    digits = words[first].replace(",", "")
    if not digits.isascii() or not _DIGITS.fullmatch(digits):
        return None
    value: int | float = float(digits) if "." in digits else int(digits)
    after = first + 1
    if after < len(words) and words[after] in _SCALES:
        value, after = value * _SCALES[words[after]], after + 1
    return Number(value, first, after)


def _negative_digits(words: Sequence[str], first: int) -> Number | None:
    if first + 1 == len(words) or not words[first + 1][0].isdecimal():
        return None
    number = _from_digits(words, first + 1)
    return None if number is None else Number(-number.value, first, number.after)


def _whole(words: Sequence[str], position: int) -> tuple[int | None, int]:
    """The whole number in words from *position* on, and where it is over; one like "five six" is over after five."""
    total, group, open_below = 0, 0, 1_000_000
    begin = position
    while position < len(words):
        word = words[position]
        if (value := _ONES.get(word, _TENS.get(word))) is not None and value < open_below:
            group += value
            open_below = 10 if word in _TENS else 0
        elif word in _SCALES and position > begin:
            group, total = (group * 100, total) if word == "hundred" else (0, total + group * _SCALES[word])
            open_below = 100 if word == "hundred" else 1000
        elif not _is_and_within(words, position, begin):
            break
        position += 1
    return (None, begin) if position == begin else (total + group, position)


def _is_and_within(words: Sequence[str], position: int, begin: int) -> bool:
    """Whether this is the "and" of "one hundred and five"."""
    if words[position] != "and" or position == begin or position + 1 == len(words):
        return False
    return words[position - 1] in _SCALES and (words[position + 1] in _ONES or words[position + 1] in _TENS)


def _fraction(words: Sequence[str], position: int) -> tuple[str, int]:
    if words[position : position + 1] != ["point"]:
        return "", position
    end = position + 1
    while end < len(words) and _ONES.get(words[end], 10) < 10:
        end += 1
    digits = "".join(str(_ONES[word]) for word in words[position + 1 : end])
    return (digits, end) if digits else ("", position)
