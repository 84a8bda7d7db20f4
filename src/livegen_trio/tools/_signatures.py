"""Functions of any kind, as the model sees them: a name, a docstring, and parameters with their types resolved."""

from __future__ import annotations

import inspect
import re
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Final, get_type_hints

from .._errors import ToolError
from ._annotations import members_of
from ._context import ToolContext
from ._docstrings import parse_docstring
from ._names import checked_name, without_partial

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ._docstrings import Docstring

_NAMED_KINDS: Final = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)

_CONTEXT: Final = re.compile(rf"\b{ToolContext.__name__}\b")


def name_of(function: object, given: str | None = None) -> str:
    """Return the name that the model calls *function* by: *given*, its own, or that of the function in a `partial`.

    Raises:
        ToolError: It has none that the service takes, or is no function at all.
    """
    if not callable(function) or inspect.isclass(function):
        kind = (
            f"the class {function.__name__}" if inspect.isclass(function) else f"a {type(function).__name__}"
        )
        raise ToolError(f"{kind} is no tool; give a function, a FunctionDeclaration or a Tool")
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
    """Parse the docstring of a function, or of the class of an object that can be called."""
    called = without_partial(function)
    if inspect.isroutine(called) or hasattr(called, "__wrapped__"):
        return parse_docstring(inspect.getdoc(called) or "")
    return parse_docstring(type(called).__call__.__doc__ or type(called).__doc__ or "")


def function_behind(function: object) -> Callable[..., object]:
    """Return what runs in the end: the function in a `partial`, the method of a callable object."""
    function = without_partial(function)
    assert callable(function)  # `name_of` has seen to it
    is_plain = inspect.isroutine(function) or hasattr(function, "__wrapped__")  # such as by `functools.cache`
    return function if is_plain else function.__call__


def parameters_of(function: Callable[..., object], name: str) -> Sequence[inspect.Parameter]:
    """Return the parameters that are left to be given, `ToolContext`s among them, their annotations not resolved.

    Raises:
        ToolError: It has no signature.
    """
    given, called = _unwrap(function)
    try:
        parameters = inspect.signature(called).parameters.values()
    except (ValueError, NameError) as exc:  # builtins have none; Python 3.14 resolves annotations only now
        raise ToolError(f"the parameters of {name} can't be read: {exc}") from exc
    return [parameter for parameter in parameters if parameter.name not in given]


def context_parameter_of(function: Callable[..., object], name: str) -> str | None:
    """Return the name of the parameter that is a `ToolContext`, if there is one.

    Raises:
        ToolError: It can't be given by its name.
    """
    for parameter in parameters_of(function, name):
        if takes_context(function, parameter):
            check_is_named(parameter, name)
            return parameter.name
    return None


def takes_context(function: Callable[..., object], parameter: inspect.Parameter) -> bool:
    """Return whether *parameter* is a `ToolContext`, or one of several types of which that is one."""
    try:
        return ToolContext in members_of(resolved(function, parameter))
    except Exception:  # noqa: BLE001 - whatever an annotation may raise; it is reported where it is declared
        # A type that is imported for type checkers only can't be resolved, but has the class's name.
        return isinstance(parameter.annotation, str) and bool(_CONTEXT.search(parameter.annotation))


def resolved(function: Callable[..., object], parameter: inspect.Parameter) -> object:
    """Return the parameter's type. The other parameters' types, and the result's, need not be there.

    Raises:
        Exception: Whatever the annotation raises.
    """
    origin = inspect.unwrap(function_behind(function))
    names: dict[str, object] = getattr(origin, "__globals__", {})
    holder = SimpleNamespace(__annotations__={parameter.name: parameter.annotation})
    hint: object = get_type_hints(holder, names, include_extras=True)[parameter.name]
    return hint


def check_is_named(parameter: inspect.Parameter, name: str) -> None:
    """Refuse a parameter that can't be given by its name.

    Raises:
        ToolError: It can't.
    """
    if parameter.kind not in _NAMED_KINDS:
        raise undeclarable(parameter, name, "it has to be a named one")


def undeclarable(parameter: inspect.Parameter, name: str, why: str) -> ToolError:
    """Make the error for a parameter that can't be declared."""
    return ToolError(f"parameter {parameter.name!r} of {name} can't be declared: {why}")


def _unwrap(function: Callable[..., object]) -> tuple[set[str], Callable[..., object]]:
    """Return the names that the `partial`s around a function give, and the function with what is left of its signature.

    A `partial` that `functools.update_wrapper` has been used on claims the signature of the function inside.
    """
    inner = inspect.unwrap(function, stop=lambda one: isinstance(one, partial))
    if not isinstance(inner, partial):
        return set(), function
    given, called = _unwrap(inner.func)
    return given | set(inner.keywords), partial(called, *inner.args, **inner.keywords)
