"""One client's connection to the embedded server, over any transport, from the setup to the goodbye."""

from __future__ import annotations

import logging
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import trio

from .._errors import RemoteProtocolError
from .._protocol.codec import decode_client_message
from ..transports.base import ConnectionClosed
from ..types import (
    ClientContent,
    ContextUpdate,
    Duration,
    GoAway,
    RealtimeInput,
    SessionResumptionUpdate,
    Setup,
    SetupComplete,
    ToolResponse,
)
from ._hearing import Ears
from ._listening import Listening
from ._outgoing import Outgoing
from ._resumption import SessionState
from ._setup_rules import INVALID_ARGUMENT, check_setup
from ._speaking import Reply, Voice
from ._turns import Turns

if TYPE_CHECKING:
    from collections.abc import Generator

    from ..transports.base import Transport
    from ..types import ClientMessage, Content, ServerEvent
    from ._auth_tokens import Token
    from ._dialect import Dialect
    from ._engines import Engines
    from ._resumption import SessionStore
    from ._setup_rules import ModelTraits

_logger: Final = logging.getLogger("livegen_trio.local")

SETUP_TIMEOUT: Final = 30.0
"""Seconds that a client has for its first message."""

GOODBYE_TIMEOUT: Final = 1.0
"""Seconds that a client has to take what is still on its way, and to answer the Close."""

CONSUMED_BETWEEN_UPDATES: Final = 10
"""Messages of the client's, of a session that is resumed transparently."""

_NOT_FIRST: Final = "setup must be the first message and only the first."
_INTERNAL_ERROR: Final = "Internal error encountered."
_DEADLINE: Final = "Deadline expired before operation could complete."
_OVERSTAYED: Final = (
    "Connection aborted because the client failed to close the connection after receiving a GoAway signal "
    "once the session duration expired"
)


@dataclass(frozen=True, slots=True)
class Service:
    """What all conversations of one server share.

    Attributes:
        engines: What it hears, thinks and speaks with.
        limiter: Of the threads in which they work.
        sessions: That can be resumed.
        connection_lifetime: Seconds after which a connection is ended; None for never.
        go_away_lead: Seconds by which it is announced.
    """

    engines: Engines
    limiter: trio.CapacityLimiter
    sessions: SessionStore
    connection_lifetime: float | None
    go_away_lead: float


