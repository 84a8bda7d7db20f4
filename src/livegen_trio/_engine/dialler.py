"""Dialling: the connections of a session, one after the other and never two at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from .._errors import ConfigError, HandshakeError, SetupRejectedError
from .._resumption.connection_states import Trigger
from .connection import Connection

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._resumption.backoff import Backoff
    from .._session.closed import Ending
    from .shared import Shared


class Dialler:
    """Opens connections, and says what came of it.

    The server refuses a session whose earlier connection is still open, so that has to be closed first, whole.

    Args:
        shared: The parts of the session.
        backoff: How long a dial may take.
        opening_began: When `connect` was called: the time limit of the first dial counts from then.
        opened: Called in each connection, when its setup was accepted.
        ended: Called in each connection that was opened, with how it ended.

    Attributes:
        nursery: Where connections run; to be set before the first one is opened.
        connection: The present connection, or the last one until `discard`.
        refusal: Why the last dial failed; None after one that succeeded.
    """

    def __init__(
        self,
        shared: Shared,
        backoff: Backoff,
        *,
        opening_began: float,
        opened: Callable[[], None],
        ended: Callable[[Ending], None],
    ) -> None:
        self._shared = shared
        self._backoff = backoff
        self._opening_began: float | None = opening_began
        self._opened = opened
        self._ended = ended
        self.nursery: trio.Nursery
        self.connection: Connection | None = None
        self.refusal: Exception | None = None

    async def open(self) -> None:
        """Open a connection with the protocol's present setup.

        Raises:
            HandshakeError: The connection could not be opened.
        """
        began, timeout = trio.current_time(), self._shared.timing.connect_timeout
        if self._opening_began is not None:
            began, self._opening_began = self._opening_began, None
        timeout = max(0.0, min(timeout, self._backoff.time_left(began)))

        def opened() -> None:
            # Before anybody can know that it is open, and close the session.
            self.connection, self.refusal = connection, None
            self._opened()

        connection = Connection(self._shared, began, timeout, opened=opened, ended=self._ended)
        await self.nursery.start(connection.run)

    async def reopen(self) -> Trigger:
        """Open a connection that goes on with the session; returns what came of it."""
        shared = self._shared
        try:
            shared.protocol.resume(
                shared.backend.prepare_setup(shared.setup.make()),
                forgets_open=shared.coverage is not None and shared.coverage.forgets_open,
            )
            await self.open()
        except HandshakeError as exc:
            return self.judge(exc)
        except ConfigError as exc:
            self.refusal = exc
            return Trigger.REFUSED_FOR_GOOD
        except Exception as exc:  # noqa: BLE001 - of the function that gives the key, whose server may be down, too
            self.refusal = exc
            return Trigger.REFUSED
        return Trigger.OPENED

    def judge(self, refusal: HandshakeError) -> Trigger:
        """Return what follows from a dial that failed."""
        self.refusal = refusal
        is_last = not refusal.retryable or self._backoff.is_exhausted(trio.current_time())
        if is_last and self._may_be_forgotten:
            return Trigger.FORGOTTEN
        return Trigger.REFUSED if refusal.retryable else Trigger.REFUSED_FOR_GOOD

    def end_pause(self) -> Trigger:
        """Return what follows from the end of a pause: where the patience ends as well, only a new session is left."""
        if self._backoff.is_exhausted(trio.current_time()) and self._may_be_forgotten:
            return Trigger.FORGOTTEN
        return Trigger.DUE

    async def wait_closed(self) -> None:
        """Wait until nothing is left of the connection, and no longer than closing it may take."""
        if self.connection is None:
            await trio.lowlevel.checkpoint()
        else:
            await self.connection.wait_closed(patience=self._shared.timing.close_timeout)

    def discard(self) -> bool:
        """Let go of the connection that has been closed; returns whether there was one."""
        had_one, self.connection = self.connection is not None, None
        return had_one

    @property
    def _may_be_forgotten(self) -> bool:
        return isinstance(self.refusal, SetupRejectedError) and self._shared.setup.may_be_fresh
