"""Small talk that shows that the responder heard: greetings, names, what was said. Rules, not understanding."""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING, Final, TypeAlias

from ._words import Utterance

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_LONGEST_ECHO: Final = 160  # characters

_NAME: Final = re.compile(r"\b(?:my name is|call me)\s+([^\W\d_]+)", re.IGNORECASE)

_ABOUT: Final = "I am the embedded voice of this library, and I run on your own machine."
_HELP: Final = "I can use the tools that you give me, remember your name, and repeat what I hear."
_TOPICS: Final = (
    "Whatever you like. I follow rules, but I hear every word. What would you like to talk about?"
)


def small_talk(text: str, earlier: Sequence[str]) -> str | None:
    """Reply to *text* by the first rule that matches; None if none does.

    Args:
        text: The user's message.
        earlier: The user's earlier messages, in order.
    """
    utterance = Utterance(text)
    if not utterance.words:
        return "Sorry, I did not catch that."
    for pattern, reply in _RULES:
        if match := pattern.search(utterance.plain):
            return reply if isinstance(reply, str) else reply(utterance, match, earlier)
    return None


def echo(text: str) -> str:
    """Reply with what was heard."""
    heard = textwrap.shorten(text, _LONGEST_ECHO, placeholder=" and so on").rstrip(".?!,;:")
    return f"I heard you say: {heard}."


def _repeat(utterance: Utterance, match: re.Match[str], _earlier: Sequence[str]) -> str:
    # As it was written: the match is in lower case.
    first = utterance.words[-len(match["words"].split())]
    return utterance.text[first.begin :].strip()


def _greet_by_name(_utterance: Utterance, match: re.Match[str], _earlier: Sequence[str]) -> str:
    return f"Nice to meet you, {match['name'].title()}."


def _greet_by_time(_utterance: Utterance, match: re.Match[str], _earlier: Sequence[str]) -> str:
    return f"Good {match['time']}. How can I help you?"


def _remembered_name(_utterance: Utterance, _match: re.Match[str], earlier: Sequence[str]) -> str:
    for text in reversed(earlier):
        if match := _NAME.search(text):
            return f"Your name is {match[1].title()}."
    return "I do not know your name yet."


def _sum(_utterance: Utterance, match: re.Match[str], _earlier: Sequence[str]) -> str:
    return f"That is {int(match['first']) + int(match['second'])}."


def _last_message(_utterance: Utterance, _match: re.Match[str], earlier: Sequence[str]) -> str:
    return f"You said: {earlier[-1].strip()}" if earlier else "You have said nothing before that."


if TYPE_CHECKING:
    _Reply: TypeAlias = str | Callable[[Utterance, re.Match[str], Sequence[str]], str]

# Tried in order on the words in lower case, with spaces around each.
_RULES: Final[Sequence[tuple[re.Pattern[str], _Reply]]] = (
    # A question whose answer can be told from those of other questions.
    (re.compile(r" what(?: is|'s) (?P<first>\d{1,9}) (?:plus|\+) (?P<second>\d{1,9}) "), _sum),
    (re.compile(r" never mind | forget it "), "All right."),
    (re.compile(r"^ (?:please )?(?:say|repeat(?: after me)?) (?P<words>\S.*) $"), _repeat),
    (re.compile(r" what(?:'s| is) my name | who am i "), _remembered_name),
    (re.compile(r" what did i (?:just )?say "), _last_message),
    (re.compile(r" (?:my name is|call me) (?P<name>\w+) "), _greet_by_name),
    (re.compile(r" hear me "), "Yes, I can hear you. What can I do for you?"),
    (re.compile(r" (?:what(?:'s| is) your name|who are you|what are you|are you an?) "), _ABOUT),
    (re.compile(r" how are you "), "I am fine, thank you. How are you?"),
    (re.compile(r" (?:talk|chat|speak) about "), _TOPICS),
    (re.compile(r" what can you do | help me | can you help "), _HELP),
    (re.compile(r" thank you | thanks "), "You are welcome."),
    (re.compile(r" (?:bye|goodbye|good bye|see you|good night) "), "Goodbye."),
    (re.compile(r" good (?P<time>morning|afternoon|evening) "), _greet_by_time),
    (re.compile(r"^ (?:hello|hi|hey) "), "Hello. How can I help you?"),
    (re.compile(r"^ (?:stop|wait|quiet|be quiet|hold on|cancel) "), "All right."),
)