class Conversation:
    """Holds one conversation. `run` is all of it, and lets nothing out that goes wrong inside.

    A *token* decides which setup counts, instead of the client's.
    """

    def __init__(
        self, service: Service, transport: Transport, dialect: Dialect, token: Token | None = None
    ) -> None:
        self._service = service
        self._transport = transport
        self._dialect = dialect
        self._token = token
        self._outgoing = Outgoing()
        self._work = trio.CancelScope()
        self._ending: tuple[int, str] | None = None
        self._is_client_gone = False
        self._is_history_due = False
        self._takes_content = True
        self._is_transparent = False
        self._consumed = 1  # the setup

    async def run(self) -> None:
        """Converse until the client leaves, breaks the rules, or is sent away. Cancelled, it says goodbye with 1001."""
        # Shielded: a frame that is cut in two by a cancellation would spoil the goodbye.
        sending = trio.CancelScope(shield=True)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._send, sending)
            try:
                with self._work:
                    await self._converse()
            finally:
                with trio.move_on_after(GOODBYE_TIMEOUT, shield=True):
                    await self._say_goodbye()
                sending.cancel(reason="the conversation is over")
                await self._transport.abort()  # noqa: ASYNC102 - it doesn't wait

    async def _send(self, scope: trio.CancelScope) -> None:
        with scope, self._contained():
            await self._outgoing.run(self._transport)

    async def _say_goodbye(self) -> None:
        code, reason = self._ending or (1001, "")
        self._outgoing.close()
        await self._outgoing.finished.wait()
        if not self._is_client_gone:
            await self._transport.aclose(code, reason)

    async def _converse(self) -> None:
        with self._contained():
            setup = await self._receive_setup()
            model = check_setup(setup, self._dialect)
            session = self._open_session(setup, model)
            await self._serve(setup, model, session)

    async def _receive_setup(self) -> Setup:
        with trio.move_on_after(SETUP_TIMEOUT):
            message = decode_client_message(await self._transport.receive())
            if not isinstance(message, Setup):
                raise RemoteProtocolError(_NOT_FIRST)
            return message if self._token is None else self._token.admit(message)
        raise RemoteProtocolError(_DEADLINE, code=1011)

    def _open_session(self, setup: Setup, model: ModelTraits) -> SessionState:
        handle = setup.session_resumption.handle if setup.session_resumption is not None else None
        return self._service.sessions.find(handle, model.name) if handle else SessionState(model.name)

    async def _serve(self, setup: Setup, model: ModelTraits, session: SessionState) -> None:
        history = setup.history_config
        self._is_history_due = history is not None and bool(history.initial_history_in_client_content)
        self._takes_content = model.takes_content
        session.is_connected = True
        try:
            async with trio.open_nursery() as nursery:
                turns = self._make_turns(nursery, setup, model, session)
                listening = self._make_listening(nursery, setup, session, turns)
                self._accept(setup, session, turns)
                nursery.start_soon(self._understand, listening)
                nursery.start_soon(self._send_away)
                try:
                    await self._receive(session, turns, listening)
                finally:
                    turns.leave()
        finally:
            session.is_connected = False

    def _make_turns(
        self, nursery: trio.Nursery, setup: Setup, model: ModelTraits, session: SessionState
    ) -> Turns:
        engines, modalities = self._service.engines, _modalities(setup)
        voice = Voice(
            self._outgoing,
            session.meter,
            self._dialect,
            synthesizer=engines.synthesizer,
            limiter=self._service.limiter,
            is_spoken="TEXT" not in modalities,
            is_transcribed=setup.output_audio_transcription is not None,
        )
        realtime = setup.realtime_input_config
        turns = Turns(
            session,
            engines.responder,
            voice,
            self._outgoing,
            self._dialect,
            nursery=nursery,
            fail=self._fail,
            can_be_interrupted=realtime is None or realtime.activity_handling != "NO_INTERRUPTION",
            awaits_tools=model.awaits_tools,
        )
        turns.system_instruction = setup.system_instruction
        turns.tools = setup.tools
        return turns

    def _make_listening(
        self, nursery: trio.Nursery, setup: Setup, session: SessionState, turns: Turns
    ) -> Listening:
        engines = self._service.engines
        ears = Ears(engines.open_detector, setup.realtime_input_config, audio_seconds=session.audio_seconds)
        return Listening(
            session,
            ears,
            turns,
            self._outgoing,
            self._dialect,
            nursery=nursery,
            recognizer=engines.recognizer,
            limiter=self._service.limiter,
            is_transcribed=setup.input_audio_transcription is not None,
            is_signalled=bool(setup.explicit_vad_signal),
        )

    def _accept(self, setup: Setup, session: SessionState, turns: Turns) -> None:
        self._put(SetupComplete(session_id=str(uuid.uuid4()) if self._dialect.is_vertex else None))
        if setup.session_resumption is not None:
            self._is_transparent = bool(setup.session_resumption.transparent)
            handle = self._service.sessions.issue(session)
            self._put(SessionResumptionUpdate(new_handle=handle, resumable=True))
        if session.is_reply_due:
            session.is_reply_due = False
            turns.ask()

    async def _understand(self, listening: Listening) -> None:
        with self._contained():
            await listening.run()

    async def _send_away(self) -> None:
        lifetime, lead = self._service.connection_lifetime, self._service.go_away_lead
        if lifetime is None:
            return
        await trio.sleep(max(0.0, lifetime - lead))
        self._put(GoAway(time_left=Duration(min(lead, lifetime))))
        await trio.sleep(min(lead, lifetime))
        self._end(1008, _OVERSTAYED)

    async def _receive(self, session: SessionState, turns: Turns, listening: Listening) -> None:
        with self._contained():
            while True:
                await self._outgoing.wait_for_room()
                message = decode_client_message(await self._transport.receive())
                if isinstance(message, RealtimeInput):
                    await listening.take(message)
                else:
                    self._take(message, session, turns)
                self._consumed += 1
                if self._is_transparent and self._consumed % CONSUMED_BETWEEN_UPDATES == 0:
                    self._tell_consumed(session)

    def _tell_consumed(self, session: SessionState) -> None:
        handle = self._service.sessions.issue(session)
        self._put(
            SessionResumptionUpdate(
                new_handle=handle, resumable=True, last_consumed_client_message_index=self._consumed
            )
        )

    def _take(self, message: ClientMessage, session: SessionState, turns: Turns) -> None:
        match message:
            case ClientContent():
                self._take_content(message, session, turns)
            case ToolResponse(function_responses=responses):
                turns.answer(responses)
            case ContextUpdate():
                _update(turns, message)
            case _:
                raise RemoteProtocolError(_NOT_FIRST)

    def _take_content(self, message: ClientContent, session: SessionState, turns: Turns) -> None:
        if not (self._takes_content or self._is_history_due):
            raise RemoteProtocolError(INVALID_ARGUMENT)
        for content in message.turns:
            self._check_content(content)
        turns.interrupt()
        for content in message.turns:
            if content.role == "system":
                turns.system_instruction = content
            else:
                session.history.add(content)
                session.meter.read(content.text)
        if not message.turn_complete:
            return
        if self._is_history_due:
            self._is_history_due = False
        else:
            turns.ask(None if session.history.contents else Reply(""))

    def _check_content(self, content: Content) -> None:
        if any(part.function_response is not None for part in content.parts):
            raise RemoteProtocolError(INVALID_ARGUMENT)
        roles = ("user", "model", "system") if self._dialect.is_vertex else ("user", "model")
        if content.role and content.role not in roles:
            raise RemoteProtocolError("Please use a valid role: user, model.")

    @contextmanager
    def _contained(self) -> Generator[None]:
        """Turn what goes wrong into the connection's end."""
        try:
            yield
        except ConnectionClosed:
            self._is_client_gone = True
            self._end(1000, "")
        except RemoteProtocolError as exc:
            self._end(exc.code, str(exc))
        except Exception as exc:  # noqa: BLE001 - engines are other people's code
            self._fail(exc)

    def _fail(self, exc: Exception) -> None:
        _logger.error("a conversation failed and is closed", exc_info=exc)
        self._end(1011, _INTERNAL_ERROR)

    def _end(self, code: int, reason: str) -> None:
        if self._ending is None:
            self._ending = (code, reason)
        self._work.cancel(reason="the conversation is over")

    def _put(self, event: ServerEvent) -> None:
        self._outgoing.put(self._dialect.frame(event))


def _modalities(setup: Setup) -> list[str]:
    config = setup.generation_config
    return [] if config is None else list(config.response_modalities)


def _update(turns: Turns, update: ContextUpdate) -> None:
    if update.tools is not None:
        turns.tools = update.tools.tools
    if update.system_instruction is not None:
        turns.system_instruction = update.system_instruction
