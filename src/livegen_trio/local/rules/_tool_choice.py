"""Chooses declared functions by the words that they share with what somebody said. Rules, not understanding."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from .._engines import CallTool, Say
from ._arguments import fill, is_place
from ._schemas import parameters_of
from ._vocabulary import RELATED, STOP_WORDS, WEAK_STEMS
from ._words import Said, name_words, stem

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ...types import FunctionDeclaration
    from ._schemas import Parameter

_NAME_WEIGHT: Final = 3
_CHOICE_WEIGHT: Final = 2
_OTHER_WEIGHT: Final = 1
_ENOUGH: Final = 2
"""A word of the name is enough; of the rest, it takes two."""

_RELATED_WEIGHT: Final = 2

_QUESTION: Final = re.compile(r"(?:Which|How many) [\w ]*\?")
_CLAUSE: Final = re.compile(r"[.?!;]\s+|,?\s+(?:and then|and also|and|then|also)\s+")
_MOST_CALLS: Final = 4
_MOST_FUNCTIONS: Final = 128
_LONGEST_DESCRIPTION: Final = 500
"""Characters. Clients may declare more, but the other conversations wait for the rules."""


def choose(functions: Sequence[FunctionDeclaration], text: str) -> Say | Sequence[CallTool]:
    """The calls that *text* asks for, none if it asks for none; or a question for what it does not say."""
    calls: list[CallTool] = []
    for candidate, said in _matches(functions, text):
        parameters = parameters_of(candidate.function)
        args = fill(parameters, said, about=frozenset(candidate.weights))
        missing = [
            parameter for parameter in parameters if parameter.is_required and parameter.name not in args
        ]
        if missing:
            return Say(_question(missing[0]))
        calls += [CallTool(candidate.function.name, one) for one in _for_each_place(args)]
    return calls[:_MOST_CALLS]


def is_question(text: str) -> bool:
    """Whether this is what `choose` asks: its answer belongs to what was said before."""
    return _QUESTION.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class _Candidate:
    function: FunctionDeclaration
    weights: Mapping[str, int]
    """How much each stem in the declaration tells."""


def _matches(functions: Sequence[FunctionDeclaration], text: str) -> Iterable[tuple[_Candidate, Said]]:
    """The functions meant, each with the part of the text that means it."""
    candidates = [_Candidate(function, _weights(function)) for function in functions[:_MOST_FUNCTIONS]]
    matches: dict[str, tuple[_Candidate, Said]] = {}
    for clause in _CLAUSE.split(text):
        candidate = _best(candidates, Said(clause))
        if candidate is not None:
            matches.setdefault(candidate.function.name, (candidate, Said(clause)))
    if len(matches) > 1:
        return matches.values()
    return [(candidate, Said(text)) for candidate, _ in matches.values()]  # the rest may hold an argument


def _best(candidates: Sequence[_Candidate], said: Said) -> _Candidate | None:
    """The one that fits best; the first of those that fit as well."""
    best, best_score = None, _ENOUGH - 1
    for candidate in candidates:
        score = _score(candidate.weights, said)
        if score > best_score:
            best, best_score = candidate, score
    return best


def _score(weights: Mapping[str, int], said: Said) -> int:
    """What the words shared weigh; words that only have to do with what was said weigh less than those said."""
    related = (
        frozenset[str]().union(*(group for group in RELATED if not group.isdisjoint(said.stems))) - said.stems
    )
    own_weight = sum(weights[stem] for stem in weights.keys() & said.stems)
    return own_weight + max(
        (min(weights[stem], _RELATED_WEIGHT) for stem in weights.keys() & related), default=0
    )


def _weights(function: FunctionDeclaration) -> Mapping[str, int]:
    """The heavier weight counts for a stem that stands in two places."""
    weights: dict[str, int] = {}
    for weight, words in (
        (_OTHER_WEIGHT, Said((function.description or "")[:_LONGEST_DESCRIPTION]).plain.split()),
        (_OTHER_WEIGHT, _parameter_words(parameters_of(function))),
        (_CHOICE_WEIGHT, _choice_words(parameters_of(function))),
        (_NAME_WEIGHT, name_words(function.name)),
    ):
        weights |= {stem(word): weight for word in words if word not in STOP_WORDS}
    return {stem: weight for stem, weight in weights.items() if stem not in WEAK_STEMS}


def _parameter_words(parameters: Sequence[Parameter]) -> Iterable[str]:
    for parameter in parameters:
        yield from name_words(parameter.name)
        yield from Said(parameter.description).plain.split()


def _choice_words(parameters: Sequence[Parameter]) -> Iterable[str]:
    return (
        word for parameter in parameters for choice in parameter.choices for word in name_words(str(choice))
    )


def _for_each_place(args: Mapping[str, object]) -> Sequence[Mapping[str, object]]:
    """The arguments, once for each place if several were named."""
    several = next((name for name in args if is_place(name) and " and " in str(args[name])), None)
    if several is None:
        return [args]
    places = re.split(r",\s*|\s+and\s+", str(args[several]))
    return [{**args, several: place} for place in places if place]


def _question(parameter: Parameter) -> str:
    words = " ".join(name_words(parameter.name))
    return f"How many {words}?" if parameter.kind in {"integer", "number"} else f"Which {words}?"
