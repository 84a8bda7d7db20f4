"""Puts the results of functions into words. Rules, not understanding."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ._arguments import is_place
from ._schemas import is_array, is_number, is_object
from ._words import name_words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Words of a field's name that say what its number counts: for one, and for many.
_UNITS: Final[Mapping[str, tuple[str, str]]] = {
    "celsius": ("degree Celsius", "degrees Celsius"),
    "fahrenheit": ("degree Fahrenheit", "degrees Fahrenheit"),
    "percent": ("percent", "percent"),
    "kmh": ("kilometer per hour", "kilometers per hour"),
    "seconds": ("second", "seconds"),
    "minutes": ("minute", "minutes"),
    "hours": ("hour", "hours"),
    "days": ("day", "days"),
    "km": ("kilometer", "kilometers"),
    "dollars": ("dollar", "dollars"),
    "euros": ("euro", "euros"),
}
_QUALITIES: Final = frozenset(
    {"condition", "conditions", "description", "forecast", "sky", "status", "state", "summary", "weather"}
)  # fields whose value follows "it is"
_OUTCOMES: Final = frozenset({"ok", "success", "succeeded", "done"})

_MOST: Final = 6  # fields or items: nobody listens to more
_DEEPEST: Final = 3
_LARGEST: Final = 1e15
_LONGEST: Final = 400  # characters of one value


@dataclass(frozen=True, slots=True)
class Answered:
    """A call's arguments, and its function's response."""

    args: Mapping[str, object]
    response: Mapping[str, object]


def in_words(answers: Sequence[Answered]) -> str:
    """Make a reply of what functions have answered."""
    return " ".join(_sentence(_one(answered)) for answered in answers)


def _one(answered: Answered) -> str:
    response = answered.response
    if error := response.get("error"):
        return f"That did not work: {_sentence(_value(error))}"
    result = response.get("output", response.get("result", response))
    if isinstance(result, str) and _is_sentence(result):
        return _value(result)
    statement = _statement(result, answered.args)
    if not statement:
        has_failed = is_object(result) and any(result.get(key) is False for key in _OUTCOMES)
        return "That did not work." if has_failed else "Done."
    return _place(answered.args) + statement


def _place(args: Mapping[str, object]) -> str:
    place = next((value for name, value in args.items() if is_place(name) and isinstance(value, str)), "")
    return f"in {place} " if place else ""


def _statement(result: object, args: Mapping[str, object]) -> str:
    if is_object(result):
        return _fields(result, args)
    if is_array(result):
        return f"there is {_value(result)}" if result else "there is nothing"
    return "" if result is None else f"it is {_value(result)}"


def _fields(fields: Mapping[str, object], args: Mapping[str, object]) -> str:
    """Name the fields, but for what the user said already."""
    known = {_value(value).casefold() for value in args.values()}
    new = [
        (name_words(name), value)
        for name, value in fields.items()
        if value is not None and name not in _OUTCOMES and _value(value).casefold() not in known
    ][:_MOST]
    qualities = [text for name, value in new if (text := _quality(name, value))]
    others = [_other(name, value) for name, value in new if not _quality(name, value)]
    statements = [f"it is {_joined(qualities)}", *others] if qualities else others
    return ", and ".join(filter(None, [", ".join(statements[:-1]), *statements[-1:]]))


def _quality(name: Sequence[str], value: object) -> str:
    """The part after "it is": a number of units, a state, or whether something holds."""
    if isinstance(value, bool):
        return f"{'' if value else 'not '}{' '.join(name).removeprefix('is ')}"
    if is_number(value) and len(name) == 1 and name[0] in _UNITS:
        return _measure(value, name[0])
    return value if isinstance(value, str) and name and name[-1] in _QUALITIES else ""


def _other(name: Sequence[str], value: object) -> str:
    if is_number(value) and name and name[-1] in _UNITS:
        return f"the {' '.join(name[:-1])} is {_measure(value, name[-1])}"
    verb = "are" if is_array(value) and len(value) != 1 else "is"
    return f"the {' '.join(name)} {verb} {_value(value)}"


def _measure(value: float, unit: str) -> str:
    one, many = _UNITS[unit]
    return f"{_value(value)} {one if value == 1 else many}"


def _value(value: object, depth: int = 0) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.2f}".rstrip("0").rstrip(".") if abs(value) < _LARGEST else f"{value:g}"
    if not (is_array(value) or is_object(value)):
        text = "unknown" if value is None else str(value)
        return textwrap.shorten(text, _LONGEST, placeholder=" and so on") or "empty"
    if depth == _DEEPEST:
        return "more"
    return _joined(_items(value, depth + 1)) or "none"


def _items(value: list[object] | dict[str, object], depth: int) -> Sequence[str]:
    if is_object(value):
        fields = list(value.items())[:_MOST]
        return [f"{' '.join(name_words(name))} {_value(field, depth)}" for name, field in fields]
    return [_value(item, depth) for item in list(value)[:_MOST]]


def _joined(items: Sequence[str]) -> str:
    return " and ".join([", ".join(items[:-1]), items[-1]] if len(items) > 1 else items)


def _is_sentence(text: str) -> bool:
    return text.strip()[-1:] in set(".!?") or (" " in text.strip() and text.strip()[0].isupper())


def _sentence(text: str) -> str:
    text = text.strip()
    return f"{text[0].upper()}{text[1:]}{'' if text[-1] in '.!?' else '.'}"
