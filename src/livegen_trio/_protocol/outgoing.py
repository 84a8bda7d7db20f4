"""Checks of what is sent: whether it may be said to this model, at this point of the session. Pure."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final, TypeAlias, assert_never

from .._errors import LocalProtocolError
from ..types import ActivityEnd, ActivityStart, ClientContent, ContextUpdate, RealtimeInput, ToolResponse
from .profile_checks import check_responses, check_tools
from .seeds import end_history, fit_history
from .sound import SampleCutter, check_sound_type, is_pcm, pcm_bytes

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from ..types import Content, Setup
    from .codec import MediaKind
    from .model_profiles import ModelProfile

Outgoing: TypeAlias = ClientContent | RealtimeInput | ToolResponse | ContextUpdate
"""Every message after the setup."""

_ONLY_HISTORY: Final = (
    "this model takes content only as the history before the conversation, with "
    "HistoryConfig(initial_history_in_client_content=True)"
)
_MEDIA_TYPES: Final = {"audio": ("audio/",), "video": ("image/", "video/")}


class OutgoingRules:
    """What may be sent, by the setup, the model and what was sent before.

    Attributes:
        history_is_open: Whether the session still waits for its initial history.
        in_activity: Whether activity that is marked by hand is under way.
        samples: Keeps half a sample of raw sound until the next chunk.
    """

    def __init__(self, setup: Setup, profile: ModelProfile) -> None:
        self._model = setup.model
        self._profile = profile
        self._is_manual = _marks_activity(setup)
        self.history_is_open: bool = _begins_with_history(setup)
        self.in_activity: bool = False
        self.samples: SampleCutter = SampleCutter()

    def restart(self, setup: Setup) -> None:
        """Continue with another connection: the server has the history, or gets it from us."""
        self._is_manual = _marks_activity(setup)
        self.history_is_open = False

    def question(self, content: Content) -> ClientContent | RealtimeInput:
        """Return the message that has *content* answered.

        Raises:
            LocalProtocolError: It would be history, which isn't answered; or as in `content_message`.
        """
        if self.history_is_open:
            raise LocalProtocolError(
                "nothing is answered before the history is complete: send the last of it with turn_complete=True"
            )
        return self.content_message(content, turn_complete=True)

    def content_message(self, content: Content, *, turn_complete: bool) -> ClientContent | RealtimeInput:
        """Return the message that carries *content* to this model, at this point of the conversation.

        Raises:
            LocalProtocolError: The model takes content only before the conversation, and this is more than text.
        """
        turns = (content,) if content.parts else ()
        if self.history_is_open and turn_complete:
            return ClientContent(turns=end_history(self._profile, turns), turn_complete=True)
        if self.history_is_open or self._profile.client_content == "always":
            return ClientContent(turns=turns, turn_complete=turn_complete)
        if not turn_complete:
            raise LocalProtocolError(f"{_ONLY_HISTORY}; say the whole at once, with turn_complete=True")
        texts = [part.text for part in content.parts or () if part.text is not None]
        if content.role != "user" or len(texts) != len(content.parts or ()):
            raise LocalProtocolError(
                f"{_ONLY_HISTORY}; now it takes the user's text, "
                "sound and pictures, each by its own method; a spoken question sees send_video_realtime()"
            )
        return RealtimeInput(text="\n".join(texts))

    def fit_history(self, content: Content, *, turn_complete: bool) -> tuple[Content, list[str]]:
        """Return *content* without what the model refuses in a history, and the kind of each part that is left out.

        Content that is to be answered is no history, and stays as it is.
        """
        is_history = self.history_is_open or not turn_complete or content.role == "model"
        return fit_history(self._profile, content) if is_history else (content, [])

    def payload(self, kind: MediaKind, data: Buffer, mime_type: str) -> bytes | memoryview:
        """Return the bytes to send now of a chunk that is more than whole samples in plain bytes."""
        if kind == "video":
            return data if isinstance(data, bytes) else memoryview(data)
        return self.samples.cut(data) if is_pcm(mime_type) else pcm_bytes(data)

    def check(self, message: Outgoing) -> None:
        """Refuse what may not be sent now.

        Raises:
            LocalProtocolError: The message says what to do instead.
        """
        match message:
            case ClientContent():
                _check_client_content(message, is_history=self.history_is_open)
            case RealtimeInput():
                self._check_realtime_input(message)
            case ToolResponse(function_responses=responses):
                if not responses:
                    raise LocalProtocolError("a tool response needs at least one function response")
                check_responses(self._profile, self._model, responses)
            case ContextUpdate():
                _check_context_update(message)
                if message.tools is not None:
                    check_tools(self._profile, self._model, message.tools.tools)
            case _:
                assert_never(message)

    def check_history_is_complete(self) -> None:
        """Refuse input in real time before the history.

        Raises:
            LocalProtocolError: The session waits for its history.
        """
        if self.history_is_open:
            raise LocalProtocolError(
                "the history comes first: send the last of it with turn_complete=True, and then the rest"
            )

    def note(self, message: Outgoing) -> None:
        """Note a message that is sent."""
        match message:
            case RealtimeInput(activity_start=ActivityStart()):
                self.in_activity = True
            case RealtimeInput(activity_end=ActivityEnd()):
                self.in_activity = False
                self.samples.clear()
            case RealtimeInput(audio_stream_end=True):
                self.samples.clear()
            case ClientContent(turn_complete=True):
                self.history_is_open = False
            case _:
                pass  # changes nothing that this class keeps

    def _check_realtime_input(self, message: RealtimeInput) -> None:
        _check_one_field(message)
        self.check_history_is_complete()
        if message.audio is not None:
            check_media("audio", message.audio.mime_type)
        if message.video is not None:
            check_media("video", message.video.mime_type)
        marks = message.activity_start is not None or message.activity_end is not None
        if marks and not self._is_manual:
            raise LocalProtocolError(
                "activity is detected by the server; to mark it yourself, connect with "
                "AutomaticActivityDetection(disabled=True)"
            )
        if message.audio_stream_end and self._is_manual:
            raise LocalProtocolError("the end of audio means nothing without automatic activity detection")
        if marks and self.in_activity == (message.activity_start is not None):
            raise LocalProtocolError(
                "the activity has already begun" if self.in_activity else "no activity has begun"
            )


@lru_cache(maxsize=64)  # a stream has one type
def check_media(kind: MediaKind, mime_type: str) -> None:
    """Refuse media of another kind.

    Raises:
        LocalProtocolError: The type is of another kind.
    """
    if not mime_type.lower().startswith(_MEDIA_TYPES[kind]):
        raise LocalProtocolError(f"{mime_type!r} is no {kind}; name the format of the data in mime_type")
    check_sound_type(mime_type)


def _begins_with_history(setup: Setup) -> bool:
    return setup.history_config is not None and bool(setup.history_config.initial_history_in_client_content)


def _marks_activity(setup: Setup) -> bool:
    config = setup.realtime_input_config
    detection = config.automatic_activity_detection if config is not None else None
    return detection is not None and bool(detection.disabled)


def _check_one_field(message: RealtimeInput) -> None:
    values = [getattr(message, name) for name in message.__struct_fields__]
    given = sum(value not in (None, False, "", [], ()) for value in values)
    if given != 1:
        raise LocalProtocolError(f"realtime input is one thing a message; this has {given or 'nothing'}")


def _check_context_update(message: ContextUpdate) -> None:
    if message.system_instruction is None and message.tools is None:
        raise LocalProtocolError("there is nothing to update; give a system instruction or tools")


def _check_client_content(message: ClientContent, *, is_history: bool) -> None:
    parts = [part for turn in message.turns or () for part in turn.parts or ()]
    if not is_history and any(part.function_response is not None for part in parts):
        # The service closes the connection on these (firebase-js-sdk #9264).
        raise LocalProtocolError("function responses go into send_function_responses(), not into content")
    if not parts and not message.turn_complete:
        raise LocalProtocolError("there is nothing to send: no content, and no end of a turn")
