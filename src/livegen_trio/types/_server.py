"""Events that a server sends, and a session's user receives; each kind has its type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, TypeAlias

from ._base import Event, Guarded, LocalInt, Received
from ._content import Content, FunctionCall
from ._duration import Duration
from ._enums import (
    InteractionStatus,
    MediaModality,
    ServiceTier,
    SpeechState,
    TrafficType,
    TurnCompleteReason,
    VadSignalType,
    VoiceActivityType,
)
from ._generation import VoiceConsentSignature
from ._grounding import GroundingMetadata, UrlContextMetadata
from ._media import Blob, Transcription
from ._session import (
    ExchangeEnded,
    Reconnected,
    Reconnecting,
    ToolCallUnanswered,
    ToolFailed,
    UnreadableFrame,
)


class SetupComplete(Event):
    """The session is open.

    Attributes:
        session_id: Vertex only.
        voice_consent_signature: To be used in place of the consent's recording, next time.
    """

    session_id: str | None = None
    voice_consent_signature: VoiceConsentSignature | None = None


class ServerContent(Event, gc=False):
    """Speech, text and marks of the model's turn, and transcripts of both sides. Several fields may be set at once.

    Vertex's reference also has transcriptions next to `serverContent` (uncertain: never seen); they are read as if
    they had come inside.

    Attributes:
        model_turn: A piece of the answer; it comes faster than it plays.
        generation_complete: The answer is written. Absent where it was interrupted.
        turn_complete: The turn is over; later than `generation_complete` by about the time it takes to play.
        interrupted: The user has cut in: stop playing, and drop what was not played.
        turn_complete_reason: Why the turn is over.
        waiting_for_input: The model says nothing since it expects the user to go on.
        interaction_status: Whether more turns follow by themselves.
        input_transcription: Transcript of the user; fragments to be concatenated.
        interim_input_transcription: A guess at what the user is saying; each replaces the one before.
        output_transcription: Transcript of the model; fragments to be concatenated, in no fixed order with audio.
        grounding_metadata: Sources of the answer.
        url_context_metadata: Pages that were fetched for it.
        speech_state: Whether somebody speaks. Uncertain: in Vertex's reference, and in no SDK.
        audio_epoch: How many interruptions and repetitions preceded this content, by the session's count. Never sent.
    """

    model_turn: Content | None = None
    generation_complete: bool = False
    turn_complete: bool = False
    interrupted: bool = False
    turn_complete_reason: TurnCompleteReason | None = None
    waiting_for_input: bool = False
    interaction_status: InteractionStatus | None = None
    input_transcription: Transcription | None = None
    interim_input_transcription: Transcription | None = None
    output_transcription: Transcription | None = None
    grounding_metadata: GroundingMetadata | None = None
    url_context_metadata: UrlContextMetadata | None = None
    speech_state: SpeechState | None = None
    audio_epoch: LocalInt = 0

    @property
    def text(self) -> str:
        """The text of this piece of the answer, thoughts left out."""
        return "" if self.model_turn is None else self.model_turn.text

    @property
    def audio(self) -> tuple[Blob, ...]:
        """The sound in this piece of the answer."""
        if self.model_turn is None:
            return ()
        blobs = [part.inline_data for part in self.model_turn.parts]
        return tuple([blob for blob in blobs if blob is not None and blob.mime_type.startswith("audio/")])


class ToolCall(Event, gc=False):
    """The model asks for functions to be called; the answer is a `ToolResponse`."""

    function_calls: Sequence[FunctionCall] = []


class ToolCallCancellation(Event):
    """Calls whose answers nobody waits for any more; the user has cut in.

    Attributes:
        ids: Of the calls. (`ids` is the wire's name, whatever Firebase's types say.)
    """

    ids: Sequence[str] = []


class GoAway(Event):
    """The server is about to end the connection.

    Attributes:
        time_left: Seconds.
    """

    time_left: Duration = Duration(0)


class SessionResumptionUpdate(Guarded, Event):
    """A point from which a later connection can resume the session.

    How often it comes is uncertain: documents speak of now and then, and `gemini-3.8-live` was seen to send one, right
    after `SetupComplete`, even unasked.

    Attributes:
        new_handle: Empty where the session can't be resumed from this point.
        resumable: Whether it can.
        last_consumed_client_message_index: The last of the connection's messages, counted from 1, that is
            part of that state. Only with `transparent`, on Vertex.
    """

    _guarded: ClassVar[frozenset[str]] = frozenset({"new_handle"})

    new_handle: str = ""
    resumable: bool = False
    last_consumed_client_message_index: int | None = None


class ModalityTokenCount(Received):
    """Tokens of one kind."""

    modality: MediaModality | None = None
    token_count: int = 0


class UsageMetadata(Event):
    """Tokens spent.

    Uncertain: by one message, it seems from the reference, and not since the session began.

    Vertex's `candidatesTokenCount` and `candidatesTokensDetails` are read as `response_...`.

    Attributes:
        prompt_token_count: Tokens that went in.
        response_token_count: Tokens that came out.
        total_token_count: All of it.
        thoughts_token_count: Tokens of thoughts.
        tool_use_prompt_token_count: Tokens of tools' answers.
        cached_content_token_count: Tokens out of a cache.
        prompt_tokens_details: By kind.
        response_tokens_details: By kind.
        cache_tokens_details: By kind.
        tool_use_prompt_tokens_details: By kind.
        service_tier: Gemini API only.
        traffic_type: Vertex only.
    """

    prompt_token_count: int = 0
    response_token_count: int = 0
    total_token_count: int = 0
    thoughts_token_count: int = 0
    tool_use_prompt_token_count: int = 0
    cached_content_token_count: int = 0
    prompt_tokens_details: Sequence[ModalityTokenCount] = []
    response_tokens_details: Sequence[ModalityTokenCount] = []
    cache_tokens_details: Sequence[ModalityTokenCount] = []
    tool_use_prompt_tokens_details: Sequence[ModalityTokenCount] = []
    service_tier: ServiceTier | None = None
    traffic_type: TrafficType | None = None


class VoiceActivity(Event):
    """The server heard speech begin or end. Seen from `gemini-3.8-live` unasked; documented for Vertex (uncertain).

    Attributes:
        type: Which.
        audio_offset: Seconds of audio received since the session began, gaps in the connection not counted.
    """

    type: VoiceActivityType | None = None
    audio_offset: Duration | None = None


class VoiceActivityDetectionSignal(Event):
    """The server heard speech begin or end, in another form that only some projects get."""

    vad_signal_type: VadSignalType | None = None


class ServerError(Event):
    """An error as a message. None was ever seen in a Live session: the server closes the connection.

    Attributes:
        code: As in HTTP, or the WebSocket's.
        message: The error.
        status: Its name, such as `INVALID_ARGUMENT`.
        details: More about it.
    """

    code: int = 0
    message: str = ""
    status: str = ""
    details: Sequence[object] = []


class UnknownEvent(Event):
    """A message of a kind that this version doesn't know.

    Attributes:
        raw: Its name on the wire, with all that came under it.
    """

    raw: Mapping[str, object] = {}


ServerEvent: TypeAlias = (
    SetupComplete
    | ServerContent
    | ToolCall
    | ToolCallCancellation
    | GoAway
    | SessionResumptionUpdate
    | UsageMetadata
    | VoiceActivity
    | VoiceActivityDetectionSignal
    | ServerError
    | UnknownEvent
    | UnreadableFrame
    | Reconnecting
    | Reconnected
    | ToolFailed
    | ToolCallUnanswered
    | ExchangeEnded
)
"""Everything that a session receives: the server's events, and the session's own."""
