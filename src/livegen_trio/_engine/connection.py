"""One connection: dialled, set up, used and closed. A session owns it, and outlives it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import trio

from .._errors import (
    ConnectTimeoutError,
    HandshakeError,
    RemoteProtocolError,
    SetupRejectedError,
)
from .._protocol.close_hints import diagnose_close
from .._session.closed import Ending
from .._single_exception import single_exception
from ..transports.base import ConnectionClosed, Progress
from .keepalive import ping_after_idle, watch_for_silence
from .receiver import receive_frames
from .sender import send_inputs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .._protocol.session_rules import LiveProtocol
    from .._session.timing import Timing
    from ..backends.base import Backend
    from ..transports.base import Transport
    from ..types import ServerEvent
    from .inbox import Inbox
    from .outbox import Outbox

GOODBYE_TIMEOUT: Final = 1.0
"""Seconds that a peer has to answer our Close after it has broken the protocol."""


class Connection:
    """One dial, from the first packet to the last.

    `run` is its whole life and is started in the supervisor's nursery. It ends when the outbox runs out (gracefully),
    by `cancel`, or by itself. *observe* is told of events before any consumer sees them, *opened* that the setup
    was accepted, and *ended* how it ended, once. None of them may block.

    Attributes:
        finished: Set when nothing of it is left.
    """

    def __init__(
        self,
        backend: Backend,
        protocol: LiveProtocol,
        *,
        inbox: Inbox,
        outbox: Outbox,
        observe: Callable[[Sequence[ServerEvent]], None],
        opened: Callable[[], None],
        ended: Callable[[Ending], None],
        timing: Timing,
        confirms: bool,
    ) -> None:
        self._backend = backend
        self._protocol = protocol
        self._inbox = inbox
        self._outbox = outbox
        self._observe = observe
        self._opened = opened
        self._tell_end = ended
        self._has_ended = False
        self._timing = timing
        self._confirms = confirms
        self._scope = trio.CancelScope()
        self._all_sent = trio.Event()
        self.finished: trio.Event = trio.Event()

    async def run(self, *, task_status: trio.TaskStatus[None]) -> None:
        """Dial, set up, and serve until the connection ends. Reports "started" when the setup is accepted.

        Raises:
            HandshakeError: Before it has started; *ended* is told of later ends.
        """
        try:
            with self._scope, single_exception():
                async with trio.open_nursery() as nursery:
                    transport = await self._open(nursery)
                    self._opened()
                    task_status.started()
                    try:
                        await self._serve(nursery, transport)
                    finally:
                        await transport.abort()  # noqa: ASYNC102 - it doesn't wait
                    nursery.cancel_scope.cancel(reason="the connection has ended")
        finally:
            self.finished.set()

    def cancel(self) -> None:
        """End at once, without a goodbye."""
        self._scope.cancel(reason="the connection was left")

    async def _open(self, nursery: trio.Nursery) -> Transport:
        progress = Progress()
        with trio.move_on_after(self._timing.connect_timeout):
            return await self._dial(nursery, progress)
        raise ConnectTimeoutError(phase=progress.phase, timeout=self._timing.connect_timeout)

    async def _dial(self, nursery: trio.Nursery, progress: Progress) -> Transport:
        transport = await self._backend.dial(nursery, progress)
        progress.phase = "setup"
        try:
            await self._set_up(transport)
        except BaseException:
            await transport.abort()  # noqa: ASYNC102 - it doesn't wait
            raise
        return transport

    async def _set_up(self, transport: Transport) -> None:
        try:
            await transport.send(self._protocol.start())
            while not self._protocol.is_open:
                frame = await transport.receive()
                events = self._protocol.receive(frame)
                self._observe(events)
                self._inbox.put(events, len(frame))
        except ConnectionClosed as closed:
            raise _rejected(closed, resuming=self._protocol.is_resuming) from None
        except RemoteProtocolError as exc:
            await _say_goodbye(transport, exc.code, str(exc))  # noqa: ASYNC120 - then the cancellation counts
            raise _unusable(exc) from exc

    async def _serve(self, nursery: trio.Nursery, transport: Transport) -> None:
        nursery.start_soon(self._send, transport)
        self._outbox.transmission.start(transport, acknowledges_by_pong=self._confirms)
        nursery.start_soon(self._keep_alive, transport)
        if self._confirms:
            nursery.start_soon(ping_after_idle, self._outbox)
        ending = await receive_frames(transport, self._protocol, self._inbox, self._observe)
        self._end(ending)
        if self._outbox.transmission.is_ending:
            await self._all_sent.wait()
        elif ending.initiator == "local":
            await _say_goodbye(transport, ending.code, ending.reason)

    def _end(self, ending: Ending) -> None:
        if not self._has_ended:
            self._has_ended = True
            self._tell_end(ending)

    async def _send(self, transport: Transport) -> None:
        await send_inputs(self._outbox, transport)
        self._all_sent.set()

    async def _keep_alive(self, transport: Transport) -> None:
        limit = self._timing.keepalive_timeout
        await watch_for_silence(
            transport, self._outbox, interval=self._timing.keepalive_interval, limit=limit
        )
        self._end(Ending(1006, f"nothing was heard from the server for {limit:g} s", "local"))
        await transport.abort()


def _rejected(closed: ConnectionClosed, *, resuming: bool) -> HandshakeError:
    code, reason = closed.code, closed.reason
    diagnosis = diagnose_close(code, reason, initiator=closed.initiator, resuming=resuming)
    if closed.initiator == "local":
        words = (
            f"this side ended the connection with close code {code}, before the setup was answered: {reason}"
        )
    elif code == 1006:
        words = "the server hung up without an answer to the setup"
    else:
        return SetupRejectedError(
            code=code, reason=reason, retryable=diagnosis.retryable, hint=diagnosis.hint
        )
    return HandshakeError(words, phase="setup", retryable=diagnosis.retryable, hint=diagnosis.hint)


def _unusable(exc: RemoteProtocolError) -> HandshakeError:
    # If the server sent an error message, its words are in here.
    diagnosis = diagnose_close(exc.code, str(exc), initiator="server")
    return HandshakeError(str(exc), phase="setup", retryable=diagnosis.retryable, hint=diagnosis.hint)


async def _say_goodbye(transport: Transport, code: int, reason: str) -> None:
    with trio.move_on_after(GOODBYE_TIMEOUT):
        await transport.aclose(code, reason)
