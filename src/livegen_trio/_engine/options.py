"""The options of a session that aren't part of its setup."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from ..types import FunctionCall

if TYPE_CHECKING:
    from .._protocol.model_profiles import ModelProfile
    from .._resumption.reconnection import Reconnection
    from .._session.buffering import Buffering
    from .._session.timing import Timing
    from ..types import ResumeState
    from .session_tools import SessionTools


Approve: TypeAlias = Callable[[FunctionCall], Awaitable[bool]]
"""Asks a human, say, whether a call may run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolExecution:
    """The choice of who answers tool calls.

    Attributes:
        is_manual: Whether all of them are the caller's to answer.
        approve: Asked before each call that the session runs.
    """

    is_manual: bool = False
    approve: Approve | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOptions:
    """The options of `connect`, and those of the model.

    Attributes:
        profile: What the model takes.
        tools: The tools of the session.
        tool_execution: The choice of who answers tool calls.
        timing: How long is waited for what.
        buffering: How much waits.
        reconnection: How the session outlives its connections.
        opening_began: When `connect` was called, by Trio's clock: its time limit covers the listing of tools as well.
        taken_over: Where another process has left it, if one has.
    """

    profile: ModelProfile
    tools: SessionTools
    tool_execution: ToolExecution
    timing: Timing
    buffering: Buffering
    reconnection: Reconnection
    opening_began: float
    taken_over: ResumeState | None = None
