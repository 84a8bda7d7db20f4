"""The Live protocol of one session without any I/O: what may be sent when, and the state that the events add up to.

Frames go in and out as bytes. There is no clock and no socket here; the session engine has both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from .._errors import RemoteProtocolError
from ..types import (
    ClientContent,
    ContextUpdate,
    FunctionResponse,
    RealtimeInput,
    ServerContent,
    SessionResumptionUpdate,
    ToolCall,
    ToolCallCancellation,
    ToolResponse,
    UsageMetadata,
)
from .codec import decode_server_message, encode_client_message, encode_media
from .exchanges import Exchanges
from .model_profiles import ANY_MODEL
from .opening import Opening
from .outgoing import OutgoingRules, check_media
from .seeds import end_history
from .tool_calls import CallIds, CallLedger, without_our_ids
from .unreadable_frames import UnreadableFrames
from .usage import add_usage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from typing_extensions import Buffer

    from ..types import Content, FunctionCall, ResumeState, ServerEvent, Setup
    from .codec import MediaKind
    from .model_profiles import ModelProfile
    from .outgoing import Outgoing

# Far beyond what any model does. The session's own limits are lower: calls above them are refused one by one.
_MAX_CALLS: Final = 2**16


class ExchangeWatcher(Protocol):
    """A part of the session that follows its exchanges. Its methods are called after the state has changed."""

    def note_turn(self) -> None:
        """Note that a turn has begun or ended, or both in one frame."""
        ...

    def note_calls(self) -> None:
        """Note that tool calls were answered or cancelled."""
        ...

    def note_interruption(self) -> None:
        """Note that the user has cut in."""
        ...


class LiveProtocol:
    """The state of one session, fed with what is sent and received.

    Attributes:
        profile: What is known of the model.
        opening: The setup of the present connection, and its progress.
        outgoing: What may be sent.
        exchanges: Which question the model answers with what it says.
        calls: The tool calls and their outcomes.
        audio_epoch: The number of interruptions and repetitions. Speech of an earlier one must not be played any more.
        resumption_handle: The newest handle that the session can be resumed with.
        watcher: Follows the exchanges, if something does.
        usage: The sum of all usage reports. The service doesn't say whether its reports count a message or the
            session so far; per message is what its reference suggests, so they are added.
    """

    def __init__(self, setup: Setup, profile: ModelProfile = ANY_MODEL) -> None:
        self.profile: ModelProfile = profile
        self._call_ids = CallIds()
        self._tools = setup.tools
        self._unreadable = UnreadableFrames()
        # The kind and the type of the last chunk of media. A stream names the same objects each time.
        self._checked_media: tuple[MediaKind | None, str] = (None, "")
        self.opening: Opening = Opening(setup)
        self.outgoing: OutgoingRules = OutgoingRules(setup, profile)
        self.exchanges: Exchanges = Exchanges()
        self.calls: CallLedger = CallLedger()
        self.audio_epoch: int = 0
        self.resumption_handle: str | None = None
        self.usage: UsageMetadata = UsageMetadata()
        self.watcher: ExchangeWatcher | None = None

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way that a change of the connection would cut: no exchange, no call, no activity."""
        return self.exchanges.is_idle and not self.outgoing.in_activity

    @property
    def in_turn(self) -> bool:
        """Whether a turn of the model's is under way."""
        return self.exchanges.in_turn

    @property
    def tells_history(self) -> bool:
        """Whether the setup has to say that a history comes, where there is one."""
        return self.profile.client_content == "history"

    # From connection to connection

    def resume(self, setup: Setup, *, forgets_open: bool = False) -> None:
        """Begin again on another connection of the session. A turn under way is cut; calls go on to wait.

        Meanwhile messages may be sent as before: they wait for the new connection.

        Args:
            setup: The setup of that connection.
            forgets_open: As in `Exchanges.cut`.
        """
        self.opening.restart(setup)
        self.outgoing.restart(setup)
        self.exchanges.cut(forgets_open=forgets_open)

    def forget(self) -> ToolCallCancellation | None:
        """Note that the server has forgotten the session; return the cancellation of the calls that wait."""
        self.resumption_handle = None
        self.opening.session_id = None
        self.exchanges.forget_calls()
        ids = self.calls.cancel_all()
        return ToolCallCancellation(ids=ids) if ids else None

    def take_over(self, state: ResumeState) -> None:
        """Continue where another process has left the session: its calls wait for their answer here."""
        self._call_ids.skip(state.pending_calls)
        self._call_ids.give(state.pending_calls)
        self.calls.begin(state.pending_calls)
        self.exchanges.take_over(state.pending_calls)
        self.usage = state.usage

    # Sending

    def history(self, contents: Sequence[Content]) -> bytes:
        """Return the frame that gives a new session what was said before it; it is not answered."""
        turns = end_history(self.profile, contents)
        return encode_client_message(ClientContent(turns=turns, turn_complete=self.tells_history))

    def send(self, message: Outgoing) -> bytes:
        """Return the frame for *message*.

        Raises:
            LocalProtocolError: It may not be sent now, or can't be written; the state is as it was.
        """
        self.opening.check_was_open()
        self.outgoing.check(message)
        if isinstance(message, ToolResponse):
            self.calls.check(message.function_responses)
        frame = encode_client_message(_on_the_wire(message))
        self._note(message)  # only now: a message that can't be written has not been sent
        return frame

    def send_media(self, kind: MediaKind, data: Buffer, mime_type: str) -> bytes | None:
        """Return the frame for a chunk of media, or None for an empty one; *data* is read once.

        Half a sample at the end of raw sound is kept, and sent with the next chunk.

        Raises:
            LocalProtocolError: Nothing may be sent yet, the type is of another kind, or the data is no media.
        """
        if not self.opening.was_open or self.outgoing.history_is_open:
            self.opening.check_was_open()
            self.outgoing.check_history_is_complete()
        checked = self._checked_media
        if mime_type is not checked[1] or kind is not checked[0]:
            check_media(kind, mime_type)
            self._checked_media = kind, mime_type
        if type(data) is not bytes or len(data) & 1 or self.outgoing.samples.half:
            data = self.outgoing.payload(kind, data, mime_type)
        self.exchanges.may_speak = True
        # The service refuses a message with nothing in it.
        return encode_media(kind, data, mime_type) if data else None

    def unanswered(self, responses: Sequence[FunctionResponse]) -> tuple[FunctionResponse, ...]:
        """Return those of *responses* whose call has not been cancelled by the server.

        The model has forgotten a cancelled call, and the caller knows of it by a `ToolCallCancellation`.
        """
        return tuple(response for response in responses if not self.calls.is_cancelled(response))

    # Receiving

    def receive(self, frame: bytes | str) -> list[ServerEvent]:
        """Return the events of one frame, in order. A frame that can't be read is an `UnreadableFrame`.

        Raises:
            RemoteProtocolError: The first frame does not accept the setup or can't be read, or eight in a row can't.
        """
        try:
            events = decode_server_message(frame)
        except RemoteProtocolError as exc:
            if not self.opening.is_open:
                raise
            return [self._unreadable.note(frame, exc)]
        self._unreadable.in_row = 0
        if events and not self.opening.is_open:
            events = self.opening.complete(events)
            self.exchanges.connect()
        exchanges = self.exchanges
        for event in events:
            if type(event) is not ServerContent:
                self._observe(event, events[0])
                continue
            # First the interruption, then the parts of the same message: those are already of the new epoch.
            if event.interrupted:
                self.audio_epoch += 1
            if self.audio_epoch:
                msgspec.structs.force_setattr(event, "audio_epoch", self.audio_epoch)
            # In the middle of a turn, which most content is, this is all.
            if (
                not exchanges.is_quiet
                or event.turn_complete
                or event.interrupted
                or event.generation_complete
                or event.interaction_status is not None
            ):
                self._observe_content(event, events[0])
        return events

    def _observe_content(self, content: ServerContent, first: ServerEvent) -> None:
        was_in_turn, repetitions = self.exchanges.in_turn, self.exchanges.repetitions
        self.exchanges.observe(content, first)
        if self.exchanges.repetitions != repetitions:
            self.audio_epoch += 1  # what is left to be played of the turn that was cut comes again
            msgspec.structs.force_setattr(content, "audio_epoch", self.audio_epoch)
        if self.watcher is None:
            return
        if content.interrupted:
            self.watcher.note_interruption()
        if content.turn_complete or self.exchanges.in_turn != was_in_turn:
            self.watcher.note_turn()

    def _observe(self, event: ServerEvent, first: ServerEvent) -> None:
        match event:
            case ToolCall():
                self._observe_call(event, first)
            case ToolCallCancellation():
                self.calls.cancel(event.ids)
                self.exchanges.cancel(event.ids, event)
                if self.watcher is not None:
                    self.watcher.note_calls()
            case SessionResumptionUpdate(new_handle=str(handle)) if handle:
                self.resumption_handle = handle
            case UsageMetadata():
                self.usage = add_usage(self.usage, event)
            case _:
                pass  # changes nothing that this class keeps

    def _observe_call(self, event: ToolCall, first: ServerEvent) -> None:
        if len(self.calls) + len(event.function_calls) > _MAX_CALLS:
            raise RemoteProtocolError(
                f"the server has made more than {_MAX_CALLS} calls that wait for their answers", code=1008
            )
        self._call_ids.give(event.function_calls)
        self.calls.begin(event.function_calls)
        was_in_turn = self.exchanges.in_turn
        self.exchanges.call(event, first, ends_turn=self._calls_end_turn(event.function_calls))
        if self.watcher is not None and not was_in_turn:
            self.watcher.note_turn()

    def _calls_end_turn(self, calls: Sequence[FunctionCall]) -> bool | None:
        """Whether the model ends its turn with *calls*: if it doesn't wait for them, or is one that always does."""
        declared = {one.name: one.behavior for tool in self._tools for one in tool.function_declarations}
        behaviors = {declared.get(call.name) or self.profile.default_behavior for call in calls}
        return True if behaviors == {"NON_BLOCKING"} else self.profile.ends_calling_turn

    def _note(self, message: Outgoing) -> None:
        match message:
            case ClientContent(turn_complete=True) if not self.outgoing.history_is_open:
                self.exchanges.ask()
            case RealtimeInput(text=str()):
                self.exchanges.ask()
            case RealtimeInput():
                self.exchanges.may_speak = True
            case ToolResponse():
                self._note_answer(message.function_responses)
            case ContextUpdate(tools=tools) if tools is not None:
                self._tools = tools.tools
            case _:
                pass  # has the model say nothing
        self.outgoing.note(message)

    def _note_answer(self, responses: Sequence[FunctionResponse]) -> None:
        settled = self.calls.answer(responses)
        ids = {*(call.id or "" for call in settled), *(response.id or "" for response in responses)}
        is_silent = all(response.scheduling == "SILENT" for response in responses)
        self.exchanges.answer(settled, ids, is_silent=is_silent)
        if self.watcher is not None:
            self.watcher.note_calls()


def _on_the_wire(message: Outgoing) -> Outgoing:
    if isinstance(message, ToolResponse):
        return ToolResponse(function_responses=without_our_ids(message.function_responses))
    return message
