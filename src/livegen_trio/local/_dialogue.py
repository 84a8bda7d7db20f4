"""The messages of one session, from the accepted setup on: a client's on the one side, the model's on the other."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Final

from .._errors import RemoteProtocolError
from ..types import (
    ClientContent,
    ContextUpdate,
    RealtimeInput,
    SessionResumptionUpdate,
    SetupComplete,
    ToolResponse,
)
from ._hearing import Ears
from ._listening import Listening
from ._setup_rules import INVALID_ARGUMENT, NOT_FIRST, check_history, check_responses, check_tools, is_spoken
from ._speaking import Reply, Voice
from ._turns import Turns

if TYPE_CHECKING:
    import trio

    from ..types import ClientMessage, Content, Setup
    from ._line import Line
    from ._resumption import SessionState
    from ._service import Service

CONSUMED_BETWEEN_UPDATES: Final = 10  # messages of the client's, of a session that is resumed transparently


class Dialogue:
    """Takes a client's messages. Waits for nothing but for its turn on the event loop."""

    def __init__(
        self, service: Service, line: Line, setup: Setup, session: SessionState, nursery: trio.Nursery
    ) -> None:
        self._sessions = service.sessions
        self._line = line
        self._setup = setup
        self._session = session
        self._turns = _make_turns(service, line, setup, session, nursery)
        self._listening = _make_listening(service, line, setup, session, self._turns)
        history = setup.history_config
        self._is_history_due = history is not None and bool(history.initial_history_in_client_content)
        self._is_affective = bool(
            setup.generation_config is not None and setup.generation_config.enable_affective_dialog
        )
        self._consumed = 1  # the setup

    def accept(self) -> None:
        """Answer the setup."""
        self._line.put(SetupComplete(session_id=str(uuid.uuid4()) if self._line.dialect.is_vertex else None))
        if self._setup.session_resumption is not None:
            self._turns.marks.issue_handle = self._issue_handle
            self._issue_handle()
        self._turns.resume()
        self._listening.resume()

    async def understand(self) -> None:
        """Answer what the user says, until cancelled."""
        with self._line.ending.contained():
            await self._listening.run()

    async def take(self, message: ClientMessage) -> None:
        """Take the next message. Returns before it is answered.

        Raises:
            RemoteProtocolError: The service would close the connection on it.
        """
        if self._is_affective and self._session.model.behavior.affective_dialog == "refused later":
            raise RemoteProtocolError(f"{INVALID_ARGUMENT} Affective dialog is not supported by the model.")
        if isinstance(message, RealtimeInput):
            await self._listening.take(message)
        else:
            with self._line.share.working():
                self._take_at_once(message)
        self._consumed += 1
        resumption = self._setup.session_resumption
        is_transparent = resumption is not None and bool(resumption.transparent)
        if is_transparent and self._consumed % CONSUMED_BETWEEN_UPDATES == 0:
            self._issue_handle(consumed=self._consumed)

    def leave(self) -> None:
        """Note that the connection is over."""
        self._listening.leave()
        self._turns.leave()

    def _issue_handle(self, *, consumed: int | None = None) -> None:
        self._line.put(
            SessionResumptionUpdate(
                new_handle=self._sessions.issue(self._session),
                resumable=True,
                last_consumed_client_message_index=consumed,
            )
        )

    def _take_at_once(self, message: ClientMessage) -> None:
        model = self._session.model
        match message:
            case ClientContent():
                self._take_content(message)
            case ToolResponse(function_responses=responses):
                check_responses(responses, model)
                self._turns.answer(responses)
            case ContextUpdate():
                if message.tools is not None:
                    check_tools(message.tools.tools, model)
                    self._turns.decider.tools = message.tools.tools
                if message.system_instruction is not None:
                    self._turns.decider.system_instruction = message.system_instruction
            case _:
                raise RemoteProtocolError(NOT_FIRST)

    def _take_content(self, message: ClientContent) -> None:
        if not (self._session.model.takes_content or self._is_history_due):
            raise RemoteProtocolError(INVALID_ARGUMENT)
        for content in message.turns:
            self._check_content(content)
        if message.turn_complete or not self._turns.is_in_call:
            self._turns.interrupt()  # what comes with a function's answer has no part in the reply to it
        self._remember(message)
        if not message.turn_complete:
            return
        history = self._session.history
        if self._is_history_due:
            self._is_history_due = False
            check_history(history.contents, self._session.model)
        else:
            if history.awaits_reply:
                self._session.look(is_typed=True)
            self._turns.ask(None if history.contents else Reply(""))

    def _remember(self, message: ClientContent) -> None:
        for content in message.turns:
            if content.role == "system":
                self._turns.decider.system_instruction = content
            else:
                self._session.history.add(content)
                self._session.meter.read(content.text)

    def _check_content(self, content: Content) -> None:
        has_response = any(part.function_response is not None for part in content.parts)
        if has_response and not self._is_history_due:
            raise RemoteProtocolError(INVALID_ARGUMENT)
        roles = ("user", "model", "system") if self._line.dialect.is_vertex else ("user", "model")
        if content.role and content.role not in roles:
            raise RemoteProtocolError("Please use a valid role: user, model.")


def _make_turns(
    service: Service, line: Line, setup: Setup, session: SessionState, nursery: trio.Nursery
) -> Turns:
    voice = Voice(
        line,
        session.meter,
        synthesizer=service.engines.synthesizer,
        limiter=service.limiter,
        is_spoken=is_spoken(setup),
        is_transcribed=setup.output_audio_transcription is not None,
    )
    realtime = setup.realtime_input_config
    turns = Turns(
        session,
        service.engines.responder,
        voice,
        line,
        nursery,
        can_be_interrupted=realtime is None or realtime.activity_handling != "NO_INTERRUPTION",
    )
    turns.decider.system_instruction = setup.system_instruction
    turns.decider.tools = setup.tools
    return turns


def _make_listening(
    service: Service, line: Line, setup: Setup, session: SessionState, turns: Turns
) -> Listening:
    engines = service.engines
    profile = session.model.profile
    return Listening(
        session,
        Ears(engines.open_detector, setup.realtime_input_config, audio_seconds=session.audio_seconds),
        turns,
        line,
        recognizer=engines.recognizer,
        limiter=service.limiter,
        is_transcribed=setup.input_audio_transcription is not None or profile.transcribes_unasked,
        is_signalled=bool(setup.explicit_vad_signal),
    )
