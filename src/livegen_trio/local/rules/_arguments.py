"""Fills in a function's parameters from a user's message. Rules, not understanding."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from ._vocabulary import (
    ALL_PREPOSITIONS,
    ARTICLES,
    BEFORE_TEXT,
    FREE_TEXTS,
    NO_WORDS,
    PEOPLE,
    PHRASE_ENDS,
    PLACES,
    PREPOSITIONS,
    STOP_WORDS,
    TIME_WORDS,
    TIMES,
    YES_WORDS,
)
from ._words import Utterance, name_words, stem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from ._schemas import Parameter
    from ._words import Number

_LONGEST_PHRASE: Final = 4
_QUOTED: Final = re.compile(r"[\"\u201c]([^\"\u201d]+)[\"\u201d]")
_LIST_SEPARATOR: Final = re.compile(r",\s*(?:and\s+)?|\s+and\s+")


def fill(
    parameters: Sequence[Parameter], utterance: Utterance, *, about: frozenset[str]
) -> Mapping[str, object]:
    """Find arguments for a call. A required one is missing if the message has none.

    Args:
        parameters: The function's.
        utterance: The user's message.
        about: The stems of the words that chose the function: they are not values.
    """
    return _Filling(utterance, about).arguments(parameters)


def is_place(name: str) -> bool:
    """Whether a parameter of this name is a place."""
    return not PLACES.isdisjoint(name_words(name))


class _Filling:
    """Fills parameters one by one; a value is used once."""

    def __init__(self, utterance: Utterance, about: frozenset[str]) -> None:
        self._utterance = utterance
        self._about = about
        self._numbers = list(utterance.numbers)
        self._phrases: set[str] = set()
        self._chosen: list[object] = []
        self._by_kind: Mapping[str, Callable[[Parameter], object]] = {
            "boolean": self._truth,
            "integer": self._number,
            "number": self._number,
            "array": self._list,
            "object": self._object,
            "null": lambda _: None,
        }

    def arguments(self, parameters: Sequence[Parameter]) -> dict[str, object]:
        values = {parameter.name: self._value(parameter) for parameter in parameters}
        return {name: value for name, value in values.items() if value is not None}

    def _value(self, parameter: Parameter) -> object:
        if parameter.choices:
            return self._choice(parameter)
        return self._by_kind.get(parameter.kind, self._string)(parameter)

    def _choice(self, parameter: Parameter) -> object:
        for choice in self._mentioned(parameter.choices):
            if choice not in self._chosen:
                self._chosen.append(choice)
                return choice
        return parameter.default if parameter.is_required else None

    def _mentioned(self, choices: Sequence[object]) -> Sequence[object]:
        """The choices in the order of mention; a longer one before a shorter one in the same place."""
        spoken = f" {' '.join(stem(word.text) for word in self._utterance.words)} "
        places = [
            (spoken.find(f" {' '.join(map(stem, name_words(str(choice))))} "), choice) for choice in choices
        ]
        mentioned = [(place, -len(str(choice)), choice) for place, choice in places if place >= 0]
        return [choice for _, _, choice in sorted(mentioned, key=lambda one: one[:2])]

    def _truth(self, parameter: Parameter) -> object:
        words = {word.text for word in self._utterance.words}
        if words & NO_WORDS:
            return False
        if words & YES_WORDS or self._utterance.stems & set(map(stem, name_words(parameter.name))):
            return True
        return True if parameter.is_required else None

    def _number(self, parameter: Parameter) -> object:
        number = self._number_for(parameter)
        if number is None:
            return parameter.default if parameter.is_required else None
        self._numbers.remove(number)
        return round(number.value) if parameter.kind == "integer" else number.value

    def _number_for(self, parameter: Parameter) -> Number | None:
        """The number next to a word of the parameter's name, or the next that no parameter has used."""
        stems = set(map(stem, name_words(parameter.name)))
        neighbors = (number for number in self._numbers if stems & self._stems_around(number))
        return next(neighbors, next(iter(self._numbers), None))

    def _stems_around(self, number: Number) -> set[str]:
        words = self._utterance.words
        return {stem(word.text) for word in (*words[: number.first][-1:], *words[number.after :][:1])}

    def _list(self, parameter: Parameter) -> object:
        items = parameter.items
        if items is not None and items.choices:
            values = self._mentioned(items.choices)
        elif items is not None and items.kind in {"integer", "number"}:
            values = [self._number(items) for _ in list(self._numbers)]
        else:
            phrase = self._string(replace(parameter, kind="string"))
            values = _LIST_SEPARATOR.split(phrase) if isinstance(phrase, str) else []
        return values or None

    def _object(self, parameter: Parameter) -> object:
        values = self.arguments(parameter.fields)
        return values if values or parameter.is_required else None

    def _string(self, parameter: Parameter) -> object:
        found = self._string_by_role(parameter)
        if not found and parameter.is_required:
            found = self._remaining() or self._whole_text(parameter)
        if found:
            self._phrases.add(found)
        return found or None

    def _whole_text(self, parameter: Parameter) -> str:
        is_free_text = not FREE_TEXTS.isdisjoint(name_words(parameter.name))
        return self._utterance.text.strip() if is_free_text else ""

    def _string_by_role(self, parameter: Parameter) -> str:
        names = set(name_words(parameter.name))
        if quoted := _QUOTED.search(self._utterance.text):
            return quoted[1] if not names & (PLACES | TIMES) else ""
        if names & TIMES:
            return self._time()
        if names & FREE_TEXTS:
            return self._rest_after(BEFORE_TEXT)
        return self._phrase_after(_prepositions(names), is_place=bool(names & PLACES))

    def _time(self) -> str:
        words = self._utterance.words
        for index, word in enumerate(words):
            if word.text in TIME_WORDS:
                begin = index - 1 if index and words[index - 1].text in {"this", "next", "last"} else index
                return self._utterance.between(begin, index + 1)
        return ""

    def _rest_after(self, openers: Sequence[str]) -> str:
        words = self._utterance.words
        begins = {word.text: words[index + 1].begin for index, word in enumerate(words[:-1])}
        begin = next((begins[opener] for opener in openers if opener in begins), None)
        return "" if begin is None else self._utterance.text[begin:].strip().rstrip(".?!")

    def _phrase_after(self, prepositions: frozenset[str], *, is_place: bool) -> str:
        for index, word in enumerate(self._utterance.words):
            if word.text in prepositions:
                phrase = self._phrase(index + 1, is_list=is_place)
                if phrase and phrase not in self._phrases:
                    return phrase
        return ""

    def _phrase(self, first: int, *, is_list: bool) -> str:
        """The few words from *first* on that belong together; empty if they are none, or a number or a time."""
        words = self._utterance.words
        while first < len(words) and words[first].text in ARTICLES:
            first += 1
        after = first
        while after < min(len(words), first + _LONGEST_PHRASE) and self._goes_on(
            first, after, is_list=is_list
        ):
            after += 1
        if after == first or any(number.first == first for number in self._utterance.numbers):
            return ""
        return self._utterance.between(first, after)

    def _goes_on(self, first: int, index: int, *, is_list: bool) -> bool:
        word = self._utterance.words[index].text
        if word in PHRASE_ENDS or (word == "and" and not is_list):
            return False
        return index == first or self._utterance.is_joined(index)

    def _remaining(self) -> str:
        """The words that no other parameter has used; names rather than others."""
        left = [word for word in self._utterance.words if not self._is_spent(word.text)]
        names = [word for word in left if self._utterance.text[word.begin].isupper()]
        return " ".join(self._utterance.text[word.begin : word.end] for word in names or left)

    def _is_spent(self, word: str) -> bool:
        if word in STOP_WORDS | ALL_PREPOSITIONS | TIME_WORDS or word[0].isdecimal():
            return True
        return stem(word) in self._about or any(word in phrase.lower() for phrase in self._phrases)


def _prepositions(names: Iterable[str]) -> frozenset[str]:
    for role, words in (
        ("origin", {"from", "origin", "source", "start", "departure"}),
        ("destination", {"to", "destination", "target", "arrival"}),
        ("place", PLACES),
        ("person", PEOPLE),
    ):
        if not words.isdisjoint(names):
            return PREPOSITIONS[role]
    return PREPOSITIONS["other"]
