"""Writes out what is read aloud otherwise than it is spelled. Pure.

Plain numbers, dollars, euros, pounds, percent and the commonest titles are left to the pronunciation, which knows them.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_ABBREVIATIONS: Final[Mapping[str, str]] = {
    "a.m.": "AM",
    "approx.": "approximately",
    "dept.": "department",
    "e.g.": "for example",
    "etc.": "and so on",
    "i.e.": "that is",
    "min.": "minutes",
    "p.m.": "PM",
    "prof.": "professor",
    "vs.": "versus",
}

# What stands behind a number, for one and for many; the longer of two that begin alike comes first.
_UNITS: Final[Mapping[str, tuple[str, str]]] = {
    "°C": ("degree Celsius", "degrees Celsius"),
    "°F": ("degree Fahrenheit", "degrees Fahrenheit"),
    "°": ("degree", "degrees"),
    "km/h": ("kilometer per hour", "kilometers per hour"),
    "m/s": ("meter per second", "meters per second"),
    "mph": ("mile per hour", "miles per hour"),
    "km": ("kilometer", "kilometers"),
    "cm": ("centimeter", "centimeters"),
    "mm": ("millimeter", "millimeters"),
    "kg": ("kilogram", "kilograms"),
    "ml": ("milliliter", "milliliters"),
    "hPa": ("hectopascal", "hectopascals"),
    "kWh": ("kilowatt hour", "kilowatt hours"),
    "GB": ("gigabyte", "gigabytes"),
    "MB": ("megabyte", "megabytes"),
    "ms": ("millisecond", "milliseconds"),
}

_SYMBOLS: Final[Mapping[str, str]] = {
    "½": " one half",
    "¼": " one quarter",
    "¾": " three quarters",
    "±": " plus or minus ",
    "\N{MULTIPLICATION SIGN}": " times ",
    "÷": " divided by ",
    "=": " equals ",
    "<": " is less than ",
    ">": " is more than ",
    "²": " squared",
    "³": " cubed",
    "#": " number ",
    "_": " ",
    "*": " ",
    "|": " ",
    "/": " ",
    "\\": " ",
}

_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip

# Latin letters that are no plain one with an accent.
_LETTERS: Final = str.maketrans(
    {
        "\u00df": "ss",
        "\u00e6": "ae",
        "\u00c6": "Ae",
        "\u0153": "oe",
        "\u00f8": "o",
        "\u00d8": "O",
        "\u0142": "l",
    }
)

_NUMBER: Final = r"(?<![\d,.])\d+(?:,\d{3})*(?:\.\d+)?"


def _alternatives(words: Mapping[str, object]) -> str:
    return "|".join(map(re.escape, words))


def _unit(match: re.Match[str]) -> str:
    number, unit = match.groups()
    one, many = _UNITS[unit]
    return f"{number} {one if number == '1' else many}"


def _date(match: re.Match[str]) -> str:
    year, month, day = map(int, match.groups())
    return f"{_MONTHS[month - 1]} {day}, {year}" if 1 <= month <= 12 else match[0]


def _digits(match: re.Match[str]) -> str:
    return " ".join(match[0].replace(",", ""))


def _clock(match: re.Match[str]) -> str:
    hour, minute = int(match[1]), match[2]
    if minute == "00":
        return f"{hour} o'clock" if match[3] is None else f"{hour}{match[3]}"
    return f"{hour} {'oh ' if minute[0] == '0' else ''}{int(minute)}{match[3] or ''}"


_REWRITES: Final[tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...]] = (
    (re.compile(r"https?://(?:www\.)?(\S+)"), r"\1"),
    (
        re.compile(rf"(?<![\w.])(?:{_alternatives(_ABBREVIATIONS)})", re.IGNORECASE),
        lambda match: _ABBREVIATIONS[match[0].lower()],
    ),
    (re.compile(r"\b(\d{4})-(\d\d)-(\d\d)\b"), _date),
    (re.compile(r"\b([01]?\d|2[0-3]):([0-5]\d)(?::[0-5]\d)?(?:(\s*[ap]m)\b)?", re.IGNORECASE), _clock),
    (re.compile(rf"({_NUMBER})\s?({_alternatives(_UNITS)})(?![\w°])"), _unit),
    (re.compile(rf"[\xa5\uffe5]\s?({_NUMBER})"), r"\1 yen"),
    (re.compile(rf"-([$€£])(?={_NUMBER})"), r"minus \1"),
    (re.compile(r"\b(\d+)/(\d+)\b"), r"\1 over \2"),
    (re.compile(r"(?<=\d)\s*\*\s*(?=\d)"), " times "),
    (re.compile(r"(?<=\d)\s*[-\u2013](?=\d)"), " to "),
    (re.compile(r"\d[\d,]{15,}"), _digits),
    (re.compile(_alternatives(_SYMBOLS)), lambda match: _SYMBOLS[match[0]]),
)


def spoken(text: str) -> str:
    """The text as it would be read aloud, in letters that the pronunciation can do with."""
    for pattern, replacement in _REWRITES:
        text = pattern.sub(replacement, text)
    return "\n".join(" ".join(line.split()) for line in _latin(text).splitlines())


def _latin(text: str) -> str:
    """Letters without their accents; other scripts, control characters and pictures as spaces."""
    return "".join(map(_plain, unicodedata.normalize("NFKD", text.translate(_LETTERS))))


def _plain(character: str) -> str:
    if character == "\n" or (character.isascii() and character.isprintable()):
        return character
    category = unicodedata.category(character)
    if category.startswith("M"):
        return ""
    return character if category[0] in "NP" or character in "\u20ac\xa3" else " "
