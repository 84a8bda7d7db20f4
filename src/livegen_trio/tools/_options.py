"""Options of a tool that its signature can't express: `@tool(...)`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, TypeVar, get_args, overload

from .._errors import ToolError
from ._names import checked_name, without_partial

if TYPE_CHECKING:
    import trio

    from ..types import Behavior, FunctionResponseScheduling

OnInterrupt: TypeAlias = Literal["cancel", "finish"]

_ATTRIBUTE: Final = "__livegen_trio_tool__"
_Function = TypeVar("_Function", bound=Callable[..., object])


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolOptions:
    """The options of a function as a tool; see `tool`."""

    name: str | None = None
    behavior: Behavior | None = None
    scheduling: FunctionResponseScheduling | None = None
    timeout: float | None = None
    on_interrupt: OnInterrupt = "cancel"
    limiter: trio.CapacityLimiter | None = None

    def __post_init__(self) -> None:
        if self.name is not None:
            checked_name(self.name)
        if self.timeout is not None and not self.timeout > 0:
            raise ToolError("the timeout of a tool is a number of seconds above 0")
        if self.on_interrupt not in get_args(OnInterrupt):
            raise ToolError('on_interrupt is "cancel" or "finish"')
        if self.scheduling is not None and self.behavior == "BLOCKING":
            raise ToolError("scheduling is for tools that the model doesn't wait for; leave out BLOCKING")


@overload
def tool(function: _Function, /) -> _Function: ...


@overload
def tool(
    *,
    name: str | None = None,
    behavior: Behavior | None = None,
    scheduling: FunctionResponseScheduling | None = None,
    timeout: float | None = None,
    on_interrupt: OnInterrupt = "cancel",
    limiter: trio.CapacityLimiter | None = None,
) -> Callable[[_Function], _Function]: ...


def tool(
    function: _Function | None = None,
    /,
    *,
    name: str | None = None,
    behavior: Behavior | None = None,
    scheduling: FunctionResponseScheduling | None = None,
    timeout: float | None = None,
    on_interrupt: OnInterrupt = "cancel",
    limiter: trio.CapacityLimiter | None = None,
) -> _Function | Callable[[_Function], _Function]:
    """Set options of a function that the model can call: `@tool(timeout=5)`. The function stays what it is.

    Args:
        function: By `@tool` alone, which changes nothing.
        name: The name that the model calls it by; by default its own.
        behavior: "BLOCKING" has the model wait for the answer, "NON_BLOCKING" lets it talk on; by default the model's
            own way.
        scheduling: When a model that talks on speaks about an answer: "INTERRUPT", "WHEN_IDLE" or "SILENT".
        timeout: Seconds from its beginning, after which the function is cancelled, and the answer is an error. A sync
            one goes on in its thread, and its result is dropped.
        on_interrupt: The end of a call that the model takes back, because the user spoke, say: "cancel" cancels the
            function, "finish" lets it go on, as is right for work that must not be left half done. Nothing is answered
            either way. The end of the session cancels it in any case.
        limiter: Held while the function runs: `trio.CapacityLimiter(1)` for one call at a time.

    Raises:
        ToolError: One of these makes no sense.
    """
    options = ToolOptions(
        name=name,
        behavior=behavior,
        scheduling=scheduling,
        timeout=timeout,
        on_interrupt=on_interrupt,
        limiter=limiter,
    )

    def decorate(decorated: _Function) -> _Function:
        setattr(decorated, _ATTRIBUTE, options)
        return decorated

    return decorate if function is None else decorate(function)


def options_of(function: object) -> ToolOptions:
    """Return the `@tool` options of a function, or of the function inside a `partial`."""
    for one in (function, without_partial(function)):
        options: object = getattr(one, _ATTRIBUTE, None)
        if isinstance(options, ToolOptions):
            return options
    return ToolOptions()
