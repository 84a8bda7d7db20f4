"""The vocabulary of the rules, as data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ._words import stem

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


def _stems(words: str) -> frozenset[str]:
    return frozenset(map(stem, words.split()))


# Words without a meaning of their own.
STOP_WORDS: Final = _set(
    "a an and any are at be but by can could do does for from get give has have how i i'd i'm in is it it's its let"
    " like make may me my need no of on or our out please should so some tell that the their them then there these"
    " this those to too up us use want was we what what's when where which who why will with would yes you your"
)

# Stems in the declaration of any function.
WEAK_STEMS: Final = _stems(
    "api argument ask assistant call caller current false fetch find function get give given if input look lookup"
    " main new null number one optional parameter provide query request response result retrieve return run service"
    " show string thing tool true user value whether"
)

# Words of one subject: one may stand for another.
RELATED: Final[Sequence[frozenset[str]]] = tuple(
    map(
        _stems,
        (
            "weather forecast temperature warm hot cold rain rainy sunny snow umbrella degrees wind windy",
            "time clock hour o'clock",
            "light lamp brightness dim bright",
            "music song play playlist track album",
            "timer countdown alarm remind reminder wake",
            "price cost stock quote share expensive",
            "mail email message text",
            "meeting appointment calendar event schedule",
            "flight plane fly airport",
            "news headline",
            "restaurant table dinner lunch",
            "translate translation language",
        ),
    )
)

# Kinds of parameters, by a word of their name.
PLACES: Final = _set(
    "address area city country destination district location place region state town village where zip"
)
TIMES: Final = _set("date day time when datetime month weekday")
PEOPLE: Final = _set("attendee contact guest name person recipient user who")
FREE_TEXTS: Final = _set(
    "body content expression info keyword keywords message note phrase prompt query question search sentence subject"
    " task text title topic"
)

# Words before a value of each kind.
PREPOSITIONS: Final[Mapping[str, frozenset[str]]] = {
    "origin": _set("from"),
    "destination": _set("to into"),
    "place": _set("in at near around for of to from"),
    "person": _set("to called named for with by call tell invite"),
    "other": _set("of for about in called named with by to from on as"),
}

# Words before a text of any kind; the surest first.
BEFORE_TEXT: Final = (
    "saying",
    "says",
    "say",
    "about",
    "that",
    "titled",
    "called",
    "named",
    "for",
    "of",
    "search",
)

ALL_PREPOSITIONS: Final = frozenset[str]().union(*PREPOSITIONS.values())

TIME_WORDS: Final = _set(
    "today tonight tomorrow yesterday now morning afternoon evening night noon midnight moment week weekend month"
    " monday tuesday wednesday thursday friday saturday sunday"
)

# Words that end the name of a place, a person or a thing.
PHRASE_ENDS: Final = (
    TIME_WORDS
    | PREPOSITIONS["place"]
    | _set("about because but by if is next on or please right saying says thanks thank that then when")
)

ARTICLES: Final = _set("the a an my our your this that me")

YES_WORDS: Final = _set("on yes enable enabled activate start open true with unmute")
NO_WORDS: Final = _set("off no not don't disable disabled deactivate stop close false without never mute")
