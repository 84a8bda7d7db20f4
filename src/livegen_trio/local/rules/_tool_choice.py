"""Chooses declared functions by the words that they share with a user's message. Rules, not understanding."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from .._engines import CallTool, Say
from ._arguments import fill, is_place
from ._schemas import parameters_of
from ._vocabulary import RELATED, STOP_WORDS, WEAK_STEMS
from ._words import Utterance, name_words, stem

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ...types import FunctionDeclaration
    from ._schemas import Parameter

_NAME_WEIGHT: Final = 3
_CHOICE_WEIGHT: Final = 2
_OTHER_WEIGHT: Final = 1
_ENOUGH: Final = 2  # one word of the name, or two others

_RELATED_WEIGHT: Final = 2

_QUESTION: Final = re.compile(r"(?:Which|How many) [\w ]*\?")
_CLAUSE: Final = re.compile(r"[.?!;]\s+|,?\s+(?:and then|and also|and|then|also)\s+")
_MOST_CALLS: Final = 4
_MOST_FUNCTIONS: Final = 128
_LONGEST_DESCRIPTION: Final = 500  # characters that are read: other conversations wait meanwhile


def choose(functions: Sequence[FunctionDeclaration], text: str) -> Say | Sequence[CallTool]:
    """Choose the calls that *text* asks for, if any; or ask for a required argument that it lacks."""
    calls: list[CallTool] = []
    for candidate, utterance in _matches(functions, text):
        parameters = parameters_of(candidate.function)
        args = fill(parameters, utterance, about=frozenset(candidate.weights))
        missing = [
            parameter for parameter in parameters if parameter.is_required and parameter.name not in args
        ]
        if missing:
            return Say(_question(missing[0]))
        calls += [CallTool(candidate.function.name, one) for one in _for_each_place(args)]
    return calls[:_MOST_CALLS]


def is_question(text: str) -> bool:
    """Whether *text* is a question by `choose`: its answer completes the message before."""
    return _QUESTION.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class _Candidate:
    function: FunctionDeclaration
    weights: Mapping[str, int]  # of each stem in the declaration


def _matches(functions: Sequence[FunctionDeclaration], text: str) -> Iterable[tuple[_Candidate, Utterance]]:
    """Find the functions, each with its part of the text."""
    candidates = [_Candidate(function, _weights(function)) for function in functions[:_MOST_FUNCTIONS]]
    matches: dict[str, tuple[_Candidate, Utterance]] = {}
    for clause in _CLAUSE.split(text):
        candidate = _best(candidates, Utterance(clause))
        if candidate is not None:
            matches.setdefault(candidate.function.name, (candidate, Utterance(clause)))
    if len(matches) > 1:
        return matches.values()
    return [
        (candidate, Utterance(text)) for candidate, _ in matches.values()
    ]  # the rest may hold an argument


def _best(candidates: Sequence[_Candidate], utterance: Utterance) -> _Candidate | None:
    """The candidate with the highest score; the first of equals."""
    best, best_score = None, _ENOUGH - 1
    for candidate in candidates:
        score = _score(candidate.weights, utterance)
        if score > best_score:
            best, best_score = candidate, score
    return best


def _score(weights: Mapping[str, int], utterance: Utterance) -> int:
    """Add up the weights of shared words; a related word weighs less than the word itself."""
    related = (
        frozenset[str]().union(*(group for group in RELATED if not group.isdisjoint(utterance.stems)))
        - utterance.stems
    )
    own_weight = sum(weights[stem] for stem in weights.keys() & utterance.stems)
    return own_weight + max(
        (min(weights[stem], _RELATED_WEIGHT) for stem in weights.keys() & related), default=0
    )


def _weights(function: FunctionDeclaration) -> Mapping[str, int]:
    """Weigh the stems of a declaration; of two places the heavier counts."""
    weights: dict[str, int] = {}
    for weight, words in (
        (_OTHER_WEIGHT, Utterance((function.description or "")[:_LONGEST_DESCRIPTION]).plain.split()),
        (_OTHER_WEIGHT, _parameter_words(parameters_of(function))),
        (_CHOICE_WEIGHT, _choice_words(parameters_of(function))),
        (_NAME_WEIGHT, name_words(function.name)),
    ):
        weights |= {stem(word): weight for word in words if word not in STOP_WORDS}
    return {stem: weight for stem, weight in weights.items() if stem not in WEAK_STEMS}


def _parameter_words(parameters: Sequence[Parameter]) -> Iterable[str]:
    for parameter in parameters:
        yield from name_words(parameter.name)
        yield from Utterance(parameter.description).plain.split()


def _choice_words(parameters: Sequence[Parameter]) -> Iterable[str]:
    return (
        word for parameter in parameters for choice in parameter.choices for word in name_words(str(choice))
    )


def _for_each_place(args: Mapping[str, object]) -> Sequence[Mapping[str, object]]:
    """Repeat the arguments for each of several places."""
    several = next((name for name in args if is_place(name) and " and " in str(args[name])), None)
    if several is None:
        return [args]
    places = re.split(r",\s*|\s+and\s+", str(args[several]))
    return [{**args, several: place} for place in places if place]


def _question(parameter: Parameter) -> str:
    words = " ".join(name_words(parameter.name))
    return f"How many {words}?" if parameter.kind in {"integer", "number"} else f"Which {words}?"
