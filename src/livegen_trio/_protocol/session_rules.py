"""The Live protocol of one session without any I/O: what may be sent when, and what the events have added up to.

Frames go in and out as bytes. There is no clock and no socket here; the session engine has both.
"""

from __future__ import annotations

from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Protocol, assert_never

import msgspec

from .._errors import LocalProtocolError, RemoteProtocolError
from ..types import (
    ActivityEnd,
    ActivityStart,
    ClientContent,
    ContextUpdate,
    FunctionResponse,
    RealtimeInput,
    ServerContent,
    ServerError,
    SessionResumptionUpdate,
    SetupComplete,
    ToolCall,
    ToolCallCancellation,
    ToolResponse,
    UnreadableFrame,
    UsageMetadata,
)
from .codec import decode_server_message, encode_client_message, encode_media
from .model_profiles import ANY_MODEL
from .profile_checks import check_responses, check_tools
from .sound import SampleCutter, check_sound_type, is_pcm, pcm_bytes
from .tool_calls import CallIds, CallLedger, without_our_ids
from .turn_rules import ends_turn, has_answer, opens_turn
from .usage import add_usage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from typing_extensions import Buffer

    from ..types import Content, FunctionCall, ResumeState, ServerEvent, Setup
    from .codec import MediaKind
    from .model_profiles import ModelProfile

_ONLY_HISTORY: Final = (
    "this model takes content only as the history before the conversation, with "
    "HistoryConfig(initial_history_in_client_content=True)"
)

# Far beyond what any model does. The session's own limits are lower: calls above them are refused one by one.
_MAX_CALLS: Final = 2**16

_MOST_UNREADABLE: Final = 8  # in a row; then what comes is no Live API's
_MOST_UNREADABLE_DATA: Final = 1024  # bytes that an event keeps of a frame
_MEDIA_TYPES: Final = {"audio": ("audio/",), "video": ("image/", "video/")}


