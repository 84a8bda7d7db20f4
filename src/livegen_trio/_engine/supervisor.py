"""The supervisor: one session, many connections, never two at a time."""

from __future__ import annotations

import math
import random
import time
from collections import deque
from typing import TYPE_CHECKING

import trio

from .._errors import ConfigError, HandshakeError, LocalProtocolError, SetupRejectedError
from .._protocol.close_hints import diagnose_close
from .._resumption.reconnection import Happening, State, Supervision
from .._session.closed import Ending
from .._single_exception import single_exception
from ..types import (
    GoAway,
    Reconnecting,
    ServerContent,
    SessionResumptionConfig,
    SessionResumptionUpdate,
    ToolCall,
)
from .acknowledgement import SETUP_FRAMES
from .connection import Connection
from .succession import Succession

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .._protocol.session_rules import LiveProtocol
    from .._resumption.history import History
    from .._resumption.reconnection import Reconnection
    from .._session.timing import Timing
    from ..backends.base import Backend
    from ..types import ContextUpdate, ResumeState, ServerEvent, Setup
    from .inbox import Inbox
    from .outbox import Outbox


class Supervisor:
    """Keeps a session connected, as far as its setup asks for resumption and `Reconnection` has patience.

    The server refuses a session whose earlier connection is still open; so that is closed first, whole.

    Args:
        observe: Told of the server's events before any consumer.
        end: Told how the session ended. It goes on after that only if the user asks for it.

    Attributes:
        reconnections: How often the connection has changed.
        finished: Set when nothing is left of any of them.
    """

    def __init__(
        self,
        backend: Backend,
        protocol: LiveProtocol,
        setup: Setup,
        *,
        inbox: Inbox,
        outbox: Outbox,
        history: History | None,
        observe: Callable[[Sequence[ServerEvent]], None],
        end: Callable[[Ending], None],
        timing: Timing,
        reconnection: Reconnection,
        taken_over: ResumeState | None,
    ) -> None:
        self._backend = backend
        self._protocol = protocol
        self._inbox = inbox
        self._outbox = outbox
        self._history = history
        self._succession = Succession(
            protocol,
            setup,
            outbox=outbox,
            history=history,
            replays=reconnection.replay == "recent",
            taken_over=taken_over,
        )
        self._taken_over = taken_over
        self._tell_observer = observe
        self._tell_end = end
        self._timing = timing
        self._margin = reconnection.margin
        self._machine = Supervision(reconnection)
        self._news: deque[Happening] = deque()
        self._arrival = trio.lowlevel.ParkingLot()
        self._settled = trio.Event()
        self._scope = trio.CancelScope()
        self._nursery: trio.Nursery
        self._connection: Connection | None = None
        self._asked: SessionResumptionConfig | None = None
        self._leave_by = math.inf
        self._has_progressed = False
        self._refusal: Exception | None = None
        self.reconnections: int = 0
        self.finished: trio.Event = trio.Event()

    # From the first connection to the last

    async def run(self, *, task_status: trio.TaskStatus[None]) -> None:
        """Open the first connection, and report "started"; then keep the session connected until it is closed.

        Raises:
            HandshakeError: The first connection could not be opened.
        """
        try:
            with self._scope, single_exception():
                async with trio.open_nursery() as self._nursery:
                    await self._begin()
                    # Once cancelled, nursery.start() would not let go of a task that shields itself and goes on.
                    await trio.lowlevel.checkpoint_if_cancelled()
                    # From here on a cancellation reaches the body of connect() first, which closes the session.
                    self._scope.shield = True
                    task_status.started()
                    happening = Happening.OPENED
                    while True:
                        self._note(happening)
                        if self._is_over:
                            break
                        happening = await self._carry_on()
                    await self._see_off()
        finally:
            self._settled.set()
            self.finished.set()

    def update_setup(self, context: ContextUpdate) -> None:
        """The next connection begins with what this one was told since it was set up."""
        self._succession.update(context)

    async def move(self, asked: SessionResumptionConfig | None) -> None:
        """Go on with another connection. If one is on its way, wait for that."""
        state = self._machine.state
        if asked is not None and state in (State.DIALLING, State.WAITING, State.LEAVING):
            raise trio.BusyResourceError("the session is already on its way to another connection")
        self._backend.prepare_setup(self._succession.setup(asked))  # raises before anything is left
        if state in (State.LIVE, State.HANDING_OVER) and self._protocol.in_activity:
            raise LocalProtocolError("an activity is under way; end it before you resume the session")
        self._asked = asked or self._asked
        if self._settled.is_set():
            self._settled = trio.Event()
        if state not in (State.DIALLING, State.LEAVING):
            self._tell(Happening.MOVE)
        await self._settled.wait()
        if self._outbox.is_closed:
            raise trio.ClosedResourceError("this session has been closed")
        if self._refusal is not None:
            self._inbox.ending_was_seen = self._outbox.ending_was_seen = True
            raise self._refusal

    def stir(self) -> None:
        """Something was said or heard: this may be the moment to hand over."""
        if self._machine.state is State.HANDING_OVER:
            self._arrival.unpark_all()

    def close(self) -> None:
        """Come to an end. A connection says goodbye; between two, only what is unsent is a reason to go on."""
        if self._connection is None and self._is_over:
            self.cancel()
        self._arrival.unpark_all()

    def cancel(self) -> None:
        """End at once, without a goodbye."""
        self._scope.cancel(reason="the session was left")

    # What is done in each state

    async def _begin(self) -> None:
        """Open the first connection. Of a session that is taken over, the server may still keep the earlier one."""
        if self._taken_over is not None:
            self._machine.note(Happening.LOST, trio.current_time())
        while True:
            try:
                await self._open()
            except SetupRejectedError as exc:
                if self._taken_over is None:
                    raise
                self._machine.note(self._judge(exc), trio.current_time())
                if self._machine.state is State.ENDED:
                    raise
            else:
                return
            if self._machine.state is State.WAITING:
                await trio.sleep(self._delay())
                self._machine.note(Happening.DUE, trio.current_time())
            self._protocol.resume(self._backend.prepare_setup(self._succession.setup(None)))

    async def _carry_on(self) -> Happening:
        match self._machine.state:
            case State.DIALLING:
                return await self._dial()
            case State.HANDING_OVER:
                return await self._find_safe_point()
            case State.LEAVING:
                return await self._leave()
            case State.WAITING:
                return await self._wait()
            case State.LIVE | State.ENDED:
                return await self._hear()

    async def _dial(self) -> Happening:
        await self._see_off()
        self._draw_up()
        if self._succession.lacks_handle and self._succession.may_begin_anew:
            self._forget()
        try:
            self._protocol.resume(self._backend.prepare_setup(self._succession.setup(self._asked)))
            await self._open()
        except HandshakeError as exc:
            self._refusal = exc
            return self._judge(exc)
        except ConfigError as exc:
            self._refusal = exc
            return Happening.REFUSED_FOR_GOOD
        except Exception as exc:  # noqa: BLE001 - of the function that gives the key, whose server may be down, too
            self._refusal = exc
            return Happening.REFUSED
        self._refusal = self._asked = None
        return Happening.OPENED

    def _judge(self, exc: HandshakeError) -> Happening:
        is_last = not exc.retryable or self._machine.is_impatient(trio.current_time())
        if is_last and self._succession.may_begin_anew and isinstance(exc, SetupRejectedError):
            self._forget()
            return Happening.FORGOTTEN
        return Happening.REFUSED if exc.retryable else Happening.REFUSED_FOR_GOOD

    async def _find_safe_point(self) -> Happening:
        await trio.lowlevel.checkpoint()
        with trio.move_on_at(self._leave_by):
            while not self._news and (self._outbox.is_closed or not self._protocol.is_idle):
                await self._arrival.park()
        return self._news.popleft() if self._news else Happening.MOVE

    async def _leave(self) -> Happening:
        self._outbox.transmission.leave()
        await self._see_off()
        return Happening.LEFT

    async def _wait(self) -> Happening:
        with trio.move_on_after(self._delay()):
            return await self._hear()
        return Happening.DUE

    async def _hear(self) -> Happening:
        await trio.lowlevel.checkpoint()
        while not self._news:
            if self._is_over:
                return Happening.CLOSED
            await self._arrival.park()
        return self._news.popleft()

    # What comes of it

    @property
    def _is_over(self) -> bool:
        if not self._outbox.is_closed:
            return False
        return self._machine.state is State.ENDED or (
            self._connection is None and not self._outbox.ledger.waiting
        )

    def _delay(self) -> float:
        return self._machine.delay(random.random())  # noqa: S311 - it spreads a fleet

    def _tell(self, happening: Happening) -> None:
        self._news.append(happening)
        self._arrival.unpark_all()

    def _note(self, happening: Happening) -> None:
        before = self._machine.state
        after = self._machine.note(happening, trio.current_time())
        if after is State.LEAVING:
            self._inbox.put([Reconnecting(reason="this connection is left for another")], 0)
        elif (before, after) == (State.ENDED, State.DIALLING):
            self._machine.progress()
            self._inbox.reopen()
            self._outbox.reopen()
        elif (before, after) == (State.DIALLING, State.ENDED):
            assert self._refusal is not None
            self._tell_end(_not_resumed(self._refusal))
        if after in (State.LIVE, State.ENDED) and not self._news:  # else it is about to change again
            self._settled.set()

    # The connection

    async def _open(self) -> None:
        connection = Connection(
            self._backend,
            self._protocol,
            inbox=self._inbox,
            outbox=self._outbox,
            observe=self._observe,
            opened=self._connection_opened,
            ended=self._connection_ended,
            timing=self._timing,
            confirms=not self._succession.is_transparent,
        )
        self._leave_by = math.inf
        self._has_progressed = False
        await self._nursery.start(connection.run)
        self._connection = connection

    async def _see_off(self) -> None:
        """Wait until nothing is left of the connection, and no longer than a goodbye may take."""
        connection = self._connection
        if connection is None:
            await trio.lowlevel.checkpoint()
            return
        with trio.move_on_after(self._timing.close_timeout):
            await connection.finished.wait()
        connection.cancel()
        await connection.finished.wait()

    def _draw_up(self) -> None:
        if self._connection is not None:
            self._connection = None
            self._news.clear()
            self._succession.draw_up()

    def _forget(self) -> None:
        self._asked = None
        cancellation = self._succession.forget()
        if cancellation is not None and self._taken_over is None:  # else nobody here knows of these calls
            self._tell_observer([cancellation])
            self._inbox.put([cancellation], 0)

    def _connection_opened(self) -> None:
        """The server has accepted the setup, and nothing beyond that was received or sent yet."""
        report = self._succession.begin(self._gap())
        if report is None:
            return
        events: list[ServerEvent] = [report]
        if self._taken_over is None:
            self.reconnections += 1
        elif calls := self._protocol.pending_calls:
            events.append(ToolCall(function_calls=calls))
            self._tell_observer(events)
        self._taken_over = None
        self._inbox.put(events, 0)

    def _gap(self) -> float:
        if self._taken_over is not None:
            return max(0.0, time.time() - self._taken_over.taken_at)  # two processes share no other clock
        return self._machine.gap(trio.current_time())

    def _connection_ended(self, ending: Ending) -> None:
        """The connection has ended, just now."""
        if self._machine.state is State.LEAVING:
            return
        verdict = self._verdict(ending)
        if verdict is Happening.LOST:
            self._outbox.transmission.leave()  # what is sent from now on was never sent on this one
            self._inbox.put([Reconnecting(reason=ending.reason, code=ending.code)], 0)
        else:
            self._tell_end(ending)
        self._tell(verdict)

    def _verdict(self, ending: Ending) -> Happening:
        if self._outbox.is_closed and not self._outbox.ledger.waiting:
            return Happening.LOST_FOR_GOOD
        if not self._succession.is_possible or (
            ending.is_clean and self._machine.state is not State.HANDING_OVER
        ):
            return Happening.LOST_FOR_GOOD
        if self._machine.state is State.HANDING_OVER:
            return Happening.LOST
        if diagnose_close(ending.code, ending.reason, initiator=ending.initiator).retryable:
            return Happening.LOST
        return Happening.LOST if self._succession.suspect_replay() else Happening.LOST_FOR_GOOD

    def _observe(self, events: Sequence[ServerEvent]) -> None:
        if self._history is not None:
            self._history.observe(events)
        for event in events:
            if type(event) is not ServerContent:  # most are, and it concerns nobody else
                self._tell_observer([event])
                self._heed(event)
            elif not self._has_progressed:
                self._progress()
        if self._protocol.is_idle:
            self.stir()

    def _progress(self) -> None:
        """The model has been heard from on this connection."""
        self._has_progressed = True
        self._machine.progress()
        self._succession.progress()

    def _heed(self, event: ServerEvent) -> None:
        match event:
            case ToolCall():
                self._progress()
            case GoAway():
                self._go_away(event)
            case SessionResumptionUpdate(last_consumed_client_message_index=int(index)):
                # Whether the service counts the setup isn't known. If not, one input more is sent again.
                self._outbox.ledger.acknowledge(index - SETUP_FRAMES)
            case _:
                pass  # no sign that the conversation goes on

    def _go_away(self, event: GoAway) -> None:
        if self._succession.is_possible:
            self._leave_by = trio.current_time() + max(0.0, event.time_left - self._margin)
            self._tell(Happening.GOING_AWAY)


def _not_resumed(refusal: Exception) -> Ending:
    if isinstance(refusal, SetupRejectedError):
        return Ending(refusal.code, refusal.reason, "server", cause=refusal, resuming=True)
    return Ending(1006, "the session could not be resumed", "local", cause=refusal)
