"""A plain function as a tool: its declaration from its signature, its arguments checked before the call."""

from __future__ import annotations

import inspect
from functools import partial
from typing import TYPE_CHECKING, Final, get_type_hints

import msgspec
import trio

from .._errors import ToolError
from ..types import FunctionDeclaration

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_NAMED_KINDS: Final = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


class FunctionTool:
    """A function with what the model needs to know of it.

    Attributes:
        name: The function's name, as the model calls it.
        declaration: What is sent in `setup.tools`.
    """

    def __init__(self, function: Callable[..., object]) -> None:
        self._function = function
        self.name = _name_of(function)
        self._arguments = _arguments_type(function, self.name)
        self.declaration = FunctionDeclaration(
            name=self.name,
            description=_summary(function),
            parameters_json_schema=_schema(self._arguments),
        )

    async def call(self, args: Mapping[str, object]) -> Mapping[str, object]:
        """Call the function; a sync one runs in a worker thread, and is abandoned there if this is cancelled.

        Returns:
            Its result, as the JSON object that a function response carries.

        Raises:
            ToolError: The arguments don't fit the signature, or the result can't be written as JSON.
            Exception: Whatever the function raises.
        """
        arguments = self._check(args)
        if inspect.iscoroutinefunction(self._function):
            result: object = await self._function(**arguments)
        else:
            result = await trio.to_thread.run_sync(partial(self._function, **arguments), abandon_on_cancel=True)
        return self._encode(result)

    def _check(self, args: Mapping[str, object]) -> dict[str, object]:
        try:
            checked = msgspec.convert(dict(args), self._arguments, strict=False)
        except msgspec.ValidationError as exc:
            raise ToolError(f"{self.name} can't be called with these arguments: {exc}") from exc
        return {name: getattr(checked, name) for name in self._arguments.__struct_fields__}

    def _encode(self, result: object) -> Mapping[str, object]:
        try:
            builtins: object = msgspec.to_builtins(result)
        except TypeError as exc:
            raise ToolError(f"the result of {self.name} can't be written as JSON: {exc}") from exc
        return builtins if isinstance(builtins, dict) else {"output": builtins}


def _name_of(function: Callable[..., object]) -> str:
    name = getattr(function, "__name__", "")
    if not name.isidentifier():
        raise ToolError(f"a tool is called by its name, and {function!r} has none")
    return name


def _summary(function: Callable[..., object]) -> str | None:
    """The first paragraph of the docstring, on one line."""
    doc = inspect.getdoc(function)
    return " ".join(doc.partition("\n\n")[0].split()) if doc else None


def _arguments_type(function: Callable[..., object], name: str) -> type[msgspec.Struct]:
    hints = get_type_hints(function, include_extras=True)
    fields: list[tuple[str, object] | tuple[str, object, object]] = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind not in _NAMED_KINDS:
            raise ToolError(f"parameter {parameter.name!r} of {name} can't be declared: it has to be a named one")
        if parameter.name not in hints:
            raise ToolError(f"parameter {parameter.name!r} of {name} can't be declared: it has no type")
        field: tuple[str, object] = (parameter.name, hints[parameter.name])
        fields.append(field if parameter.default is parameter.empty else (*field, parameter.default))
    return msgspec.defstruct(name, fields, kw_only=True, forbid_unknown_fields=True)


def _schema(arguments: type[msgspec.Struct]) -> Mapping[str, object] | None:
    if not arguments.__struct_fields__:
        return None
    try:
        (schema,), definitions = msgspec.json.schema_components([arguments], ref_template="#/$defs/{name}")
    except TypeError as exc:
        raise ToolError(f"the parameters of {arguments.__name__} can't be declared: {exc}") from exc
    own = definitions.pop(arguments.__name__)
    own.pop("title", None)
    own.pop("additionalProperties", None)
    return {**own, "$defs": definitions} if definitions else own
