"""The model's decisions: a reply, or calls of the functions that a session declares."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from ..types import FunctionCall
from ._calls import PendingCall
from ._engines import Say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..types import Content, FunctionDeclaration, Tool
    from ._engines import Responder
    from ._line import Line
    from ._resumption import SessionState


class Decider:
    """Asks the responder what to do next in a session.

    Attributes:
        system_instruction: The system instruction.
        tools: The tools that the model may use.
    """

    def __init__(self, session: SessionState, responder: Responder, line: Line) -> None:
        self._session = session
        self._responder = responder
        self._line = line
        self.system_instruction: Content | None = None
        self.tools: Sequence[Tool] = ()

    def decide(self) -> Say | Sequence[PendingCall]:
        """Decide what to answer to the history: a reply, or calls that are to be sent."""
        if self._session.model.behavior.transcribes_only:
            return Say("")
        functions = [function for tool in self.tools for function in tool.function_declarations]
        with self._line.share.working():
            decision = self._responder.respond(
                self._session.history.contents,
                functions=functions,
                system_instruction=self.system_instruction,
            )
        if isinstance(decision, Say):
            return decision
        calls = [FunctionCall(id=_call_id(), name=tool.name, args=tool.args) for tool in decision]
        return [PendingCall(call, blocks=self._blocks(call.name, functions)) for call in calls]

    def _blocks(self, name: str, functions: Sequence[FunctionDeclaration]) -> bool:
        model = self._session.model
        if not model.profile.non_blocking_functions:
            return True
        behavior = next((one.behavior for one in functions if one.name == name), None)
        return behavior == "BLOCKING" or (behavior != "NON_BLOCKING" and model.awaits_tools)


def _call_id() -> str:
    return f"function-call-{secrets.randbelow(10**19)}"
