"""Frames as structs: the messages that one frame may hold, by the names that they have on the wire."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from ..types import (
    ClientContent,
    ClientMessage,
    ContextUpdate,
    Event,
    GoAway,
    ModalityTokenCount,
    Model,
    RealtimeInput,
    ServerContent,
    ServerError,
    ServerEvent,
    SessionResumptionUpdate,
    Setup,
    SetupComplete,
    ToolCall,
    ToolCallCancellation,
    ToolResponse,
    UsageMetadata,
    VoiceActivity,
    VoiceActivityDetectionSignal,
)


class WireUsage(UsageMetadata):
    """Usage in both backends' spellings."""

    candidates_token_count: int = 0
    candidates_tokens_details: Sequence[ModalityTokenCount] = []


class ServerEnvelope(Model, gc=False):
    """A frame from the server; its messages come to the user in the order of the fields."""

    setup_complete: SetupComplete | None = None
    session_resumption_update: SessionResumptionUpdate | None = None
    go_away: GoAway | None = None
    voice_activity: VoiceActivity | None = None
    voice_activity_detection_signal: VoiceActivityDetectionSignal | None = None
    tool_call_cancellation: ToolCallCancellation | None = None
    tool_call: ToolCall | None = None
    usage_metadata: WireUsage | None = None
    server_content: ServerContent | None = None
    error: ServerError | None = None


class ClientEnvelope(Model):
    """A frame from a client; exactly one field is set."""

    setup: Setup | None = None
    client_content: ClientContent | None = None
    realtime_input: RealtimeInput | None = None
    tool_response: ToolResponse | None = None
    context_update: ContextUpdate | None = None


CLIENT_KEYS: Final[dict[type[ClientMessage], str]] = {
    Setup: "setup",
    ClientContent: "clientContent",
    RealtimeInput: "realtimeInput",
    ToolResponse: "toolResponse",
    ContextUpdate: "contextUpdate",
}

SERVER_KEYS: Final[dict[type[Event], str]] = {
    SetupComplete: "setupComplete",
    SessionResumptionUpdate: "sessionResumptionUpdate",
    GoAway: "goAway",
    VoiceActivity: "voiceActivity",
    VoiceActivityDetectionSignal: "voiceActivityDetectionSignal",
    ToolCallCancellation: "toolCallCancellation",
    ToolCall: "toolCall",
    UsageMetadata: "usageMetadata",
    ServerContent: "serverContent",
    ServerError: "error",
}


def events_in(envelope: ServerEnvelope) -> list[ServerEvent]:
    """Return what is in a frame, in the order of the envelope's fields; *envelope* may be changed."""
    if envelope.usage_metadata is not None:
        msgspec.structs.force_setattr(envelope, "usage_metadata", _in_one_spelling(envelope.usage_metadata))
    return [*filter(None, msgspec.structs.astuple(envelope))]


def _in_one_spelling(usage: WireUsage) -> UsageMetadata:
    fields = {name: getattr(usage, name) for name in UsageMetadata.__struct_fields__}
    fields["response_token_count"] = usage.response_token_count or usage.candidates_token_count
    fields["response_tokens_details"] = usage.response_tokens_details or usage.candidates_tokens_details
    return UsageMetadata(**fields)
