"""What the responder has to say by itself: greetings, sums, a few facts, a story. Rules, not understanding."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ._words import Said

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_CAPITALS: Final[Mapping[str, str]] = {
    "argentina": "Buenos Aires",
    "australia": "Canberra",
    "austria": "Vienna",
    "brazil": "Brasilia",
    "canada": "Ottawa",
    "china": "Beijing",
    "egypt": "Cairo",
    "england": "London",
    "france": "Paris",
    "germany": "Berlin",
    "greece": "Athens",
    "india": "New Delhi",
    "ireland": "Dublin",
    "italy": "Rome",
    "japan": "Tokyo",
    "kenya": "Nairobi",
    "mexico": "Mexico City",
    "norway": "Oslo",
    "poland": "Warsaw",
    "portugal": "Lisbon",
    "spain": "Madrid",
    "sweden": "Stockholm",
    "switzerland": "Bern",
    "turkey": "Ankara",
    "the united kingdom": "London",
    "the united states": "Washington",
}

_STORY: Final = (
    "Once upon a time a small dragon lived above a quiet village. It was afraid of the dark, so every evening it lit"
    " a single lantern in its cave. One winter night a child lost her way in the snow. She saw the light far above"
    " her, climbed up to it, and found the dragon. They drank warm milk and waited for the morning together. Since"
    " then the whole village puts lanterns in its windows, and nobody up there or down there is afraid of the dark."
)

_OPERATORS: Final[Mapping[str, str]] = {
    "plus": "+",
    "minus": "-",
    "times": "*",
    "multiplied by": "*",
    "divided by": "/",
}
_SIGNS: Final = (
    (re.compile(r"(?<=[\w)])\s*\+\s*(?=\w)"), " plus "),
    (re.compile(r"(?<=\d)\s*[-\u2212]\s*(?=\d)"), " minus "),
    (re.compile(r"(?<=\d)\s*[*\u00d7x]\s*(?=\d)"), " times "),
    (re.compile(r"(?<=\d)\s*[/\u00f7]\s*(?=\d)"), " divided by "),
)
_LARGEST: Final = 10**15
_LONGEST_COUNT: Final = 30
_LONGEST_ECHO: Final = 160
"""Characters."""


@dataclass(frozen=True, slots=True)
class _Talk:
    """What a rule's reply may go by."""

    said: Said
    match: re.Match[str]
    earlier: Sequence[str]


def small_talk(text: str, earlier: Sequence[str]) -> str | None:
    """A reply to *text* by the first rule that has one.

    Args:
        text: What somebody said.
        earlier: What they said before, in order.
    """
    said = Said(text)
    if not said.words:
        return "Sorry, I did not catch that."
    return _arithmetic(text) or _by_rule(said, earlier)


def echo(text: str) -> str:
    """A reply that only says what was heard."""
    heard = textwrap.shorten(text, _LONGEST_ECHO, placeholder=" and so on").rstrip(".?!,;:")
    return f"I heard you say: {heard}."


def _by_rule(said: Said, earlier: Sequence[str]) -> str | None:
    for pattern, reply in _RULES:
        if match := pattern.search(said.plain):
            words = reply if isinstance(reply, str) else reply(_Talk(said, match, earlier))
            if words:
                return words
    return None


def _arithmetic(text: str) -> str | None:
    """The result of a sum such as "two plus three times four"; None if there is no sum in *text*."""
    for sign, word in _SIGNS:
        text = sign.sub(word, text)
    said = Said(text)
    signs = [
        _OPERATORS.get(said.between(left.after, right.first).lower() if left.after < right.first else "")
        for left, right in zip(said.numbers, said.numbers[1:], strict=False)
    ]
    known = [sign for sign in signs if sign is not None]
    if not known or len(known) != len(signs):
        return None
    return _evaluate([number.value for number in said.numbers], known)


def _evaluate(values: Sequence[float], signs: Sequence[str]) -> str:
    terms: list[float] = [values[0]]
    for sign, value in zip(signs, values[1:], strict=True):
        if sign == "*":
            terms[-1] *= value
        elif sign != "/":
            terms.append(value if sign == "+" else -value)
        elif value == 0:
            return "Nothing can be divided by zero."
        else:
            terms[-1] /= value
    result = sum(terms)
    return f"That is {result:.10g}." if abs(result) < _LARGEST else "That is more than I can count."


