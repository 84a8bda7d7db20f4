"""One client's connection to the embedded server, over any transport, from the setup to the Close."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import trio

from .._errors import RemoteProtocolError
from ..types import Duration, GoAway, Setup
from ._dialogue import Dialogue
from ._line import Line
from ._reading import is_costly, read_message
from ._resumption import SessionState
from ._setup_rules import NOT_FIRST, check_setup, is_spoken

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from ..transports.base import Transport
    from ..types import ClientMessage
    from ._auth_tokens import Token
    from ._dialect import Dialect
    from ._fairness import WorkShare
    from ._service import Service
    from ._setup_rules import Model

SETUP_TIMEOUT: Final = 30.0  # seconds that a client has for its first message
CLOSE_TIMEOUT: Final = (
    1.0  # seconds that a client has to take what is still on its way, and to answer the Close
)

_DEADLINE: Final = "Deadline expired before operation could complete."
_OVERSTAYED: Final = (
    "Connection aborted because the client failed to close the connection after receiving a GoAway signal "
    "once the session duration expired"
)


@dataclass(frozen=True, slots=True)
class Client:
    """The other side of a conversation, as the server knows it before the first message.

    Attributes:
        dialect: The endpoint that it asked for.
        share: Its share of the event loop.
        token: The ephemeral token that it came with: decides which setup counts, instead of the client's.
        settle: Called when its setup is accepted.
    """

    dialect: Dialect
    share: WorkShare
    token: Token | None
    settle: Callable[[], None]


class Conversation:
    """Holds one conversation. `run` is all of it, and raises nothing that goes wrong inside."""

    def __init__(self, service: Service, transport: Transport, client: Client) -> None:
        self._service = service
        self._transport = transport
        self._client = client
        self._line = Line(client.dialect, client.share)

    def end(self, code: int, reason: str) -> None:
        """End it with a close code."""
        self._line.ending.end(code, reason)

    async def run(self) -> None:
        """Converse until the client leaves, breaks a rule, or has to leave. Cancelled, it closes with 1001.

        Ending takes at most `CLOSE_TIMEOUT`.
        """
        # Shielded: a frame that is cut in two by a cancellation would spoil the Close. It ends with the block below.
        sending = trio.CancelScope(shield=True)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._send, sending)
            try:
                with self._line.ending.scope, self._line.share.held():
                    await self._converse()
            finally:
                with trio.move_on_after(CLOSE_TIMEOUT, shield=True):
                    await self._close()
                sending.cancel(reason="the conversation is over")
                await self._transport.abort()  # noqa: ASYNC102 - it doesn't wait

    async def _send(self, scope: trio.CancelScope) -> None:
        with scope, self._line.ending.contained():
            await self._line.outgoing.run(self._transport)

    async def _close(self) -> None:
        self._line.outgoing.close()
        await self._line.outgoing.finished.wait()
        if not self._line.ending.is_client_gone:
            await self._transport.aclose(*self._line.ending.close)

    async def _converse(self) -> None:
        with self._line.ending.contained():
            setup = await self._receive_setup()
            model = check_setup(setup, self._client.dialect)
            session = self._open_session(setup, model)
            with self._voice(setup), session.connected():
                self._client.settle()
                await self._serve(setup, session)

    async def _receive_setup(self) -> Setup:
        with trio.move_on_after(SETUP_TIMEOUT):
            message = await self._receive()
            if not isinstance(message, Setup):
                raise RemoteProtocolError(NOT_FIRST)
            token = self._client.token
            return message if token is None else token.admit(message)
        raise RemoteProtocolError(_DEADLINE, code=1011)

    def _open_session(self, setup: Setup, model: Model) -> SessionState:
        handle = setup.session_resumption.handle if setup.session_resumption is not None else None
        return self._service.sessions.find(handle, model) if handle else SessionState(model)

    def _voice(self, setup: Setup) -> AbstractContextManager[None]:
        engines = self._service.engines
        has_speech = engines.recognizer is not None or engines.synthesizer is not None
        return self._service.voices.use() if has_speech and is_spoken(setup) else nullcontext()

    async def _serve(self, setup: Setup, session: SessionState) -> None:
        async with trio.open_nursery() as nursery:
            dialogue = Dialogue(self._service, self._line, setup, session, nursery)
            dialogue.accept()
            nursery.start_soon(dialogue.understand)
            nursery.start_soon(self._send_away, session.model.behavior.connection_lifetime)
            try:
                with self._line.ending.contained():
                    while True:
                        await self._line.outgoing.wait_for_room()
                        await dialogue.take(await self._receive())
            finally:
                dialogue.leave()

    async def _receive(self) -> ClientMessage:
        frame = await self._transport.receive()
        await self._client.share.wait_turn(is_costly=is_costly(frame))
        with self._client.share.working():
            return read_message(frame)

    async def _send_away(self, model_lifetime: float | None) -> None:
        lifetime, lead = self._service.connection_lifetime, self._service.go_away_lead
        lifetime = model_lifetime if lifetime is None else lifetime
        if lifetime is None:
            return
        await trio.sleep(max(0.0, lifetime - lead))
        self._line.put(GoAway(time_left=Duration(min(lead, lifetime))))
        await trio.sleep(min(lead, lifetime))
        self._line.ending.end(1008, _OVERSTAYED)
