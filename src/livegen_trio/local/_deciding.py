"""The model's decisions: a reply, or calls of the functions that a session declares."""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING, Final

from ..types import FunctionCall
from ._calls import PendingCall
from ._engines import Say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..types import Content, FunctionDeclaration, Tool
    from ._engines import Responder
    from ._line import Line
    from ._resumption import SessionState

_SEARCH: Final = re.compile(r"\b(?:search|look up|google)\b", re.IGNORECASE)


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
        behavior = self._session.model.behavior
        if behavior.transcribes_only:
            return Say("")
        if behavior.translates:
            return Say(self._question())
        if behavior.unreachable_pages and self._offers("url_context") and "http" in self._question():
            return Say("I am unable to access that page.")
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

    def announces_search(self) -> bool:
        """Whether the answer to the history is one that this model announces as looked up."""
        return (
            self._session.model.behavior.announces_search
            and self._offers("google_search")
            and _SEARCH.search(self._question()) is not None
        )

    def _offers(self, kind: str) -> bool:
        return any(getattr(tool, kind) is not None for tool in self.tools)

    def _question(self) -> str:
        contents = self._session.history.contents
        return contents[-1].text if self._session.history.awaits_reply else ""

    def _blocks(self, name: str, functions: Sequence[FunctionDeclaration]) -> bool:
        model = self._session.model
        if not model.profile.non_blocking_functions:
            return True
        behavior = next((one.behavior for one in functions if one.name == name), None)
        return behavior == "BLOCKING" or (behavior != "NON_BLOCKING" and model.awaits_tools)


def _call_id() -> str:
    return f"function-call-{secrets.randbelow(10**19)}"
