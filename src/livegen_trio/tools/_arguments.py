"""The arguments of a function: their declaration, and the check and conversion of those of a call."""

from __future__ import annotations

import inspect
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec
import msgspec.inspect

from .._errors import ToolError
from ._annotations import adapted, or_none, pydantic_field
from ._foreign import decoded, is_pydantic, validated
from ._plain import plain, plain_with_whole_numbers
from ._schemas import described, schemas_of
from ._signatures import (
    check_is_named,
    docstring_of,
    parameters_of,
    resolved,
    takes_context,
    undeclarable,
)
from ._times import with_times

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ._json import Schema

_logger: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Argument:
    """One parameter of a function.

    Attributes:
        name: Its name.
        type: Its annotation, resolved, as msgspec or pydantic reads it.
        default: Its value without being given, or `inspect.Parameter.empty`.
        description: The function's docstring about it.
    """

    name: str
    type: object
    default: object
    description: str | None = None

    @property
    def is_required(self) -> bool:
        """Whether it has to be given."""
        return self.default is inspect.Parameter.empty


class Arguments:
    """Arguments of a function, other than those that a `partial` names and a `ToolContext`.

    Args:
        function: The function.
        name: Its name, for errors.

    Attributes:
        schema: The arguments as a JSON schema; None without any.

    Raises:
        ToolError: One of them can't be declared.
    """

    def __init__(self, function: Callable[..., object], name: str) -> None:
        descriptions = docstring_of(function).arguments
        self._arguments = [
            _argument(function, parameter, name, descriptions.get(parameter.name))
            for parameter in parameters_of(function, name)
            if not takes_context(function, parameter)
        ]
        self._name = name
        self._struct = msgspec.defstruct(name, map(_field, self._arguments), kw_only=True)
        self._kind = msgspec.inspect.type_info(self._struct)
        try:
            self.schema: Schema | None = _schema_of(self._arguments)
        except TypeError as exc:
            raise ToolError(f"the parameters of {name} can't be declared: {exc}") from exc

    def check(self, args: Mapping[str, object]) -> dict[str, object]:
        """Convert the arguments of a call to the types of the function's parameters.

        Arguments that the function doesn't have are left out, and logged: their declaration doesn't rule them out.

        Raises:
            ToolError: They don't fit.
        """
        try:
            plain_args = with_times(plain_with_whole_numbers(dict(args)), self._kind)
            checked = msgspec.convert(plain_args, self._struct, strict=False, dec_hook=decoded)
        except (msgspec.ValidationError, ToolError) as exc:
            raise ToolError(str(exc)) from exc
        except RecursionError:
            raise ToolError("they are nested too deeply") from None
        if unknown := [key for key in args if key not in self._struct.__struct_fields__]:
            _logger.warning(
                "the model gave %s the arguments %s, which it doesn't have: left out", self._name, unknown
            )
        values: dict[str, object] = {one.name: getattr(checked, one.name) for one in self._arguments}
        for one in self._arguments:
            if one.name in args:  # a default is taken as it is
                values[one.name] = _value(one, values[one.name])
        return values


def _argument(
    function: Callable[..., object], parameter: inspect.Parameter, name: str, description: str | None
) -> Argument:
    check_is_named(parameter, name)
    if parameter.annotation is parameter.empty:
        raise undeclarable(parameter, name, "it has no type")
    try:
        hint = resolved(function, parameter)
        default = parameter.default
        if (field := pydantic_field(default)) is not None:
            hint, default = field.annotated(hint), field.default
        if default is None:
            hint = or_none(hint)
        hint = hint if is_pydantic(hint) else adapted(hint)
        plain(schemas_of([hint]))  # examples may be anything
    except Exception as exc:  # whatever an annotation may raise
        raise undeclarable(parameter, name, str(exc) or type(exc).__name__) from exc
    return Argument(parameter.name, hint, default, description)


def _field(argument: Argument) -> tuple[str, object] | tuple[str, object, object]:
    kind = object if is_pydantic(argument.type) else argument.type
    if argument.is_required:
        return argument.name, kind
    # By a factory, since msgspec takes no lists and the like as defaults; Python does, and here nobody changes them.
    return argument.name, kind, msgspec.field(default_factory=lambda: argument.default)


def _value(argument: Argument, value: object) -> object:
    if not is_pydantic(argument.type):
        return value
    try:
        return validated(argument.type, value)
    except ValueError as exc:
        raise ToolError(f"{exc} - at `$.{argument.name}`") from exc


def _schema_of(arguments: Sequence[Argument]) -> Schema | None:
    if not arguments:
        return None
    schemas, definitions = schemas_of([argument.type for argument in arguments])
    properties = {
        argument.name: {**described(schema, argument.description), **_default_of(argument)}
        for argument, schema in zip(arguments, schemas, strict=True)
    }
    required = [argument.name for argument in arguments if argument.is_required]
    schema: dict[str, object] = {"type": "object", "properties": properties}
    if required:
        schema["required"] = required
    if definitions:
        schema["$defs"] = definitions
    return schema


def _default_of(argument: Argument) -> Mapping[str, object]:
    try:
        return {} if argument.is_required else {"default": plain(argument.default)}
    except ToolError:
        return {}  # a default that only Python knows
