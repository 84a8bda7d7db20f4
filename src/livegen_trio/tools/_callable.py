"""A tool of any origin, as the session runs it when the model calls."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import msgspec

from .._errors import ToolError
from ._openapi import openapi_of
from ._options import ToolOptions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..types import FunctionDeclaration, FunctionResponse
    from ._context import ToolContext


class CallableTool(ABC):
    """A tool that can be declared and called.

    Attributes:
        declaration: Its part of `setup.tools`.
        options: How it runs.
        streams: Whether it answers a call more than once.
    """

    declaration: FunctionDeclaration
    options: ToolOptions = ToolOptions()
    streams: bool = False

    @property
    def name(self) -> str:
        """The name that the model calls it by."""
        return self.declaration.name

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

    @abstractmethod
    async def call(self, args: Mapping[str, object], context: ToolContext) -> FunctionResponse:
        """Run one call.

        Returns:
            The answer, whose id and name the session adds.

        Raises:
            ToolError: With a message for the model.
            Exception: Anything else; the model gets no more than its kind.
        """