class State(Enum):
    """How far a connection's conversation has come."""

    NEW = "nothing sent yet"
    AWAITING_SETUP_COMPLETE = "setup sent"
    OPEN = "set up"


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
        audio_epoch: How many interruptions there were. Speech of an earlier epoch must not be played any more.
        in_turn: Whether a turn is under way: something of it has come, its end has not.
        session_id: The server's name for the session, where it gives one (Vertex AI does).
        resumption_handle: The newest handle that the session can be resumed with.
        watcher: Follows the exchanges, if something does.
        usage: The sum of all usage reports. The service doesn't say whether its reports count a message or the
            session so far; per message is what its reference suggests, so they are added.
    """

    def __init__(self, setup: Setup, profile: ModelProfile = ANY_MODEL) -> None:
        self._setup = setup
        self._profile = profile
        self._history_is_open = _begins_with_history(setup)
        self._state = State.NEW
        self._was_open = False
        self._in_activity = False
        self._calls = CallLedger()
        self._call_ids = CallIds()
        self._reply_due = False
        self._unreadable_in_row = 0
        self._samples = SampleCutter()
        self.audio_epoch: int = 0
        self.in_turn: bool = False
        self.session_id: str | None = None
        self.resumption_handle: str | None = None
        self.usage: UsageMetadata = UsageMetadata()
        self.watcher: ExchangeWatcher | None = None

    @property
    def is_open(self) -> bool:
        """Whether the server has accepted the setup, so that messages may be sent."""
        return self._state is State.OPEN

    @property
    def model(self) -> str:
        """The model's full resource name."""
        return self._setup.model

    @property
    def is_resuming(self) -> bool:
        """Whether the setup asks to go on with an earlier session."""
        resumption = self._setup.session_resumption
        return resumption is not None and resumption.handle is not None

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way that a change of the connection would cut: no turn, no call, no activity."""
        return not (self.in_turn or self._in_activity or self.awaits_reply)

    @property
    def in_activity(self) -> bool:
        """Whether activity that is marked by hand is under way."""
        return self._in_activity

    @property
    def pending_calls(self) -> tuple[FunctionCall, ...]:
        """The tool calls that wait for their answer, oldest first."""
        return self._calls.pending

    @property
    def pending_call_count(self) -> int:
        """The number of tool calls that wait for their answer."""
        return len(self._calls)

    def is_pending(self, call: FunctionCall) -> bool:
        """Whether *call* waits for its answer."""
        return self._calls.is_pending(call)

    @property
    def awaits_reply(self) -> bool:
        """Whether tool calls make the exchange go on: one waits for its answer, or an answer for the model's reply.

        A model that doesn't wait for its tools ends its turn at once after calling them, and speaks again later.
        """
        return bool(self._calls) or self._reply_due

    def start(self) -> bytes:
        """The first frame of a connection: the setup."""
        if self._state is not State.NEW:
            raise LocalProtocolError("the setup is sent once a connection, before everything else")
        self._state = State.AWAITING_SETUP_COMPLETE
        return encode_client_message(self._setup)

    def resume(self, setup: Setup) -> None:
        """Begin anew on another connection of the session. A turn under way is cut; calls go on to wait.

        Meanwhile messages may be sent as before: they wait for the new connection.
        """
        self._setup = setup
        self._history_is_open = False  # the server has it, or is told by `history`
        self._state = State.NEW
        self._reply_due = False
        self.in_turn = False

    def forget(self) -> ToolCallCancellation | None:
        """The server has forgotten the session: what belongs to it is no more, such as calls that wait."""
        self.resumption_handle = None
        self.session_id = None
        ids = self._calls.cancel_all()
        return ToolCallCancellation(ids=ids) if ids else None

    def take_over(self, state: ResumeState) -> None:
        """Go on where another process has left the session: its calls wait for their answer here."""
        self._call_ids.skip(state.pending_calls)
        self._call_ids.give(state.pending_calls)
        self._calls.begin(state.pending_calls)
        self.usage = state.usage

    @property
    def tells_history(self) -> bool:
        """Whether the setup has to say that a history comes, where there is one."""
        return self._profile.client_content == "history"

    def history(self, contents: Sequence[Content]) -> bytes:
        """The frame that tells a new session what was said before it; it is not answered."""
        return encode_client_message(ClientContent(turns=contents, turn_complete=self.tells_history))

    def question(self, content: Content) -> ClientContent | RealtimeInput:
        """The message that has *content* answered.

        Raises:
            LocalProtocolError: It would be history, which isn't answered; or as in `said`.
        """
        if self._history_is_open:
            raise LocalProtocolError(
                "nothing is answered before the history is complete: send the last of it with turn_complete=True"
            )
        return self.said(content, turn_complete=True)

    def said(self, content: Content, *, turn_complete: bool) -> ClientContent | RealtimeInput:
        """The message that says *content* to this model, at this point of the conversation.

        Raises:
            LocalProtocolError: The model takes content only before the conversation, and this is more than text.
        """
        if self._takes_content:
            return ClientContent(turns=(content,), turn_complete=turn_complete)
        if not turn_complete:
            raise LocalProtocolError(f"{_ONLY_HISTORY}; say the whole at once, with turn_complete=True")
        texts = [part.text for part in content.parts or () if part.text is not None]
        if content.role != "user" or len(texts) != len(content.parts or ()):
            raise LocalProtocolError(f"{_ONLY_HISTORY}; now it takes the user's text, sound and pictures")
        return RealtimeInput(text="\n".join(texts))

    def send(self, message: ClientContent | RealtimeInput | ToolResponse | ContextUpdate) -> bytes:
        """The frame for *message*.

        Raises:
            LocalProtocolError: It may not be sent now, or can't be written; the state is as it was.
        """
        self._check_open()
        self._check(message)
        frame = encode_client_message(_on_the_wire(message))
        self._note(message)  # only now: a message that can't be written has not been sent
        return frame

    def send_media(self, kind: MediaKind, data: Buffer, mime_type: str) -> bytes | None:
        """The frame for a chunk of media; *data* is read once. Of an empty one there is none.

        Half a sample at the end of raw sound is kept, and sent with the next chunk.

        Raises:
            LocalProtocolError: Nothing may be sent yet, the type is of another kind, or the data is no media.
        """
        if not self._was_open or self._history_is_open:
            self._check_open()
            self._check_history_is_complete()
        _check_media(kind, mime_type)
        if type(data) is not bytes or len(data) & 1 or self._samples.half:
            data = self._payload(kind, data, mime_type)
        # The service refuses a message with nothing in it.
        return encode_media(kind, data, mime_type) if data else None

    def _payload(self, kind: MediaKind, data: Buffer, mime_type: str) -> bytes | memoryview:
        """The bytes to send now of a chunk that is more than whole samples in plain bytes."""
        if kind == "video":
            return data if isinstance(data, bytes) else memoryview(data)
        return self._samples.cut(data) if is_pcm(mime_type) else pcm_bytes(data)

    def unanswered(self, responses: Sequence[FunctionResponse]) -> tuple[FunctionResponse, ...]:
        """Those of *responses* whose call has not been cancelled by the server.

        The model has forgotten a cancelled call, and the caller was told by a `ToolCallCancellation`.
        """
        return tuple(response for response in responses if not self._calls.is_cancelled(response))

    def receive(self, frame: bytes | str) -> list[ServerEvent]:
        """Return the events of one frame, in order. A frame that can't be read is an `UnreadableFrame`.

        Raises:
            RemoteProtocolError: The first frame does not accept the setup or can't be read, or eight in a row can't.
        """
        try:
            events = decode_server_message(frame)
        except RemoteProtocolError as exc:
            return [self._note_unreadable(frame, exc)]
        self._unreadable_in_row = 0
        if events and self._state is not State.OPEN:
            events = self._complete_setup(events)
        self._observe(events)
        return events

    def _note_unreadable(self, frame: bytes | str, exc: RemoteProtocolError) -> UnreadableFrame:
        self._unreadable_in_row += 1
        if self._state is not State.OPEN:
            raise exc
        if self._unreadable_in_row == _MOST_UNREADABLE:
            raise RemoteProtocolError(f"{_MOST_UNREADABLE} frames in a row: {exc}") from exc
        data = frame if isinstance(frame, bytes) else frame.encode(errors="surrogatepass")
        return UnreadableFrame(reason=str(exc), data=data[:_MOST_UNREADABLE_DATA], size=len(data))

    def _complete_setup(self, events: list[ServerEvent]) -> list[ServerEvent]:
        """The events beside the setup's completion."""
        if self._state is State.NEW:
            raise RemoteProtocolError("the server spoke before the setup was sent")
        accepted = next((event for event in events if isinstance(event, SetupComplete)), None)
        if accepted is None:
            raise _refusal(events)
        self._state = State.OPEN
        self._was_open = True
        self.session_id = accepted.session_id
        return [event for event in events if event is not accepted]

    def _observe(self, events: Sequence[ServerEvent]) -> None:
        for event in events:
            match event:
                case ServerContent():
                    self._observe_content(event)
                    continue
                case ToolCall():
                    self._check_calls_fit(event)
                    self._call_ids.give(event.function_calls)
                    self._calls.begin(event.function_calls)
                    self._reply_due = False  # this is the reply, if one was due
                case ToolCallCancellation():
                    self._calls.cancel(event.ids)
                    if self.watcher is not None:
                        self.watcher.note_calls()
                case SessionResumptionUpdate(new_handle=str(handle)) if handle:
                    self.resumption_handle = handle
                case UsageMetadata():
                    self.usage = add_usage(self.usage, event)
                case _:
                    pass  # changes nothing that this class keeps
            self._observe_turn(event)

    def _check_calls_fit(self, event: ToolCall) -> None:
        if len(self._calls) + len(event.function_calls) > _MAX_CALLS:
            raise RemoteProtocolError(
                f"the server has made more than {_MAX_CALLS} calls that wait for their answers", code=1008
            )

    def _observe_turn(self, event: ServerEvent) -> None:
        if ends_turn(event):
            self.in_turn = False
        elif not self.in_turn and opens_turn(event):
            self.in_turn = True
        else:
            return
        if self.watcher is not None:
            self.watcher.note_turn()

    def _observe_content(self, content: ServerContent) -> None:
        # First the interruption, then the parts beside it: those are already of the new epoch.
        if content.interrupted:
            self.audio_epoch += 1
            if self.watcher is not None:
                self.watcher.note_interruption()
        if self._reply_due and self._is_reply(content):
            self._reply_due = False
        if self.audio_epoch:
            msgspec.structs.force_setattr(content, "audio_epoch", self.audio_epoch)
        if content.turn_complete or not self.in_turn:
            self._observe_turn(content)

    def _is_reply(self, content: ServerContent) -> bool:
        """Whether the model replies with *content* to answers of tools, or lets it be seen that it won't."""
        if content.interrupted or content.generation_complete or has_answer(content):
            return True
        return content.turn_complete and not self.in_turn  # an empty turn

    def _check(self, message: ClientContent | RealtimeInput | ToolResponse | ContextUpdate) -> None:
        match message:
            case ClientContent():
                _check_client_content(message)
            case RealtimeInput():
                self._check_realtime_input(message)
            case ToolResponse(function_responses=responses):
                if not responses:
                    raise LocalProtocolError("a tool response needs at least one function response")
                self._calls.check(responses)
                check_responses(self._profile, self._setup.model, responses)
            case ContextUpdate():
                _check_context_update(message)
                if message.tools is not None:
                    check_tools(self._profile, self._setup.model, message.tools.tools)
            case _:
                assert_never(message)

    def _note(self, message: ClientContent | RealtimeInput | ToolResponse | ContextUpdate) -> None:
        match message:
            case RealtimeInput(activity_start=ActivityStart()):
                self._in_activity = True
            case RealtimeInput(activity_end=ActivityEnd()):
                self._in_activity = False
                self._samples.clear()
            case RealtimeInput(audio_stream_end=True):
                self._samples.clear()
            case ClientContent(turn_complete=True):
                self._history_is_open = False
            case ToolResponse(function_responses=responses):
                self._calls.answer(responses)
                self._reply_due |= any(response.scheduling != "SILENT" for response in responses)
                if self.watcher is not None:
                    self.watcher.note_calls()
            case _:
                pass  # changes nothing that this class keeps

    def _check_open(self) -> None:
        if not self._was_open:
            raise LocalProtocolError(
                f"nothing may be sent before the setup is complete ({self._state.value})"
            )

    def _check_realtime_input(self, message: RealtimeInput) -> None:
        _check_one_field(message)
        self._check_history_is_complete()
        if message.audio is not None:
            _check_media("audio", message.audio.mime_type)
        if message.video is not None:
            _check_media("video", message.video.mime_type)
        marks = message.activity_start is not None or message.activity_end is not None
        if marks and not self._is_manual:
            raise LocalProtocolError(
                "activity is detected by the server; to mark it yourself, connect with "
                "AutomaticActivityDetection(disabled=True)"
            )
        if message.audio_stream_end and self._is_manual:
            raise LocalProtocolError("the end of audio means nothing without automatic activity detection")
        if marks and self._in_activity == (message.activity_start is not None):
            raise LocalProtocolError(
                "the activity has already begun" if self._in_activity else "no activity has begun"
            )

    def _check_history_is_complete(self) -> None:
        if self._history_is_open:
            raise LocalProtocolError(
                "the history comes first: send the last of it with turn_complete=True, and then the rest"
            )

    @property
    def _takes_content(self) -> bool:
        return self._history_is_open or self._profile.client_content == "always"

    @property
    def _is_manual(self) -> bool:
        config = self._setup.realtime_input_config
        detection = config.automatic_activity_detection if config is not None else None
        return detection is not None and bool(detection.disabled)


