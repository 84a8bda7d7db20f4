"""A plain function as a tool: its declaration from its signature, its arguments checked before the call."""

from __future__ import annotations

import inspect
import math
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, cast

import msgspec
import trio

from .._errors import ToolError
from ..types import FunctionDeclaration
from ._awaiting import awaited
from ._openapi import openapi_of
from ._options import ToolOptions, options_of
from ._plain import plain, plain_with_whole_numbers
from ._signatures import (
    arguments_of,
    docstring_of,
    function_behind,
    name_of,
    schema_of,
    struct_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class FunctionTool:
    """A function with what the model needs to know of it.

    Attributes:
        name: The function's name, as the model calls it.
        options: What `tool` was told of it.
        declaration: What is sent in `setup.tools`.

    Raises:
        ToolError: It can't be declared; the message names the parameter.
    """

    def __init__(self, function: Callable[..., object]) -> None:
        self.options: ToolOptions = options_of(function)
        self.name: str = name_of(function, self.options.name)
        behind = function_behind(function)
        if inspect.isgeneratorfunction(behind) or inspect.isasyncgenfunction(behind):
            raise ToolError(f"{self.name} yields, but a tool returns its result; let it return a list")
        arguments = arguments_of(function, self.name)
        self._function = function
        self._is_async = inspect.iscoroutinefunction(behind)
        self._arguments = struct_of(arguments, self.name)
        self.declaration: FunctionDeclaration = FunctionDeclaration(
            name=self.name,
            behavior=self.options.behavior,
            description=docstring_of(function).text or None,
            parameters_json_schema=schema_of(arguments),
        )

    @property
    def openapi_declaration(self) -> FunctionDeclaration:
        """The declaration in the subset of OpenAPI, for models that read no JSON schema.

        Raises:
            ToolError: A parameter can't be declared so: it may be anything, or its type holds itself.
        """
        schema = self.declaration.parameters_json_schema
        if schema is None:
            return self.declaration
        try:
            parameters = openapi_of(schema)
        except ToolError as exc:
            raise ToolError(f"{self.name}: {exc}") from exc
        return msgspec.structs.replace(self.declaration, parameters=parameters, parameters_json_schema=None)

    async def call(self, args: Mapping[str, object]) -> Mapping[str, object]:
        """Call the function; a sync one runs in a worker thread, and is abandoned there if this is cancelled.

        Returns:
            Its result, as the JSON object that a function response carries.

        Raises:
            ToolError: The arguments don't fit the signature, the result can't be written as JSON, or the function took
                longer than its timeout.
            Exception: Whatever the function raises.
        """
        call = partial(self._function, **self._check(args))
        async with self.options.limiter or nullcontext():
            with trio.move_on_after(math.inf if self.options.timeout is None else self.options.timeout):
                return self._encode(await self._result(call))
        raise ToolError(f"{self.name} took longer than {self.options.timeout:g} s, and was given up")

    async def _result(self, call: Callable[[], object]) -> object:
        result = call() if self._is_async else await _in_thread(call)
        if inspect.isawaitable(result):  # some decorators make an async function look like a sync one
            result = await awaited(result)
        return result

    def _check(self, args: Mapping[str, object]) -> dict[str, object]:
        try:
            plain_args = plain_with_whole_numbers(dict(args))
            checked = msgspec.convert(plain_args, self._arguments, strict=False)
        except (msgspec.ValidationError, ToolError) as exc:
            raise ToolError(f"{self.name} can't be called with these arguments: {exc}") from exc
        return {name: getattr(checked, name) for name in self._arguments.__struct_fields__}

    def _encode(self, result: object) -> Mapping[str, object]:
        try:
            answer = {"output": plain(result)}
        except ToolError as exc:
            raise ToolError(f"the result of {self.name} is of no use: {exc}") from exc
        output = answer["output"]
        if isinstance(output, dict) and output:  # an empty one would be left out on the wire
            return cast("dict[str, object]", output)  # JSON has no other keys
        return answer


async def _in_thread(call: Callable[[], object]) -> object:
    # In a list, since Trio takes the awaitable that a sync function may return for a mistake.
    [result] = await trio.to_thread.run_sync(lambda: [call()], abandon_on_cancel=True)
    return result
