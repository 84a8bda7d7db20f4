"""What a function's signature tells the model: a name, a summary, and the shape of each argument."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Final, get_type_hints

import msgspec

from .._errors import ToolError
from ._context import ToolContext
from ._docstrings import parse_docstring
from ._names import checked_name, without_partial
from ._plain import plain
from ._schemas import described, schemas_of

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping, Sequence

    from ._docstrings import Docstring
    from ._schemas import Schema

_NAMED_KINDS: Final = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


@dataclass(frozen=True, slots=True)
class Argument:
    """One parameter of a function.

    Attributes:
        name: Its name.
        type: Its annotation, resolved.
        default: What it is without being given, or `inspect.Parameter.empty`.
        description: What the function's docstring says of it.
    """

    name: str
    type: object
    default: object
    description: str | None = None

    @property
    def is_required(self) -> bool:
        """Whether it has to be given."""
        return self.default is inspect.Parameter.empty


def name_of(function: object, given: str | None = None) -> str:
    """The name that the model calls *function* by: *given*, its own, or that of the function which a `partial` calls.

    Raises:
        ToolError: It has none that the service takes, or is no function at all.
    """
    if not callable(function) or inspect.isclass(function):
        what = (
            f"the class {function.__name__}" if inspect.isclass(function) else f"a {type(function).__name__}"
        )
        raise ToolError(f"{what} is no tool; give a function, a FunctionDeclaration or a Tool")
    if given is not None:
        return given
    name: object = getattr(without_partial(function), "__name__", None)
    if not isinstance(name, str) or name == "<lambda>":
        raise ToolError(
            "a tool is called by its name, and this has none; wrap it into a function with `def`, or give it "
            "one by tool(name=...)"
        )
    return checked_name(name)


def docstring_of(function: object) -> Docstring:
    """What the function says of itself."""
    return parse_docstring(inspect.getdoc(function_behind(function)) or "")


def function_behind(function: object) -> Callable[..., object]:
    """What runs in the end: the function of a `partial`, the method of a callable object."""
    function = without_partial(function)
    assert callable(function)  # `name_of` has seen to it
    return function if inspect.isroutine(function) else function.__call__


def arguments_of(function: Callable[..., object], name: str) -> Sequence[Argument]:
    """The arguments that the model gives; those that a `partial` names are not among them.

    Raises:
        ToolError: One of them can't be declared.
    """
    descriptions = docstring_of(function).arguments
    return [
        _argument(function, parameter, name, descriptions.get(parameter.name))
        for parameter in _parameters(function, name)
        if parameter.name not in _given_to(function) and not _takes_context(parameter)
    ]


def context_parameter_of(function: Callable[..., object], name: str) -> str | None:
    """The name of the parameter that is a `ToolContext`, if there is one.

    Raises:
        ToolError: It can't be given by its name.
    """
    for parameter in _parameters(function, name):
        if _takes_context(parameter):
            if parameter.kind not in _NAMED_KINDS:
                raise _undeclarable(parameter, name, "it has to be a named one")
            return parameter.name
    return None


def struct_of(arguments: Sequence[Argument], name: str) -> type[msgspec.Struct]:
    """A type that checks and converts the arguments of one call."""
    return msgspec.defstruct(name, map(_field, arguments), kw_only=True, forbid_unknown_fields=True)


def schema_of(arguments: Sequence[Argument]) -> Schema | None:
    """The arguments as a JSON schema; None without any."""
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


def _takes_context(parameter: inspect.Parameter) -> bool:
    """By its last name, if the annotation is text: what is imported for type checkers only can't be looked up."""
    annotation: object = parameter.annotation
    if isinstance(annotation, str):
        return annotation.rpartition(".")[2] == ToolContext.__name__
    return annotation is ToolContext


def _given_to(function: object) -> Container[str]:
    return function.keywords if isinstance(function, partial) else ()


def _parameters(function: Callable[..., object], name: str) -> Sequence[inspect.Parameter]:
    try:
        return list(inspect.signature(function).parameters.values())
    except (ValueError, NameError) as exc:  # builtins have none; Python 3.14 resolves annotations only now
        raise ToolError(f"the parameters of {name} can't be told: {exc}") from exc


def _argument(
    function: Callable[..., object], parameter: inspect.Parameter, name: str, description: str | None
) -> Argument:
    if parameter.kind not in _NAMED_KINDS:
        raise _undeclarable(parameter, name, "it has to be a named one")
    if parameter.annotation is parameter.empty:
        raise _undeclarable(parameter, name, "it has no type")
    try:
        hint = _resolve(function, parameter)
        plain(schemas_of([hint]))  # examples may be anything
    except Exception as exc:  # whatever an annotation may raise
        raise _undeclarable(parameter, name, str(exc) or type(exc).__name__) from exc
    return Argument(parameter.name, hint, parameter.default, description)


def _resolve(function: Callable[..., object], parameter: inspect.Parameter) -> object:
    """The parameter's type alone: the others', and the result's, are no business of this one."""
    origin = inspect.unwrap(function_behind(function))
    names: dict[str, object] = getattr(origin, "__globals__", {})
    holder = SimpleNamespace(__annotations__={parameter.name: parameter.annotation})
    hint: object = get_type_hints(holder, names, include_extras=True)[parameter.name]
    return hint


def _undeclarable(parameter: inspect.Parameter, name: str, why: str) -> ToolError:
    return ToolError(f"parameter {parameter.name!r} of {name} can't be declared: {why}")


def _field(argument: Argument) -> tuple[str, object] | tuple[str, object, object]:
    if argument.is_required:
        return argument.name, argument.type
    # By a factory, since msgspec takes no lists and the like as defaults; Python does, and here nobody changes them.
    return argument.name, argument.type, msgspec.field(default_factory=lambda: argument.default)


def _default_of(argument: Argument) -> Mapping[str, object]:
    try:
        return {} if argument.is_required else {"default": plain(argument.default)}
    except ToolError:
        return {}  # a default that only Python knows
