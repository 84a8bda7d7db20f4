"""A plain function as a tool: its declaration from its signature, its arguments checked before the call."""

from __future__ import annotations

import inspect
import math
from collections.abc import AsyncGenerator, Awaitable
from contextlib import aclosing, nullcontext
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final, cast

import msgspec
import trio

from .._errors import ToolError
from .._user_code import run_user_code
from ..types import FunctionDeclaration, FunctionResponse
from ._arguments import Arguments
from ._callable import CallableTool
from ._options import ToolOptions, options_of
from ._plain import json_object
from ._signatures import context_parameter_of, docstring_of, function_behind, name_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ._context import ToolContext

_ALL_IS_SAID: Final = object()
"""The result of a generator whose values have been sent."""


class FunctionTool(CallableTool):
    """A function as a tool, with its declaration.

    Raises:
        ToolError: It can't be declared; the message names the parameter.
    """

    def __init__(self, function: Callable[..., object]) -> None:
        options = options_of(function)
        name = name_of(function, options.name)
        behind = function_behind(function)
        if inspect.isgeneratorfunction(behind):
            raise ToolError(
                f"{name} is a generator, which would block; make it an async one, or return a list"
            )
        self.streams: bool = inspect.isasyncgenfunction(behind)
        self.options: ToolOptions = _for_a_stream(options, name) if self.streams else options
        self._function = function
        self._runs_in_thread = not (self.streams or inspect.iscoroutinefunction(behind))
        self._context = context_parameter_of(function, name)
        self._arguments = Arguments(function, name)
        self.declaration: FunctionDeclaration = FunctionDeclaration(
            name=name,
            behavior=self.options.behavior,
            description=docstring_of(function).text or None,
            parameters_json_schema=self._arguments.schema,
        )

    async def call(self, args: Mapping[str, object], context: ToolContext) -> FunctionResponse:
        """Call the function; a sync one runs in a worker thread, and is abandoned there if this is cancelled.

        The values that an async generator yields are sent as they come.

        Raises:
            ToolError: The arguments don't fit the signature, the result can't be written as JSON, the function took
                longer than its timeout, or it raised one itself.
            Exception: Whatever else the function raises.
        """
        arguments = self._check(args)
        if self._context is not None:
            arguments[self._context] = context
        async with self.options.limiter or nullcontext():
            seconds = math.inf if self.options.timeout is None else self.options.timeout
            with trio.move_on_after(seconds) as scope:
                context.note_deadline(scope.deadline)
                return await self._answer(partial(self._function, **arguments), context)
        raise ToolError(f"{self.name} took longer than {seconds:g} s, and was given up")

    async def _answer(self, call: Callable[[], object], context: ToolContext) -> FunctionResponse:
        if self._runs_in_thread:
            result = await context.run_sync(call)
            if isinstance(
                result, Awaitable | AsyncGenerator
            ):  # by a decorator that makes it look like a sync one
                result = await run_user_code(_result_of, lambda: result, context)
        else:
            result = await run_user_code(_result_of, call, context)
        if result is _ALL_IS_SAID:
            return FunctionResponse(scheduling="SILENT")
        if isinstance(result, FunctionResponse):
            return msgspec.structs.replace(result, response=self._encode(result.response))
        return FunctionResponse(response=self._encode(result), scheduling=self.options.scheduling)

    def _check(self, args: Mapping[str, object]) -> dict[str, object]:
        try:
            return self._arguments.check(args)
        except ToolError as exc:
            raise ToolError(f"{self.name} can't be called with these arguments: {exc}") from exc

    def _encode(self, result: object) -> Mapping[str, object]:
        try:
            return json_object(result)
        except ToolError as exc:
            raise ToolError(f"the result of {self.name} is of no use: {exc}") from exc


def _for_a_stream(options: ToolOptions, name: str) -> ToolOptions:
    if options.behavior == "BLOCKING":
        raise ToolError(f"{name} yields, so the model can't wait for its one answer; leave out BLOCKING")
    return replace(options, behavior="NON_BLOCKING")


async def _result_of(call: Callable[[], object], context: ToolContext) -> object:
    result = call()
    if isinstance(result, AsyncGenerator):
        return await _stream(cast("AsyncGenerator[object]", result), context)
    return await result if inspect.isawaitable(result) else result


async def _stream(values: AsyncGenerator[object], context: ToolContext) -> object:
    result = None
    async with aclosing(values):  # at once, in the task and the context that it ran in
        async for value in values:
            await context.progress(value)
            result = _ALL_IS_SAID
    return result