def _count(talk: _Talk) -> str | None:
    values = [round(number.value) for number in talk.said.numbers]
    if not values:
        return None
    first, last = (1, values[0]) if len(values) == 1 else (values[0], values[1])
    step = 1 if first <= last else -1
    numbers = list(range(first, last + step, step)[:_LONGEST_COUNT])
    return f"{', '.join(map(str, numbers))}{'.' if numbers[-1] == last else ', and so on.'}"


def _capital(talk: _Talk) -> str | None:
    country = talk.match["country"].removeprefix("the ")
    for known in (country, f"the {country}"):
        if known in _CAPITALS:
            name = known.title().replace("The ", "the ")
            return f"The capital of {name} is {_CAPITALS[known]}."
    return None


def _repeat(talk: _Talk) -> str:
    """What is to be said, as it was written: the match is of lower-case words."""
    count = len(talk.match["words"].split())
    words = talk.said.words[-count:]
    return talk.said.text[words[0].begin :].strip()


def _remembered_name(talk: _Talk) -> str:
    for text in reversed(talk.earlier):
        if match := _NAME.search(text):
            return f"You told me that your name is {match[1].title()}."
    return "You have not told me your name yet."


def _last_heard(talk: _Talk) -> str:
    return f"You said: {talk.earlier[-1].strip()}" if talk.earlier else "You have said nothing before that."


_NAME: Final = re.compile(r"\b(?:my name is|call me)\s+([^\W\d_]+)", re.IGNORECASE)

_HELP: Final = "I can count, calculate, name capitals, tell a story, and use the tools that you give me."
_TOPICS: Final = "We could talk about the weather, or I could tell you a story. What would you like?"
_ABOUT: Final = "I am the embedded voice of this library, and I run on your own machine."
_JOKE: Final = "Why do programmers confuse Halloween and Christmas? Because oct 31 equals dec 25."


def _greet_by_name(talk: _Talk) -> str:
    return f"Nice to meet you, {talk.match['name'].title()}."


def _greet_by_time(talk: _Talk) -> str:
    return f"Good {talk.match['time']}. How can I help you?"


_RULES: Final[Sequence[tuple[re.Pattern[str], str | Callable[[_Talk], str | None]]]] = (
    (re.compile(r" never mind | forget it "), "All right."),
    (re.compile(r"^ (?:please )?(?:say|repeat(?: after me)?) (?P<words>\S.*) $"), _repeat),
    (re.compile(r" count "), _count),
    (re.compile(r" capital(?: city)? of (?P<country>(?:the )?(?:united )?\w+) "), _capital),
    (re.compile(r" what(?:'s| is) my name | who am i "), _remembered_name),
    (re.compile(r" what did i (?:just )?say "), _last_heard),
    (re.compile(r" (?:my name is|call me) (?P<name>\w+) "), _greet_by_name),
    (re.compile(r" hear me "), "Yes, I can hear you. What can I do for you?"),
    (re.compile(r" what(?:'s| is) your name | who are you | what are you "), _ABOUT),
    (re.compile(r" are you (?:an? )?(?:human|real|robot|computer|machine|ai|person) "), _ABOUT),
    (re.compile(r" how are you "), "I am fine, thank you. How are you?"),
    (re.compile(r" (?:talk|chat|speak) about "), _TOPICS),
    (re.compile(r" what can you do | help me | can you help "), _HELP),
    (re.compile(r" story "), _STORY),
    (re.compile(r" joke "), _JOKE),
    (re.compile(r" thank you | thanks "), "You are welcome."),
    (re.compile(r" (?:bye|goodbye|good bye|see you|good night) "), "Goodbye."),
    (re.compile(r" good (?P<time>morning|afternoon|evening) "), _greet_by_time),
    (re.compile(r"^ (?:hello|hi|hey) "), "Hello. How can I help you?"),
    (re.compile(r"^ (?:stop|wait|quiet|be quiet|hold on|cancel) "), "All right."),
)
"""Tried in order on the words in lower case, with spaces around each."""
