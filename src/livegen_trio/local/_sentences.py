"""Cuts a reply into sentences, so that the first can be heard while the next is being made. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_LONGEST: Final = 160  # characters, some ten seconds of speech

_END: Final = re.compile(r"""(?<![.!?\u2026])[.!?\u2026]+["')\]\u201d\u2019]*\s+""")
_ABBREVIATION: Final = re.compile(
    r"\b(?:[A-Za-z]|Mr|Mrs|Ms|Dr|Prof|St|Jr|Sr|vs|etc|approx|e\.g|i\.e|a\.m|p\.m|No|Fig)\.$"
)
_CLAUSE_END: Final = re.compile(r"[,;:]\s+|\s+[-\u2013\u2014]\s+")


def sentences(text: str, *, longest: int = _LONGEST) -> Sequence[str]:
    """The sentences of *text* in order, none of them empty.

    Args:
        text: Any text.
        longest: What is longer in characters is cut where a clause ends, or else between words, or else anywhere.
    """
    found = (sentence.strip() for line in text.splitlines() for sentence in _split(line))
    return [piece for sentence in found for piece in _pieces(sentence, longest) if piece]


def _split(text: str) -> Iterable[str]:
    begin = 0
    for match in _END.finditer(text):
        if _ABBREVIATION.search(text, begin, match.end() - len(match[0]) + len(match[0].rstrip())):
            continue
        yield text[begin : match.end()]
        begin = match.end()
    yield text[begin:]


def _pieces(sentence: str, longest: int) -> Iterable[str]:
    while len(sentence) > longest:
        cut = _cut(sentence, longest)
        yield sentence[:cut].rstrip()
        sentence = sentence[cut:].lstrip()
    yield sentence


def _cut(sentence: str, longest: int) -> int:
    clauses = [match.end() for match in _CLAUSE_END.finditer(sentence, 0, longest)]
    if clauses:
        return clauses[-1]
    space = sentence.rfind(" ", 1, longest)
    return space if space > 0 else longest
