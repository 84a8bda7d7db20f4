"""One connection: dialled, set up, used and closed. A session outlives it."""

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
    from collections.abc import Callable

    from ..backends.base import Backend
    from ..transports.base import Transport
    from .shared import Shared

# Seconds that a peer has to answer our Close after it has broken the protocol.
CLOSE_ANSWER_TIMEOUT: Final = 1.0


class Connection:
    """One dial, from the first packet to the last.

    `run` is its whole life. It ends when the outbox runs out (gracefully), by `cancel`, or by itself.

    Args:
        shared: The parts of the session.
        began: Time from which *timeout* counts, by Trio's clock.
        timeout: Seconds for everything up to the acceptance of the setup.
        opened: Called when the setup was accepted, before anything else is received or sent. Must not block.
        ended: Called once with how the connection ended, if it was opened. Must not block.

    Attributes:
        finished: Set when nothing of it is left.
    """

    def __init__(
        self,
        shared: Shared,
        began: float,
        timeout: float,
        *,
        opened: Callable[[], None],
        ended: Callable[[Ending], None],
    ) -> None:
        self._shared = shared
        self._began = began
        self._timeout = timeout
        self._opened = opened
        self._ended = ended
        self._has_ended = False
        self._scope = trio.CancelScope()
        self._all_sent = trio.Event()
        self.finished: trio.Event = trio.Event()

    @trio.lowlevel.enable_ki_protection  # Ctrl+C reaches the user's task, which closes the session in order
    async def run(self, *, task_status: trio.TaskStatus[None]) -> None:
        """Dial, set up, and serve until the connection ends. Reports "started" when the setup is accepted.

        Raises:
            HandshakeError: Before it has started; later ends are passed to *ended*.
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
        """End at once, without a Close."""
        self._scope.cancel(reason="the connection was left")

    async def wait_closed(self, *, patience: float) -> None:
        """Wait until nothing is left of it; after *patience* seconds it is cancelled."""
        with trio.move_on_after(patience):
            await self.finished.wait()
        self.cancel()
        await self.finished.wait()

    async def _open(self, nursery: trio.Nursery) -> Transport:
        progress = Progress()
        with trio.move_on_at(self._began + self._timeout):
            return await self._dial(nursery, progress)
        raise ConnectTimeoutError(phase=progress.phase, timeout=self._timeout)

    async def _dial(self, nursery: trio.Nursery, progress: Progress) -> Transport:
        transport = await _dial_unprotected(self._shared.backend, nursery, progress)
        progress.phase = "setup"
        try:
            await self._set_up(transport)
        except BaseException:
            await transport.abort()  # noqa: ASYNC102 - it doesn't wait
            raise
        return transport

    async def _set_up(self, transport: Transport) -> None:
        shared, protocol = self._shared, self._shared.protocol
        try:
            await transport.send(protocol.opening.start())
            while not protocol.opening.is_open:
                frame = await transport.receive()
                events = protocol.receive(frame)
                shared.observers.notify(events)
                if not shared.inbox.put(events, frame):
                    raise HandshakeError(shared.inbox.explain_full(), phase="setup")
        except ConnectionClosed as closed:
            raise _rejected(closed, resuming=protocol.opening.is_resuming) from None
        except RemoteProtocolError as exc:
            await _close(transport, exc.code, str(exc))  # noqa: ASYNC120 - then the cancellation counts
            raise _unusable(exc) from exc

    async def _serve(self, nursery: trio.Nursery, transport: Transport) -> None:
        shared, transmission = self._shared, self._shared.outbox.transmission
        acknowledges_by_pong = not shared.setup.is_transparent
        nursery.start_soon(self._send, transport)
        transmission.start(transport, acknowledges_by_pong=acknowledges_by_pong)
        nursery.start_soon(self._keep_alive, transport)
        if acknowledges_by_pong:
            nursery.start_soon(ping_after_idle, shared.outbox)
        ending = await receive_frames(transport, shared.protocol, shared.inbox, shared.observers.notify)
        self._end(ending)
        if transmission.is_ending:
            await self._all_sent.wait()
        elif ending.initiator == "local":
            await _close(transport, ending.code, ending.reason)

    def _end(self, ending: Ending) -> None:
        if not self._has_ended:
            self._has_ended = True
            self._ended(ending)

    @trio.lowlevel.enable_ki_protection
    async def _send(self, transport: Transport) -> None:
        await send_inputs(self._shared.outbox, transport)
        self._all_sent.set()

    @trio.lowlevel.enable_ki_protection
    async def _keep_alive(self, transport: Transport) -> None:
        timing = self._shared.timing
        limit = timing.keepalive_timeout
        await watch_for_silence(
            transport, self._shared.outbox, interval=timing.keepalive_interval, limit=limit
        )
        self._end(Ending(1006, f"nothing was heard from the server for {limit:g} s", "local"))
        await transport.abort()


@trio.lowlevel.disable_ki_protection  # it calls functions of the user's, for secrets
async def _dial_unprotected(backend: Backend, nursery: trio.Nursery, progress: Progress) -> Transport:
    return await backend.dial(nursery, progress)


def _rejected(closed: ConnectionClosed, *, resuming: bool) -> HandshakeError:
    code, reason = closed.code, closed.reason
    diagnosis = diagnose_close(code, reason, initiator=closed.initiator, resuming=resuming)
    if closed.initiator == "local":
        message = (
            f"this side ended the connection with close code {code}, before the setup was answered: {reason}"
        )
    elif code == 1006:
        message = "the server hung up without an answer to the setup"
    else:
        return SetupRejectedError(
            code=code, reason=reason, retryable=diagnosis.retryable, hint=diagnosis.hint
        )
    return HandshakeError(message, phase="setup", retryable=diagnosis.retryable, hint=diagnosis.hint)


def _unusable(exc: RemoteProtocolError) -> HandshakeError:
    # An error message of the server's is part of the exception's message.
    diagnosis = diagnose_close(exc.code, str(exc), initiator="server")
    return HandshakeError(str(exc), phase="setup", retryable=diagnosis.retryable, hint=diagnosis.hint)


async def _close(transport: Transport, code: int, reason: str) -> None:
    with trio.move_on_after(CLOSE_ANSWER_TIMEOUT):
        await transport.aclose(code, reason)
