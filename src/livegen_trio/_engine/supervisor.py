"""The supervisor: one session, many connections."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import trio

from .._errors import LocalProtocolError, SetupRejectedError
from .._resumption.connection_states import ReconnectionMachine, State, Trigger
from .._session.closed import Ending
from ..types import Reconnecting
from .dialler import Dialler
from .hand_over import HandOver
from .shielded_nursery import ShieldedNursery
from .succession import Succession
from .take_over import open_taken_over
from .triggers import TriggerQueue

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._resumption.reconnection import Reconnection
    from ..types import ResumeState, SessionResumptionConfig
    from .shared import Shared


class Supervisor:
    """Keeps a session connected, as far as its setup asks for resumption and its `Reconnection` has patience.

    Args:
        shared: The parts of the session.
        policy: When to dial, and when to stop.
        opening_began: When `connect` was called.
        taken_over: Where another process has left the session, if one has.
        ended: Called when the session ends by itself. After that it goes on only if the user asks for it.

    Attributes:
        hand_over: Looks for a moment to leave a connection that the server will close.
        succession: What one connection leaves to the next.
        tasks: The supervisor's and the connections' tasks.
    """

    def __init__(
        self,
        shared: Shared,
        policy: Reconnection,
        *,
        opening_began: float,
        taken_over: ResumeState | None,
        ended: Callable[[Ending], None],
    ) -> None:
        self._shared = shared
        self._takes_over = taken_over is not None
        self._ended = ended
        self._machine = ReconnectionMachine(policy, random.random)
        self._triggers = TriggerQueue()
        self._dialler = Dialler(
            shared,
            self._machine.backoff,
            opening_began=opening_began,
            opened=self._connection_opened,
            ended=self._connection_ended,
        )
        self._settled = trio.Event()
        self._last_ending: Ending | None = None
        self.hand_over: HandOver = HandOver(shared, self._triggers, policy.margin)
        self.succession: Succession = Succession(shared, policy, taken_over)
        self.tasks: ShieldedNursery = ShieldedNursery()

    # From the first connection to the last

    async def open(self) -> None:
        """Open the first connection, while `tasks` runs; from then on only `close` and `cancel` end the session.

        Raises:
            HandshakeError: It could not be opened.
        """
        try:
            self._dialler.nursery = await self.tasks.wait_open()
            if self._takes_over:
                await open_taken_over(self._dialler, self._machine, self.succession, self._shared)
            else:
                await self._dialler.open()
        except BaseException:
            self.cancel()
            raise
        self._note(Trigger.OPENED)
        self._dialler.nursery.start_soon(self._run)
        self.tasks.release()

    @trio.lowlevel.enable_ki_protection
    async def _run(self) -> None:
        """Do what the state asks for, from the first connection's opening until the session is closed."""
        while not self._is_over:
            self._note(await self._carry_on())
        await self._dialler.wait_closed()
        self._settled.set()

    async def resume(self, asked: SessionResumptionConfig | None) -> None:
        """Go on with another connection. If one is on its way, wait for that.

        Raises:
            ConfigError: The session was opened without resumption.
            LocalProtocolError: There is no handle, or an activity is under way.
            HandshakeError: The connection could not be opened.
            trio.BusyResourceError: Another connection is on its way, and something else was *asked* for.
            trio.ClosedResourceError: The session was closed meanwhile.
        """
        state, shared = self._machine.state, self._shared
        if asked is not None and state in (State.DIALLING, State.WAITING, State.LEAVING):
            raise trio.BusyResourceError("the session is already on its way to another connection")
        shared.backend.prepare_setup(shared.setup.make(asked))  # raises before anything is left
        if state in (State.LIVE, State.HANDING_OVER) and shared.protocol.outgoing.in_activity:
            raise LocalProtocolError("an activity is under way; end it before you resume the session")
        shared.setup.asked = asked or shared.setup.asked
        if self._settled.is_set():
            self._settled = trio.Event()
        if state not in (State.DIALLING, State.LEAVING):
            self._triggers.put(Trigger.ASKED)
        await self._settled.wait()
        self._check_resumed()

    def close(self) -> None:
        """Come to an end. A connection is closed in order; between two, only unsent inputs are a reason to go on."""
        if self._dialler.connection is None and self._is_over:
            self.cancel()
        self._triggers.look_again()

    def cancel(self) -> None:
        """End at once, without a Close."""
        self.tasks.cancel("the session was left")
        self._settled.set()

    # What is done in each state

    async def _carry_on(self) -> Trigger:
        match self._machine.state:
            case State.DIALLING:
                return await self._dial()
            case State.HANDING_OVER:
                return await self.hand_over.wait(
                    lambda: self._machine.may_leave_at(useful=self.succession.was_useful)
                )
            case State.LEAVING:
                self._shared.outbox.transmission.leave()
                await self._dialler.wait_closed()
                return Trigger.LEFT
            case State.WAITING:
                return await self._wait()
            case State.LIVE | State.ENDED:
                return await self._triggers.wait(lambda: self._is_over) or Trigger.CLOSED

    async def _dial(self) -> Trigger:
        await self._leave_behind()
        setup = self._shared.setup
        if not setup.has_handle and setup.may_be_fresh:
            self.succession.forget()
        return await self._dialler.reopen()

    async def _wait(self) -> Trigger:
        await self._leave_behind(keep=Trigger.ASKED)
        with trio.move_on_at(self._machine.wake_at):
            return await self._triggers.wait(lambda: self._is_over) or Trigger.CLOSED
        return self._dialler.end_pause()

    async def _leave_behind(self, *, keep: Trigger | None = None) -> None:
        """Wait for the end of the earlier connection, and take stock of it."""
        await self._dialler.wait_closed()
        if self._dialler.discard():
            self._triggers.clear(keep=keep)
            self.hand_over.reset()
            self.succession.take_stock()

    # What comes of it

    @property
    def _is_over(self) -> bool:
        if not self._shared.outbox.is_closed:
            return False
        return self._machine.state is State.ENDED or (
            self._dialler.connection is None and not self._shared.outbox.ledger.backlog.count
        )

    def _note(self, trigger: Trigger) -> None:
        if trigger is Trigger.FORGOTTEN:
            self.succession.forget()
        before = self._machine.state
        after = self._machine.note(trigger, trio.current_time(), useful=self.succession.was_useful)
        if after is State.LEAVING:
            self._shared.report(Reconnecting(reason="this connection is left for another"))
        elif before is State.ENDED and after is State.DIALLING:
            self._shared.inbox.reopen()
            self._shared.outbox.reopen()
        elif after is State.ENDED and before is not after and trigger is not Trigger.LOST_FOR_GOOD:
            self._ended(_not_resumed(self._dialler.refusal, self._last_ending))
        if after in (State.LIVE, State.ENDED) and not self._triggers:  # else it is about to change again
            self._settled.set()

    def _check_resumed(self) -> None:
        shared = self._shared
        if shared.outbox.is_closed:
            raise trio.ClosedResourceError("this session has been closed")
        if self._machine.state is State.ENDED and (ending := shared.inbox.ending) is not None:
            shared.inbox.ending_was_seen = shared.outbox.ending_was_seen = True
            raise self._dialler.refusal or ending.error()

    @trio.lowlevel.enable_ki_protection
    def _connection_opened(self) -> None:
        self._last_ending = None
        self.succession.begin(self._machine.gap(trio.current_time()))

    @trio.lowlevel.enable_ki_protection
    def _connection_ended(self, ending: Ending) -> None:
        if self._machine.state is State.LEAVING:
            return
        self._last_ending = ending
        if not self.succession.may_follow(ending, was_announced=self.hand_over.is_announced):
            self._ended(ending)
            self._triggers.put(Trigger.LOST_FOR_GOOD)
            return
        self._shared.outbox.transmission.leave()  # what is sent from now on was never sent on this one
        self._shared.report(Reconnecting(reason=ending.reason, code=ending.code))
        self._triggers.put(Trigger.LOST)


def _not_resumed(refusal: Exception | None, ending: Ending | None) -> Ending:
    """Return how a session ends that can't be restored: by the last refusal, or the last connection's ending."""
    if isinstance(refusal, SetupRejectedError):
        return Ending(refusal.code, refusal.reason, "server", cause=refusal, resuming=True)
    if refusal is not None:
        return Ending(1006, "the session could not be resumed", "local", cause=refusal)
    if ending is not None and not ending.is_clean:
        return ending
    return Ending(1001, "the server has closed one connection after the other", "server")
