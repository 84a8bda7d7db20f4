"""Docstrings in Google's style: the text on a function or a class, and on its arguments or attributes. Pure.

Those of another style have no sections here: they are kept whole, with their text on the arguments.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from inspect import cleandoc
from itertools import pairwise, takewhile
from textwrap import dedent
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_ARGUMENTS: Final = re.compile(r"(?:(?:Keyword |Other )?(?:Args|Arguments|Parameters)|Attributes):")

_SECTION: Final = re.compile(
    rf"{_ARGUMENTS.pattern}|(?:Examples?|References|Raises|Returns?|See Also|Todo|Yields?):"
)
"""The head of a section, on a line of its own. Notes and warnings are none, since they are for callers."""

_ENTRY: Final = re.compile(r"^\*{0,2}(\w+)(?: *\(.*?\))? *:(?: +|$)", re.MULTILINE)
"""`name: text`, or `name (type): text`, or the name alone with its text below; deeper lines belong to the one above."""

_PARAGRAPHS: Final = re.compile(r"\n(?:[ \t]*\n)+")

_LAID_OUT: Final = re.compile(r"^(?:[ \t]|[-*+] |\d+[.)] |>>>|:\w)", re.MULTILINE)
"""A line of a list, of fields or of code: it was not broken for its length."""


@dataclass(frozen=True, slots=True)
class Docstring:
    """A docstring in its parts.

    Attributes:
        text: All before the first section.
        arguments: The text on each argument or attribute, by its name.
    """

    text: str
    arguments: Mapping[str, str]


def parse_docstring(doc: str) -> Docstring:
    """Read a docstring. Lines that were wrapped are joined; paragraphs, lists and code stay as they are."""
    lines = cleandoc(doc).splitlines()
    heads = [index for index, line in enumerate(lines) if _SECTION.fullmatch(line.rstrip())]
    ends = [*heads, len(lines)]
    entries = (
        entry
        for begin, end in pairwise(ends)
        if _ARGUMENTS.fullmatch(lines[begin].rstrip())
        for entry in _entries(lines[begin + 1 : end])
    )
    return Docstring(_unwrapped("\n".join(lines[: ends[0]])), dict(entries))


def _entries(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    section = dedent("\n".join(takewhile(_is_inside, lines)))
    # Split at the names, which are kept: all before the first name, then each name and its text.
    _, *parts = _ENTRY.split(section)
    for name, text in zip(parts[::2], parts[1::2], strict=True):
        if text.strip():
            yield name, _unwrapped(text)


def _is_inside(line: str) -> bool:
    return not line or line.startswith(" ")


def _unwrapped(text: str) -> str:
    return "\n\n".join(map(_paragraph, _PARAGRAPHS.split(cleandoc(text))))


def _paragraph(text: str) -> str:
    return text if _LAID_OUT.search(text) else " ".join(text.split())
