"""What a session goes by, beside its setup."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .._profiles import ModelProfile
    from .._resume_state import ResumeState
    from .._supervision import Reconnection
    from ..tools import FunctionTool
    from .buffering import Buffering
    from .timing import Timing


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOptions:
    """What `connect` and the model were given.

    Attributes:
        profile: What the model takes.
        functions: What the model can call.
        timing: How long is waited for what.
        buffering: How much waits.
        reconnection: How the session outlives its connections.
        taken_over: Where another process has left it, if one has.
    """

    profile: ModelProfile
    functions: Mapping[str, FunctionTool]
    timing: Timing
    buffering: Buffering
    reconnection: Reconnection
    taken_over: ResumeState | None = None
