"""Taking over the session of another process, whose connection the server may still keep."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from .._errors import SetupRejectedError
from .._resumption.connection_states import State, Trigger

if TYPE_CHECKING:
    from .._resumption.connection_states import ReconnectionMachine
    from .dialler import Dialler
    from .shared import Shared
    from .succession import Succession


async def open_taken_over(
    dialler: Dialler, machine: ReconnectionMachine, succession: Succession, shared: Shared
) -> None:
    """Open the first connection of a session that is taken over, in as many attempts as the policy allows.

    Raises:
        SetupRejectedError: The server still refuses the session, or doesn't know it.
        HandshakeError: The connection could not be opened.
    """
    machine.take_over(trio.current_time())
    while (refusal := await _try_to_open(dialler)) is not None:
        trigger = dialler.judge(refusal)
        if machine.note(trigger, trio.current_time()) is State.WAITING:
            await trio.sleep_until(machine.wake_at)
            trigger = dialler.end_pause()
            machine.note(trigger, trio.current_time())
        if machine.state is State.ENDED:
            raise refusal
        if trigger is Trigger.FORGOTTEN:
            succession.forget()
        shared.protocol.resume(shared.backend.prepare_setup(shared.setup.make()))
    machine.backoff.start_over(trio.current_time())  # as after any first connection


async def _try_to_open(dialler: Dialler) -> SetupRejectedError | None:
    try:
        await dialler.open()
    except SetupRejectedError as exc:
        return exc
    return None