def _on_the_wire(
    message: ClientContent | RealtimeInput | ToolResponse | ContextUpdate,
) -> ClientContent | RealtimeInput | ToolResponse | ContextUpdate:
    if isinstance(message, ToolResponse):
        return ToolResponse(function_responses=without_our_ids(message.function_responses))
    return message


def _begins_with_history(setup: Setup) -> bool:
    return setup.history_config is not None and bool(setup.history_config.initial_history_in_client_content)


def _refusal(events: Sequence[ServerEvent]) -> RemoteProtocolError:
    for event in events:
        if isinstance(event, ServerError):
            words = event.message or event.status or str(event.code)
            return RemoteProtocolError(f"the server answered the setup with an error: {words}")
    kinds = " and ".join(type(event).__name__ for event in events)
    return RemoteProtocolError(f"the server's first message was {kinds}, not the setup's completion")


def _check_one_field(message: RealtimeInput) -> None:
    values = [getattr(message, name) for name in message.__struct_fields__]
    given = sum(value not in (None, False, "", [], ()) for value in values)
    if given != 1:
        raise LocalProtocolError(f"realtime input is one thing a message; this has {given or 'nothing'}")


@lru_cache(maxsize=64)  # a stream has one type
@lru_cache(maxsize=64)
def _check_media(kind: MediaKind, mime_type: str) -> None:
    if not mime_type.lower().startswith(_MEDIA_TYPES[kind]):
        raise LocalProtocolError(f"{mime_type!r} is no {kind}; name the format of the data in mime_type")
    check_sound_type(mime_type)


def _check_context_update(message: ContextUpdate) -> None:
    if message.system_instruction is None and message.tools is None:
        raise LocalProtocolError("there is nothing to update; give a system instruction or tools")


def _check_client_content(message: ClientContent) -> None:
    parts = [part for turn in message.turns or () for part in turn.parts or ()]
    if any(part.function_response is not None for part in parts):
        # The service closes the connection on these (firebase-js-sdk #9264).
        raise LocalProtocolError("function responses go into send_function_responses(), not into content")
    if not parts and not message.turn_complete:
        raise LocalProtocolError("there is nothing to send: no content, and no end of a turn")
